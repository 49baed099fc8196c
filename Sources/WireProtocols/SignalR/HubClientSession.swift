import Codecs
import NIOCore

// A hub connection seen from its client, on a WebSocket that is open (HubProtocol.md).
//
//   handshaking ──{}──▶ open ──Close, ours or theirs──▶ ended
//       └──────time, refusal, broken rule, socket's end──┘
//
// A driver calls one input (`receive`, `invoke`, `send`, `close`, `deadlineReached`, `connectionClosed`), pulls `nextEvent` until
// nil, sends each `nextOutput` as a message of its own, and calls `deadlineReached` at `nextDeadline`. After `.ended` it sends what
// is left and closes the WebSocket.
//
// Two clocks run beside each other: a ping leaves so long after our last record, whatever comes in; and the connection fails
// so long after the last byte came in, whatever goes out. An invocation of the server that wants a result and has not been
// answered when the next event is pulled is answered with an error, so that no server waits for ever.

/// The client's end of a hub connection as a value: messages and the time in; invocations, results and messages out.
public struct HubClientSession: ~Copyable {
    public enum Event: Sendable {
        /// The handshake is done: methods can be invoked.
        case opened
        /// The server calls a method here. Where it has an id, `answer` belongs before the next event.
        case invocation(HubInvocation)
        /// A call of ours gave a value; nil where its method gives none.
        case result(HubCallID, JSONValue?)
        case callFailed(HubCallID, HubCallError)
        /// A record that is no message. The connection goes on.
        case unreadable(ByteBuffer, HubRecordError)
        /// Nothing follows. All pending calls have failed.
        case ended(HubEnd)
    }

    private enum State {
        /// Our handshake is in the output. → open, ended
        case handshaking(until: NIODeadline)
        /// Messages go both ways. → ended
        case open
        /// Nothing is understood or said any more; what is in the output still leaves.
        case ended
    }

    private let timeouts: HubTimeouts
    private var state: State
    private var stream: HubRecordStream
    private var calls = HubPendingCalls()
    private var isReceiving = true
    /// What was found before anybody pulled it: calls that failed, and the end.
    private var told = CircularBuffer<Event>()
    /// The invocation that was handed out last, while it wants an answer and has none.
    private var unanswered: HubInvocation?

    /// The WebSocket has just been opened.
    public init(limits: HubLimits = HubLimits(), timeouts: HubTimeouts = HubTimeouts(), now: NIODeadline) {
        self.timeouts = timeouts
        state = .handshaking(until: now + timeouts.handshakeTimeout)
        stream = HubRecordStream(limits: limits, frames: .text, now: now)
        stream.send(HubHandshake.request, now: now)
    }

    // MARK: - Inputs

    /// Text and binary messages alike.
    public mutating func receive(_ message: WebSocketMessage, now: NIODeadline) {
        if case .ended = state { return }
        stream.receive(message.bytes, now: now)
    }

    /// Calls a method of the hub and waits for its completion: `.result` or `.callFailed` will come, once.
    ///
    /// - Parameters:
    ///   - arguments: a JSON array with one element for each parameter; their number has to be exact.
    ///   - limit: from now to the completion; nil: as the time-outs say.
    public mutating func invoke(
        _ target: String, arguments: [UInt8], within limit: TimeAmount? = nil, now: NIODeadline
    ) throws(HubUsageError) -> HubCallID {
        guard isOpen else { throw .notOpen }
        guard calls.pending < stream.limits.pendingCalls else { throw .tooManyCalls(limit: stream.limits.pendingCalls) }
        try stream.sendInvocation(id: "\(calls.nextID)", target: target, arguments: arguments, now: now)
        return calls.add(limit: limit ?? timeouts.invocationTimeout, now: now)
    }

    /// Calls a method of the hub and wants no completion.
    public mutating func send(_ target: String, arguments: [UInt8], now: NIODeadline) throws(HubUsageError) {
        guard isOpen else { throw .notOpen }
        try stream.sendInvocation(id: nil, target: target, arguments: arguments, now: now)
    }

    /// Answers the invocation that was handed out last; does nothing where that wants no answer or has one.
    public mutating func answer(_ answer: HubAnswer, now: NIODeadline) throws(HubUsageError) {
        guard isOpen, let id = unanswered?.id else { return }
        try stream.sendCompletion(id: id, answer, now: now)
        unanswered = nil
    }

    /// Says good-bye. What is in the output still has to be sent before the WebSocket is closed.
    public mutating func close(error: String? = nil, now: NIODeadline) {
        guard isOpen else { return end(.closedHere) }
        stream.sendClose(HubClose(error: error), now: now)
        end(.closedHere)
    }

