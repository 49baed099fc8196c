import Codecs

/// What ends calls that the vendor never ends, and what bounds memory.
extension CallTracker {
    enum TimeoutClass: Int, CaseIterable {
        case ring, queue, talk, linger
    }

    /// When `advance` next has something to do; nil while nothing is due ever.
    public var nextDeadline: Timestamp? {
        var next: Timestamp?
        func consider(_ time: Timestamp?) {
            if let time, next.map({ time < $0 }) ?? true { next = time }
        }
        for index in lists.indices where lists[index].head >= 0 {
            consider(deadline(of: Int(lists[index].head)))
        }
        for slot in graceSlots { consider(calls[Int(slot)].rare?.graceUntil) }
        return next
    }

    /// Ends what has been silent for too long, and lets go of calls that have lingered.
    public mutating func advance(to now: Timestamp) {
        let due = graceSlots.filter { calls[Int($0)].rare?.graceUntil.map { $0 <= now } ?? false }
        // The order in which the slots were noted does not survive a restart; that of the lines does.
        for slot in due.sorted(by: { calls[Int($0)].lastSeq < calls[Int($1)].lastSeq }) {
            endAfterGrace(Int(slot), now)
        }
        graceSlots.removeAll { calls[Int($0)].rare?.graceUntil == nil }
        for index in lists.indices {
            while lists[index].head >= 0, deadline(of: Int(lists[index].head)) <= now {
                let slot = Int(lists[index].head)
                if calls[slot].hasEnded { bury(slot) } else { timeOut(slot, now) }
            }
        }
    }

    /// Calls of `source` that a snapshot did not show: they ended unseen. `uncertain` is the time the link was down.
    /// Returns how many there were.
    public mutating func reconcile(
        source: Int, present: Set<String>, at snapshotTime: Timestamp, linkLostAt: Timestamp?, event: String
    ) -> Int {
        let prefix = sources[source].callPrefix.count
        let vanished = heldSlots.filter {
            let call = calls[$0]
            return call.source == source && !call.hasEnded && !present.contains(String(call.id.dropFirst(prefix)))
        }.sorted { calls[$0].lastSeq < calls[$1].lastSeq }
        for slot in vanished {
            end(
                slot, closure: .reconciled, event: event, at: snapshotTime,
                uncertain: linkLostAt.map { snapshotTime.milliseconds(since: $0) })
        }
        return vanished.count
    }

    /// Ends what a state dump did not show, and counts it in the dump's own line.
    mutating func reconcile(_ fact: inout CallFact, _ present: Set<String>, _ source: Int, _ receivedAt: Timestamp) {
        let vanished = reconcile(
            source: source, present: present, at: receivedAt, linkLostAt: sources[source].unseenSince,
            event: fact.event)
        guard case .snapshot(var snapshot) = fact.body.detail else { return }
        snapshot.vanished = Int64(vanished)
        fact.body.detail = .snapshot(snapshot)
    }

    // MARK: Lists

    private func timeoutClass(of slot: Int) -> TimeoutClass {
        switch calls[slot].phase {
        case .offered, .dialing, .treatment, .ringing: .ring
        case .queued: .queue
        case .talking, .held, .parked: .talk
        case .ended: .linger
        }
    }

    private func deadline(of slot: Int) -> Timestamp {
        let call = calls[slot]
        let timeout: Duration =
            switch timeoutClass(of: slot) {
            case .ring: sources[call.source].profile.ringTimeout ?? limits.ringTimeout
            case .queue: limits.queueTimeout
            case .talk: sources[call.source].profile.talkTimeout
            case .linger: limits.linger
            }
        return call.lastReceived.advanced(by: timeout)
    }

    /// Puts the call behind all others that share its time-out: it was just heard of.
    mutating func touch(_ slot: Int) {
        let wanted = Int32(calls[slot].source * TimeoutClass.allCases.count + timeoutClass(of: slot).rawValue)
        let current = calls[slot].list
        if current >= 0 { lists[Int(current)].remove(Int32(slot), in: calls) }
        lists[Int(wanted)].append(Int32(slot), list: wanted, in: calls)
        if calls[slot].rare?.graceUntil != nil, !graceSlots.contains(Int32(slot)) { graceSlots.append(Int32(slot)) }
    }

    // MARK: Ends

