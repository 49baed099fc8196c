import NIOCore

/// The other end broke the hub protocol or one of our limits, or is silent. The connection has to be closed.
public enum HubError: Error, Equatable, Sendable {
    case recordTooLong(limitBytes: Int)
    /// Records in a row that are no messages.
    case unreadable(count: Int)
    /// The first record is no answer to a handshake, nor one that asks for it.
    case notHandshake(String)
    case noHandshake(within: TimeAmount)
    /// Nothing came.
    case silent(for: TimeAmount)
}

extension HubError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .recordTooLong(let limit):
            "a record is longer than \(limit) bytes: raise max_record_bytes, or look at what sends it"
        case .unreadable(let count): "\(count) records in a row are no messages of the hub protocol: check the URL"
        case .notHandshake(let text):
            "the first record is no handshake, but \(text): check the URL and the server's version"
        case .noHandshake(let limit): "no handshake within \(limit.seconds): look whether the server is well"
        case .silent(let limit): "nothing came for \(limit.seconds): the line is dead, or the server hangs"
        }
    }
}

/// How a hub connection ended, in one sentence with advice.
public enum HubEnd: Error, Equatable, Sendable {
    /// By a Close record of the other end.
    case closed(HubClose)
    /// The handshake was refused, in the server's words.
    case declined(String)
    case failed(HubError)
    /// The socket ended without a Close record.
    case disconnected
    /// By our own Close record.
    case closedHere

    /// The server wants us to stay away, or somebody has to change something: come back after a minute or more.
    public var isRefusal: Bool {
        switch self {
        case .closed(let close): !close.allowsReconnect
        case .declined: true
        case .failed, .disconnected, .closedHere: false
        }
    }
}

extension HubEnd: CustomStringConvertible {
    public var description: String {
        switch self {
        case .closed(let close):
            "the hub closed the connection"
                + (close.error.map { " with '\(HTTPSyntax.printable(Array($0.utf8), limit: 200))'" } ?? "")
                + (close.allowsReconnect ? " and lets us come back" : " and does not ask us back: look into its log")
        case .declined(let text):
            "the hub refused the handshake: '\(HTTPSyntax.printable(Array(text.utf8), limit: 200))'"
        case .failed(let error): "\(error)"
        case .disconnected: "the connection ended without a word of the hub"
        case .closedHere: "the connection was closed here"
        }
    }
}

/// Why an invocation of ours gave no result.
public enum HubCallError: Error, Equatable, Sendable {
    /// In the server's words. A wrong count or kind of arguments is told only in general terms.
    case server(String)
    /// A result and an error at once.
    case contradiction(error: String)
    case timedOut(within: TimeAmount)
    /// The connection ended before the completion came; whether the method ran is not known.
    case disconnected
}

extension HubCallError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .server(let text): "the hub answered '\(HTTPSyntax.printable(Array(text.utf8), limit: 200))'"
        case .contradiction(let text):
            "the hub answered with a result and an error at once: '\(HTTPSyntax.printable(Array(text.utf8), limit: 200))'"
        case .timedOut(let limit): "no answer of the hub within \(limit.seconds)"
        case .disconnected: "the connection ended before the hub answered"
        }
    }
}

/// Something of ours that cannot be sent.
public enum HubUsageError: Error, Equatable, Sendable {
    /// Before the handshake is done, or after the end.
    case notOpen
    case tooManyCalls(limit: Int)
    case recordTooLong(bytes: Int, limitBytes: Int)
    /// The arguments are no JSON array, or a result is empty or has the byte that ends records.
    case notJSON
}

extension HubUsageError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .notOpen: "the hub connection is not open"
        case .tooManyCalls(let limit): "\(limit) calls wait for the hub's answer already"
        case .recordTooLong(let bytes, let limit): "a record of \(bytes) bytes; the hub takes \(limit)"
        case .notJSON: "arguments that are no JSON array, or a result that is no JSON"
        }
    }
}

extension TimeAmount {
    fileprivate var seconds: String {
        nanoseconds % 1_000_000_000 == 0 ? "\(nanoseconds / 1_000_000_000) s" : "\(nanoseconds / 1_000_000) ms"
    }
}
