import Codecs
import NIOCore
import TestSupport

@testable import WireProtocols

/// A server session with the application that the recorded servers had, and what came out of it, in words, for tests.
final class SocketIOServerPeer {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    var session: SocketIOServerSession
    private(set) var now: NIODeadline
    /// Said on the WebSocket.
    var sent: [WebSocketMessage] = []
    /// Bodies of answers to polls.
    var answers: [ByteBuffer] = []
    /// What the session told.
    var seen: [String] = []
    private(set) var end: SocketIOServerEnd?
    /// Only the recorded server of 2015 does.
    private let answersRealtimeCTI: Bool
    private var sockets = 0

    init(
        _ version: EngineIOVersion, _ transport: SocketIOServerSession.Transport = .websocket,
        _ configuration: SocketIOServerSessionConfiguration = SocketIOServerSessionConfiguration(),
        answersRealtimeCTI: Bool = false, now: NIODeadline = start
    ) {
        self.answersRealtimeCTI = answersRealtimeCTI
        session = SocketIOServerSession(configuration, version: version, sid: "e1", transport: transport, now: now)
        self.now = now
        pull()
    }

    func feed(_ text: String) { feed(.text(text)) }

    func feed(_ message: WebSocketMessage) {
        session.received(message, now: now)
        pull()
    }

    /// The body, or what was wrong, or nil: it waits.
    func poll(_ format: EngineIOPayload.Format = .separated) -> String? {
        defer { pull() }
        switch session.polled(format, now: now) {
        case .answer(let answer): return EngineIOPayloadTests.text(answer.body)
        case .wait: return nil
        case .refuse(let fault): return fault.message
        }
    }

    func post(_ body: String) -> EngineIORequestFault? {
        defer { pull() }
        return session.posted(ByteBuffer(string: body), now: now)
    }

    func advance(to deadline: NIODeadline) {
        while let next = session.nextDeadline, next <= deadline {
            now = max(now, next)
            session.deadlineReached(now: now)
            pull()
        }
        now = max(now, deadline)
    }

    func advance(to time: TimeAmount) { advance(to: Self.start + time) }

    var texts: [String] { sent.map(SocketIOClientPeer.words) }

    func pull() {
        while let event = session.nextEvent() { take(event) }
        while let message = session.nextMessage() { sent.append(message) }
        while let answer = session.takePollAnswer() { answers.append(answer.body) }
    }

    private func take(_ event: SocketIOServerSession.Event) {
        switch event {
        case .connectionRequested(let namespace, let query, let auth): connect(namespace, query, auth)
        case .event(let event): handle(event)
        case .acknowledged(let number, let answer):
            seen.append("acknowledged \(number)")
            emit("answered", [json(answer.payload.root)], to: answer.namespace)
        case .unacknowledged(let number): seen.append("unacknowledged \(number)")
        case .disconnected(let namespace): seen.append("disconnected \(namespace)")
        case .ended(let reason):
            end = reason
            seen.append("ended")
        }
    }

    private func connect(_ namespace: String, _ query: String?, _ auth: JSONDocument?) {
        seen.append("requested \(namespace)" + (query.map { "?\($0)" } ?? ""))
        guard auth?.root["token"]?.string != "bad" else {
            return session.refuse(namespace, message: "Not authorized", code: 401)
        }
        sockets += 1
        session.accept(namespace, socketID: "s\(sockets)")
        var writer = ByteWriter()
        writer.append("{\"ns\":")
        writer.append(jsonString: namespace)
        if session.version == .v4 {
            writer.append(",\"auth\":")
            if let auth { writer.append(json: auth.root) } else { writer.append("null") }
        }
        writer.append("}")
        emit("hello", [.json(writer.bytes)], to: namespace)
    }

    private func handle(_ event: SocketIOEvent) {
        seen.append("event \(event.namespace) \(event.name)")
        let arguments = event.arguments.map { value in event.attachment(value).map { .binary($0) } ?? json(value) }
        switch event.name {
        case "echo", "bin_echo": session.acknowledge(event, with: Array(arguments.prefix(1)))
        case "noreturn": session.acknowledge(event, with: [])
        case "push": emit("pushed", arguments, to: event.namespace)
        case "RealtimeCTI" where answersRealtimeCTI: emit("seen", arguments, to: event.namespace)
        case "ask": emit("question", [.string("6x7?")], to: event.namespace, asks: true)
        case "push_binary": emit("blob", [.binary(ByteBuffer(bytes: [1, 2, 3, 4]))], to: event.namespace)
        case "kick", "kickall": session.disconnect(event.namespace)
        case "big": emit("big", [.string(String(repeating: "x", count: 300_000))], to: event.namespace)
        default: break
        }
    }

    func emit(_ name: String, _ arguments: [SocketIOArgument], to namespace: String = "/", asks: Bool = false) {
        _ = session.emit(name, arguments, to: namespace, wantsAcknowledgement: asks, now: now)
    }

    private func json(_ value: JSONValue) -> SocketIOArgument {
        var writer = ByteWriter()
        writer.append(json: value)
        return .json(writer.bytes)
    }
}
