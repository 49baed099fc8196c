import Codecs

/// The calls themselves: each schedules all its messages when it begins.
extension BasixTraffic {
    private static let toGroup =
        #""target_location":"int","target_type":"group","group_type":"ring","#
        + #""group_id":\#(group.id),"group_queue_id":"\#(group.name)""#

    private static func toUser(_ member: Member) -> String {
        #""target_location":"int","target_type":"user","user_id":\#(member.id)"#
    }

    private static func toNumber(_ number: String) -> String {
        #""target_location":"ext","target_type":"pstn","address":"\#(number)""#
    }

    /// A caller waits in the group until one of its phones is taken. Returns the caller's channel, the agent's, and the
    /// time of the answer; nil when everybody is busy, and the caller gave up.
    @discardableResult
    private mutating func answered(
        _ caller: inout BasixSimulatedChannel, from time: Timestamp
    ) -> (agent: BasixSimulatedChannel, member: Member, at: Timestamp)? {
        caller.enter("calling", at: time, data: Self.toGroup)
        schedule(time, "updated", caller)
        let ringing = Array(idleMembers(at: time).prefix(3))
        guard !ringing.isEmpty else {
            scheduleHangup(&caller, time.advanced(by: seconds(5...20)), "recv_cancel,ORIGINATOR_CANCEL")
            return nil
        }
        var phones: [BasixSimulatedChannel] = []
        for (index, member) in ringing.enumerated() {
            let offered = time.advanced(by: .milliseconds(20 + 3 * Int64(index)))
            var phone = phone(of: member, for: caller, at: offered)
            phone.groupID = Self.group.id
            schedule(offered, "added", phone)
            phones.append(phone)
        }
        let answer = time.advanced(by: seconds(2...8))
        var agent = phones[0]
        agent.answer = answer
        agent.lastEvent = "CHANNEL_ANSWER"
        schedule(answer, "updated", agent)
        let bridged = answer.advanced(by: .milliseconds(40))
        caller.bridge(to: agent, at: bridged)
        schedule(bridged, "updated", caller)
        for index in phones.indices.dropFirst() {
            scheduleHangup(&phones[index], answer.advanced(by: .milliseconds(10)), "send_cancel,LOSE_RACE")
        }
        return (agent, ringing[0], bridged)
    }

    /// Both hang up; the one who begins is drawn.
    private mutating func hangUp(
        _ root: inout BasixSimulatedChannel, _ other: inout BasixSimulatedChannel, at time: Timestamp
    ) {
        let isRoot = Bool.random(using: &random)
        scheduleHangup(&root, time, isRoot ? "recv_bye,NORMAL_CLEARING" : "send_bye,NORMAL_CLEARING")
        scheduleHangup(
            &other, time.advanced(by: .milliseconds(isRoot ? 8 : -8)),
            isRoot ? "send_bye,NORMAL_CLEARING" : "recv_bye,NORMAL_CLEARING")
    }

    mutating func queueCall(at time: Timestamp) {
        var caller = customer(at: time)
        schedule(time, "added", caller)
        guard let (taker, member, answer) = answered(&caller, from: time.advanced(by: .milliseconds(15))) else {
            return
        }
        var agent = taker
        let end = answer.advanced(by: seconds(10...120))
        busyUntil[member.id] = end
        hangUp(&caller, &agent, at: end)
    }

    mutating func abandonedCall(at time: Timestamp) {
        var caller = customer(at: time)
        schedule(time, "added", caller)
        caller.enter("calling", at: time.advanced(by: .milliseconds(15)), data: Self.toGroup)
        schedule(time.advanced(by: .milliseconds(15)), "updated", caller)
        var phones: [BasixSimulatedChannel] = []
        for member in idleMembers(at: time).prefix(2) {
            let phone = phone(of: member, for: caller, at: time.advanced(by: .milliseconds(30)))
            schedule(phone.offer, "added", phone)
            phones.append(phone)
        }
        let end = time.advanced(by: seconds(3...25))
        for index in phones.indices { scheduleHangup(&phones[index], end, "send_cancel,ORIGINATOR_CANCEL") }
        scheduleHangup(&caller, end.advanced(by: .milliseconds(4)), "recv_cancel,ORIGINATOR_CANCEL")
    }

