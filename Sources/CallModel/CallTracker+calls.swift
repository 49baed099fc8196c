import Codecs

/// What each kind does to a call that is known, and when it is legal (docs/call-event.md, state machine).
extension CallTracker {
    /// `isFirst`: nothing but the opener is known of the call, so the fact stands whatever it builds on.
    mutating func applyToCall(_ fact: inout CallFact, _ slot: Int, _ receivedAt: Timestamp, isFirst: Bool = false) {
        if calls[slot].hasEnded { return applyToEndedCall(&fact, slot, receivedAt) }
        if fact.kind == .callAbandoned { return abandon(&fact, slot, receivedAt) }
        guard isLegal(&fact, slot, receivedAt) || isFirst else { return countRepeatedState() }
        complete(&fact, slot, receivedAt)
        write(&fact, slot, receivedAt)
        if fact.kind == .callAnswered { closeOtherRings(of: fact, slot, receivedAt) }
    }

    /// The caller gave up: one line for that, and the end with the same outcome. Of a call that was answered only the end.
    private mutating func abandon(_ fact: inout CallFact, _ slot: Int, _ receivedAt: Timestamp) {
        var end = fact
        end.kind = .callEnded
        if calls[slot].wasAnswered {
            end.body.outcome = end.body.outcome ?? Outcome()
            end.body.outcome?.disposition = .answered
        } else {
            var abandoned = fact
            var outcome = fact.body.outcome ?? Outcome()
            outcome.disposition = .abandoned
            outcome.closure = nil
            abandoned.body.outcome = outcome
            abandoned.body.timing = fact.body.timing.flatMap { vendor in
                vendor.queueMilliseconds.map {
                    var timing = Timing(source: .vendor)
                    timing.queueMilliseconds = $0
                    return timing
                }
            }
            complete(&abandoned, slot, receivedAt)
            write(&abandoned, slot, receivedAt)
            end.body.outcome = outcome
        }
        complete(&end, slot, receivedAt)
        write(&end, slot, receivedAt)
    }

    /// After the end: the record, facts that were not told before, and nothing else.
    private mutating func applyToEndedCall(_ fact: inout CallFact, _ slot: Int, _ receivedAt: Timestamp) {
        switch fact.kind {
        case .callOffered, .callDialing, .callAbandoned, .callEnded: countRepeatedState()
        case .callRecord, .callMissed: write(&fact, slot, receivedAt)
        default:
            let key = FactKey.of(fact.kind, fact.body)
            guard calls[slot].count(fact.kind, key) == 0 else { return countRepeatedState() }
            Self.completeLateStop(&fact)
            write(&fact, slot, receivedAt)
        }
    }

    /// A ring stop that comes after the end, when its ring is forgotten: the schema wants both blocks of it.
    static func completeLateStop(_ fact: inout CallFact) {
        guard fact.kind == .callRingStopped else { return }
        if fact.body.outcome == nil { fact.body.outcome = Outcome(disposition: .unknown) }
        if fact.body.timing == nil { fact.body.timing = Timing(source: .derived) }
    }

    /// Writes a fact about the call in `slot`, with what its line repeats of the call. Touches only what is missing: a
    /// changed body is a copy.
    mutating func write(_ fact: inout CallFact, _ slot: Int, _ receivedAt: Timestamp) {
        let call = calls[slot]
        if fact.body.from == nil, call.from != nil { fact.body.from = call.from }
        if fact.body.to == nil, call.to != nil { fact.body.to = call.to }
        for entry in call.references.entries where fact.body.references[entry.key] == nil {
            fact.body.references[entry.key] = entry.value
        }
        if fact.origin == .synthetic || fact.kind == .callEnded, fact.body.trunk == nil, let trunk = call.rare?.trunk {
            fact.body.trunk = trunk
        }
        emit(&fact, of: .held(slot), source: call.source, receivedAt: receivedAt)
    }

    // MARK: Legality

