import Codecs
import NIOCore

// A hub connection seen from its server, on a WebSocket that was accepted: what a stand-in of a vendor needs.
//
//   handshaking ──json, version 1──▶ open ──Close, ours or theirs──▶ ended
//       └──────time, refusal, broken rule, socket's end──────────────┘
//
// Driven like `HubClientSession`. As with ASP.NET Core a ping leaves by schedule whatever else is sent, and the client's silence
// counts once it has sent its first record behind the handshake.

/// The server's end of a hub connection as a value.
public struct HubServerSession: ~Copyable {
    public enum Event: Sendable {
        /// The handshake is done: the client's methods can be invoked.
        case opened
        /// The client calls a method. Where it has an id, it waits for `complete`.
        case invocation(HubInvocation)
        /// The client's answer to an invocation of ours that had an id.
        case completion(HubCompletion)
        case unreadable(ByteBuffer, HubRecordError)
        /// Nothing follows.
        case ended(HubEnd)
    }

    private enum State {
        /// The client has to say what it speaks. → open, ended
        case handshaking(until: NIODeadline)
        /// Messages go both ways. → ended
        case open(nextPing: NIODeadline)
        /// What is in the output still leaves.
        case ended
    }

    private let timeouts: HubServerTimeouts
    private var state: State
    private var stream: HubRecordStream
    private var told = CircularBuffer<Event>()
    private var hasSpoken = false

    /// The WebSocket has just been accepted. `limits.recordBytes` is what a hub takes of a client: 32 KiB by default.
    public init(
        limits: HubLimits = HubLimits(recordBytes: 32 << 10, sentRecordBytes: 4 << 20),
        timeouts: HubServerTimeouts = HubServerTimeouts(), frames: HubFrames = .text, now: NIODeadline
    ) {
        self.timeouts = timeouts
        state = .handshaking(until: now + timeouts.handshakeTimeout)
        stream = HubRecordStream(limits: limits, frames: frames, now: now)
    }

    // MARK: - Inputs

    public mutating func receive(_ message: WebSocketMessage, now: NIODeadline) {
        if case .ended = state { return }
        stream.receive(message.bytes, now: now)
    }

    /// Calls a method of the client. With an id, it is asked for a completion.
    public mutating func invoke(
        _ target: String, arguments: [UInt8], id: String? = nil, now: NIODeadline
    ) throws(HubUsageError) {
        guard isOpen else { throw .notOpen }
        try stream.sendInvocation(id: id, target: target, arguments: arguments, now: now)
    }

    /// Answers an invocation of the client.
    public mutating func complete(_ id: String, _ answer: HubAnswer, now: NIODeadline) throws(HubUsageError) {
        guard isOpen else { throw .notOpen }
        try stream.sendCompletion(id: id, answer, now: now)
    }

    /// Says good-bye. What is in the output still has to be sent before the WebSocket is closed.
    public mutating func close(_ close: HubClose = HubClose(), now: NIODeadline) {
        if isOpen { stream.sendClose(close, now: now) }
        end(.closedHere)
    }

    /// The time has come to `nextDeadline`, or to any other.
    public mutating func deadlineReached(now: NIODeadline) {
        switch state {
        case .handshaking(let until):
            guard until <= now else { return }
            stream.sendHandshakeResponse(error: "Handshake was canceled.", now: now)
            end(.failed(.noHandshake(within: timeouts.handshakeTimeout)))
        case .open(let nextPing):
            if let silence, silence <= now { return giveUp(.silent(for: timeouts.clientTimeout), now: now) }
            guard nextPing <= now else { return }
            stream.sendPing(now: now)
            state = .open(nextPing: now + timeouts.keepAliveInterval)
        case .ended: break
        }
    }

    /// The WebSocket has ended, whatever ended it. Pull the last events.
    public mutating func connectionClosed() { end(.disconnected) }

    // MARK: - Outputs

    /// The client's methods can be invoked.
    public var isOpen: Bool {
        if case .open = state { return true }
        return false
    }

    /// The WebSocket may go once the output is sent.
    public var isEnded: Bool {
        if case .ended = state { return true }
        return false
    }

    public var counts: HubCounts { stream.counts }

    /// What is to be sent next, as a message of its own.
    public mutating func nextOutput() -> WebSocketMessage? { stream.nextOutput() }

    /// When to call `deadlineReached`.
    public var nextDeadline: NIODeadline? {
        switch state {
        case .handshaking(let until): until
        case .open(let nextPing): min(nextPing, silence ?? .distantFuture)
        case .ended: nil
        }
    }

    public mutating func nextEvent(now: NIODeadline) -> Event? {
        while true {
            if let event = told.popFirst() { return event }
            do throws(HubError) {
                switch state {
                case .handshaking:
                    guard let request = try stream.nextObject() else { return nil }
                    handshakeAsked(request, now: now)
                case .open:
                    guard let incoming = try stream.next() else { return nil }
                    hasSpoken = true
                    if let event = take(incoming, now: now) { return event }
                case .ended: return nil
                }
            } catch { giveUp(error, now: now) }
        }
    }

    // MARK: - Private parts

    private var silence: NIODeadline? { hasSpoken ? stream.lastReceived + timeouts.clientTimeout : nil }

    private mutating func handshakeAsked(_ request: JSONValue, now: NIODeadline) {
        let objection = HubHandshake.objection(request)
        stream.sendHandshakeResponse(error: objection, now: now)
        if let objection { return end(.declined(objection)) }
        state = .open(nextPing: now + timeouts.keepAliveInterval)
        told.append(.opened)
    }

    private mutating func take(_ incoming: HubRecordStream.Incoming, now: NIODeadline) -> Event? {
        switch incoming {
        case .unreadable(let record, let error): return .unreadable(record, error)
        case .message(.invocation(let invocation)): return .invocation(invocation)
        case .message(.completion(let completion)): return .completion(completion)
        case .message(.close(let close)):
            end(.closed(close))
            return nil
        case .message(.ping): return nil
        case .message(.streamInvocation(let invocation)):
            stream.ignored()
            stream.decline(invocation, as: "server", now: now)
            return nil
        case .message(.streamItem), .message(.cancelInvocation), .message(.ack), .message(.sequence),
            .message(.unknown):
            stream.ignored()
            return nil
        }
    }

    /// A client that is let go by a server is told so, and may come back.
    private mutating func giveUp(_ error: HubError, now: NIODeadline) {
        if isOpen {
            stream.sendClose(
                HubClose(error: "Connection closed with an error.", allowsReconnect: true), now: now)
        } else {
            stream.sendHandshakeResponse(error: "\(error)", now: now)
        }
        end(.failed(error))
    }

    private mutating func end(_ reason: HubEnd) {
        if case .ended = state { return }
        state = .ended
        told.append(.ended(reason))
    }
}
