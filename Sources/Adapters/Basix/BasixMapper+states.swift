import CallModel
import Codecs

/// What a call does: changes of the state of its driving leg.
extension BasixMapper {
    /// Tells the state of the call's driving leg, if that is news. `isPartnerDue`: it has been bridged for long enough without
    /// saying to whom.
    mutating func transition(_ call: BasixCall, isPartnerDue: Bool = false) {
        guard let leg = call.driver, let activity = leg.activity else { return }
        let time = leg.stateTime ?? cause.receivedAt.microseconds
        guard isNews(activity, at: time, of: leg, call) else { return }
        if activity == .bridged, !isPartnerDue, awaitPartner(call, leg) { return }
        call.awaitsPartner = false
        // Told before a restart: remembered, so that what follows is told right.
        let wasSilent = cause.isSilent
        cause.isSilent = wasSilent || time <= call.toldThrough
        defer { cause.isSilent = wasSilent }
        tellUnseenAnswer(call, leg, activity, time)
        goOn(call)
        tell(activity, call, leg, at: time)
        (call.activity, call.stateTime) = (activity, time)
        call.partnerUUID = activity == .bridged ? leg.otherUUID : nil
        call.toldOtherUUID = leg.otherUUID
    }

    private func isNews(_ activity: BasixActivity, at time: Int64, of leg: BasixLeg, _ call: BasixCall) -> Bool {
        switch activity {
        case .ringing, .eavesdrop: return false
        case .bridged:
            // A leg whose partner has gone is about to go itself.
            if let named = leg.otherUUID, legs[named] == nil, tombstones.contains(named, at: cause.receivedAt) {
                return false
            }
            if time == call.stateTime, call.activity == .bridged {
                return leg.otherUUID != nil && call.toldOtherUUID != leg.otherUUID
            }
        case .calling, .treatment, .conference, .parked, .unknown:
            if time == call.stateTime { return activity != call.activity }
        }
        return time > call.stateTime
    }

    /// Waits for the news of whom it is bridged to. False where that is known.
    private mutating func awaitPartner(_ call: BasixCall, _ leg: BasixLeg) -> Bool {
        guard leg.otherUUID == nil, leg.peer?.userID == nil else { return false }
        if !call.awaitsPartner {
            call.awaitsPartner = true
            startTimer(.bridge(call))
        }
        return true
    }

    private mutating func tell(_ activity: BasixActivity, _ call: BasixCall, _ leg: BasixLeg, at time: Int64) {
        if activity != .bridged { leaveBridge(for: activity, call, leg, at: time) }
        switch activity {
        case .calling(let destination, _): tellCalling(destination, call, leg, at: time)
        case .bridged: tellBridged(call, leg, at: time)
        case .treatment(let treatment):
            var treated = fact(.callTreatment, call, leg, at: time)
            treated.body.detail = .treatment(treatment)
            // The PBX itself took the call: no agent has answered by that.
            if let answer = leg.answer { treated.body.extra = [ExtraField("answer_timestamp", String(answer))] }
            tell(treated)
        case .conference(let room):
            var joined = fact(.callConferenced, call, leg, at: time)
            joined.body.detail = .conference(room: room)
            if leg.isExternal == false, let user = leg.userID { joined.body.agent = agent(user) }
            call.wasAnswered = true
            call.unseenConnected.remove(BasixParty(agent: joined.body.agent).key)
            tell(joined)
        case .parked(let park): tellParked(park, call, leg, at: time)
        case .unknown(let name, let operands): tellUnknown(name, operands, call, leg, at: time)
        case .ringing, .eavesdrop: break
        }
    }

    // MARK: - Leaving a state

    /// The call goes on to something else than a conversation.
    private mutating func leaveBridge(
        for activity: BasixActivity, _ call: BasixCall, _ leg: BasixLeg, at time: Int64
    ) {
        if let direction = Self.direction(of: activity) { setDirection(direction, of: call, leg, at: time) }
        stopUserRing(call, leg, at: time, for: nil)
        if call.activity?.isConference == true, !activity.isConference { leaveConference(call, leg, at: time) }
        guard call.activity == .bridged, !cause.isSilent else { return }
        switch activity {
        case .parked, .unknown, .ringing, .eavesdrop, .bridged: return
        case .calling, .treatment, .conference: break
        }
        var started = fact(.callTransferStarted, call, leg, at: time)
        started.body.detail = .transfer(
            Transfer(
                type: .blind, by: call.party?.agent == nil ? nil : .agent, target: Self.goal(of: activity, directory)))
        started.body.agent = call.party?.agent
        (call.transferrer, call.isTransferOpen) = (call.party, true)
        tell(started)
    }