    mutating func ivrCall(at time: Timestamp) {
        var caller = customer(at: time)
        schedule(time, "added", caller)
        let menu = time.advanced(by: .milliseconds(200))
        caller.answer = menu
        caller.enter("ivr", at: menu, data: #""ivr_id":"main_menu""#)
        schedule(menu, "updated", caller)
        let chosen = menu.advanced(by: seconds(4...15))
        if Int.random(in: 0..<4, using: &random) == 0 {
            return scheduleHangup(&caller, chosen, "recv_bye,NORMAL_CLEARING")
        }
        guard let (taker, member, answer) = answered(&caller, from: chosen) else { return }
        var agent = taker
        let end = answer.advanced(by: seconds(10...90))
        busyUntil[member.id] = end
        hangUp(&caller, &agent, at: end)
    }

    mutating func voicemailCall(at time: Timestamp) {
        var caller = customer(at: time)
        let member = Self.members.randomElement(using: &random) ?? Self.members[0]
        schedule(time, "added", caller)
        caller.enter("calling", at: time.advanced(by: .milliseconds(10)), data: Self.toUser(member))
        schedule(time.advanced(by: .milliseconds(10)), "updated", caller)
        var phone = phone(of: member, for: caller, at: time.advanced(by: .milliseconds(25)))
        schedule(phone.offer, "added", phone)
        let given = time.advanced(by: seconds(8...15))
        scheduleHangup(&phone, given, "send_cancel,NO_ANSWER")
        let message = given.advanced(by: .milliseconds(60))
        caller.answer = message
        caller.enter(
            "voicemail", at: message,
            data: #""target_type":"user","target_id":\#(member.id),"target_name":"\#(member.name)""#)
        schedule(message, "updated", caller)
        scheduleHangup(&caller, message.advanced(by: seconds(5...30)), "recv_bye,NORMAL_CLEARING")
    }

    mutating func outboundCall(at time: Timestamp) {
        guard let member = idleMembers(at: time).first else { return }
        let number = customerNumber()
        var caller = placed(by: member, to: number, at: time)
        schedule(time, "added", caller)
        let dialled = time.advanced(by: .milliseconds(80))
        caller.enter("calling", at: dialled, data: Self.toNumber(number))
        schedule(dialled, "updated", caller)
        var callee = BasixSimulatedChannel(
            uuid: uuid(), isInbound: false, isExternal: true, callingNumber: Self.ownNumber, calledNumber: number,
            offer: dialled.advanced(by: .milliseconds(20)))
        (callee.other, callee.lastEvent) = (caller.uuid, "CHANNEL_ORIGINATE")
        schedule(callee.offer, "added", callee)
        let decided = dialled.advanced(by: seconds(4...12))
        let failure =
            ["USER_BUSY", "NO_ANSWER", "CALL_REJECTED", nil, nil, nil, nil].randomElement(using: &random) ?? nil
        if let failure {
            scheduleHangup(&callee, decided, "recv_refuse,\(failure)")
            return scheduleHangup(&caller, decided.advanced(by: .milliseconds(10)), "send_refuse,\(failure)")
        }
        callee.answer = decided
        schedule(decided, "updated", callee)
        caller.bridge(to: callee, at: decided.advanced(by: .milliseconds(5)))
        schedule(decided.advanced(by: .milliseconds(5)), "updated", caller)
        let end = decided.advanced(by: seconds(10...120))
        busyUntil[member.id] = end
        hangUp(&caller, &callee, at: end)
    }

    mutating func internalCall(at time: Timestamp) {
        let idle = idleMembers(at: time)
        guard idle.count >= 2 else { return }
        var caller = placed(by: idle[0], to: idle[1].extension, at: time)
        schedule(time, "added", caller)
        caller.enter("calling", at: time.advanced(by: .milliseconds(30)), data: Self.toUser(idle[1]))
        schedule(time.advanced(by: .milliseconds(30)), "updated", caller)
        var callee = phone(of: idle[1], for: caller, at: time.advanced(by: .milliseconds(45)))
        schedule(callee.offer, "added", callee)
        let answer = time.advanced(by: seconds(2...10))
        callee.answer = answer
        schedule(answer, "updated", callee)
        caller.bridge(to: callee, at: answer.advanced(by: .milliseconds(10)))
        schedule(answer.advanced(by: .milliseconds(10)), "updated", caller)
        let end = answer.advanced(by: seconds(5...60))
        (busyUntil[idle[0].id], busyUntil[idle[1].id]) = (end, end)
        hangUp(&caller, &callee, at: end)
    }

    mutating func parkedCall(at time: Timestamp) {
        var caller = customer(at: time)
        schedule(time, "added", caller)
        guard let (taker, member, answer) = answered(&caller, from: time.advanced(by: .milliseconds(15))) else {
            return
        }
        var agent = taker
        let parked = answer.advanced(by: seconds(5...20))
        caller.part()
        caller.enter(
            "park", at: parked, data: #""slot":901,"parker_id":\#(member.id),"parker_name":"\#(member.name)""#)
        schedule(parked, "updated", caller)
        scheduleWaiting(parked, "added", caller)
        scheduleHangup(&agent, parked.advanced(by: .milliseconds(10)), "send_bye,NORMAL_CLEARING")
        busyUntil[member.id] = parked
        let fetched = parked.advanced(by: seconds(5...20))
        guard let other = idleMembers(at: fetched).first else {
            return scheduleHangup(&caller, fetched, "recv_bye,NORMAL_CLEARING")
        }
        var fetcher = placed(by: other, to: "901", at: fetched)
        fetcher.other = caller.uuid
        schedule(fetched, "added", fetcher)
        let bridged = fetched.advanced(by: .milliseconds(150))
        scheduleWaiting(bridged, "removed", caller)
        caller.bridge(to: fetcher, at: bridged)
        schedule(bridged, "updated", caller)
        let end = bridged.advanced(by: seconds(5...60))
        busyUntil[other.id] = end
        hangUp(&caller, &fetcher, at: end)
    }

    mutating func blindTransfer(at time: Timestamp) {
        var caller = customer(at: time)
        schedule(time, "added", caller)
        guard let (taker, member, answer) = answered(&caller, from: time.advanced(by: .milliseconds(15))) else {
            return
        }
        var agent = taker
        let moved = answer.advanced(by: seconds(5...20))
        busyUntil[member.id] = moved
        guard let other = idleMembers(at: moved).first(where: { $0.id != member.id }) else {
            return hangUp(&caller, &agent, at: moved)
        }
        caller.part()
        caller.enter("calling", at: moved, data: Self.toUser(other))
        schedule(moved, "updated", caller)
        scheduleHangup(&agent, moved.advanced(by: .milliseconds(12)), "send_bye,BLIND_TRANSFER")
        var second = phone(of: other, for: caller, at: moved.advanced(by: .milliseconds(20)))
        schedule(second.offer, "added", second)
        let taken = moved.advanced(by: seconds(2...8))
        second.answer = taken
        schedule(taken, "updated", second)
        caller.bridge(to: second, at: taken.advanced(by: .milliseconds(15)))
        schedule(taken.advanced(by: .milliseconds(15)), "updated", caller)
        let end = taken.advanced(by: seconds(5...60))
        busyUntil[other.id] = end
        hangUp(&caller, &second, at: end)
    }

    mutating func attendedTransfer(at time: Timestamp) {
        var caller = customer(at: time)
        schedule(time, "added", caller)
        guard let (taker, member, answer) = answered(&caller, from: time.advanced(by: .milliseconds(15))) else {
            return
        }
        var agent = taker
        let asked = answer.advanced(by: seconds(5...20))
        guard let other = idleMembers(at: asked).first(where: { $0.id != member.id }) else {
            busyUntil[member.id] = asked
            return hangUp(&caller, &agent, at: asked)
        }
        var inquiry = placed(by: member, to: other.extension, at: asked)
        schedule(asked, "added", inquiry)
        inquiry.enter("calling", at: asked.advanced(by: .milliseconds(20)), data: Self.toUser(other))
        schedule(asked.advanced(by: .milliseconds(20)), "updated", inquiry)
        var second = phone(of: other, for: inquiry, at: asked.advanced(by: .milliseconds(35)))
        schedule(second.offer, "added", second)
        let spoken = asked.advanced(by: seconds(2...6))
        second.answer = spoken
        schedule(spoken, "updated", second)
        inquiry.bridge(to: second, at: spoken.advanced(by: .milliseconds(10)))
        schedule(spoken.advanced(by: .milliseconds(10)), "updated", inquiry)
        let moved = spoken.advanced(by: seconds(3...10))
        caller.bridge(to: second, at: moved)
        second.other = caller.uuid
        schedule(moved, "updated", caller)
        schedule(moved, "updated", second)
        scheduleHangup(&agent, moved.advanced(by: .milliseconds(10)), "send_bye,ATTENDED_TRANSFER")
        scheduleHangup(&inquiry, moved.advanced(by: .milliseconds(12)), "send_bye,ATTENDED_TRANSFER")
        busyUntil[member.id] = moved
        let end = moved.advanced(by: seconds(5...60))
        busyUntil[other.id] = end
        hangUp(&caller, &second, at: end)
    }

    mutating func clickToDial(at time: Timestamp) {
        guard let member = idleMembers(at: time).first else { return }
        let number = customerNumber()
        var first = BasixSimulatedChannel(
            uuid: uuid(), isInbound: false, isExternal: false, callingNumber: number, calledNumber: member.extension,
            offer: time)
        (first.userID, first.origination) = (member.id, ["call_external", "user_name=\(member.name)"])
        schedule(time, "added", first)
        let taken = time.advanced(by: seconds(3...6))
        first.answer = taken
        first.enter("calling", at: taken.advanced(by: .milliseconds(30)), data: Self.toNumber(number))
        schedule(taken, "updated", first)
        var callee = BasixSimulatedChannel(
            uuid: uuid(), isInbound: false, isExternal: true, callingNumber: Self.ownNumber, calledNumber: number,
            offer: taken.advanced(by: .milliseconds(50)))
        (callee.other, callee.lastEvent) = (first.uuid, "CHANNEL_ORIGINATE")
        schedule(callee.offer, "added", callee)
        let answer = taken.advanced(by: seconds(4...10))
        callee.answer = answer
        schedule(answer, "updated", callee)
        first.bridge(to: callee, at: answer.advanced(by: .milliseconds(10)))
        schedule(answer.advanced(by: .milliseconds(10)), "updated", first)
        let end = answer.advanced(by: seconds(5...60))
        busyUntil[member.id] = end
        hangUp(&first, &callee, at: end)
    }

    mutating func conferenceCall(at time: Timestamp) {
        var caller = customer(at: time)
        schedule(time, "added", caller)
        let joined = time.advanced(by: seconds(1...3))
        caller.answer = joined
        caller.enter("conference", at: joined, data: #""room_id":"room1""#)
        schedule(joined, "updated", caller)
        scheduleHangup(&caller, joined.advanced(by: seconds(10...60)), "recv_bye,NORMAL_CLEARING")
    }
}
