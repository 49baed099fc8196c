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
        let name = event.call.map { call in
            CallName(String(call.id.dropFirst(sources[source].callPrefix.count)), of: sources[source])
        }
        var known = name.flatMap { table.slot(of: $0, in: calls) }
        if event.kind.isOpener, let name, known == nil {
            makeRoomForRestored()
            known = table.slot(of: name, in: calls)
        }
        noteTold(by: event)
        fold(event, source: source, hash: name?.hash, slot: known)
    }

    private func openSlots(of source: Int) -> [Int] {
        heldSlots.filter { calls[$0].source == source && !calls[$0].hasEnded }
    }

    func sourceIndex(_ vendor: String, _ name: String) -> Int? {
        sources.firstIndex { $0.profile.vendor == vendor && $0.profile.name == name }
    }

    /// `hash` is that of the event's call id, `slot` where that call is held, if it is. Returns where it is held afterwards.
    @discardableResult
    mutating func fold(_ event: CallEvent, source: Int, hash: TextHash?, slot: Int?) -> Int? {
        nextSeq = max(nextSeq, event.seq &+ 1)
        let owner = sources[source]
        owner.recentIDs.insert(event.id, ())
        var after: Int?
        if let hash {
            after = foldCall(event, hash, source, owner.profile, slot)
        } else {
            if sources[source].profile.isState(event.kind) { foldEntity(event, source) }
            foldLink(event, source)
        }
        if owner.isUp, event.kind != .sourceDisconnected { owner.lastGood = event.receivedAt }
        return after
    }

    private mutating func foldCall(
        _ event: CallEvent, _ hash: TextHash, _ source: Int, _ profile: SourceProfile, _ known: Int?
    ) -> Int? {
        let slot: Int
        if let known {
            slot = known
        } else if !event.kind.isOpener, let tombstone = tombstones[hash],
            event.receivedAt < tombstone.at.advanced(by: limits.tombstoneAge)
        {
            var later = tombstone
            (later.lastSeq, later.callSeq) = (event.seq, event.call?.seq ?? later.callSeq)
            tombstones.insert(hash, later)
            return nil
        } else {
            slot = takeSlot(event.call?.id ?? "", hash, source, event.occurredAt, event.receivedAt)
        }
        let call = calls[slot]
        let hadEnded = call.hasEnded
        call.evolve(event, profile: profile)
        if call.hasEnded, !hadEnded { endedCount += 1 }
        // An evicted call makes room at once.
        if !hadEnded, call.hasEnded, event.body.outcome?.closure == .evicted {
            bury(slot)
            return nil
        }
        touch(slot)
        while endedCount > limits.lingering, let oldest = oldestCall(lingering: true) { bury(oldest) }
        return calls[slot] === call ? slot : nil
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
            for slot in openSlots(of: source) { calls[slot].gaps += 1 }
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
        emit(&connected, of: nil, source: source, receivedAt: now)
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
        emit(&disconnected, of: nil, source: source, receivedAt: now)
    }

    /// Facts may be missing between two times. All open calls of the source remember that.
    public mutating func declareGap(source: Int, from: Timestamp, to: Timestamp, reason: Gap.Reason) {
        var fact = CallFact(.sourceGap, event: "gap")
        fact.identity = .stream
        fact.origin = .synthetic
        let id = identifier.make(sources[source], [Kind.sourceGap.name, stream.description, String(nextSeq)])
        var gap = Gap(
            id: id, from: min(from, to), to: to, reason: reason, recoverable: sources[source].profile.recoverable)
        gap.openCalls = Int64(openSlots(of: source).count)
        fact.body.detail = .gap(gap)
        emit(&fact, of: nil, source: source, receivedAt: to)
    }

    /// A run begins. `afterCrash`: the one before did not stop in order.
    public mutating func runStarted(afterCrash: Bool) {
        for index in sources.indices {
            sources[index].isUp = false
            sources[index].gapReason = afterCrash ? .crash : .disconnect
        }
    }
}
