/// What the tracker must know of a source.
public struct SourceProfile: Sendable, Equatable {
    public enum Lifecycle: String, CaseIterable, Sendable {
        /// One opener and one end for each call, made up where the vendor is silent.
        case strict
        /// Vendor facts only: no synthetic openers or ring stops.
        case sparse
    }

    public var vendor: String
    public var name: String
    /// Written on every line of the source, unless the vendor names a tenant itself.
    public var tenant: String?
    public var lifecycle: Lifecycle
    /// What a reconnect can still get from the vendor.
    public var recoverable: Gap.Recoverable = .none
    /// The vendor gives neither times nor message ids: facts of a call are told apart by counting them.
    public var countsFacts = false
    /// The vendor never says that a phone stopped ringing because another one answered, or because the caller gave up.
    public var closesOtherRings = false
    /// A second `ringing` of the same phone after this long, or from another queue, is a new ring.
    public var ringsAgainAfter: Duration?
    /// Silence after which a call that nobody has taken is given up; nil: the tracker's limit.
    public var ringTimeout: Duration?
    /// Calls are made of legs that the vendor tells one by one: a restart looks for them in the stored lines.
    public var keepsLegs = false
    /// The vendor's presence comes without a time or an id of its own: a state like the others, of which the last counts.
    public var presenceIsState = false
    /// How long a call that everybody left may still be taken up by somebody else.
    public var transferGrace: Duration?
    /// Silence after which a talking call is given up.
    public var talkTimeout: Duration = .seconds(12 * 3600)

    public init(vendor: String, name: String, tenant: String? = nil, lifecycle: Lifecycle = .strict) {
        (self.vendor, self.name, self.tenant, self.lifecycle) = (vendor, name, tenant, lifecycle)
    }

    /// True for the kinds of which only the last line of an entity counts.
    func isState(_ kind: Kind) -> Bool { kind.isState || kind == .agentPresence && presenceIsState }
}

/// Bounds of the tracker.
public struct TrackerLimits: Sendable, Equatable {
    /// Calls held in memory, ended ones that linger included.
    public var calls = 20_000
    /// Ended calls held for their records and late facts; above it the oldest goes before its time.
    public var lingering = 4_000
    /// How long an ended call is kept for its record and late facts.
    public var linger: Duration = .seconds(60)
    /// Calls remembered after that, only to prevent a second opener.
    public var tombstones = 100_000
    public var tombstoneAge: Duration = .seconds(24 * 3600)
    /// Event ids remembered per source.
    public var recentIDs = 65_536
    /// Agents, queues and lists whose last state is remembered.
    public var entities = 16_384
    /// Silence after which a call that nobody has taken is given up.
    public var ringTimeout: Duration = .seconds(15 * 60)
    /// Silence after which a waiting call is given up.
    public var queueTimeout: Duration = .seconds(4 * 3600)

    public init() {}
}

/// What the tracker did not write, and what it made up.
public struct TrackerCounters: Sendable, Equatable {
    /// Facts dropped because their id is known.
    public var repeatedIDs = 0
    /// Facts dropped because they change nothing.
    public var repeatedStates = 0
    public var late = 0
    public var timedOut = 0
    public var evicted = 0

    public init() {}
}