    private static func goal(of activity: BasixActivity, _ directory: borrowing BasixDirectory) -> Target? {
        switch activity {
        case .calling(.user(let id), _): Target(.user, id: id, name: directory.user(id)?.name)
        case .calling(.group(let queue), _): Target(.queue, id: queue.id, name: queue.name)
        case .calling(.place(let target), _): target
        case .treatment(let treatment): Target(.system, id: treatment.id, name: treatment.name)
        case .conference(let room): Target(.system, id: room)
        case .calling(.other, _), .bridged, .parked, .ringing, .eavesdrop, .unknown: nil
        }
    }

    private mutating func leaveConference(_ call: BasixCall, _ leg: BasixLeg, at time: Int64) {
        var left = fact(.callLeft, call, leg, at: time)
        if leg.isExternal == false, let user = leg.userID { left.body.agent = agent(user) }
        tell(left)
    }

    /// A user rang because the driving leg called him, and no phone of his was seen whose end would tell that it stopped.
    private mutating func stopUserRing(_ call: BasixCall, _ leg: BasixLeg, at time: Int64, for answerer: String?) {
        guard let user = call.ringingUser else { return }
        call.ringingUser = nil
        guard user != answerer, !call.rings(user: user, besides: nil) else { return }
        var stopped = fact(.callRingStopped, call, leg, at: time)
        stopped.origin = .synthetic
        stopped.body.agent = agent(user)
        stopped.body.outcome = Outcome(disposition: answerer == nil ? .noAnswer : .answeredElsewhere)
        tell(stopped)
    }

    // MARK: - calling

    private mutating func tellCalling(
        _ destination: BasixActivity.Destination, _ call: BasixCall, _ leg: BasixLeg, at time: Int64
    ) {
        switch destination {
        case .group(var queue):
            queue.name = queue.name ?? directory.groupName(queue.id)
            var queued = fact(.callQueued, call, leg, at: time)
            queued.body.queue = queue
            tell(queued)
        case .user(let user):
            // His phones have been told where they were seen first.
            let isKnown = call.rings(user: user, besides: nil)
            call.ringingUser = user
            guard !isKnown else { return }
            var ringing = fact(.callRinging, call, leg, at: time)
            ringing.body.agent = agent(user)
            tell(ringing)
        case .place(let target): tellRouted(to: target, call, leg, at: time)
        case .other(let type):
            var routed = fact(.callRouted, call, leg, at: time)
            routed.body.detail = .target(Target(.unknown, name: type))
            tell(routed)
        }
    }

    private mutating func tellRouted(to target: Target, _ call: BasixCall, _ leg: BasixLeg, at time: Int64) {
        guard target.type == .number, let number = target.number else {
            var routed = fact(.callRouted, call, leg, at: time)
            routed.body.detail = .target(target)
            return tell(routed)
        }
        if leg.isExternal == true, leg.isInbound != false {
            // A caller from outside who is sent out again.
            var diverted = fact(.callDiverted, call, leg, at: time)
            diverted.body.detail = .divert(Divert(.forward, targets: [target]))
            noteRouted(number, call)
            return tell(diverted)
        }
        guard !call.routed.contains(number) else { return }
        noteRouted(number, call)
        var routed = fact(.callRouted, call, leg, at: time)
        routed.body.detail = .target(target)
        tell(routed)
    }

    func noteRouted(_ number: String, _ call: BasixCall) {
        call.routed.append(number)
        if call.routed.count > 16 { call.routed.removeFirst() }
    }

    // MARK: - bridged

    private mutating func tellBridged(_ call: BasixCall, _ leg: BasixLeg, at time: Int64) {
        let partnerLeg = leg.otherUUID.flatMap { legs[$0] }
        learnDirectionOfBridge(call, leg, partnerLeg, at: time)
        if call.activity?.isConference == true { leaveConference(call, leg, at: time) }
        let party = partner(of: leg)
        switch call.activity {
        case .parked(let park): tellUnparked(park, call, leg, party, at: time)
        case .bridged where cause.isSilent || isSamePartner(call, leg, party): break
        case .bridged: handOver(call, to: party, leg, at: time)
        case nil where call.unseenConnected.contains(party.key): break
        default:
            if call.isTransferOpen {
                handOver(call, to: party, leg, at: time)
            } else {
                tellAnswered(call, party, leg, at: time)
            }
        }
        connect(party, call, leg, partnerLeg)
        stopUserRing(call, leg, at: time, for: party.agent?.id)
        // Before a restart more may have been told than this state says.
        if !cause.isSilent || call.party == nil { call.party = party }
        call.wasAnswered = true
    }

