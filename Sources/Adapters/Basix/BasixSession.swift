import BridgeCore
import NIOCore
import WireProtocols

/// The conversation with a Basix server: what is asked for at the opening, what has to come, and what ends it.
///
/// The socket takes commands that control calls, so nothing is ever sent on it. Time is passed in; nothing is waited for.
///
/// States: *closed*; *open*, nothing of use has come; *up*, layouts or state come; *useful*, the channels were dumped. A
/// connection that the server refuses by its limit never comes up.
struct BasixSession {
    /// Why a connection is given up.
    enum CloseReason: Equatable {
        /// Every place of our name is taken.
        case limitReached(wasForced: Bool)
        /// Somebody else took ours.
        case replaced
        case loggedOut
        /// Messages in a row that nobody can read: a lost layout would spoil all that follow.
        case unreadable(count: Int)
        /// No state of the channels came.
        case noSnapshot(within: TimeAmount)
    }

    /// What a message means for the connection.
    struct Step: Equatable {
        /// The first message of use: the link is up. To be told before the message's facts.
        var isUp = false
        /// The channels were dumped: the link does what it is for. To be told after the message's facts.
        var isUseful = false
        /// To be given up, after the message's facts.
        var failure: CloseReason?
    }

    /// What of a message matters here.
    enum Kind: Equatable {
        case data
        case snapshotOfChannels
        case systemMessage(String?)
        case unreadable
        /// Not in the server's manner, and no harm.
        case foreign
    }

    static let snapshotTimeout = TimeAmount.seconds(10)
    static let unreadableLimit = 10

    private let query: [(name: String, value: String)]
    private let force: Bool
    /// False after we were replaced, or refused without force, until a connection was of use again: never fight for the place.
    private(set) var mayForce: Bool
    private var wasForced = false
    private var isOpen = false
    private(set) var isUp = false
    private(set) var isUseful = false
    private var unreadableInRow = 0
    private var snapshotDue: NIODeadline?

    init(_ configuration: BasixConfiguration) {
        var query = [
            (name: "app_name", value: configuration.appName),
            (name: "full_events", value: configuration.hasFullEvents ? "true" : "false"),
        ]
        if let watch = configuration.watch { query.append((name: watch.by.rawValue, value: watch.value)) }
        self.query = query
        (force, mayForce) = (configuration.force, configuration.force)
    }

    /// What the next opening asks for. The vendor's documents disagree on the name of the forcing parameter: both.
    mutating func opening() -> [(name: String, value: String)] {
        wasForced = force && mayForce
        return wasForced ? query + [(name: "force", value: "true"), (name: "forced", value: "true")] : query
    }

    // MARK: - Inputs

    mutating func connected(now: NIODeadline) {
        (isOpen, isUp, isUseful, unreadableInRow) = (true, false, false, 0)
        snapshotDue = now + Self.snapshotTimeout
    }

    mutating func connectionClosed() {
        (isOpen, isUp, isUseful, snapshotDue) = (false, false, false, nil)
    }

    mutating func received(_ kind: Kind) -> Step {
        guard isOpen else { return Step() }
        unreadableInRow = kind == .unreadable ? unreadableInRow + 1 : 0
        var step = Step()
        switch kind {
        case .data: step.isUp = !isUp
        case .snapshotOfChannels:
            step.isUp = !isUp
            step.isUseful = !isUseful
            (isUseful, snapshotDue, mayForce) = (true, nil, force)
        case .systemMessage(let text): step.failure = failure(text)
        case .unreadable:
            if unreadableInRow >= Self.unreadableLimit { step.failure = .unreadable(count: unreadableInRow) }
        case .foreign: break
        }
        if step.isUp { isUp = true }
        return step
    }

    private mutating func failure(_ text: String?) -> CloseReason? {
        switch text {
        case "connection_limit_reached":
            mayForce = mayForce && !wasForced
            return .limitReached(wasForced: wasForced)
        case "connection_replaced":
            mayForce = false
            return .replaced
        case "logout": return .loggedOut
        default: return nil
        }
    }

    /// What is overdue at `now`.
    mutating func deadlineReached(now: NIODeadline) -> CloseReason? {
        guard let due = snapshotDue, now >= due else { return nil }
        snapshotDue = nil
        return .noSnapshot(within: Self.snapshotTimeout)
    }

    var nextDeadline: NIODeadline? { snapshotDue }
}

extension BasixSession.CloseReason: CustomStringConvertible {
    /// One sentence with advice.
    var description: String {
        switch self {
        case .limitReached(let wasForced):
            "the server's limit of connections with this app_name is reached; give this bridge an app_name of its own, or "
                + (wasForced ? "close the other connections" : "set force: true to close the oldest one for it")
        case .replaced:
            "another connection with the same app_name took our place; give each an app_name of its own. It is not "
                + "fought for: the next attempt comes in a minute, without force"
        case .loggedOut: "the server ended the session (logout)"
        case .unreadable(let count): "\(count) messages in a row could not be read; source.unmapped lines hold them"
        case .noSnapshot(let limit):
            "no state of the channels within \(limit.nanoseconds / 1_000_000_000) s after the connect; look whether the "
                + "token may see them, and full_events"
        }
    }

    /// Somebody has to change something: back off longer.
    var isRefusal: Bool {
        switch self {
        case .limitReached, .replaced: true
        case .loggedOut, .unreadable, .noSnapshot: false
        }
    }
}

extension BasixSession.Kind {
    init(_ message: BasixMessage) {
        switch message {
        case .initialInfo(.channel, _): self = .snapshotOfChannels
        case .fieldSpec, .initialInfo, .infoEvent, .userMessage: self = .data
        case .systemMessage(let value): self = .systemMessage(value.repairedText)
        case .unknown: self = .foreign
        }
    }
}
