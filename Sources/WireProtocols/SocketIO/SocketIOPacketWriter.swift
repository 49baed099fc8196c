import Codecs
import NIOCore

/// One argument of an event or an acknowledgement.
public enum SocketIOArgument: Sendable, Equatable {
    /// A whole JSON text, well-formed by its maker's word.
    case json([UInt8])
    case string(String)
    /// Becomes a placeholder, and an attachment behind the packet.
    case binary(ByteBuffer)
}

/// Packets to the data of Engine.IO messages.
public enum SocketIOPacketWriter {
    /// Whether a namespace is followed by a comma when nothing else follows: 3.x and 4.x write it, 1.x and 2.x do not, and
    /// everybody reads both.
    public enum TrailingComma: Sendable { case always, never }

    /// The packet as it came.
    public static func write(_ packet: SocketIOPacket, trailingComma: TrailingComma = .never) -> ByteBuffer {
        var writer = ByteWriter(capacity: 64)
        writeHead(packet, hasPayload: packet.payload != nil, trailingComma, into: &writer)
        if let payload = packet.payload?.root {
            if payload.kind == .string { writer.append(UInt8(ascii: "\"")) }
            payload.source.withUnsafeBytes { writer.append($0) }
            if payload.kind == .string { writer.append(UInt8(ascii: "\"")) }
        }
        return writer.withBytes { ByteBuffer(bytes: $0) }
    }

    /// An event (`name` set) or an acknowledgement (nil), and its attachments. `ascii`: JSON with nothing but ASCII in it.
    static func write(
        name: String?, _ arguments: [SocketIOArgument], namespace: String, id: SocketIOAcknowledgementID?,
        ascii: Bool = false
    ) -> (data: ByteBuffer, attachments: [ByteBuffer]) {
        let attachments = arguments.compactMap { argument -> ByteBuffer? in
            if case .binary(let bytes) = argument { bytes } else { nil }
        }
        let isBinary = !attachments.isEmpty
        let type: SocketIOPacketType =
            name == nil ? (isBinary ? .binaryAcknowledgement : .acknowledgement) : (isBinary ? .binaryEvent : .event)
        let packet = SocketIOPacket(
            type, namespace: namespace, acknowledgementID: id, attachmentCount: attachments.count)
        var writer = ByteWriter(capacity: 256)
        writeHead(packet, hasPayload: true, .never, into: &writer)
        writer.append(UInt8(ascii: "["))
        if let name { writer.append(jsonString: name) }
        append(arguments, afterName: name != nil, to: &writer)
        writer.append(UInt8(ascii: "]"))
        return (writer.withBytes { ascii ? Self.ascii($0) : ByteBuffer(bytes: $0) }, attachments)
    }

    /// CONNECT, DISCONNECT or CONNECT_ERROR; `json` is a whole JSON text.
    static func write(
        _ type: SocketIOPacketType, namespace: String, json: [UInt8]? = nil, trailingComma: TrailingComma = .never
    ) -> ByteBuffer {
        var writer = ByteWriter(capacity: 64)
        writeHead(SocketIOPacket(type, namespace: namespace), hasPayload: json != nil, trailingComma, into: &writer)
        if let json { writer.append(json) }
        return writer.withBytes { ByteBuffer(bytes: $0) }
    }

    private static func writeHead(
        _ packet: SocketIOPacket, hasPayload: Bool, _ trailingComma: TrailingComma, into writer: inout ByteWriter
    ) {
        writer.append(packet.type.rawValue + UInt8(ascii: "0"))
        if packet.type.hasAttachments {
            writer.append(decimal: UInt64(max(0, packet.attachmentCount)))
            writer.append(UInt8(ascii: "-"))
        }
        if packet.namespace != "/" {
            writer.append(utf8: packet.namespace)
            if hasPayload || packet.acknowledgementID != nil || trailingComma == .always {
                writer.append(UInt8(ascii: ","))
            }
        }
        if let id = packet.acknowledgementID { writer.append(utf8: id.digits) }
    }

    private static func append(_ arguments: [SocketIOArgument], afterName: Bool, to writer: inout ByteWriter) {
        var attachment = 0 as UInt64
        for (index, argument) in arguments.enumerated() {
            if afterName || index > 0 { writer.append(UInt8(ascii: ",")) }
            switch argument {
            case .json(let text): writer.append(text)
            case .string(let text): writer.append(jsonString: text)
            case .binary:
                writer.append("{\"_placeholder\":true,\"num\":")
                writer.append(decimal: attachment)
                writer.append(UInt8(ascii: "}"))
                attachment += 1
            }
        }
    }

    /// JSON in which everything beyond ASCII, which can only stand in strings, is escaped. Polling clients of 1.x and of 2.x
    /// understand different UTF-8, but the same ASCII.
    static func ascii(_ json: UnsafeRawBufferPointer) -> ByteBuffer {
        guard json.contains(where: { $0 >= 0x80 }) else { return ByteBuffer(bytes: json) }
        var escaped = ByteBuffer()
        for unit in String(decoding: json, as: UTF8.self).utf16 {
            if unit < 0x80 {
                escaped.writeInteger(UInt8(unit))
            } else {
                escaped.writeString("\\u")
                for shift in [12, 8, 4, 0] { escaped.writeInteger(Hex.digit(UInt8(unit >> UInt16(shift) & 0xF))) }
            }
        }
        return escaped
    }
}
