import CallModel
import Codecs
import WireProtocols

/// Records of channels: what changed, and which call the leg belongs to.
extension BasixMapper {
    private struct Changes {
        var link = false
        var state = false
        var answer = false
        var data = false
    }

    /// The record at hand, of `channel`. `event` is nil in a state dump.
    mutating func takeChannel(isRemoved: Bool, event: BERTTerm?) -> Bool {
        guard let uuid = record.text(.uuid) else {
            tellUnmapped(
                event: "channel/\(event?.repairedText ?? "snapshot")", Problem(.missingField, detail: "uuid"))
            return false
        }
        let isOver =
            isRemoved || record[.hangupTimestamp] != nil || record[.lastEvent]?.matches("CHANNEL_HANGUP") == true
        if let leg = legs[uuid] {
            update(leg, isOver: isOver, event)
        } else if !tombstones.contains(uuid, at: cause.receivedAt) {
            add(uuid, isOver: isOver, event)
        }
        for end in deferredEnds { tell(end) }
        deferredEnds.removeAll()
        return true
    }

    /// `channel/STATE_CHANGE/calling`: element, the vendor's event, and the state if the record has one.
    func eventName(_ element: BasixElement, _ event: BERTTerm?) -> String {
        var name = element.name
        name += "/" + (record.text(.lastEvent) ?? event?.repairedText ?? "snapshot")
        if let state = record[.state].flatMap({ BasixStateView($0) })?.nameTerm.repairedText, !state.isEmpty {
            name += "/" + state
        }
        return name
    }

    // MARK: - First sight

    private mutating func add(_ uuid: String, isOver: Bool, _ event: BERTTerm?) {
        if legs.count >= limits.legs { forgetOldestLegs() }
        let leg = BasixLeg(uuid: uuid, at: cause.receivedAt)
        readIdentity(leg)
        _ = readChanges(leg)
        leg.extra = extra(of: leg)
        leg.epoch = epoch
        cause.event = eventName(.channel, event)
        (leg.event, leg.hasEnded) = (cause.event, isOver)
        if isOver, endedLegs.contains(uuid) { return tombstones.insert(uuid, at: cause.receivedAt) }
        if isOver { return tellPassed(leg) }
        legs[uuid] = leg
        place(leg)
    }

    private func readIdentity(_ leg: BasixLeg) {
        leg.isInbound = record[.direction].flatMap {
            $0.matches("inbound") ? true : $0.matches("outbound") ? false : nil
        }
        leg.isExternal = record[.peerLocation].flatMap {
            $0.matches("external") ? true : $0.matches("internal") ? false : nil
        }
        leg.callingName = record.text(.callingName)
        leg.callingNumber = record[.callingNumber]?.repairedText
        leg.calledNumber = record.text(.calledNumber)
        leg.offer = record.integer(.offerTimestamp)
        leg.isFromAPI = record.text(.origination) != nil
        leg.target = record[.target].flatMap { BasixTargetView($0) }.flatMap { BasixTarget($0) }
        leg.callID = record.text(.callID)
    }

    /// A leg of which nothing was known while it lived. Told only if it surely was a call of its own.
    private mutating func tellPassed(_ leg: BasixLeg) {
        tombstones.insert(leg.uuid, at: cause.receivedAt)
        let named = leg.link
        if let known = expectedLegs[leg.uuid] ?? calls[leg.uuid] ?? named.flatMap({ calls[$0] }) {
            // It is a leg of a call from before a restart: its end is told like any other.
            legs[leg.uuid] = leg
            join(leg, known)
            return end(leg)
        }
        let isOwnCall = leg.isInbound == true && (leg.isExternal == true || named == nil)
        guard isOwnCall && !leg.isTechnical || leg.isFromAPI && named == nil else { return }
        legs[leg.uuid] = leg
        open(leg)
        end(leg)
    }

