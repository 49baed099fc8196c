import NIOCore
import WireProtocols

/// The conversation with a Shuttle, as far as it is not Socket.IO's own: what to remember between two connections, when a
/// connection has proved itself, and when its silence is worth a word. Time is passed in; nothing is waited for.
///
/// States: *closed*; *up*, the namespace was joined; *useful*, the connection has told something of a call, or has stood for
/// a while.
struct XCALLYSession {
    /// What falls due on a connection that is up.
    enum Due: Equatable {
        /// It has stood for long enough: what happened before it is over.
        case useful
        /// Connected, and not a word of a call for so long.
        case silent(hours: Int)
    }

    static let provesItselfAfter = TimeAmount.seconds(30)
    static let silence = TimeAmount.hours(1)

    /// The version that the server spoke last; asked for first the next time.
    private(set) var version: EngineIOVersion?
    private(set) var isUp = false
    private(set) var isUseful = false
    private var usefulAt: NIODeadline?
    private var silentAt: NIODeadline?
    private var silentHours = 0

    // MARK: - Inputs

    mutating func connected(version: EngineIOVersion, now: NIODeadline) {
        self.version = version
        (isUp, isUseful, usefulAt) = (true, false, now + Self.provesItselfAfter)
        (silentAt, silentHours) = (now + Self.silence, 0)
    }

    /// The server told something of a call. True the first time: the connection does what it is for.
    mutating func heardOfCall(now: NIODeadline) -> Bool {
        guard isUp else { return false }
        (silentAt, silentHours) = (now + Self.silence, 0)
        guard !isUseful else { return false }
        (isUseful, usefulAt) = (true, nil)
        return true
    }

    mutating func connectionClosed() {
        (isUp, isUseful, usefulAt, silentAt) = (false, false, nil, nil)
    }

    /// What is due at `now`.
    mutating func deadlineReached(now: NIODeadline) -> Due? {
        if let due = usefulAt, now >= due {
            (isUseful, usefulAt) = (true, nil)
            return .useful
        }
        if let due = silentAt, now >= due {
            silentHours += 1
            silentAt = due + Self.silence
            return .silent(hours: silentHours)
        }
        return nil
    }

    var nextDeadline: NIODeadline? {
        guard let usefulAt else { return silentAt }
        return silentAt.map { min($0, usefulAt) } ?? usefulAt
    }
}
