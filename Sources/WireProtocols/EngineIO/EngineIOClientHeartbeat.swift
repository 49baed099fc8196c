import NIOCore

/// How a client keeps an Engine.IO session alive, and notices that its server is gone, whatever the server does about it
/// (note, section 2.4).
///
/// Version 3: we ping; a ping after which nothing comes within the time limit ends the session. Version 4: the server
/// pings; nothing at all within its interval and its time limit ends it.
struct EngineIOClientHeartbeat: Sendable {
    enum Step: Equatable {
        case nothing
        /// Send one.
        case ping
        /// The peer is gone.
        case dead(silentFor: TimeAmount)
    }

    private let version: EngineIOVersion
    private let interval: TimeAmount
    private let limit: TimeAmount
    private var lastReceived: NIODeadline
    private var lastPing: NIODeadline
    private var nextPing: NIODeadline
    /// Version 3: of the pings after which nothing came the first.
    private var unanswered: NIODeadline?
    private var lacksPong = false
    private var isReceiving = true
    /// Version 3: pings of ours without a pong when the next was due. Version 4: pings of the server that did not come.
    private(set) var missed = 0
    private(set) var roundTrip: TimeAmount?

    /// Version 3 pings a little more often than the server asks for: python-engineio 3.14 ends a session after `pingTimeout`
    /// of silence, although it grants `pingInterval` more (recording eio3-client-reconnect). `pongLimit` shortens what old
    /// servers grant themselves, which is a minute.
    init(version: EngineIOVersion, opening: EngineIOOpening, pongLimit: TimeAmount, now: NIODeadline) {
        self.version = version
        switch version {
        case .v3:
            let fourFifths = TimeAmount.nanoseconds(opening.pingTimeout.nanoseconds / 5 * 4)
            interval = max(min(opening.pingInterval, fourFifths), .milliseconds(1))
            limit = min(opening.pingTimeout, pongLimit)
        case .v4: (interval, limit) = (opening.pingInterval, opening.pingInterval + opening.pingTimeout)
        }
        (lastReceived, lastPing, nextPing) = (now, now, now + interval)
    }

    /// Anything came.
    mutating func received(now: NIODeadline) {
        lastReceived = now
        unanswered = nil
    }

    /// The server's ping came (version 4).
    mutating func pinged(now: NIODeadline) {
        let intervals = (now - lastPing).nanoseconds &+ interval.nanoseconds / 2
        missed += Int(max(0, intervals / max(interval.nanoseconds, 1) - 1))
        lastPing = now
    }

    /// The answer to our ping came (version 3).
    mutating func ponged(now: NIODeadline) {
        if lacksPong { roundTrip = now - lastPing }
        lacksPong = false
    }

    /// While nothing is read, silence is not held against the peer.
    mutating func setReceiving(_ isReceiving: Bool, now: NIODeadline) {
        guard isReceiving != self.isReceiving else { return }
        self.isReceiving = isReceiving
        lastReceived = now
        if unanswered != nil { unanswered = now }
    }

    var nextDeadline: NIODeadline? {
        switch version {
        case .v3: isReceiving ? min(nextPing, unanswered.map { $0 + limit } ?? nextPing) : nextPing
        case .v4: isReceiving ? lastReceived + limit : nil
        }
    }

    mutating func deadlineReached(now: NIODeadline) -> Step {
        switch version {
        case .v3:
            if isReceiving, let unanswered, unanswered + limit <= now { return dead(since: lastReceived, now) }
            guard nextPing <= now else { return .nothing }
            if lacksPong { missed += 1 }
            (lastPing, nextPing, lacksPong) = (now, now + interval, true)
            if unanswered == nil { unanswered = now }
            return .ping
        case .v4:
            guard isReceiving, lastReceived + limit <= now else { return .nothing }
            return dead(since: lastReceived, now)
        }
    }

    private mutating func dead(since: NIODeadline, _ now: NIODeadline) -> Step {
        missed += 1
        return .dead(silentFor: now - since)
    }
}
