import NIOCore

/// What a frame carries (RFC 6455, section 5.2).
enum WebSocketOpcode: UInt8 {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    var isControl: Bool { rawValue & 0x8 != 0 }
}

/// Which end of a connection we are: clients mask what they send, servers do not (RFC 6455, section 5.1).
public enum WebSocketRole: Sendable, Equatable {
    case client
    case server
}

/// One message, whatever the number of frames it came in.
///
/// Its buffer may be a slice of everything that was read with it: what is kept for long should be copied.
public enum WebSocketMessage: Sendable, Equatable {
    /// UTF-8, checked where it was received.
    case text(ByteBuffer)
    case binary(ByteBuffer)

    public static func text(_ text: String) -> WebSocketMessage { .text(ByteBuffer(string: text)) }

    public var bytes: ByteBuffer {
        switch self {
        case .text(let bytes), .binary(let bytes): bytes
        }
    }
}
