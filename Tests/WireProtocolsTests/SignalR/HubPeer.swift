import Codecs
import NIOCore

@testable import WireProtocols

/// The client's end of a hub connection and what came out of it, in words.
final class HubPeer {
    static let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    private var session: HubClientSession
    private(set) var now = start
    /// Events.
    var seen: [String] = []
    /// Records without their ends.
    var sent: [String] = []
    /// What is done about an event, before the next is pulled.
    var reaction: (HubPeer, HubClientSession.Event) -> Void = { _, _ in }

    init(limits: HubLimits = HubLimits(), timeouts: HubTimeouts = HubTimeouts()) {
        session = HubClientSession(limits: limits, timeouts: timeouts, now: Self.start)
        pull()
    }

    /// Behind its handshake, with nothing noted.
    static func open(limits: HubLimits = HubLimits(), timeouts: HubTimeouts = HubTimeouts()) -> HubPeer {
        let peer = HubPeer(limits: limits, timeouts: timeouts)
        peer.receive("{}")
        (peer.seen, peer.sent) = ([], [])
        return peer
    }

    var isOpen: Bool { session.isOpen }
    var isEnded: Bool { session.isEnded }
    var pendingCalls: Int { session.pendingCalls }
    var counts: HubCounts { session.counts }
    /// From the start; nil where there is none.
    var deadline: TimeAmount? { session.nextDeadline.map { $0 - Self.start } }
    var lastReceived: TimeAmount { session.lastReceived - Self.start }
    func argumentBytes(for target: String) -> Int { session.argumentBytes(for: target) }

    // MARK: - Inputs

    /// One message with these records.
    func receive(_ records: String..., binary: Bool = false) {
        receive(Array(records.map { $0 + "\u{1E}" }.joined().utf8), binary: binary)
    }

    func receive(_ bytes: [UInt8], binary: Bool = false) {
        receive(binary ? .binary(ByteBuffer(bytes: bytes)) : .text(ByteBuffer(bytes: bytes)))
    }

    func receive(_ message: WebSocketMessage) {
        session.receive(message, now: now)
        pull()
    }

    @discardableResult
    func invoke(_ target: String, _ arguments: String = "[]", within limit: TimeAmount? = nil) throws -> HubCallID {
        defer { pull() }
        return try session.invoke(target, arguments: Array(arguments.utf8), within: limit, now: now)
    }

    func send(_ target: String, _ arguments: String = "[]") throws {
        try session.send(target, arguments: Array(arguments.utf8), now: now)
        pull()
    }

    /// For reactions, which are in the middle of pulling.
    func answer(_ answer: HubAnswer) throws { try session.answer(answer, now: now) }

    func close(error: String? = nil) {
        session.close(error: error, now: now)
        pull()
    }

    func setReceiving(_ isReceiving: Bool) { session.setReceiving(isReceiving, now: now) }

    /// To this time from the start.
    func advance(to time: TimeAmount) {
        now = Self.start + time
        session.deadlineReached(now: now)
        pull()
    }

    func cut() {
        session.connectionClosed()
        pull()
    }

    // MARK: - Outputs

    private var isPulling = false

    private func pull() {
        guard !isPulling else { return }
        isPulling = true
        defer { isPulling = false }
        while let event = session.nextEvent(now: now) {
            seen.append(Self.words(event))
            reaction(self, event)
        }
        while let message = session.nextOutput() { sent.append(hubRecord(message)) }
    }

    private static func words(_ event: HubClientSession.Event) -> String {
        switch event {
        case .opened: "opened"
        case .invocation(let invocation): hubWords(invocation)
        case .result(let id, let value): "result \(id.number) \(value.map(jsonText) ?? "void")"
        case .callFailed(let id, let error): "failed \(id.number): \(error)"
        case .unreadable(let record, let error): "unreadable \(record.readableBytes): \(error)"
        case .ended(let end): "ended: \(end)"
        }
    }
}

