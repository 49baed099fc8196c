import Codecs

/// One call as far as its events tell: a fold over them. The state is computed from its parts, never stepped.
///
/// A class, owned by the tracker's table alone and never handed out: calls are looked at many times for each event, and
/// copies of a struct of this size were the largest part of that.
final class CallState {
    /// A phone that rings.
    struct Ring {
        let key: String
        let since: Timestamp
        let body: RingBody
    }

    /// Who rings, for the line that ends the ring.
    struct RingBody {
        let agent: Agent?
        let target: Target?
        let queue: Queue?
    }

    /// What few calls have; a class so that the others stay small. Never shared: states are not copied.
    final class Rare {
        var queue: Queue?
        var queuedSince: Timestamp?
        var lastQueue: Queue?
        var treatment: Treatment?
        var parkedSlot: String?
        var parkedSince: Timestamp?
        var heldSince: Timestamp?
        var transferOpen = false
        var transferCount: Int32 = 0
        var transferringKey: String?
        var trunk: Trunk?
        var leg: String?
        var rings: [Ring] = []
        var counts: [String: Int32] = [:]
        var queuedAt: Timestamp?
        var ringingAt: Timestamp?
        var heldMicroseconds: Int64 = 0
        var parkedMicroseconds: Int64 = 0
        var wasHeld = false
        var wasParked = false
        /// Somebody who was connected has left; and how long those who did had talked, where the vendor says so of each.
        var hasBeenLeft = false
        var leftTalkMilliseconds: Int64?
        /// When a call that everybody left is given up, and when that was.
        var graceUntil: Timestamp?
        var leftAt: Timestamp?
    }

    let id: String
    let hash: TextHash
    let source: Int
    /// `seq` of its first and its last line.
    var firstSeq: Int64 = 0
    var lastSeq: Int64 = 0
    var callSeq: Int32 = 0
    var gaps: Int32 = 0
    var openedByDialing = false
    var hasEnded = false
    var wasAnswered = false
    var direction: Direction = .unknown
    /// Which of the values below came from the vendor, which were computed.
    var hasVendorDurations = false
    var hasDerivedDurations = false
    var from: Party?
    var to: Party?
    var lastAgent: Agent?
    /// Those that belong to the whole call, without the vendor's call id.
    var references = References()
    var connected: [String] = []
    var offeredAt: Timestamp?
    var answeredAt: Timestamp?
    var queueMilliseconds: Int64?
    var ringMilliseconds: Int64?
    var talkedMicroseconds: Int64 = 0
    /// `occurred_at` of the last line that was not late.
    var lastOccurred: Timestamp
    var lastReceived: Timestamp
    private var rareStorage: Rare?
    /// Neighbours in the list of calls that share a deadline.
    var previous: Int32 = -1
    var next: Int32 = -1
    var list: Int32 = -1

    init(id: String, hash: TextHash, source: Int, at time: Timestamp, receivedAt: Timestamp) {
        (self.id, self.hash, self.source) = (id, hash, source)
        (lastOccurred, lastReceived) = (time, receivedAt)
    }

    /// For reading; nil for the plain calls.
    var rare: Rare? { rareStorage }

    private var needed: Rare {
        get {
            if let rareStorage { return rareStorage }
            let fresh = Rare()
            rareStorage = fresh
            return fresh
        }
    }

    var isAlerting: Bool { rareStorage.map { !$0.rings.isEmpty } ?? false }
    var alertingCount: Int32 { Int32(rareStorage?.rings.count ?? 0) }

    func ring(_ key: String) -> Ring? { rareStorage?.rings.first { $0.key == key } }

    /// How often a fact like this really happened.
    func count(_ kind: Kind, _ key: String) -> Int32 { rareStorage?.counts["\(kind.rawValue)\u{1F}\(key)"] ?? 0 }

