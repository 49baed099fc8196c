import Codecs

/// Facts to events: decides which facts are new, completes the lives of calls, and numbers the lines.
///
/// Theory of operation. The state is a fold over the events that were written: `decide` looks at the state and makes events,
/// `fold` takes each event in, and nothing else changes a call. So a restart feeds the stored events of open calls to `fold`
/// and goes on as if nothing had happened.
///
/// Pure: the time is an argument, and there is no clock, no I/O and no randomness. Events come out in `output`, in `seq` order.
/// Promises: docs/call-event.md, "Promises to the consumer".
public struct CallTracker: ~Copyable {
    /// An event, and the `seq` of the line before it in the same call (0: none).
    public struct Output: Sendable {
        public let event: CallEvent
        public let previousSeq: Int64
    }

    /// A call that has left memory.
    struct Tombstone {
        var lastSeq: Int64
        var callSeq: Int32
        var direction: Direction
        var at: Timestamp
    }

    struct EntityState {
        var changes: Int64
        var hash: UInt64
    }

    /// A class, so that looking at it copies nothing; owned by the tracker alone.
    final class Source {
        let profile: SourceProfile
        /// `name:`, the beginning of each of its call ids, and the state of their hashes behind it.
        let callPrefix: String
        let callPrefixState: UInt64
        var recentIDs: BoundedMap<UUID128, Void>
        var isUp = false
        /// When the link was last known to be good; nil before the first connect in this stream.
        var lastGood: Timestamp?
        /// When calls were last known, while no state dump has told since the link came back which of them are left.
        var unseenSince: Timestamp?
        var gapReason: Gap.Reason = .disconnect

        init(profile: SourceProfile, recentIDs: BoundedMap<UUID128, Void>) {
            (self.profile, self.recentIDs) = (profile, recentIDs)
            callPrefix = profile.name + ":"
            callPrefixState = Array(callPrefix.utf8).withUnsafeBytes {
                TextHash.state(of: $0, after: TextHash.beginning)
            }
        }
    }

    public let stream: UUID128
    public internal(set) var nextSeq: Int64 = 1
    public private(set) var counters = TrackerCounters()
    /// Events since the last `takeOutput`.
    public private(set) var output: [Output] = []
    let limits: TrackerLimits

    var sources: [Source] = []
    var calls: [CallState] = []
    var freeSlots: [Int32] = []
    var table = CallTable()
    /// For each source: ring, queue and talk time-outs, and ended calls that linger.
    var lists: [DeadlineList] = []
    var tombstones: BoundedMap<TextHash, Tombstone>
    var entities: BoundedMap<TextHash, EntityState>
    /// True once an entity was forgotten: its next change is then numbered by `seq`, so that no id comes twice.
    var forgotEntities = false
    /// For each call whose lines were read back at a restart what they tell besides its state, until somebody asks for it.
    var restoredCalls: [String: Told] = [:]
    /// Calls whose phones and parties have all gone, waiting for somebody else (few; bounded by `limits.calls`).
    var graceSlots: [Int32] = []
    var identifier = EventIdentifier()
    /// Stands in freed places of `calls`.
    let vacant = CallState(
        id: "", hash: TextHash(value: 0), source: 0, at: Timestamp(microseconds: 0),
        receivedAt: Timestamp(microseconds: 0))

    public init(stream: UUID128, limits: TrackerLimits = TrackerLimits()) {
        (self.stream, self.limits) = (stream, limits)
        tombstones = BoundedMap(limit: limits.tombstones)
        entities = BoundedMap(limit: limits.entities)
    }

    /// Adds a source. The number is its handle; registering the same profiles in the same order gives the same numbers.
    public mutating func register(_ profile: SourceProfile) -> Int {
        if let known = sourceIndex(profile.vendor, profile.name) { return known }
        sources.append(Source(profile: profile, recentIDs: BoundedMap(limit: limits.recentIDs)))
        lists.append(contentsOf: Array(repeating: DeadlineList(), count: TimeoutClass.allCases.count))
        return sources.count - 1
    }

