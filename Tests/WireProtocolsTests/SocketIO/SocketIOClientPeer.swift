import Codecs
import NIOCore
import TestSupport
import WireProtocols

/// A client session and what came out of it, in words, for tests.
final class SocketIOClientPeer {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    var session: SocketIOClientSession
    private(set) var now = start
    /// What it told.
    var seen: [String] = []
    /// What it sent: text as it is, bytes in hexadecimal behind a #.
    var sent: [String] = []
    var events: [SocketIOEvent] = []
    private(set) var error: SocketIOError?

    init(
        _ version: EngineIOVersion, namespace: String = "/", auth: String? = nil, secrets: [String] = [],
        limits: SocketIOLimits = SocketIOLimits(), timeouts: SocketIOTimeouts = SocketIOTimeouts()
    ) {
        var configuration = SocketIOClientConfiguration()
        (configuration.namespace, configuration.secrets) = (namespace, secrets)
        configuration.auth = auth.map { Array($0.utf8) }
        (configuration.limits, configuration.timeouts) = (limits, timeouts)
        session = SocketIOClientSession(configuration, version: version, now: Self.start)
    }

    /// One that is connected to `/`, with the given heartbeat in milliseconds.
    static func connected(
        _ version: EngineIOVersion, interval: Int = 25_000, timeout: Int = 20_000, maximumPayload: Int? = nil,
        limits: SocketIOLimits = SocketIOLimits(), timeouts: SocketIOTimeouts = SocketIOTimeouts()
    ) -> SocketIOClientPeer {
        let peer = SocketIOClientPeer(version, limits: limits, timeouts: timeouts)
        peer.feed(opening(interval, timeout, maximumPayload))
        peer.feed(version == .v3 ? "40" : "40{\"sid\":\"s1\"}")
        (peer.seen, peer.sent) = ([], [])
        return peer
    }

    static func opening(_ interval: Int = 25_000, _ timeout: Int = 20_000, _ maximumPayload: Int? = nil) -> String {
        "0{\"sid\":\"e1\",\"upgrades\":[],\"pingInterval\":\(interval),\"pingTimeout\":\(timeout)"
            + (maximumPayload.map { ",\"maxPayload\":\($0)" } ?? "") + "}"
    }

    func feed(_ text: String) { feed(.text(text)) }

    func feed(_ bytes: [UInt8]) { feed(.binary(ByteBuffer(bytes: bytes))) }

    func feed(_ message: WebSocketMessage) {
        session.receive(message, now: now)
        pull()
    }

    /// Goes on to a time from the start, through every deadline on the way.
    func advance(to time: TimeAmount) {
        let end = Self.start + time
        while let deadline = session.nextDeadline, deadline <= end, !session.closesWebSocket {
            now = max(now, deadline)
            session.deadlineReached(now: now)
            pull()
        }
        now = max(now, end)
    }

    func emit(_ name: String, _ arguments: [SocketIOArgument] = [], asks: Bool = false) -> SocketIOEmission {
        defer { pull() }
        return session.emit(name, arguments, wantsAcknowledgement: asks, now: now)
    }

    func acknowledge(_ event: SocketIOEvent, _ arguments: [SocketIOArgument] = []) {
        session.acknowledge(event, with: arguments)
        pull()
    }

    func disconnect() {
        session.disconnect()
        pull()
    }

    func connectionClosed() {
        session.connectionClosed()
        pull()
    }

    /// From the start; nil when there is none.
    var deadline: TimeAmount? { session.nextDeadline.map { $0 - Self.start } }

    func pull() {
        while let event = session.nextEvent() {
            switch event {
            case .connected(let opening):
                seen.append("connected \(opening.engine.sid) \(opening.socketID ?? "-")")
            case .event(let event):
                events.append(event)
                seen.append(
                    "event \(event.namespace) \(event.name) \(String(decoding: event.payload.root.source, as: UTF8.self))"
                        + (event.acknowledgementID.map { " asks \($0)" } ?? "")
                        + event.attachments.map { " #" + Self.hexadecimal($0) }.joined())
            case .acknowledged(let number, let answer):
                seen.append("acknowledged \(number) \(String(decoding: answer.payload.root.source, as: UTF8.self))")
            case .unacknowledged(let number): seen.append("unacknowledged \(number)")
            case .odd(let oddity): seen.append("odd \(oddity.rawValue)")
            case .failed(let error):
                self.error = error
                seen.append("failed")
            }
        }
        while let message = session.nextOutput() { sent.append(Self.words(message)) }
    }

    static func words(_ message: WebSocketMessage) -> String {
        switch message {
        case .text(let bytes): String(buffer: bytes)
        case .binary(let bytes): "#" + hexadecimal(bytes)
        }
    }

    static func hexadecimal(_ bytes: ByteBuffer) -> String {
        bytes.readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
