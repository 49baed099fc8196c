import Codecs

extension CallTracker {
    /// A call in memory, as a mapper needs it that goes on after a restart.
    public struct RecentCall: Sendable, Equatable {
        /// The vendor's id.
        public var id: String
        /// It is only remembered for late facts.
        public var hasEnded: Bool
        public var direction: Direction
        public var wasAnswered: Bool
        /// The latest time that one of its lines tells, late ones aside.
        public var lastOccurred: Timestamp
        /// Who rings and who is connected: `agent:ID`, `target:TYPE:ID`, or empty.
        public var alerting: [String]
        public var connected: [String]
        public var queueID: String?
        /// The queue that it is in, or was in last.
        public var queue: Queue?
        public var parkedSlot: String?
        public var isInTreatment: Bool
        /// Who began the transfer that is open, where that is known; nil: none is open.
        public var transferrer: String?
        /// Every leg that a line of the call names, in their order.
        public var legs: [String]
        /// As its lines told them last.
        public var contacts: [Contact]
        public var extra: [String: String]

        public init(id: String, direction: Direction, wasAnswered: Bool, lastOccurred: Timestamp) {
            (self.id, self.direction) = (id, direction)
            (self.wasAnswered, self.lastOccurred) = (wasAnswered, lastOccurred)
            (alerting, connected, legs, contacts, extra) = ([], [], [], [], [:])
            (hasEnded, isInTreatment) = (false, false)
        }
    }

    /// What the lines of a call tell besides its state.
    struct Told {
        var legs: [String] = []
        var contacts: [Contact] = []
        var extra: [String: String] = [:]
    }

    /// Legs and extra fields remembered of one call; later ones are not looked for.
    static var maximumTold: Int { 256 }

    /// The calls of a source after a restart that are open or have ended lately, oldest first. To be asked once, before
    /// anything new is applied: what was remembered of their legs is given up.
    public mutating func takeRecentCalls(of source: Int) -> [RecentCall] {
        let held = heldSlots.map { calls[$0] }.filter { $0.source == source }
        let prefix = sources[source].callPrefix
        defer { restoredCalls = restoredCalls.filter { !$0.key.hasPrefix(prefix) } }
        return held.sorted { $0.firstSeq < $1.firstSeq }.map { state in
            var call = RecentCall(
                id: String(state.id.dropFirst(prefix.count)), direction: state.direction,
                wasAnswered: state.wasAnswered, lastOccurred: state.lastOccurred)
            call.connected = state.connected
            call.alerting = state.rare?.rings.map(\.key) ?? []
            call.queueID = state.rare?.queue?.id
            call.queue = state.rare?.queue ?? state.rare?.lastQueue
            call.parkedSlot = state.rare?.parkedSlot
            call.isInTreatment = state.rare?.treatment != nil
            call.hasEnded = state.hasEnded
            if let rare = state.rare, rare.transferOpen { call.transferrer = rare.transferringKey ?? "" }
            let told = restoredCalls[state.id] ?? Told()
            (call.legs, call.contacts, call.extra) = (told.legs, told.contacts, told.extra)
            return call
        }
    }

    /// Of a stored line: the legs that it names, and more that a mapper cannot ask its vendor about.
    mutating func noteTold(by event: CallEvent) {
        guard let call = event.call,
            sources.contains(where: { $0.profile.keepsLegs && $0.profile.name == event.source.name })
        else { return }
        var told = restoredCalls[call.id] ?? Told()
        for leg in [call.leg, call.peerLeg] {
            if let leg, told.legs.count < Self.maximumTold, !told.legs.contains(leg) { told.legs.append(leg) }
        }
        if !event.body.contacts.isEmpty { told.contacts = event.body.contacts }
        for field in event.body.extra where told.extra.count < Self.maximumTold || told.extra[field.name] != nil {
            told.extra[field.name] = field.value
        }
        restoredCalls[call.id] = told
    }
}