    /// Takes `output` away, as a whole and without copies.
    public mutating func takeOutput() -> [Output] {
        var taken: [Output] = []
        taken.reserveCapacity(min(output.count, 64))
        swap(&taken, &output)
        return taken
    }

    /// Calls that are open.
    public var openCallCount: Int { calls.count - freeSlots.count - endedCount }
    var endedCount = 0

    /// Where calls are held, in no order.
    var heldSlots: [Int] { calls.indices.filter { calls[$0] !== vacant } }

    // MARK: Facts

    /// Takes in facts of a registered source, in their order, and leaves none of them: they are completed in place.
    public mutating func apply(_ facts: inout [CallFact], from source: Int, receivedAt: Timestamp) {
        for index in facts.indices { apply(&facts[index], from: source, receivedAt: receivedAt) }
        facts.removeAll(keepingCapacity: true)
    }

    /// Takes in one fact of a registered source.
    public mutating func apply(_ fact: CallFact, from source: Int, receivedAt: Timestamp) {
        var fact = fact
        apply(&fact, from: source, receivedAt: receivedAt)
    }

    private mutating func apply(_ fact: inout CallFact, from source: Int, receivedAt: Timestamp) {
        guard fact.kind.isCall, let vendorID = fact.callID, !vendorID.isEmpty else {
            return applyWithoutCall(&fact, source, receivedAt)
        }
        let name = CallName(vendorID, of: sources[source])
        if let slot = table.slot(of: name, in: calls) {
            applyToCall(&fact, slot, receivedAt)
        } else if let tombstone = tombstones[name.hash],
            receivedAt < tombstone.at.advanced(by: limits.tombstoneAge)
        {
            applyToTombstone(&fact, name, tombstone, source, receivedAt)
        } else {
            applyToUnknownCall(&fact, name, source, receivedAt)
        }
    }

    private mutating func applyToUnknownCall(
        _ fact: inout CallFact, _ name: CallName, _ source: Int, _ receivedAt: Timestamp
    ) {
        if fact.kind == .callMissed { return applyWithoutCall(&fact, source, receivedAt) }
        let owner = sources[source]
        if fact.isImplied, owner.profile.lifecycle == .sparse { return countRepeatedState() }
        // Ids are remembered longer than tombstones: a call whose end is known lives no second time.
        if owner.recentIDs.contains(identifier.make(owner, "end", name.vendorID)) {
            return applyToForgottenCall(&fact, source, receivedAt)
        }
        if fact.kind.isOpener {
            makeRoom(now: receivedAt)
            emit(&fact, of: .new(name), source: source, receivedAt: receivedAt)
            return
        }
        numberFirstTransfer(&fact)
        let cause = identifyFirst(of: fact, owner, receivedAt)
        if fact.identity != .stream, owner.recentIDs.contains(cause) {
            counters.repeatedIDs += 1
            return
        }
        makeRoom(now: receivedAt)
        var slot: Int?
        if owner.profile.lifecycle == .strict {
            var opener = syntheticOpener(for: fact, receivedAt: receivedAt)
            slot = emit(&opener, of: .new(name), source: source, receivedAt: receivedAt, causedBy: cause)
        }
        if fact.kind != .callRecord { fact.identified = (fact.kind, cause) }
        applyToCall(
            &fact, slot ?? takeSlot(name.id, name.hash, source, fact.occurredAt ?? receivedAt, receivedAt), receivedAt,
            isFirst: true)
    }

    /// An ended call of which not even a tombstone is left: its record may still be told, without the call.
    private mutating func applyToForgottenCall(_ fact: inout CallFact, _ source: Int, _ receivedAt: Timestamp) {
        guard fact.kind == .callRecord else {
            counters.repeatedIDs += 1
            return
        }
        fact.body.references[.vendorCallID] = fact.callID
        applyWithoutCall(&fact, source, receivedAt)
    }

