import Codecs

/// The fold: takes events in, live ones as they are made and stored ones at a restart.
extension CallTracker {
    /// Takes in an event that was written before, in `seq` order. For a restart.
    public mutating func restore(_ event: CallEvent) {
        guard event.stream == stream, let source = sourceIndex(event.source.vendor, event.source.name) else {
            nextSeq = max(nextSeq, event.seq &+ 1)
            return
        }
        buryLingering(until: event.receivedAt)
        if event.kind.isOpener, let call = event.call, slotByID[call.id] == nil { makeRoomForRestored() }
        noteTold(by: event)
        fold(event, source: source, slot: event.call.flatMap { slotByID[$0.id] }.map(Int.init))
    }

    func sourceIndex(_ vendor: String, _ name: String) -> Int? {
        sources.firstIndex { $0.profile.vendor == vendor && $0.profile.name == name }
    }

    /// `slot` is where the event's call is held, if it is. Returns where it is held afterwards.
    @discardableResult
    mutating func fold(_ event: CallEvent, source: Int, slot: Int?) -> Int? {
        nextSeq = max(nextSeq, event.seq &+ 1)
        sources[source].recentIDs.insert(event.id, ())
        var after: Int?
        if let call = event.call {
            after = foldCall(event, call, source, slot)
        } else {
            if sources[source].profile.isState(event.kind) { foldEntity(event, source) }
            foldLink(event, source)
        }
        if sources[source].isUp, event.kind != .sourceDisconnected { sources[source].lastGood = event.receivedAt }
        return after
    }

    private mutating func foldCall(_ event: CallEvent, _ call: CallReference, _ source: Int, _ known: Int?) -> Int? {
        let slot: Int
        if let known {
            slot = known
        } else if let tombstone = tombstones[TextHash(call.id)], !event.kind.isOpener,
            event.receivedAt < tombstone.at.advanced(by: limits.tombstoneAge)
        {
            var later = tombstone
            (later.lastSeq, later.callSeq) = (event.seq, call.seq)
            tombstones.insert(TextHash(call.id), later)
            return nil
        } else {
            slot = takeSlot(call.id, source, event.occurredAt, event.receivedAt)
        }
        let hadEnded = calls[slot].hasEnded
        calls[slot].evolve(event, profile: sources[source].profile)
        if calls[slot].hasEnded, !hadEnded { endedCount += 1 }
        // An evicted call makes room at once.
        if !hadEnded, calls[slot].hasEnded, event.body.outcome?.closure == .evicted {
            bury(slot)
            return nil
        }
        touch(slot)
        while endedCount > limits.lingering, let oldest = oldestCall(lingering: true) { bury(oldest) }
        return slotByID[call.id].map(Int.init)
    }

    private mutating func foldLink(_ event: CallEvent, _ source: Int) {
        switch event.kind {
        case .sourceConnected:
            if sources[source].unseenSince == nil { sources[source].unseenSince = sources[source].lastGood }
            sources[source].isUp = true
            sources[source].lastGood = event.occurredAt
        case .sourceSnapshot:
            // Only a state dump of calls counts those that vanished.
            if case .snapshot(let snapshot) = event.body.detail, snapshot.vanished != nil {
                sources[source].unseenSince = nil
            }
        case .sourceDisconnected:
            sources[source].isUp = false
            sources[source].lastGood = event.occurredAt
        case .sourceGap:
            for slot in slotByID.values where calls[Int(slot)].source == source && !calls[Int(slot)].hasEnded {
                calls[Int(slot)].gaps += 1
            }
        default: break
        }
    }

    private mutating func foldEntity(_ event: CallEvent, _ source: Int) {
        let key = StateEntity.key(event.kind, source: sources[source].profile.name, event.body)
        let state = EntityState(
            changes: entityChanges(key, seq: event.seq), hash: LineWriter.hash(of: event.body))
        if entities.count >= limits.entities, !entities.contains(key) { forgotEntities = true }
        entities.insert(key, state)
    }

    // MARK: Links

    /// The link of a source came up. After an outage in this stream the gap is declared.
    public mutating func linkUp(source: Int, attempt: Int, at now: Timestamp) {
        guard !sources[source].isUp else { return }
        let lastGood = sources[source].lastGood
        var connected = CallFact(.sourceConnected, event: "connected")
        connected.identity = .stream
        connected.origin = .synthetic
        connected.body.detail = .connection(Connection(attempt: Int64(max(1, attempt))))
        emit(connected, id: nil, slot: nil, source: source, receivedAt: now)
        guard let lastGood else { return }
        declareGap(source: source, from: lastGood, to: now, reason: sources[source].gapReason)
        sources[source].gapReason = .disconnect
    }

    /// The link of a source was lost. `lastGood` is when it was last known to work; `gap` is what the gap that follows is
    /// called.
    public mutating func linkDown(
        source: Int, reason: String, lastGood: Timestamp, at now: Timestamp, gap: Gap.Reason = .disconnect
    ) {
        guard sources[source].isUp else { return }
        sources[source].gapReason = gap
        var disconnected = CallFact(.sourceDisconnected, event: "disconnected")
        disconnected.identity = .stream
        disconnected.origin = .synthetic
        disconnected.body.detail = .connection(Connection(reason: reason))
        if lastGood < now { (disconnected.occurredAt, disconnected.timeSource) = (lastGood, .derived) }
        emit(disconnected, id: nil, slot: nil, source: source, receivedAt: now)
    }

    /// Facts may be missing between two times. All open calls of the source remember that.
    public mutating func declareGap(source: Int, from: Timestamp, to: Timestamp, reason: Gap.Reason) {
        var fact = CallFact(.sourceGap, event: "gap")
        fact.identity = .stream
        fact.origin = .synthetic
        let profile = sources[source].profile
        var writer = EventIdentifier()
        let id = writer.make(profile, [Kind.sourceGap.name, stream.description, String(nextSeq)])
        var gap = Gap(id: id, from: min(from, to), to: to, reason: reason, recoverable: profile.recoverable)
        gap.recentCalls = Int64(
            slotByID.values.count { calls[Int($0)].source == source && !calls[Int($0)].hasEnded })
        fact.body.detail = .gap(gap)
        emit(fact, id: nil, slot: nil, source: source, receivedAt: to)
    }

    /// A run begins. `afterCrash`: the one before did not stop in order.
    public mutating func runStarted(afterCrash: Bool) {
        for index in sources.indices {
            sources[index].isUp = false
            sources[index].gapReason = afterCrash ? .crash : .disconnect
        }
    }
}