    /// Finds the call of a leg that has none, or lets it wait.
    mutating func place(_ leg: BasixLeg) {
        defer { if leg.call != nil || leg.waitsUntil != nil { leg.isLeftBehind = false } }
        let named = leg.link.flatMap { $0 == leg.uuid ? nil : $0 }
        let isLate = endedLegs.contains(leg.uuid) || named.map { endedLegs.contains($0) } ?? false
        if let call = expectedLegs[leg.uuid] ?? calls[leg.uuid] {
            join(leg, call)
        } else if isLate, !leg.isLeftBehind {
            leg.isLeftBehind = true
            return
        } else if let named, let other = legs[named] {
            place(leg, beside: other)
        } else if let named, let call = calls[named] ?? expectedLegs[named] {
            join(leg, call)
        } else if leg.isInbound == false || leg.isTechnical || named != nil && cause.origin == .snapshot {
            // A whole dump without the leg that it names: most likely it goes as that one went.
            wait(leg, for: named)
        } else {
            open(leg)
            if let named { expect(named, by: leg) }
        }
        if let call = leg.call { adoptAwaiting(leg, into: call) } else { rootOfAwaiting(leg) }
    }

    private mutating func place(_ leg: BasixLeg, beside other: BasixLeg) {
        if let call = other.call {
            join(leg, call)
        } else if leg.isInbound == true && !leg.isTechnical {
            open(leg)
            if let call = leg.call { join(other, call) }
        } else if other.isLeftBehind {
            wait(leg, for: nil)
        } else {
            // The leg that a second leg names is the root.
            openLate(other)
            if let call = other.call { join(leg, call) }
        }
    }

    /// Opens a call with a leg that was heard of before.
    mutating func openLate(_ leg: BasixLeg) {
        let event = cause.event
        cause.event = leg.event
        open(leg)
        cause.event = event
    }

    // MARK: - Waiting

    private mutating func wait(_ leg: BasixLeg, for named: String?) {
        if let named { expect(named, by: leg) }
        leg.waitsUntil = cause.receivedAt.advanced(by: Self.wait)
        startTimer(.leg(leg))
    }

    private mutating func expect(_ named: String, by leg: BasixLeg) {
        if awaited[named]?.contains(where: { $0 === leg }) != true { awaited[named, default: []].append(leg) }
    }

    /// A leg is known now that others had named; it has a call.
    private mutating func adoptAwaiting(_ leg: BasixLeg, into call: BasixCall) {
        for other in awaited.removeValue(forKey: leg.uuid) ?? [] where legs[other.uuid] === other {
            if let theirs = other.call {
                if theirs !== call { merge(theirs, call, linkedBy: other, and: leg, at: nil) }
            } else {
                joinLate(other, call)
            }
        }
    }

    private mutating func joinLate(_ leg: BasixLeg, _ call: BasixCall) {
        let event = cause.event
        cause.event = leg.event
        join(leg, call)
        cause.event = event
    }

    /// A leg that waits itself, and that others have named: it is their root.
    private mutating func rootOfAwaiting(_ leg: BasixLeg) {
        guard awaited[leg.uuid]?.contains(where: { legs[$0.uuid] === $0 }) == true else { return }
        open(leg)
        if let call = leg.call { adoptAwaiting(leg, into: call) }
    }

    /// Nobody came in two seconds: a call of its own, or of a root that is not shown to us.
    mutating func waitIsOver(_ leg: BasixLeg) {
        leg.waitsUntil = nil
        guard leg.call == nil, legs[leg.uuid] === leg else { return }
        cause.event = leg.event
        guard let named = leg.link, named != leg.uuid, legs[named] == nil, leg.isInbound == false, !leg.isTechnical
        else { return open(leg) }
        awaited[named]?.removeAll { $0 === leg }
        if awaited[named]?.isEmpty == true { awaited[named] = nil }
        join(leg, calls[named] ?? openUnseen(named, toldBy: leg))
        if let call = leg.call {
            for other in awaited.removeValue(forKey: named) ?? [] where other.call == nil && legs[other.uuid] === other
            {
                joinLate(other, call)
            }
        }
    }

    // MARK: - News of a known leg

