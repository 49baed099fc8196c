import Codecs
import NIOCore

/// Engine.IO messages to packets with their attachments. Holds at most one packet that waits for attachments.
struct SocketIOPacketReader: Sendable {
    private struct Pending {
        var packet: SocketIOPacket
        var attachments: [ByteBuffer] = []
        var bytes = 0
    }

    private let limits: SocketIOLimits
    private var pending: Pending?

    init(limits: SocketIOLimits) { self.limits = limits }

    /// One message; its packet once nothing is missing.
    mutating func receive(
        _ message: EngineIOPacket
    ) throws(SocketIOViolation) -> (packet: SocketIOPacket, attachments: [ByteBuffer])? {
        message.isBinary ? try attach(message.data) : try begin(message.data)
    }

    private mutating func begin(
        _ data: ByteBuffer
    ) throws(SocketIOViolation) -> (packet: SocketIOPacket, attachments: [ByteBuffer])? {
        if let pending {
            throw .missingAttachment(received: pending.attachments.count, of: pending.packet.attachmentCount)
        }
        let packet = try SocketIOPacketParser.parse(data, limits: limits)
        guard packet.type.hasAttachments else { return (packet, []) }
        if let payload = packet.payload, !SocketIOPlaceholder.areSound(payload.root, count: packet.attachmentCount) {
            throw .badPlaceholder
        }
        guard packet.attachmentCount > 0 else { return (packet, []) }
        pending = Pending(packet: packet)
        return nil
    }

    private mutating func attach(
        _ data: ByteBuffer
    ) throws(SocketIOViolation) -> (packet: SocketIOPacket, attachments: [ByteBuffer])? {
        guard var waiting = pending.take() else { throw .unexpectedBinary }
        guard data.readableBytes <= limits.messageBytes else { throw .messageTooLong(limitBytes: limits.messageBytes) }
        waiting.bytes += data.readableBytes
        guard waiting.bytes <= limits.attachmentBytes else {
            throw .attachmentsTooLong(limitBytes: limits.attachmentBytes)
        }
        // Its own memory: `data` may be a slice of a whole read.
        waiting.attachments.append(ByteBuffer(bytes: data.readableBytesView))
        if waiting.attachments.count == waiting.packet.attachmentCount { return (waiting.packet, waiting.attachments) }
        pending = waiting
        return nil
    }
}
