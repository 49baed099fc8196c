import Codecs
import NIOCore

/// `<type>[<attachments>-][<namespace>,][<id>][<JSON>]` to a packet, in one pass and with one parse of the JSON.
public enum SocketIOPacketParser {
    /// - Parameter data: of an Engine.IO message, text.
    public static func parse(_ data: ByteBuffer, limits: SocketIOLimits) throws(SocketIOViolation) -> SocketIOPacket {
        try data.withUnsafeReadableBytes { (bytes) throws(SocketIOViolation) in
            try parse(bytes, limits: limits)
        }
    }

    static func parse(
        _ bytes: UnsafeRawBufferPointer, limits: SocketIOLimits
    ) throws(SocketIOViolation) -> SocketIOPacket {
        guard bytes.count <= limits.messageBytes else { throw .messageTooLong(limitBytes: limits.messageBytes) }
        guard let first = bytes.first else { throw .emptyPacket }
        guard let type = SocketIOPacketType(rawValue: first &- UInt8(ascii: "0")) else { throw .unknownType(first) }
        var packet = SocketIOPacket(type)
        var position = 1
        if type.hasAttachments { packet.attachmentCount = try attachments(bytes, &position, limits) }
        if position < bytes.count, bytes[position] == UInt8(ascii: "/") {
            packet.namespace = try namespace(bytes, &position)
        }
        if type.mayHaveID { packet.acknowledgementID = try id(bytes, &position) }
        guard position < bytes.count else { return packet }
        do {
            packet.payload = try JSONDocument(UnsafeRawBufferPointer(rebasing: bytes[position...]), limits: limits.json)
        } catch {
            throw .json(JSONError(reason: error.reason, offset: error.offset + position))
        }
        return packet
    }

    private static func attachments(
        _ bytes: UnsafeRawBufferPointer, _ position: inout Int, _ limits: SocketIOLimits
    ) throws(SocketIOViolation) -> Int {
        let end = endOfDigits(bytes, from: position)
        guard end > position, end < bytes.count, bytes[end] == UInt8(ascii: "-") else { throw .missingAttachmentCount }
        // Bounded before anything is held for them.
        guard let count = HTTPSyntax.decimal(bytes[position..<end]), count <= limits.attachments else {
            throw .tooManyAttachments(limit: limits.attachments)
        }
        position = end + 1
        return count
    }

    /// Up to the first comma, or to the end: clients of protocol 4 leave the comma out when nothing follows.
    private static func namespace(
        _ bytes: UnsafeRawBufferPointer, _ position: inout Int
    ) throws(SocketIOViolation) -> String {
        let comma = bytes[position...].firstIndex(of: UInt8(ascii: ",")) ?? bytes.count
        guard comma - position <= SocketIOLimits.namespaceBytes else {
            throw .longNamespace(limitBytes: SocketIOLimits.namespaceBytes)
        }
        defer { position = comma + 1 }
        return String(decoding: bytes[position..<comma], as: UTF8.self)
    }

    private static func id(
        _ bytes: UnsafeRawBufferPointer, _ position: inout Int
    ) throws(SocketIOViolation) -> SocketIOAcknowledgementID? {
        let end = endOfDigits(bytes, from: position)
        guard end > position else { return nil }
        guard end - position <= SocketIOLimits.acknowledgementDigits else {
            throw .longAcknowledgementID(limitDigits: SocketIOLimits.acknowledgementDigits)
        }
        defer { position = end }
        return SocketIOAcknowledgementID(digits: String(decoding: bytes[position..<end], as: UTF8.self))
    }

    private static func endOfDigits(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var position = start
        while position < bytes.count, bytes[position] &- 0x30 < 10 { position += 1 }
        return position
    }
}