    private func isSamePartner(_ call: BasixCall, _ leg: BasixLeg, _ party: BasixParty) -> Bool {
        if let known = call.partnerUUID, known == leg.otherUUID { return true }
        return call.party?.key == party.key
    }

    private mutating func learnDirectionOfBridge(
        _ call: BasixCall, _ leg: BasixLeg, _ partner: BasixLeg?, at time: Int64
    ) {
        guard call.direction == .unknown, leg.isExternal == false else { return }
        guard let isExternal = partner?.isExternal ?? leg.peer?.isExternal else { return }
        setDirection(isExternal ? .outbound : .internalCall, of: call, leg, at: time)
    }

    private mutating func tellAnswered(_ call: BasixCall, _ party: BasixParty, _ leg: BasixLeg, at time: Int64) {
        var answered = fact(.callAnswered, call, leg, at: time)
        set(party, on: &answered)
        takeMerge(of: call, into: &answered)
        tell(answered)
    }

    private mutating func tellUnparked(
        _ park: Park, _ call: BasixCall, _ leg: BasixLeg, _ party: BasixParty, at time: Int64
    ) {
        var unparked = fact(.callUnparked, call, leg, at: time)
        unparked.body.detail = .park(Park(slot: park.slot))
        unparked.body.agent = party.agent
        takeMerge(of: call, into: &unparked)
        tell(unparked)
    }

    /// Somebody else is connected now: answered once more, and the transfer that led to it. `leaver` is who hands over, where
    /// that is not the one who was connected.
    mutating func handOver(
        _ call: BasixCall, to party: BasixParty, _ leg: BasixLeg, at time: Int64?, leaver: Agent? = nil
    ) {
        let wasOpen = call.isTransferOpen
        let agent = leaver ?? (wasOpen ? call.transferrer : call.party)?.agent
        if wasOpen, call.transferrer?.key == party.key {
            var cancelled = fact(.callTransferCancelled, call, leg, at: time)
            cancelled.body.detail = .transfer(Transfer(type: .blind, by: .agent))
            cancelled.body.agent = agent
            cancelled.body.outcome = Outcome(disposition: .cancelled)
            tell(cancelled)
        } else {
            var answered = fact(.callAnswered, call, leg, at: time)
            set(party, on: &answered)
            tell(answered)
            var connected = fact(.callTransferConnected, call, leg, at: time)
            let type: Transfer.TransferType = call.mergedFrom == nil ? .blind : .attended
            connected.body.detail = .transfer(
                Transfer(type: type, by: agent == nil ? nil : .agent, target: party.asTarget))
            connected.body.agent = agent
            takeMerge(of: call, into: &connected)
            tell(connected)
            // Who handed over is told to have gone by that.
            if wasOpen, let key = call.transferrer?.key { disconnect(key, call) }
            call.party = party
        }
        (call.isTransferOpen, call.transferrer) = (false, nil)
    }

    private func set(_ party: BasixParty, on fact: inout CallFact) {
        fact.body.agent = party.agent
        if let target = party.target { fact.body.detail = .target(target) }
    }

    private func takeMerge(of call: BasixCall, into fact: inout CallFact) {
        fact.body.references[.mergedFrom] = call.mergedFrom
        call.mergedFrom = nil
    }

    /// Remembers on which leg the party can be seen to leave, and that its phones do not ring any more.
    private func connect(_ party: BasixParty, _ call: BasixCall, _ leg: BasixLeg, _ partnerLeg: BasixLeg?) {
        let carrier = party.agent.flatMap { agent in call.legs.first { $0 === leg && $0.userID == agent.id } }
        let bearer = carrier ?? partnerLeg
        bearer?.connectedAs = party
        partnerLeg?.awaitsBridge = false
        for other in call.legs where party.agent != nil && other.userID == party.agent?.id { other.rings = false }
        if party.agent?.id == call.ringingUser { call.ringingUser = nil }
        if bearer != nil { call.unseenConnected.remove(party.key) }
        call.unseenRings.remove(party.key)
    }

