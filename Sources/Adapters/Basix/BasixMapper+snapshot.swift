import CallModel
import Codecs
import WireProtocols

/// State dumps of channels: what is new is told with the vendor's times, what is gone has ended unseen.
extension BasixMapper {
    /// A dump that waits for another one to confirm it.
    struct PendingSnapshot {
        let items: Int
        /// Calls known before it, and those that it opened.
        let before: Set<String>
        /// What the record of it was called.
        let cause: Cause
    }

    struct CallsOfSnapshot {
        let opened: Int
        let matched: Int
        /// Ids of the calls that are there.
        let present: Set<String>
    }

    /// A server that is starting shows little at first: fewer than half of so many calls are not believed at once.
    private static let suspiciousCalls = 10
    private static let suspicion = Duration.seconds(5)

    mutating func takeChannels(_ items: [BasixItem]) {
        epoch += 1
        if endedLegsSince == nil { endedLegsSince = cause.receivedAt }
        if let since = endedLegsSince, cause.receivedAt >= since.advanced(by: Self.tombstoneAge) { endedLegs = [] }
        let before = Set(calls.keys)
        for item in inOrder(items) {
            self.item = item
            record.load(item)
            _ = takeChannel(isRemoved: false, event: nil)
        }
        item = nil
        pendingSnapshot = PendingSnapshot(items: items.count, before: before, cause: cause)
        let found = before.count { calls[$0]?.legs.contains { $0.epoch == epoch } ?? false }
        if before.count >= Self.suspiciousCalls, found * 2 < before.count {
            snapshotDue = cause.receivedAt.advanced(by: Self.suspicion)
        } else {
            finishSnapshot()
        }
    }

    /// Oldest first, so that roots come before the legs that name them; of a uuid that comes twice the last counts.
    private func inOrder(_ items: [BasixItem]) -> [BasixItem] {
        var last: [String: Int] = [:]
        var offers: [Int64] = []
        offers.reserveCapacity(items.count)
        for (index, item) in items.enumerated() {
            record.load(item)
            offers.append(record.integer(.offerTimestamp) ?? .max)
            if let uuid = record.text(.uuid) { last[uuid] = index }
        }
        var order = Array(items.indices)
        if last.count < items.count {
            let kept = Set(last.values)
            order.removeAll { index in
                record.load(items[index])
                return record[.uuid] != nil && !kept.contains(index)
            }
        }
        order.sort { (offers[$0], $0) < (offers[$1], $1) }
        return order.map { items[$0] }
    }

    /// What the dump did not show has ended.
    mutating func finishSnapshot() {
        guard let pending = pendingSnapshot else { return }
        (pendingSnapshot, snapshotDue) = (nil, nil)
        let now = cause.receivedAt
        cause = pending.cause
        cause.receivedAt = now
        let gone = legs.values.filter { $0.epoch != epoch }
        for leg in gone.sorted(by: { ($0.offer ?? 0, $0.uuid) < ($1.offer ?? 0, $1.uuid) }) { vanish(leg) }
        finishRestored()
        let present = Set(calls.keys)
        tellSnapshot(
            of: .channel, count: pending.items,
            CallsOfSnapshot(
                opened: present.subtracting(pending.before).count,
                matched: present.intersection(pending.before).count, present: present.union(foreignCalls)))
    }

    // MARK: - After a restart

    mutating func restore(_ open: CallTracker.RecentCall) {
        if open.hasEnded { return endedLegs.formUnion(open.legs + [open.id]) }
        let call = BasixCall(id: open.id, offer: open.lastOccurred.microseconds, direction: open.direction)
        call.toldThrough = open.lastOccurred.microseconds
        call.wasAnswered = open.wasAnswered
        call.unseenRings = Set(open.alerting)
        call.unseenConnected = Set(open.connected)
        if let slot = open.parkedSlot {
            call.activity = .parked(Park(slot: slot))
        } else if let key = open.connected.last {
            (call.activity, call.party) = (.bridged, Self.party(key: key))
        }
        (call.contacts, call.restoredTags) = (open.contacts, open.extra["tags"])
        if let transferrer = open.transferrer {
            (call.isTransferOpen, call.transferrer) = (true, Self.party(key: transferrer))
        }
        calls[call.id] = call
        for leg in open.legs where leg != call.id { expectedLegs[leg] = call }
    }

    /// A party as the tracker knows it: `agent:ID`, `target:TYPE:ID`, or nobody known.
    static func party(key: String) -> BasixParty {
        let parts = key.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return BasixParty() }
        if parts[0] == "agent" { return BasixParty(agent: Agent(id: parts[1])) }
        let target = parts[1].split(separator: ":", maxSplits: 1).map(String.init)
        guard target.count == 2, let type = Target.TargetType(rawValue: target[0]) else { return BasixParty() }
        return BasixParty(
            target: type == .number ? Target(type, number: target[1]) : Target(type, id: target[1]))
    }

    /// What a leg of a restored call shows needs no telling that it is gone.
    func claimUnseen(_ leg: BasixLeg, _ call: BasixCall) {
        guard !call.unseenConnected.isEmpty, leg !== call.root || leg.isExternal == false else { return }
        let party = party(of: leg)
        guard leg.answer != nil || leg.isInbound == true, call.unseenConnected.remove(party.key) != nil else { return }
        leg.connectedAs = party
    }

    /// The first dump after a restart: who is not there any more has stopped ringing, or left, unseen.
    private mutating func finishRestored() {
        expectedLegs.removeAll()
        let restored = calls.values.filter {
            $0.legs.isEmpty || !$0.unseenRings.isEmpty || !$0.unseenConnected.isEmpty
        }
        for call in restored.sorted(by: { ($0.toldThrough, $0.id) < ($1.toldThrough, $1.id) }) {
            if call.legs.isEmpty {
                if isScopeNew { foreignCalls.insert(call.id) }
                forget(call)
                continue
            }
            if isScopeNew { (call.unseenRings, call.unseenConnected) = ([], []) }
            for key in call.unseenRings.sorted() where key != "agent:\(call.ringingUser ?? "")" {
                tellUnseenStop(Self.party(key: key), call, nil)
            }
            // Of a party that was never named no leg can be missed.
            for key in call.unseenConnected.sorted() where !key.isEmpty || call.activity != .bridged {
                tellUnseenLeft(Self.party(key: key), call, nil)
            }
            (call.unseenRings, call.unseenConnected) = ([], [])
        }
        isScopeNew = false
    }

    // MARK: - Answers that fell into a gap

    /// A customer's leg says who talked to it last, and no answer was ever seen: there was one, before its present state.
    mutating func tellUnseenAnswer(_ call: BasixCall, _ leg: BasixLeg, _ activity: BasixActivity, _ time: Int64) {
        guard cause.origin == .snapshot, !cause.isSilent, !call.wasAnswered, activity != .bridged,
            let user = leg.lastBridgedUserID
        else { return }
        let party = BasixParty(agent: agent(user))
        let before = max(call.stateTime, call.toldThrough, leg.offer ?? 0)
        var answered = fact(.callAnswered, call, leg, at: time)
        (answered.origin, answered.timeSource) = (.synthetic, .derived)
        answered.peerLeg = nil
        answered.uncertainMilliseconds = max(0, (time - before) / 1000)
        answered.body.agent = party.agent
        tell(answered)
        (call.wasAnswered, call.party) = (true, party)
        guard !activity.isParked else { return }
        var left = answered
        left.kind = .callLeft
        tell(left)
    }
}