    /// False where the fact changes nothing. May correct the fact, and may write what has to come before it.
    private mutating func isLegal(_ fact: inout CallFact, _ slot: Int, _ receivedAt: Timestamp) -> Bool {
        let call = calls[slot]
        let key = FactKey.of(fact.kind, fact.body)
        switch fact.kind {
        case .callOffered, .callDialing: return false
        case .callQueued: return fact.body.queue != nil && call.rare?.queue?.id != fact.body.queue?.id
        case .callRinging: return mayRing(fact, key, slot, receivedAt)
        case .callRingStopped: return call.ring(key) != nil
        case .callAnswered:
            if case .parts = fact.identity { return true }
            // Somebody to whom the call was transferred while his phone still rang takes it now.
            return !call.connected.contains(key) || call.ring(key) != nil
        case .callLeft: return call.connected.contains(key)
        case .callHeld: return call.rare?.heldSince == nil
        case .callRetrieved: return call.rare?.heldSince != nil
        case .callParked: return "slot:\(call.rare?.parkedSlot ?? "")" != key
        case .callUnparked: return call.rare?.parkedSlot != nil
        case .callTransferStarted, .callTransferConnected, .callTransferCancelled:
            numberTransfer(&fact, slot, receivedAt)
            return true
        case .callTreatment:
            guard case .treatment(let treatment) = fact.body.detail else { return false }
            return call.rare?.treatment != treatment
        case .callRecord:
            endBefore(record: fact, slot, receivedAt)
            return true
        default: return true
        }
    }

    private mutating func mayRing(_ fact: CallFact, _ key: String, _ slot: Int, _ receivedAt: Timestamp) -> Bool {
        if calls[slot].connected.contains(key) { return false }
        guard let ring = calls[slot].ring(key) else { return true }
        let profile = sources[calls[slot].source].profile
        guard let again = profile.ringsAgainAfter, profile.lifecycle == .strict else { return false }
        let now = fact.occurredAt ?? receivedAt
        guard now >= ring.since.advanced(by: again) else { return false }
        stopRing(
            ring, disposition: .noAnswer, event: fact.event, at: fact.occurredAt, slot, receivedAt,
            uncertain: now.milliseconds(since: ring.since))
        return true
    }

    /// Counts transfers, and closes one that is still open before the next begins.
    private mutating func numberTransfer(_ fact: inout CallFact, _ slot: Int, _ receivedAt: Timestamp) {
        guard case .transfer(var transfer) = fact.body.detail else { return }
        let isOpen = calls[slot].rare?.transferOpen ?? false
        let count = calls[slot].rare?.transferCount ?? 0
        if fact.kind == .callTransferStarted, isOpen, sources[calls[slot].source].profile.lifecycle == .strict {
            var cancelled = CallFact(
                .callTransferCancelled, callID: fact.callID, event: fact.event, occurredAt: fact.occurredAt,
                timeSource: fact.timeSource)
            cancelled.origin = .synthetic
            if case .timed = fact.identity { cancelled.identity = fact.identity }
            cancelled.body.detail = .transfer(Transfer(number: count, type: transfer.type))
            cancelled.body.outcome = Outcome(disposition: .cancelled)
            write(&cancelled, slot, receivedAt)
        }
        transfer.number = fact.kind != .callTransferStarted && isOpen ? count : count &+ 1
        fact.body.detail = .transfer(transfer)
    }

    /// A record closes a call that is still open.
    private mutating func endBefore(record: CallFact, _ slot: Int, _ receivedAt: Timestamp) {
        var end = CallFact(
            .callEnded, callID: record.callID, event: record.event, occurredAt: record.occurredAt,
            timeSource: record.timeSource)
        end.origin = record.origin
        end.direction = record.direction
        end.body.agent = record.body.agent
        end.body.timing = record.body.timing
        end.body.outcome = record.body.outcome
        complete(&end, slot, receivedAt)
        write(&end, slot, receivedAt)
    }

    // MARK: Completion