    private mutating func update(_ leg: BasixLeg, isOver: Bool, _ event: BERTTerm?) {
        leg.lastHeard = cause.receivedAt
        leg.epoch = epoch
        let time = record[.state].flatMap { BasixStateView($0) }?.time?.int64
        // Older than what is known: an event that was overtaken by a state dump.
        if !isOver, let time, let known = leg.stateTime, time < known { return }
        let changes = readChanges(leg)
        guard isOver || changes.link || changes.state || changes.answer || changes.data else { return }
        cause.event = eventName(.channel, event)
        leg.hasEnded = isOver
        // What is told late of a leg that waits was caused by its first record.
        if leg.waitsUntil == nil { leg.event = cause.event }
        if changes.link { link(leg) }
        if leg.call != nil {
            settle(leg)
        } else if !isOver, leg.isLeftBehind, changes.link || changes.state && leg.activity != .bridged {
            // It outlived its call.
            place(leg)
        } else if !isOver, leg.waitsUntil != nil, changes.state, leg.link != nil {
            replaceWaiting(leg)
        }
        if isOver { end(leg) }
    }

    private mutating func replaceWaiting(_ leg: BasixLeg) {
        guard let named = leg.link, named != leg.uuid, legs[named] != nil || calls[named] != nil else { return }
        leg.waitsUntil = nil
        place(leg)
    }

    /// Reads what may change during the life of a leg.
    private func readChanges(_ leg: BasixLeg) -> Changes {
        var changes = Changes()
        if !record.field(.otherUUID, is: leg.otherUUID) {
            leg.otherUUID = record.text(.otherUUID)
            changes.link = leg.otherUUID != nil
        }
        if leg.answer == nil, let answer = record.integer(.answerTimestamp) {
            (leg.answer, changes.answer) = (answer, true)
        }
        if let term = record[.userID], leg.userID.map({ !term.hasText($0) }) ?? true {
            leg.userID = term.identifier ?? leg.userID
        }
        if let term = record[.lastBridgedUserID], leg.lastBridgedUserID.map({ !term.hasText($0) }) ?? true {
            leg.lastBridgedUserID = term.identifier
        }
        if let state = record[.state].flatMap({ BasixStateView($0) }) {
            let time = state.time?.int64
            if time != leg.stateTime || leg.stateName.map({ !state.nameTerm.hasText($0) }) ?? true {
                (leg.stateName, leg.stateTime) = (state.nameTerm.repairedText, time)
                leg.activity = BasixActivity(state)
                changes.state = true
            }
        }
        if changes.link || changes.state || leg.peer == nil, let info = record[.otherInfo] {
            leg.peer = BasixOtherInfoView(info).map(BasixPeer.init) ?? leg.peer
        }
        if record[.endUser] != nil, !record.field(.endUser, is: leg.endUserText) {
            (leg.endUserText, changes.data) = (record.text(.endUser), true)
        }
        if record[.tags] != nil, !record.field(.tags, is: leg.tagsText) {
            (leg.tagsText, changes.data) = (record.text(.tags), true)
        }
        return changes
    }

    /// `other_uuid` changed to somebody.
    private mutating func link(_ leg: BasixLeg) {
        guard let named = leg.otherUUID, named != leg.uuid else { return }
        let other = legs[named]
        switch (leg.call, other?.call ?? calls[named] ?? expectedLegs[named]) {
        case (let mine?, let theirs?):
            if mine !== theirs { merge(mine, theirs, linkedBy: leg, and: other, at: leg.stateTime) }
        case (let mine?, nil):
            if let other { joinLate(other, mine) } else { expect(named, by: leg) }
        case (nil, .some):
            guard !leg.isLeftBehind else { return }
            leg.waitsUntil = nil
            place(leg)
        case (nil, nil):
            guard !leg.isLeftBehind else { return }
            leg.waitsUntil = nil
            place(leg)
        }
    }

    // MARK: - Calls

    /// Puts a leg into a call, and tells what it means there.
    mutating func join(_ leg: BasixLeg, _ call: BasixCall) {
        guard leg.call !== call else { return }
        (leg.call, leg.waitsUntil, leg.isLeftBehind) = (call, nil, false)
        call.legs.append(leg)
        expectedLegs[leg.uuid] = nil
        if leg.uuid == call.id {
            call.root = leg
            call.offer = leg.offer ?? call.offer
            if let tags = call.restoredTags { (leg.toldTags, call.restoredTags) = (tags, nil) }
        }
        goOn(call)
        settle(leg)
    }

