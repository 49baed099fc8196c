import CallModel
import Codecs
import WireProtocols

/// How legs and calls end.
extension BasixMapper {
    /// The leg has hung up; the record at hand is its last.
    mutating func end(_ leg: BasixLeg) {
        legs[leg.uuid] = nil
        tombstones.insert(leg.uuid, at: cause.receivedAt)
        (leg.waitsUntil, leg.awaitsBridge) = (nil, false)
        let hangup = BasixHangup(record.text(.lastEventData))
        let time = record.integer(.hangupTimestamp)
        guard let call = leg.call else { return endWithoutCall(leg) }
        guard call.root == nil || call.root === leg else {
            remove(leg, from: call)
            tellRingStopped(leg, call, BasixOutcome.ofRing(hangup), at: time)
            return tellLeft(leg, call, BasixOutcome.ofLeaving(hangup), at: time)
        }
        let end = endOfCall(call, leg, hangup, at: time)
        remove(leg, from: call)
        tellRingStopped(leg, call, BasixOutcome.ofRing(hangup), at: time)
        // Who goes on tells it first: a call that is parked or handed over is left by nobody.
        transition(call)
        if goesOn(call) { return tellLeft(leg, call, BasixOutcome.ofLeaving(hangup), at: time) }
        if hangup.isTransfer, !call.legs.isEmpty, call.pendingEnd == nil {
            call.pendingEnd = end
            call.pendingLeft = left(leg, call, BasixOutcome.ofLeaving(hangup), at: time)
            return startTimer(.end(call))
        }
        finish(call, with: call.pendingEnd ?? end)
    }

    /// A leg that waited for its call: it was one of its own, unless it served somebody else's.
    private mutating func endWithoutCall(_ leg: BasixLeg) {
        guard !leg.isLeftBehind, !leg.isTechnical, leg.link == nil || leg.isFromAPI else { return }
        leg.hasEnded = true
        openLate(leg)
        guard let call = leg.call else { return }
        let end = endOfCall(
            call, leg, BasixHangup(record.text(.lastEventData)), at: record.integer(.hangupTimestamp))
        finish(call, with: end)
    }

    /// The line that ends the call, if it ends with this leg.
    private func endOfCall(_ call: BasixCall, _ leg: BasixLeg, _ hangup: BasixHangup, at time: Int64?) -> CallFact {
        let partner = leg.otherUUID.flatMap { legs[$0] }
        let outcome = BasixOutcome.ofCall(
            hangup,
            BasixOutcome.Circumstances(
                wasAnswered: call.wasAnswered, activity: call.activity, direction: call.direction,
                isExternal: leg.isExternal, isPartnerExternal: partner?.isExternal ?? leg.peer?.isExternal))
        var end = fact(
            outcome.disposition == .abandoned ? .callAbandoned : .callEnded, call, leg, at: time)
        end.body.outcome = outcome
        if let user = leg.lastBridgedUserID, call.party == nil {
            end.body.extra = [ExtraField("last_bridged_user_id", user)]
        }
        return end
    }

    /// Ends the call. Legs that are left are expected to hang up; one that goes on begins a call of its own.
    mutating func finish(_ call: BasixCall, with end: CallFact) {
        tell(end)
        forget(call)
    }

    /// Whether somebody in a call without its root is still about something.
    func goesOn(_ call: BasixCall) -> Bool {
        call.legs.contains { leg in
            switch leg.activity {
            case .calling, .treatment, .conference, .parked, .unknown: true
            case .bridged: leg.otherUUID.map { legs[$0]?.call === call } ?? false
            case .ringing, .eavesdrop, nil: false
            }
        }
    }

    private mutating func tellRingStopped(_ leg: BasixLeg, _ call: BasixCall, _ outcome: Outcome, at time: Int64?) {
        guard leg.rings else { return }
        leg.rings = false
        guard let user = leg.userID, !call.rings(user: user, besides: leg) else { return }
        if call.ringingUser == user { call.ringingUser = nil }
        var stopped = fact(.callRingStopped, call, leg, at: time)
        stopped.body.agent = agent(user)
        stopped.body.outcome = outcome
        tell(stopped)
    }

    private mutating func tellLeft(_ leg: BasixLeg, _ call: BasixCall, _ outcome: Outcome?, at time: Int64?) {
        if let left = left(leg, call, outcome, at: time) { tell(left) }
    }

    /// Somebody goes on with a call whose end was waited with.
    mutating func goOn(_ call: BasixCall) {
        guard call.pendingEnd != nil else { return }
        if let left = call.pendingLeft { tell(left) }
        (call.pendingEnd, call.pendingLeft) = (nil, nil)
    }

    /// nil where the leg was nobody, or is somebody who is still there.
    private func left(_ leg: BasixLeg, _ call: BasixCall, _ outcome: Outcome?, at time: Int64?) -> CallFact? {
        guard let party = leg.connectedAs else { return nil }
        leg.connectedAs = nil
        guard !call.legs.contains(where: { $0.connectedAs?.key == party.key }) else { return nil }
        var left = fact(.callLeft, call, leg, at: time)
        left.body.agent = party.agent
        if let target = party.target { left.body.detail = .target(target) }
        left.body.outcome = outcome
        return left
    }

    // MARK: - Gone from a state dump

    /// The leg ended while nobody looked.
    mutating func vanish(_ leg: BasixLeg) {
        legs[leg.uuid] = nil
        tombstones.insert(leg.uuid, at: cause.receivedAt)
        (leg.waitsUntil, leg.awaitsBridge) = (nil, false)
        guard let call = leg.call else { return }
        let wasRoot = call.root === leg
        remove(leg, from: call)
        // The tracker ends calls of which nothing is left.
        if call.legs.isEmpty { return forget(call) }
        if wasRoot { transition(call) }
        if leg.rings, let user = leg.userID, !call.rings(user: user, besides: leg) {
            if call.ringingUser == user { call.ringingUser = nil }
            tellUnseenStop(BasixParty(agent: agent(user)), call, leg)
        }
        if let party = leg.connectedAs, !call.legs.contains(where: { $0.connectedAs?.key == party.key }) {
            tellUnseenLeft(party, call, leg)
        }
    }

    /// A phone stopped ringing somewhere in the gap; why is not known, unless somebody else has taken the call.
    mutating func tellUnseenStop(_ party: BasixParty, _ call: BasixCall, _ leg: BasixLeg?) {
        var stopped = unseen(.callRingStopped, party, call, leg)
        stopped.body.outcome = Outcome(disposition: call.activity == .bridged ? .answeredElsewhere : .unknown)
        tell(stopped)
    }

    mutating func tellUnseenLeft(_ party: BasixParty, _ call: BasixCall, _ leg: BasixLeg?) {
        tell(unseen(.callLeft, party, call, leg))
    }

    private func unseen(_ kind: Kind, _ party: BasixParty, _ call: BasixCall, _ leg: BasixLeg?) -> CallFact {
        var fact = fact(kind, call, leg, at: nil)
        (fact.origin, fact.isUnseen) = (.synthetic, true)
        fact.event = "initial_info/channel"
        fact.body.agent = party.agent
        if let target = party.target { fact.body.detail = .target(target) }
        fact.body.raw = nil
        return fact
    }
}