    /// The transfer of a call of which nothing else is known is its first.
    private func numberFirstTransfer(_ fact: inout CallFact) {
        guard case .transfer(var transfer) = fact.body.detail else { return }
        transfer.number = 1
        fact.body.detail = .transfer(transfer)
    }

    /// The id of the first line that `fact` becomes: a record ends its call first.
    private mutating func identifyFirst(of fact: CallFact, _ owner: Source, _ receivedAt: Timestamp) -> UUID128 {
        guard fact.kind == .callRecord else { return identify(fact, owner, slot: nil, receivedAt: receivedAt) }
        return identifier.make(owner, "end", fact.callID ?? "")
    }

    private func syntheticOpener(for fact: CallFact, receivedAt: Timestamp) -> CallFact {
        let hint = fact.opener ?? .init(kind: fact.direction == .outbound ? .callDialing : .callOffered)
        var opener = CallFact(
            hint.kind, callID: fact.callID, event: fact.event, occurredAt: fact.occurredAt,
            timeSource: fact.timeSource)
        if let lead = hint.lead {
            let begin = (fact.occurredAt ?? receivedAt).advanced(by: .zero - lead)
            (opener.occurredAt, opener.timeSource) = (begin, .derived)
        } else if let begin = hint.occurredAt {
            (opener.occurredAt, opener.timeSource) = (begin, .derived)
        }
        opener.origin = .synthetic
        opener.direction = fact.direction
        opener.leg = fact.leg
        opener.tenant = fact.tenant
        opener.body = EventBody(openingOf: fact.body)
        return opener
    }

    /// A late line of a call that has left memory; never a second opener, never a second end.
    private mutating func applyToTombstone(
        _ fact: inout CallFact, _ name: CallName, _ tombstone: Tombstone, _ source: Int, _ receivedAt: Timestamp
    ) {
        guard !fact.kind.isOpener, fact.kind != .callAbandoned, fact.kind != .callEnded, !fact.isImplied else {
            counters.repeatedIDs += 1
            return
        }
        Self.completeLateStop(&fact)
        emit(&fact, of: .buried(name, tombstone), source: source, receivedAt: receivedAt)
    }

    private mutating func applyWithoutCall(_ fact: inout CallFact, _ source: Int, _ receivedAt: Timestamp) {
        if let present = fact.presentCalls { reconcile(&fact, present, source, receivedAt) }
        if sources[source].profile.isState(fact.kind) {
            let key = StateEntity.key(fact.kind, source: sources[source].profile.name, fact.body)
            guard entities[key]?.hash != LineWriter.hash(of: fact.body) else {
                counters.repeatedStates += 1
                return
            }
        }
        emit(&fact, of: nil, source: source, receivedAt: receivedAt)
    }

    // MARK: Lines

    /// The call that a line tells of.
    enum Subject {
        case held(Int)
        case new(CallName)
        case buried(CallName, Tombstone)
    }

