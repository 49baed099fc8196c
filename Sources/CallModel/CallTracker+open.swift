import Codecs

extension CallTracker {
    /// A call that is open, as a mapper needs it that goes on after a restart.
    public struct OpenCall: Sendable, Equatable {
        /// The vendor's id.
        public var id: String
        public var direction: Direction
        public var wasAnswered: Bool
        /// The latest time that one of its lines tells, late ones aside.
        public var lastOccurred: Timestamp
        /// Who rings and who is connected: `agent:ID`, `target:TYPE:ID`, or empty.
        public var alerting: [String]
        public var connected: [String]
        public var queueID: String?
        public var parkedSlot: String?
        public var isInTreatment: Bool
        public var isTransferOpen: Bool
        /// Every leg that a line of the call names, in their order.
        public var legs: [String]

        public init(id: String, direction: Direction, wasAnswered: Bool, lastOccurred: Timestamp) {
            (self.id, self.direction) = (id, direction)
            (self.wasAnswered, self.lastOccurred) = (wasAnswered, lastOccurred)
            (alerting, connected, legs) = ([], [], [])
            (isInTreatment, isTransferOpen) = (false, false)
        }
    }

    /// Legs remembered of one call; later ones are not looked for.
    static var maximumLegs: Int { 256 }

    /// The open calls of a source after a restart, oldest first. To be asked once, before anything new is applied: what was
    /// remembered of their legs is given up.
    public mutating func takeOpenCalls(of source: Int) -> [OpenCall] {
        let open = slotByID.values.map { calls[Int($0)] }.filter { $0.source == source && !$0.hasEnded }
        let prefix = sources[source].callPrefix
        defer { restoredLegs = restoredLegs.filter { !$0.key.hasPrefix(prefix) } }
        return open.sorted { $0.firstSeq < $1.firstSeq }.map { state in
            var call = OpenCall(
                id: String(state.id.dropFirst(prefix.count)), direction: state.direction,
                wasAnswered: state.wasAnswered, lastOccurred: state.lastOccurred)
            call.connected = state.connected
            call.alerting = state.rare?.rings.map(\.key) ?? []
            call.queueID = state.rare?.queue?.id
            call.parkedSlot = state.rare?.parkedSlot
            call.isInTreatment = state.rare?.treatment != nil
            call.isTransferOpen = state.rare?.transferOpen ?? false
            call.legs = restoredLegs.removeValue(forKey: state.id) ?? []
            return call
        }
    }

    /// Of a stored line: the legs that it names.
    mutating func noteLegs(of event: CallEvent) {
        guard let call = event.call, call.leg != nil || call.peerLeg != nil else { return }
        for leg in [call.leg, call.peerLeg] {
            let known = restoredLegs[call.id] ?? []
            guard let leg, known.count < Self.maximumLegs, !known.contains(leg) else { continue }
            restoredLegs[call.id, default: []].append(leg)
        }
        if event.kind == .callEnded { restoredLegs[call.id] = nil }
    }
}