/// The server's end likewise.
final class HubServerPeer {
    private var session: HubServerSession
    private(set) var now = HubPeer.start
    var seen: [String] = []
    var sent: [String] = []
    var messages: [WebSocketMessage] = []
    var reaction: (HubServerPeer, HubServerSession.Event) -> Void = { _, _ in }

    init(
        limits: HubLimits = HubLimits(recordBytes: 32 << 10, sentRecordBytes: 4 << 20),
        timeouts: HubServerTimeouts = HubServerTimeouts(), frames: HubFrames = .text
    ) {
        session = HubServerSession(limits: limits, timeouts: timeouts, frames: frames, now: HubPeer.start)
    }

    static func open(timeouts: HubServerTimeouts = HubServerTimeouts()) -> HubServerPeer {
        let peer = HubServerPeer(timeouts: timeouts)
        peer.receive(#"{"protocol":"json","version":1}"#)
        (peer.seen, peer.sent, peer.messages) = ([], [], [])
        return peer
    }

    var isOpen: Bool { session.isOpen }
    var isEnded: Bool { session.isEnded }
    var counts: HubCounts { session.counts }
    var deadline: TimeAmount? { session.nextDeadline.map { $0 - HubPeer.start } }

    func receive(_ records: String...) { receive(Array(records.map { $0 + "\u{1E}" }.joined().utf8)) }
    func receive(_ bytes: [UInt8]) { receive(.text(ByteBuffer(bytes: bytes))) }

    func receive(_ message: WebSocketMessage) {
        session.receive(message, now: now)
        pull()
    }

    func invoke(_ target: String, _ arguments: String, id: String? = nil) throws {
        try session.invoke(target, arguments: Array(arguments.utf8), id: id, now: now)
        pull()
    }

    func complete(_ id: String, _ answer: HubAnswer) throws {
        try session.complete(id, answer, now: now)
        pull()
    }

    func close(_ close: HubClose = HubClose()) {
        session.close(close, now: now)
        pull()
    }

    func advance(to time: TimeAmount) {
        now = HubPeer.start + time
        session.deadlineReached(now: now)
        pull()
    }

    func cut() {
        session.connectionClosed()
        pull()
    }

    private var isPulling = false

    private func pull() {
        guard !isPulling else { return }
        isPulling = true
        defer { isPulling = false }
        while let event = session.nextEvent(now: now) {
            seen.append(Self.words(event))
            reaction(self, event)
        }
        while let message = session.nextOutput() {
            messages.append(message)
            sent.append(hubRecord(message))
        }
    }

    private static func words(_ event: HubServerSession.Event) -> String {
        switch event {
        case .opened: "opened"
        case .invocation(let invocation): hubWords(invocation)
        case .completion(let completion): hubWords(completion)
        case .unreadable(let record, let error): "unreadable \(record.readableBytes): \(error)"
        case .ended(let end): "ended: \(end)"
        }
    }
}

/// A value as it stood in its record.
func jsonText(_ value: JSONValue) -> String {
    let text = String(decoding: value.source, as: UTF8.self)
    return value.kind == .string ? "\"\(text)\"" : text
}

func hubWords(_ invocation: HubInvocation) -> String {
    "\(invocation.target)\(invocation.id.map { " #\($0)" } ?? "") \(jsonText(invocation.arguments))"
}

func hubWords(_ completion: HubCompletion) -> String {
    let outcome =
        switch completion.outcome {
        case .value(let value): jsonText(value)
        case .void: "void"
        case .error(let text): "error '\(text)'"
        case .contradiction(let text): "contradiction '\(text)'"
        }
    return "completion #\(completion.id) \(outcome)"
}

/// What a message holds without the end of its one record; says so where it is something else.
func hubRecord(_ message: WebSocketMessage) -> String {
    let text = String(buffer: message.bytes)
    guard text.hasSuffix("\u{1E}"), text.filter({ $0 == "\u{1E}" }).count == 1 else { return "NOT ONE RECORD: \(text)" }
    return String(text.dropLast())
}