    /// While false the driver does not read, and silence is not held against the server.
    public mutating func setReceiving(_ isReceiving: Bool, now: NIODeadline) {
        if isReceiving, !self.isReceiving { stream.restartSilence(now: now) }
        self.isReceiving = isReceiving
    }

    /// The time has come to `nextDeadline`, or to any other.
    public mutating func deadlineReached(now: NIODeadline) {
        switch state {
        case .handshaking(let until):
            if until <= now { end(.failed(.noHandshake(within: timeouts.handshakeTimeout))) }
        case .open:
            if let silence, silence <= now { return end(.failed(.silent(for: timeouts.receiveTimeout))) }
            for (id, error) in calls.removeOverdue(now: now) { told.append(.callFailed(id, error)) }
            if stream.lastSent + timeouts.pingInterval <= now { stream.sendPing(now: now) }
        case .ended: break
        }
    }

    /// The WebSocket has ended, whatever ended it. Pull the last events.
    public mutating func connectionClosed() { end(.disconnected) }

    // MARK: - Outputs

    /// Methods can be invoked.
    public var isOpen: Bool {
        if case .open = state { return true }
        return false
    }

    /// The WebSocket may go once the output is sent.
    public var isEnded: Bool {
        if case .ended = state { return true }
        return false
    }

    public var pendingCalls: Int { calls.pending }

    public var counts: HubCounts { stream.counts }

    /// When anything last came in.
    public var lastReceived: NIODeadline { stream.lastReceived }

    /// The most bytes that the arguments of the next call of `target` may have.
    public func argumentBytes(for target: String) -> Int {
        max(0, stream.limits.sentRecordBytes - HubRecordStream.invocationBytes(id: "\(UInt64.max)", target: target))
    }

    /// What is to be sent next, as a message of its own.
    public mutating func nextOutput() -> WebSocketMessage? { stream.nextOutput() }

    /// When to call `deadlineReached`.
    public var nextDeadline: NIODeadline? {
        switch state {
        case .handshaking(let until): return until
        case .open:
            let first = min(stream.lastSent + timeouts.pingInterval, silence ?? .distantFuture)
            return min(first, calls.nextDeadline ?? .distantFuture)
        case .ended: return nil
        }
    }

    public mutating func nextEvent(now: NIODeadline) -> Event? {
        if let unanswered = unanswered.take(), isOpen { stream.decline(unanswered, as: "client", now: now) }
        while true {
            if let event = told.popFirst() { return event }
            do throws(HubError) {
                switch state {
                case .handshaking:
                    guard let answer = try stream.nextObject() else { return nil }
                    handshakeAnswered(answer, now: now)
                case .open:
                    guard let incoming = try stream.next() else { return nil }
                    if let event = take(incoming, now: now) { return event }
                case .ended: return nil
                }
            } catch { end(.failed(error)) }
        }
    }

    // MARK: - Private parts

    private var silence: NIODeadline? { isReceiving ? stream.lastReceived + timeouts.receiveTimeout : nil }

    /// What follows in the same message is already part of the conversation.
    private mutating func handshakeAnswered(_ answer: JSONValue, now: NIODeadline) {
        switch HubHandshake.response(answer) {
        case .accepted:
            state = .open
            stream.sendPing(now: now)
            told.append(.opened)
        case .refused(let text): end(.declined(text))
        case .message(let type): end(.failed(.notHandshake("a message of type \(type)")))
        }
    }

    private mutating func take(_ incoming: HubRecordStream.Incoming, now: NIODeadline) -> Event? {
        switch incoming {
        case .unreadable(let record, let error): return .unreadable(record, error)
        case .message(.invocation(let invocation)):
            if invocation.id != nil { unanswered = invocation }
            return .invocation(invocation)
        case .message(.streamInvocation(let invocation)):
            stream.ignored()
            stream.decline(invocation, as: "client", now: now)
            return nil
        case .message(.completion(let completion)): return take(completion)
        case .message(.close(let close)):
            end(.closed(close))
            return nil
        case .message(.ping): return nil
        case .message(.streamItem), .message(.cancelInvocation), .message(.ack), .message(.sequence),
            .message(.unknown):
            stream.ignored()
            return nil
        }
    }

    private mutating func take(_ completion: HubCompletion) -> Event? {
        guard let id = calls.remove(named: completion.id) else {
            stream.unmatched()
            return nil
        }
        return switch completion.outcome {
        case .value(let value): .result(id, value)
        case .void: .result(id, nil)
        case .error(let text): .callFailed(id, .server(text))
        case .contradiction(let text): .callFailed(id, .contradiction(error: text))
        }
    }

    private mutating func end(_ reason: HubEnd) {
        if case .ended = state { return }
        state = .ended
        for id in calls.removeAll() { told.append(.callFailed(id, .disconnected)) }
        told.append(.ended(reason))
    }
}