    private mutating func timeOut(_ slot: Int, _ now: Timestamp) {
        countTimeout()
        end(
            slot, closure: .timedOut, event: "timed_out", at: now,
            uncertain: now.milliseconds(since: calls[slot].lastReceived))
    }

    private mutating func endAfterGrace(_ slot: Int, _ now: Timestamp) {
        let id = calls[slot].id
        var fact = CallFact(
            .callEnded, callID: vendorCallID(slot), event: "transfer_grace", occurredAt: calls[slot].rare?.leftAt,
            timeSource: .derived)
        fact.origin = .synthetic
        fact.body.outcome = Outcome()
        fact.body.outcome?.closure = .timedOut
        complete(&fact, slot, now)
        write(&fact, slot, now)
        buryUnlessEnded(slot, id)
    }

    /// A synthetic end.
    private mutating func end(
        _ slot: Int, closure: Closure, event: String, at now: Timestamp, uncertain: Int64?
    ) {
        let id = calls[slot].id
        var fact = CallFact(.callEnded, callID: vendorCallID(slot), event: event)
        fact.origin = .synthetic
        fact.uncertainMilliseconds = uncertain
        fact.body.outcome = Outcome()
        fact.body.outcome?.closure = closure
        complete(&fact, slot, now)
        write(&fact, slot, now)
        buryUnlessEnded(slot, id)
    }

    // MARK: Memory

    /// A place for a call that has just been heard of. Never evicts: that writes a line, and a line may be under way.
    mutating func takeSlot(
        _ id: String, _ hash: TextHash, _ source: Int, _ time: Timestamp, _ receivedAt: Timestamp
    ) -> Int {
        let call = CallState(id: id, hash: hash, source: source, at: time, receivedAt: receivedAt)
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = Int(free)
            calls[slot] = call
        } else {
            slot = calls.count
            calls.append(call)
        }
        table.insert(hash, slot: slot)
        touch(slot)
        return slot
    }

    /// Before a call is opened: ended calls make room first; then the longest silent open one is closed.
    mutating func makeRoom(now: Timestamp) {
        while table.count >= limits.calls, makeOneRoom(now) {}
    }

    /// False where there is nothing to let go of.
    private mutating func makeOneRoom(_ now: Timestamp) -> Bool {
        if let lingering = oldestCall(lingering: true) {
            bury(lingering)
            return true
        }
        guard let silent = oldestCall(lingering: false) else { return false }
        countEviction()
        end(
            silent, closure: .evicted, event: "evicted", at: now,
            uncertain: now.milliseconds(since: calls[silent].lastReceived))
        return true
    }

    /// The longest silent call, of those that have ended or of those that have not.
    func oldestCall(lingering: Bool) -> Int? {
        var oldest: Int?
        for index in lists.indices where lists[index].head >= 0 {
            let isLinger = index % TimeoutClass.allCases.count == TimeoutClass.linger.rawValue
            let slot = Int(lists[index].head)
            guard isLinger == lingering, oldest.map({ calls[slot].lastReceived < calls[$0].lastReceived }) ?? true
            else { continue }
            oldest = slot
        }
        return oldest
    }

    /// An end whose id is known writes no line; its call must go all the same, or it would be ended for ever.
    private mutating func buryUnlessEnded(_ slot: Int, _ id: String) {
        if calls[slot].id == id, !calls[slot].hasEnded { bury(slot) }
    }

    /// Lets go of calls that had lingered when a stored event was received.
    mutating func buryLingering(until time: Timestamp) {
        while let slot = oldestCall(lingering: true), deadline(of: slot) <= time { bury(slot) }
    }

    /// What live calls would have done to memory before this opener was written: those that had ended made room.
    mutating func makeRoomForRestored() {
        while table.count >= limits.calls, let lingering = oldestCall(lingering: true) { bury(lingering) }
    }

    /// Takes a call out of memory and remembers only that it existed.
    mutating func bury(_ slot: Int) {
        let call = calls[slot]
        tombstones.insert(
            call.hash,
            Tombstone(
                lastSeq: call.lastSeq, callSeq: call.callSeq, direction: call.direction, at: call.lastReceived))
        if call.list >= 0 { lists[Int(call.list)].remove(Int32(slot), in: calls) }
        if call.hasEnded { endedCount -= 1 }
        table.remove(call.hash, slot: slot)
        if !graceSlots.isEmpty { graceSlots.removeAll { $0 == Int32(slot) } }
        calls[slot] = vacant
        freeSlots.append(Int32(slot))
    }
}
