import Codecs
import NIOCore

/// What an Engine.IO packet is for (note, section 2.3).
public enum EngineIOPacketType: UInt8, Sendable, CaseIterable {
    case open, close, ping, pong, message, upgrade, noop

    /// As the first character of a text.
    var digit: UInt8 { UInt8(ascii: "0") + rawValue }

    init?(digit: UInt8) { self.init(rawValue: digit &- UInt8(ascii: "0")) }
}

/// One packet of Engine.IO, 3 or 4. Its data may be a slice of what was read: copy what is kept for long.
public struct EngineIOPacket: Equatable, Sendable {
    public var type: EngineIOPacketType
    /// Behind the type.
    public var data: ByteBuffer
    /// Bytes rather than text. In version 4 only messages are.
    public var isBinary: Bool

    public init(_ type: EngineIOPacketType, _ data: ByteBuffer = ByteBuffer(), isBinary: Bool = false) {
        (self.type, self.data, self.isBinary) = (type, data, isBinary)
    }

    public init(_ type: EngineIOPacketType, _ text: String) { self.init(type, ByteBuffer(string: text)) }
}

/// Why bytes are no packet of Engine.IO.
public enum EngineIOViolation: Error, Equatable, Sendable {
    /// Nothing, not even a type.
    case empty
    /// The byte that stands where the type should.
    case unknownType(UInt8)
    case badBase64
    case badText
    /// A length of a polling body is none, or leads behind its end; at which byte.
    case badLength(offset: Int)
    case tooManyPackets(limit: Int)
    /// The open packet misses something, or has something impossible: what.
    case badOpening(String)
}

extension EngineIOViolation: CustomStringConvertible {
    public var description: String {
        switch self {
        case .empty: "an Engine.IO packet without a type"
        case .unknownType(let byte): "Engine.IO packets of type \(HTTPSyntax.printable([byte], limit: 1)) do not exist"
        case .badBase64: "binary data is no Base64"
        case .badText: "text is no UTF-8"
        case .badLength(let offset): "a length in the polling body is wrong at byte \(offset)"
        case .tooManyPackets(let limit): "a polling body has more than \(limit) packets"
        case .badOpening(let words): "the open packet is unusable: \(words)"
        }
    }
}

// MARK: - On a WebSocket

extension EngineIOPacket {
    /// One message is one packet. Text may carry Base64 behind a `b`; in version 3 with its type, in version 4 without.
    public init(_ message: WebSocketMessage, version: EngineIOVersion) throws(EngineIOViolation) {
        switch message {
        case .text(let bytes): self = try Self.text(bytes, version: version)
        case .binary(let bytes): self = try Self.binary(bytes, version: version)
        }
    }

    static func text(_ bytes: ByteBuffer, version: EngineIOVersion) throws(EngineIOViolation) -> EngineIOPacket {
        var bytes = bytes
        guard let first = bytes.readInteger(as: UInt8.self) else { throw .empty }
        if first == UInt8(ascii: "b") { return try base64(bytes, version: version) }
        guard let type = EngineIOPacketType(digit: first) else { throw .unknownType(first) }
        return EngineIOPacket(type, bytes)
    }

    /// Bytes: in version 3 their first one is the type.
    static func binary(_ bytes: ByteBuffer, version: EngineIOVersion) throws(EngineIOViolation) -> EngineIOPacket {
        guard version == .v3 else { return EngineIOPacket(.message, bytes, isBinary: true) }
        var bytes = bytes
        guard let first = bytes.readInteger(as: UInt8.self) else { throw .empty }
        guard let type = EngineIOPacketType(rawValue: first) else { throw .unknownType(first) }
        return EngineIOPacket(type, bytes, isBinary: true)
    }

    private static func base64(
        _ bytes: ByteBuffer, version: EngineIOVersion
    ) throws(EngineIOViolation) -> EngineIOPacket {
        var bytes = bytes
        var type = EngineIOPacketType.message
        if version == .v3 {
            guard let digit = bytes.readInteger(as: UInt8.self) else { throw .empty }
            guard let named = EngineIOPacketType(digit: digit) else { throw .unknownType(digit) }
            type = named
        }
        guard let decoded = Base64.decode(String(buffer: bytes)) else { throw .badBase64 }
        return EngineIOPacket(type, ByteBuffer(bytes: decoded), isBinary: true)
    }

    /// As a message of a WebSocket.
    public func message(version: EngineIOVersion) -> WebSocketMessage {
        if isBinary, version == .v4 { return .binary(data) }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(data.readableBytes + 1)
        bytes.writeInteger(isBinary ? type.rawValue : type.digit)
        bytes.writeImmutableBuffer(data)
        return isBinary ? .binary(bytes) : .text(bytes)
    }

    /// As text: what is binary in Base64.
    func text(version: EngineIOVersion) -> ByteBuffer {
        var bytes = ByteBuffer()
        if isBinary {
            bytes.writeString(version == .v3 ? "b\(type.rawValue)" : "b")
            bytes.writeString(Base64.encode(data.readableBytesView))
        } else {
            bytes.writeInteger(type.digit)
            bytes.writeImmutableBuffer(data)
        }
        return bytes
    }
}