    /// What a leg's news mean for its call.
    mutating func settle(_ leg: BasixLeg) {
        guard let call = leg.call else { return }
        claimUnseen(leg, call)
        learnDirection(call, from: leg)
        if case .eavesdrop(let heard, let state) = leg.activity { tellMonitor(leg, heard, state) }
        if call.driver === leg { transition(call) }
        if leg !== call.root { settleSecond(leg, call) }
        tellData(call, leg)
    }

    /// Two calls become one: the older survives.
    mutating func merge(
        _ first: BasixCall, _ second: BasixCall, linkedBy leg: BasixLeg, and other: BasixLeg?, at time: Int64?
    ) {
        let firstIsOlder = first.offer != second.offer ? first.offer < second.offer : first.id <= second.id
        let (survivor, absorbed) = firstIsOlder ? (first, second) : (second, first)
        let newcomer = leg.call === absorbed ? leg : other?.call === absorbed ? other : nil
        calls[absorbed.id] = nil
        expectedLegs[absorbed.id] = absorbed.root == nil ? survivor : nil
        for leg in absorbed.legs { leg.call = survivor }
        survivor.legs += absorbed.legs
        survivor.unseenConnected.formUnion(absorbed.unseenConnected)
        for (uuid, call) in expectedLegs where call === absorbed { expectedLegs[uuid] = survivor }
        absorbed.legs = []
        goOn(absorbed)
        goOn(survivor)
        survivor.mergedFrom = fullID(absorbed)

        var end = fact(.callEnded, absorbed, nil, at: time)
        end.body.outcome = Outcome(disposition: .merged)
        end.body.outcome?.closure = .merged
        end.body.references[.mergedInto] = fullID(survivor)
        deferredEnds.append(end)
        guard survivor.driver !== leg, survivor.activity == .bridged, let newcomer else { return }
        // Who drives the call says nothing of it yet; it is told once.
        let party = party(of: newcomer)
        let stays = newcomer === leg ? other : leg
        let leaver = stays === survivor.driver ? nil : survivor.driver?.userID.map { agent($0) }
        handOver(survivor, to: party, leg, at: time ?? leg.stateTime, leaver: leaver)
        newcomer.connectedAs = party
        survivor.partnerUUID = newcomer.uuid
        guard leg.activity == .bridged, let time = leg.stateTime else { return }
        (survivor.stateTime, survivor.toldOtherUUID) = (max(survivor.stateTime, time), leg.otherUUID)
    }

    /// As in `call.id`.
    func fullID(_ call: BasixCall) -> String { "\(source):\(call.id)" }

    private mutating func forgetOldestLegs() {
        let oldest = legs.values.sorted { ($0.lastHeard, $0.uuid) < ($1.lastHeard, $1.uuid) }
        for leg in oldest.prefix(max(1, limits.legs / 16)) {
            legs[leg.uuid] = nil
            (leg.waitsUntil, leg.awaitsBridge) = (nil, false)
            guard let call = leg.call else { continue }
            remove(leg, from: call)
            if call.legs.isEmpty { forget(call) }
        }
        tellNotice(
            code: "too_many_channels",
            text: "more than \(limits.legs) channels at once; the longest silent ones are no longer followed")
    }

    func remove(_ leg: BasixLeg, from call: BasixCall) {
        call.legs.removeAll { $0 === leg }
        if call.root === leg { call.root = nil }
        leg.call = nil
    }

    /// The call is over, or not followed any more.
    mutating func forget(_ call: BasixCall) {
        if calls[call.id] === call { calls[call.id] = nil }
        call.pendingEnd = nil
        call.awaitsPartner = false
        for leg in call.legs { (leg.call, leg.isLeftBehind) = (nil, true) }
        call.legs = []
        guard !expectedLegs.isEmpty else { return }
        expectedLegs = expectedLegs.filter { $0.value !== call }
    }
}