    /// Adds what the call knows and the vendor did not say: durations, outcome, who and which queue it was.
    mutating func complete(_ fact: inout CallFact, _ slot: Int, _ receivedAt: Timestamp) {
        let now = fact.occurredAt ?? receivedAt
        let call = calls[slot]
        switch fact.kind {
        case .callRinging: if fact.body.queue == nil { fact.body.queue = call.rare?.queue }
        case .callRingStopped:
            let ring = call.ring(FactKey.party(fact.body))
            if fact.body.queue == nil { fact.body.queue = ring?.body.queue }
            fact.body.timing =
                merged(fact.body.timing) { $0.ringMilliseconds = ring.map { now.milliseconds(since: $0.since) } }
                ?? Timing(source: .derived)
            var outcome = fact.body.outcome ?? Outcome()
            outcome.disposition = outcome.disposition ?? (call.connected.isEmpty ? .noAnswer : .answeredElsewhere)
            fact.body.outcome = outcome
        case .callAnswered:
            guard let rare = call.rare else { return }
            if fact.body.queue == nil, let queue = rare.queue { fact.body.queue = queue }
            let ring = call.ring(FactKey.party(fact.body))
            fact.body.timing = merged(fact.body.timing) {
                $0.queueMilliseconds = rare.queuedSince.map { now.milliseconds(since: $0) }
                $0.ringMilliseconds = ring.map { now.milliseconds(since: $0.since) }
            }
        case .callRetrieved:
            fact.body.timing = merged(fact.body.timing) {
                $0.holdMilliseconds = call.rare?.heldSince.map { now.milliseconds(since: $0) }
            }
        case .callUnparked:
            fact.body.timing = merged(fact.body.timing) {
                $0.parkMilliseconds = call.rare?.parkedSince.map { now.milliseconds(since: $0) }
            }
        case .callAbandoned:
            if fact.body.queue == nil { fact.body.queue = call.rare?.queue ?? call.rare?.lastQueue }
            fact.body.timing = merged(fact.body.timing) {
                $0.queueMilliseconds = call.rare?.queuedSince.map { now.milliseconds(since: $0) }
            }
        case .callEnded: completeEnd(&fact, slot, now)
        default: break
        }
    }

    private func completeEnd(_ fact: inout CallFact, _ slot: Int, _ now: Timestamp) {
        let call = calls[slot]
        if fact.body.agent == nil, call.wasAnswered { fact.body.agent = call.lastAgent }
        if fact.body.queue == nil { fact.body.queue = call.rare?.queue ?? call.rare?.lastQueue }
        var outcome = fact.body.outcome ?? Outcome()
        outcome.disposition = outcome.disposition ?? (call.wasAnswered ? .answered : .unknown)
        outcome.closure = outcome.closure ?? .vendor
        fact.body.outcome = outcome
        fact.body.timing = endTiming(of: call, vendor: fact.body.timing, at: now)
    }