    var phase: CallPhase {
        if hasEnded { return .ended }
        if rareStorage?.parkedSlot != nil { return .parked }
        if rareStorage?.heldSince != nil { return .held }
        if !connected.isEmpty { return .talking }
        if isAlerting { return .ringing }
        if rareStorage?.queue != nil { return .queued }
        if rareStorage?.treatment != nil { return .treatment }
        return openedByDialing ? .dialing : .offered
    }

    // MARK: Fold

    /// Takes in one event of the call. The only way in which a state changes, live and at a restart alike.
    func evolve(_ event: CallEvent, profile: SourceProfile) {
        lastSeq = event.seq
        if firstSeq == 0 { firstSeq = event.seq }
        if let call = event.call {
            callSeq = call.seq
            gaps = max(gaps, call.gaps ?? 0)
            if call.direction != .unknown { direction = call.direction }
            if let leg = call.leg, rareStorage?.leg == nil { needed.leg = leg }
        }
        lastReceived = max(lastReceived, event.receivedAt)
        absorbContext(event.body)
        guard !hasEnded else {
            // A record that corrects another may be older than it: that one would be late.
            if !event.late { lastOccurred = max(lastOccurred, event.occurredAt) }
            return
        }
        if profile.countsFacts, !event.kind.isOpener {
            needed.counts["\(event.kind.rawValue)\u{1F}\(FactKey.of(event.kind, event.body))", default: 0] += 1
        }
        account(until: event.occurredAt)
        apply(event, profile)
    }

    private func absorbContext(_ body: EventBody) {
        if from == nil { from = body.from }
        if to == nil { to = body.to }
        if let trunk = body.trunk, rareStorage?.trunk == nil { needed.trunk = trunk }
        for entry in body.references.entries where entry.key.isOfCall && entry.key != .vendorCallID {
            if references[entry.key] != entry.value { references[entry.key] = entry.value }
        }
    }

    /// Adds the time since the last event to the state that is left; never negative.
    private func account(until time: Timestamp) {
        guard time > lastOccurred else { return }
        let spent = time.microseconds - lastOccurred.microseconds
        switch phase {
        case .talking: talkedMicroseconds += spent
        case .held: rareStorage?.heldMicroseconds += spent
        case .parked: rareStorage?.parkedMicroseconds += spent
        case .offered, .dialing, .treatment, .queued, .ringing, .ended: break
        }
        lastOccurred = time
    }

    private func apply(_ event: CallEvent, _ profile: SourceProfile) {
        let body = event.body
        switch event.kind {
        case .callOffered, .callDialing:
            openedByDialing = event.kind == .callDialing
            offeredAt = event.occurredAt
            lastOccurred = event.occurredAt
        case .callQueued: enterQueue(body.queue, at: event.occurredAt)
        case .callRinging: startRing(event)
        case .callRingStopped:
            let key = FactKey.party(body)
            rareStorage?.rings.removeAll { $0.key == key }
        case .callAnswered: answer(event)
        case .callLeft: leave(event, grace: profile.transferGrace)
        case .callHeld:
            needed.heldSince = event.occurredAt
            needed.wasHeld = true
        case .callRetrieved: rareStorage?.heldSince = nil
        case .callParked, .callUnparked: applyPark(event)
        case .callDiverted: leaveQueue()
        case .callTransferStarted, .callTransferConnected, .callTransferCancelled: applyTransfer(event)
        case .callTreatment:
            leaveQueue()
            if case .treatment(let treatment) = body.detail { needed.treatment = treatment }
        case .callConferenced:
            let key = FactKey.party(body)
            if !connected.contains(key) { connected.append(key) }
        case .callEnded: end()
        default: break
        }
    }

    private func enterQueue(_ queue: Queue?, at time: Timestamp) {
        let rare = needed
        if rare.queuedAt == nil { rare.queuedAt = time }
        (rare.queue, rare.lastQueue, rare.queuedSince, rare.treatment) = (queue, queue, time, nil)
    }

