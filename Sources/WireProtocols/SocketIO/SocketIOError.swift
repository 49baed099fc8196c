import NIOCore

/// What ends a Socket.IO session before its time. Each is one sentence with advice.
public enum SocketIOError: Error, Equatable, Sendable {
    /// The stages behind the WebSocket, each with a time limit.
    public enum Stage: String, Sendable {
        case openPacket = "open packet"
        case connect = "CONNECT of the namespace"
    }

    case refused(SocketIORefusal)
    /// Neither generation is spoken: what came to each, in the order of asking.
    case refusedInBothVersions([SocketIOVersionAnswer])
    case timedOut(Stage, after: TimeAmount)
    /// Nothing came, although by the heartbeat something should have.
    case silent(for: TimeAmount)
    /// The server ended the namespace (DISCONNECT).
    case disconnected
    /// The server ended the session (Engine.IO close).
    case closed
    /// The WebSocket ended, or was none, before the open packet: how.
    case endedBeforeOpening(String)
    case violation(SocketIOViolation)

    /// Another attempt at once would be told the same: somebody has to change something.
    public var isRefusal: Bool {
        switch self {
        case .refused(let refusal): refusal.isLasting
        case .refusedInBothVersions: true
        case .timedOut, .silent, .disconnected, .closed, .endedBeforeOpening, .violation: false
        }
    }

    /// The server may speak the other generation: it is asked for that once, at once (note, section 2.9).
    public var suggestsOtherVersion: Bool {
        switch self {
        case .refused(let refusal): refusal.suggestsOtherVersion
        case .endedBeforeOpening: true
        case .refusedInBothVersions, .timedOut, .silent, .disconnected, .closed, .violation: false
        }
    }
}

/// What a server answered to one generation.
public struct SocketIOVersionAnswer: Equatable, Sendable {
    public let version: EngineIOVersion
    /// A sentence.
    public let answer: String

    public init(_ version: EngineIOVersion, _ answer: String) { (self.version, self.answer) = (version, answer) }
}

extension SocketIOError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .refused(let refusal): "\(refusal)"
        case .refusedInBothVersions(let answers):
            "the server takes neither generation of Socket.IO: "
                + answers.map { "to \($0.version) \($0.answer)" }.joined(separator: "; ")
        case .timedOut(.openPacket, let limit):
            "no open packet within \(limit.words): the server accepts WebSockets and says nothing; look whether it is a "
                + "Socket.IO server, and whether it is well"
        case .timedOut(.connect, let limit):
            "the namespace was not connected within \(limit.words): look into the server's log, and check the namespace"
        case .silent(let time):
            "the server said nothing for \(time.words), not even its heartbeat: it is gone, or hangs"
        case .disconnected: "the server disconnected us: look into its log"
        case .closed: "the server closed the session: look whether it restarts"
        case .endedBeforeOpening(let words): "the connection ended before the session was open: \(words)"
        case .violation(let violation):
            "the server broke the Socket.IO protocol: \(violation); look for a proxy in between, or tell the vendor"
        }
    }
}
