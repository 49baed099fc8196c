/// Why a WebSocket is closed (RFC 6455, section 7.4, and the IANA registry of WebSocket close codes).
public struct WebSocketCloseCode: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let normal = WebSocketCloseCode(rawValue: 1000)
    public static let goingAway = WebSocketCloseCode(rawValue: 1001)
    public static let protocolError = WebSocketCloseCode(rawValue: 1002)
    public static let unacceptableData = WebSocketCloseCode(rawValue: 1003)
    public static let invalidData = WebSocketCloseCode(rawValue: 1007)
    public static let policyViolation = WebSocketCloseCode(rawValue: 1008)
    public static let messageTooBig = WebSocketCloseCode(rawValue: 1009)
    public static let missingExtension = WebSocketCloseCode(rawValue: 1010)
    public static let internalError = WebSocketCloseCode(rawValue: 1011)
    public static let serviceRestart = WebSocketCloseCode(rawValue: 1012)
    public static let tryAgainLater = WebSocketCloseCode(rawValue: 1013)

    /// Whether it may stand in a close frame: 1004 to 1006 and 1015 are for programs' own use, the rest below 3000 is not
    /// given out, and nothing is defined outside 1000 to 4999.
    public var mayBeSent: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    var meaning: String? {
        switch rawValue {
        case 1000: "normal"
        case 1001: "going away"
        case 1002: "protocol error"
        case 1003: "data of a kind it does not take"
        case 1007: "data that is not what its type says"
        case 1008: "against its policy"
        case 1009: "a message too big for it"
        case 1010: "an extension that it needs"
        case 1011: "an error of its own"
        case 1012: "it restarts"
        case 1013: "it is overloaded"
        case 1014: "the server behind it failed"
        default: nil
        }
    }
}

extension WebSocketCloseCode: CustomStringConvertible {
    public var description: String { "\(rawValue)" + (meaning.map { " (\($0))" } ?? "") }
}

/// What a close frame says.
public struct WebSocketClose: Sendable, Equatable {
    /// Nil when the frame was empty.
    public var code: WebSocketCloseCode?
    /// At most 123 bytes of UTF-8.
    public var reason: String

    public init(code: WebSocketCloseCode? = nil, reason: String = "") { (self.code, self.reason) = (code, reason) }
}

extension WebSocketClose: CustomStringConvertible {
    public var description: String {
        let text = HTTPSyntax.printable(Array(reason.utf8), limit: 123)
        return (code.map { "\($0)" } ?? "no code") + (text.isEmpty ? "" : ": \(text)")
    }
}