    private func leaveQueue() {
        guard let rare = rareStorage else { return }
        (rare.queue, rare.queuedSince, rare.treatment) = (nil, nil, nil)
    }

    private func startRing(_ event: CallEvent) {
        let rare = needed
        if let queue = event.body.queue { (rare.queue, rare.lastQueue) = (queue, queue) }
        if rare.ringingAt == nil { rare.ringingAt = event.occurredAt }
        var target: Target?
        if case .target(let named) = event.body.detail { target = named }
        rare.rings.append(
            Ring(
                key: FactKey.party(event.body), since: event.occurredAt,
                body: RingBody(agent: event.body.agent, target: target, queue: event.body.queue)))
        rare.graceUntil = nil
    }

    private func answer(_ event: CallEvent) {
        let key = FactKey.party(event.body)
        if !connected.contains(key) { connected.append(key) }
        if let rare = rareStorage {
            rare.rings.removeAll { $0.key == key }
            (rare.parkedSlot, rare.parkedSince, rare.graceUntil) = (nil, nil, nil)
            if let queue = event.body.queue { rare.lastQueue = queue }
        }
        leaveQueue()
        if let agent = event.body.agent { lastAgent = agent }
        guard !wasAnswered else { return }
        wasAnswered = true
        answeredAt = event.occurredAt
        queueMilliseconds = event.body.timing?.queueMilliseconds
        ringMilliseconds = event.body.timing?.ringMilliseconds
        guard queueMilliseconds != nil || ringMilliseconds != nil, let source = event.body.timing?.source
        else { return }
        hasVendorDurations = source != .derived
        hasDerivedDurations = source != .vendor
    }

    private func leave(_ event: CallEvent, grace: Duration?) {
        let key = FactKey.party(event.body)
        connected.removeAll { $0 == key }
        let rare = needed
        let talked = event.body.timing?.talkMilliseconds
        rare.leftTalkMilliseconds =
            rare.hasBeenLeft ? rare.leftTalkMilliseconds.flatMap { sum in talked.map { sum &+ $0 } } : talked
        rare.hasBeenLeft = true
        guard connected.isEmpty, !isAlerting, let grace else { return }
        needed.graceUntil = event.receivedAt.advanced(by: grace)
        needed.leftAt = event.occurredAt
    }

    private func applyPark(_ event: CallEvent) {
        guard case .park(let park) = event.body.detail else { return }
        let rare = needed
        if event.kind == .callParked {
            connected = []
            (rare.parkedSlot, rare.parkedSince, rare.wasParked) = (park.slot, event.occurredAt, true)
        } else {
            (rare.parkedSlot, rare.parkedSince) = (nil, nil)
            connected.append(FactKey.party(event.body))
            if let agent = event.body.agent { lastAgent = agent }
        }
    }

    private func applyTransfer(_ event: CallEvent) {
        guard case .transfer(let transfer) = event.body.detail else { return }
        let rare = needed
        rare.transferCount = max(rare.transferCount, transfer.number)
        rare.transferOpen = event.kind == .callTransferStarted
        if event.kind == .callTransferStarted {
            rare.transferringKey = event.body.agent.map { "agent:" + $0.id } ?? connected.last
            return
        }
        if event.kind == .callTransferConnected {
            if let leaving = rare.transferringKey { connected.removeAll { $0 == leaving } }
            if let target = transfer.target {
                let key = target.type == .user ? "agent:\(target.id ?? "")" : FactKey.key(of: target)
                if !connected.contains(key) { connected.append(key) }
            }
        }
        rare.transferringKey = nil
    }

    private func end() {
        hasEnded = true
        connected = []
        // Late repeats are known by their counts; the rest is given back.
        guard let rare = rareStorage else { return }
        rareStorage = nil
        guard !rare.counts.isEmpty else { return }
        needed.counts = rare.counts
    }
}