    /// Makes the event of a fact that was found worth a line, folds it, and puts it out. Drops it if its id is known.
    /// Returns where the call is held afterwards.
    @discardableResult
    mutating func emit(
        _ fact: inout CallFact, of subject: Subject?, source: Int, receivedAt: Timestamp, causedBy: UUID128? = nil
    ) -> Int? {
        let owner = sources[source]
        var slot: Int?
        if case .held(let held) = subject { slot = held }
        let eventID = identify(fact, owner, slot: slot, receivedAt: receivedAt)
        guard !owner.recentIDs.contains(eventID) else {
            counters.repeatedIDs += 1
            return slot
        }
        let occurredAt = fact.occurredAt ?? receivedAt
        var event = CallEvent(
            id: eventID, kind: fact.kind, stream: stream, seq: nextSeq, occurredAt: occurredAt, receivedAt: receivedAt,
            timeSource: fact.occurredAt == nil ? .received : fact.timeSource, origin: fact.origin,
            tenant: fact.tenant ?? owner.profile.tenant,
            source: SourceReference(vendor: owner.profile.vendor, name: owner.profile.name, event: fact.event),
            body: fact.body)
        event.causedBy = causedBy
        event.uncertainMilliseconds = fact.uncertainMilliseconds
        if fact.isUnseen, let since = sources[source].unseenSince {
            event.uncertainMilliseconds = receivedAt.milliseconds(since: since)
        }
        var previousSeq: Int64 = 0
        var hash: TextHash?
        switch subject {
        case nil: break
        case .held(let slot):
            let call = calls[slot]
            hash = call.hash
            event.call = CallReference(
                id: call.id, seq: call.callSeq &+ 1, state: .offered, direction: fact.direction ?? call.direction,
                leg: fact.leg ?? call.rare?.leg, peerLeg: fact.peerLeg, gaps: call.gaps > 0 ? call.gaps : nil)
            previousSeq = call.lastSeq
            event.late =
                occurredAt < call.lastOccurred
                || (call.hasEnded && fact.kind != .callRecord && fact.kind != .callMissed)
        case .new(let name):
            hash = name.hash
            event.call = CallReference(
                id: name.id, seq: 1, state: .offered, direction: fact.direction ?? .unknown, leg: fact.leg,
                peerLeg: fact.peerLeg)
        case .buried(let name, let tombstone):
            hash = name.hash
            // Wraps only on a number that no store of ours ever held.
            event.call = CallReference(
                id: name.id, seq: tombstone.callSeq &+ 1, state: .ended,
                direction: fact.direction ?? tombstone.direction, leg: fact.leg, peerLeg: fact.peerLeg)
            previousSeq = tombstone.lastSeq
            event.late = true
        }
        if event.late { counters.late += 1 }
        let after = fold(event, source: source, hash: hash, slot: slot)
        if let after {
            event.call?.state = calls[after].phase
            if fact.kind == .callRinging || fact.kind == .callRingStopped {
                event.call?.alerting = calls[after].alertingCount
            }
        } else if fact.kind == .callEnded {
            event.call?.state = .ended
        }
        output.append(Output(event: event, previousSeq: previousSeq))
        return after
    }

    /// The id that the model gives to a fact.
    private mutating func identify(
        _ fact: CallFact, _ owner: Source, slot: Int?, receivedAt: Timestamp
    ) -> UUID128 {
        if let known = fact.identified, known.kind == fact.kind { return known.id }
        let callID = fact.callID ?? ""
        switch fact.kind {
        case .callOffered, .callDialing: return identifier.make(owner, "open", callID)
        case .callAbandoned: return identifier.make(owner, "abandon", callID)
        case .callEnded: return identifier.make(owner, "end", callID)
        default: break
        }
        switch fact.identity {
        case .counted:
            let key = FactKey.of(fact.kind, fact.body)
            let count = (slot.map { calls[$0].count(fact.kind, key) } ?? 0) + 1
            return identifier.make(owner, [fact.kind.name, callID, key, "#\(count)"])
        case .timed(let microseconds):
            return identifier.make(
                owner, [fact.kind.name, callID, FactKey.of(fact.kind, fact.body), String(microseconds)])
        case .parts(let parts): return identifier.make(owner, parts)
        case .recurring(let parts):
            let first = identifier.make(owner, parts)
            guard owner.recentIDs.contains(first) else { return first }
            return identifier.make(owner, parts + [String(receivedAt.microseconds)])
        case .state:
            let changes = entityChanges(
                StateEntity.key(fact.kind, source: owner.profile.name, fact.body), seq: nextSeq)
            return identifier.make(
                owner, [fact.kind.name, StateEntity.id(fact.body), stream.description, String(changes)])
        case .stream: return identifier.make(owner, [fact.kind.name, stream.description, String(nextSeq)])
        }
    }

    mutating func countRepeatedState() { counters.repeatedStates += 1 }
    mutating func countTimeout() { counters.timedOut += 1 }
    mutating func countEviction() { counters.evicted += 1 }

    /// The how-manieth change of an entity a line with `seq` tells.
    func entityChanges(_ key: TextHash, seq: Int64) -> Int64 {
        (entities[key]?.changes ?? (forgotEntities ? seq : 0)) + 1
    }
}