    /// All that is known at the end. Vendor durations win over computed ones, those of the end over those of the answer.
    private func endTiming(of call: CallState, vendor: Timing?, at now: Timestamp) -> Timing {
        var timing = Timing(source: .derived)
        timing.offeredAt = call.offeredAt
        timing.queuedAt = call.rare?.queuedAt
        timing.ringingAt = call.rare?.ringingAt
        timing.answeredAt = call.answeredAt
        timing.endedAt = now
        let last = now > call.lastOccurred ? now.microseconds - call.lastOccurred.microseconds : 0
        func spent(_ phase: CallPhase, _ before: Int64) -> Int64 { (before + (call.phase == phase ? last : 0)) / 1000 }
        let waited = call.rare?.queuedSince.map { now.milliseconds(since: $0) }
        var (fromVendor, derived) = (false, false)
        func choose(_ told: Int64?, _ computed: Int64?) -> Int64? {
            if let told {
                fromVendor = true
                return told
            }
            if computed != nil { derived = true }
            return computed
        }
        timing.queueMilliseconds = vendor?.queueMilliseconds ?? call.queueMilliseconds
        timing.ringMilliseconds = vendor?.ringMilliseconds ?? call.ringMilliseconds
        if vendor?.queueMilliseconds != nil || vendor?.ringMilliseconds != nil { fromVendor = true }
        if call.queueMilliseconds != nil || call.ringMilliseconds != nil {
            fromVendor = fromVendor || call.hasVendorDurations
            derived = derived || call.hasDerivedDurations
        }
        if !call.wasAnswered, timing.queueMilliseconds == nil { timing.queueMilliseconds = choose(nil, waited) }
        timing.talkMilliseconds = choose(
            vendor?.talkMilliseconds, call.wasAnswered ? spent(.talking, call.talkedMicroseconds) : nil)
        timing.holdMilliseconds = choose(
            vendor?.holdMilliseconds, call.rare?.wasHeld == true ? spent(.held, call.rare?.heldMicroseconds ?? 0) : nil)
        timing.parkMilliseconds = choose(
            vendor?.parkMilliseconds,
            call.rare?.wasParked == true ? spent(.parked, call.rare?.parkedMicroseconds ?? 0) : nil)
        timing.totalMilliseconds = choose(
            vendor?.totalMilliseconds, call.offeredAt.map { now.milliseconds(since: $0) })
        timing.source = fromVendor ? (derived ? .mixed : .vendor) : .derived
        return timing
    }

    /// The vendor's durations, completed by computed ones; nil where there is neither.
    private func merged(_ vendor: Timing?, _ compute: (inout Timing) -> Void) -> Timing? {
        var derived = Timing(source: .derived)
        compute(&derived)
        guard var timing = vendor else { return derived == Timing(source: .derived) ? nil : derived }
        var added = false
        func fill(_ told: inout Int64?, _ computed: Int64?) {
            guard told == nil, let computed else { return }
            told = computed
            added = true
        }
        fill(&timing.queueMilliseconds, derived.queueMilliseconds)
        fill(&timing.ringMilliseconds, derived.ringMilliseconds)
        fill(&timing.holdMilliseconds, derived.holdMilliseconds)
        fill(&timing.parkMilliseconds, derived.parkMilliseconds)
        if added { timing.source = .mixed }
        return timing
    }

    // MARK: Rings

    /// Where the vendor never says so: the other phones stopped when one answered.
    private mutating func closeOtherRings(of fact: CallFact, _ slot: Int, _ receivedAt: Timestamp) {
        let profile = sources[calls[slot].source].profile
        guard profile.closesOtherRings, profile.lifecycle == .strict, let rare = calls[slot].rare else { return }
        let now = fact.occurredAt ?? receivedAt
        let ringMilliseconds = fact.body.timing?.ringMilliseconds ?? 0
        let attempt = now.advanced(by: .seconds(-2) - .milliseconds(ringMilliseconds))
        for ring in rare.rings {
            stopRing(
                ring, disposition: ring.since >= attempt ? .answeredElsewhere : .noAnswer, event: fact.event,
                at: fact.occurredAt, slot, receivedAt)
        }
    }

    private mutating func stopRing(
        _ ring: CallState.Ring, disposition: Disposition, event: String, at time: Timestamp?, _ slot: Int,
        _ receivedAt: Timestamp, uncertain: Int64? = nil
    ) {
        var stop = CallFact(
            .callRingStopped, callID: vendorCallID(slot), event: event, occurredAt: time)
        stop.origin = .synthetic
        stop.uncertainMilliseconds = uncertain
        stop.body.agent = ring.body.agent
        if let target = ring.body.target { stop.body.detail = .target(target) }
        stop.body.outcome = Outcome(disposition: disposition)
        if !sources[calls[slot].source].profile.countsFacts {
            stop.identity = .timed((time ?? receivedAt).microseconds)
        }
        complete(&stop, slot, receivedAt)
        write(&stop, slot, receivedAt)
    }

    func vendorCallID(_ slot: Int) -> String {
        String(calls[slot].id.dropFirst(sources[calls[slot].source].callPrefix.count))
    }
}