    private func disconnect(_ key: String, _ call: BasixCall) {
        for leg in call.legs where leg.connectedAs?.key == key { leg.connectedAs = nil }
        call.unseenConnected.remove(key)
    }

    // MARK: - park

    private mutating func tellParked(_ park: Park, _ call: BasixCall, _ leg: BasixLeg, at time: Int64) {
        var parked = fact(.callParked, call, leg, at: time)
        parked.body.detail = .park(park)
        tell(parked)
        // Nobody is connected to a parked call: who parked it hangs up next, and that is no news.
        for leg in call.legs { leg.connectedAs = nil }
        call.unseenConnected.removeAll()
    }

    // MARK: - Others

    private mutating func tellUnknown(
        _ name: String, _ operands: String?, _ call: BasixCall, _ leg: BasixLeg, at time: Int64
    ) {
        var updated = fact(.callUpdated, call, leg, at: time)
        if !name.isEmpty { updated.body.extra.append(ExtraField("state", name)) }
        if let operands { updated.body.extra.append(ExtraField("operands", operands)) }
        tell(updated)
        guard !cause.isSilent else { return }
        tellUnknown(
            "state \(name)", event: cause.event, .unknownState, detail: name.isEmpty ? "a state without a name" : name)
    }

    mutating func tellMonitor(_ leg: BasixLeg, _ heard: String?, _ state: String?) {
        guard leg.monitorTime != leg.stateTime || leg.stateTime == nil else { return }
        let heardCall = heard.flatMap { legs[$0]?.call ?? calls[$0] ?? expectedLegs[$0] }
        guard let call = heardCall ?? leg.call else { return }
        leg.monitorTime = leg.stateTime
        var monitored = fact(.callMonitored, call, leg, at: leg.stateTime)
        monitored.body.detail = .monitor(Monitor(leg: heard, state: state))
        if let user = leg.userID { monitored.body.agent = agent(user) }
        let isTold = leg.stateTime.map { $0 <= call.toldThrough } ?? false
        if !isTold { tell(monitored) }
    }

    // MARK: - Second legs

    /// A leg of the call that is not its root: its phone rings, or is answered.
    mutating func settleSecond(_ leg: BasixLeg, _ call: BasixCall) {
        guard leg.isInbound == false, !leg.isTechnical, !leg.hasEnded else { return }
        let isPartner = call.activity == .bridged && call.partnerUUID == leg.uuid
        if leg.answer != nil || isPartner || leg.activity == .bridged {
            if isPartner, let party = call.party, party.key == self.party(of: leg).key,
                !call.legs.contains(where: { $0.connectedAs?.key == party.key })
            {
                // It came to light after the leg that is bridged to it.
                leg.connectedAs = party
                call.unseenConnected.remove(party.key)
            }
            if let user = leg.userID, call.unseenRings.remove("agent:\(user)") != nil { leg.rings = true }
            guard leg.rings, !isPartner, !leg.awaitsBridge, leg.activity != .bridged, leg !== call.driver else {
                return
            }
            leg.awaitsBridge = true
            startTimer(.answer(leg))
        } else if leg.isExternal == false, let user = leg.userID {
            guard !leg.rings else { return }
            let isKnown = call.ringingUser == user || call.rings(user: user, besides: leg)
            leg.rings = true
            guard !isKnown, call.unseenRings.remove("agent:\(user)") == nil else { return }
            var ringing = fact(.callRinging, call, leg, at: leg.offer)
            ringing.body.agent = agent(user)
            tell(ringing)
        } else if let number = leg.calledNumber, !call.routed.contains(number) {
            guard leg !== call.driver || call.root == nil else { return }
            noteRouted(number, call)
            var routed = fact(.callRouted, call, leg, at: leg.offer)
            routed.body.detail = .target(Target(.number, number: number))
            tell(routed)
        }
    }

    /// A phone was answered two seconds ago, and the root was not bridged to it: the answer counts all the same.
    mutating func answerWithoutBridge(_ leg: BasixLeg) {
        leg.awaitsBridge = false
        guard let call = leg.call, leg.rings, legs[leg.uuid] === leg, call.partnerUUID != leg.uuid else { return }
        cause.event = leg.event
        let party = party(of: leg)
        tellAnswered(call, party, leg, at: leg.answer ?? 0)
        connect(party, call, leg, leg)
        (call.party, call.wasAnswered) = (party, true)
    }
}
