import NIOCore

/// How a server notices that a client is gone (note, section 2.4). Version 3: nothing came within interval and time limit.
/// Version 4: we ping every interval, and nothing came within the time limit of a ping.
struct EngineIOServerHeartbeat: Sendable {
    enum Step: Equatable {
        case nothing
        case ping
        case dead(silentFor: TimeAmount)
    }

    private let version: EngineIOVersion
    private let interval: TimeAmount
    private let timeout: TimeAmount
    private var lastReceived: NIODeadline
    private var nextPing: NIODeadline
    private var unanswered: NIODeadline?

    init(version: EngineIOVersion, opening: EngineIOOpening, now: NIODeadline) {
        (self.version, interval, timeout) = (version, opening.pingInterval, opening.pingTimeout)
        (lastReceived, nextPing) = (now, now + interval)
    }

    /// Any packet counts.
    mutating func received(now: NIODeadline) {
        (lastReceived, unanswered) = (now, nil)
    }

    var nextDeadline: NIODeadline {
        switch version {
        case .v3: lastReceived + interval + timeout
        case .v4: min(nextPing, unanswered.map { $0 + timeout } ?? nextPing)
        }
    }

    mutating func deadlineReached(now: NIODeadline) -> Step {
        switch version {
        case .v3:
            return lastReceived + interval + timeout <= now ? .dead(silentFor: now - lastReceived) : .nothing
        case .v4:
            if let unanswered, unanswered + timeout <= now { return .dead(silentFor: now - lastReceived) }
            guard nextPing <= now else { return .nothing }
            nextPing = now + interval
            if unanswered == nil { unanswered = now }
            return .ping
        }
    }
}
