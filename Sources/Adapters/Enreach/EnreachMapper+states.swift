import CallModel
import Codecs

/// Users, queues, and what they are told.
extension EnreachMapper {
    /// nil for a notice that was just told.
    mutating func stateFact(_ message: inout EnreachMessage, _ now: Timestamp) throws(EnreachProblem) -> CallFact? {
        switch message.event.kind {
        case .agentPresence: return try presence(&message, now)
        case .agentStatus: return try status(&message)
        case .agentRequest: return try request(&message, now)
        case .queueStatus: return try queueStatus(&message)
        case .queueMembers: return try members(&message)
        case .alertRaised: return alert(&message, now)
        default: return voicemail(&message, now)
        }
    }

    // MARK: - Users

    private func presence(_ message: inout EnreachMessage, _ now: Timestamp) throws(EnreachProblem) -> CallFact {
        let agent = try requiredAgent(&message)
        let raw = message.fields.text(.availability)
        var presence = Presence(raw.flatMap { Presence.State(rte: $0) } ?? .unknown)
        presence.raw = raw
        presence.source = message.fields.text(.eventSource)
        presence.note = message.fields.text(.note)
        presence.profileID = message.fields.id(.profileID)
        let start = message.fields.moment(.startTime)
        presence.since = start?.time
        presence.until = message.fields.time(.endTime)
        // A state of next week is told today.
        let begun = start?.time.flatMap { $0 <= now.advanced(by: .seconds(86_400)) ? $0 : nil }
        var fact = CallFact(.agentPresence, event: message.name, occurredAt: begun)
        fact.identity = .parts([
            Kind.agentPresence.name, agent.id, start?.spelling ?? "", Self.digest(message.data),
        ])
        fact.body.agent = agent
        fact.body.detail = .presence(presence)
        return fact
    }

    private func status(_ message: inout EnreachMessage) throws(EnreachProblem) -> CallFact {
        var fact = CallFact(.agentStatus, event: message.name)
        fact.identity = .state
        fact.body.agent = try requiredAgent(&message)
        var status = AgentStatus(.unknown)
        status.available = message.fields.boolean(.available)
        status.scheduled = message.fields.boolean(.schedule)
        status.allocatable = message.fields.boolean(.canBeAllocatedTo)
        status.serving = message.fields.boolean(.serving)
        status.servingCallbacks = message.fields.boolean(.servingCallback)
        status.talking = message.fields.boolean(.talking)
        status.activeQueues = message.fields.integer(.activeQueues, atLeast: 0)
        status.parkedCalls = message.fields.integer(.parkedCalls, atLeast: 0)
        status.terminals = message.fields.integer(.serviceTerminals, atLeast: 0)
        let wrapUp = message.fields.moment(.wrapUpEnd)
        status.wrapUpUntil = wrapUp?.time
        status.state = Self.state(status, isInWrapUp: wrapUp.map { !$0.isUnset } ?? false)
        fact.body.detail = .status(status)
        return fact
    }

    /// The first that holds.
    private static func state(_ status: AgentStatus, isInWrapUp: Bool) -> AgentStatus.State {
        if status.talking == true { return .talking }
        if isInWrapUp { return .wrapUp }
        if status.allocatable == true { return .ready }
        if status.scheduled == false { return .off }
        return status.allocatable == nil && status.scheduled == nil ? .unknown : .notReady
    }

    private mutating func request(
        _ message: inout EnreachMessage, _ now: Timestamp
    ) throws(EnreachProblem) -> CallFact? {
        var fact = CallFact(.agentRequest, event: message.name)
        let agent = try requiredAgent(&message)
        fact.body.agent = agent
        var request: AgentRequest
        if message.event == .userActionMobileCall {
            request = AgentRequest(.mobileCall)
            request.number = message.fields.text(.phoneNumber)
        } else {
            request = AgentRequest(.setNextCLI)
            request.number = message.fields.text(.number)
            request.permanent = message.fields.boolean(.permanent)
            request.timeToLive = message.fields.integer(.timeToLive)
        }
        fact.body.detail = .request(request)
        return notice(fact, agent.id, message, now)
    }

    private mutating func alert(_ message: inout EnreachMessage, _ now: Timestamp) -> CallFact? {
        var fact = CallFact(.alertRaised, event: message.name)
        fact.body.agent = agent(&message)
        if let id = message.fields.id(.queueID) {
            fact.body.queue = Queue(id: id, name: message.fields.text(.queueName))
        }
        var alert = Alert()
        alert.id = message.fields.id(.alertID)
        alert.name = message.fields.text(.conditionName)
        alert.expression = message.fields.text(.conditionExpression)
        alert.threshold = message.fields.text(.conditionValue)
        alert.value = message.fields.text(.value)
        fact.body.detail = .alert(alert)
        return notice(fact, alert.id ?? fact.body.agent?.id, message, now)
    }

    private mutating func voicemail(_ message: inout EnreachMessage, _ now: Timestamp) -> CallFact? {
        var fact = CallFact(.voicemailReceived, event: message.name)
        fact.body.agent = agent(&message)
        fact.body.to = Party(vendorNumber: message.fields.text(orEmpty: .calledNumber))
        fact.body.references[.vendorCallID] = message.fields.id(.callID)
        var voicemail = Voicemail()
        voicemail.emailTranscript = message.fields.boolean(.emailTranscript)
        fact.body.detail = .voicemail(voicemail)
        return notice(fact, fact.body.agent?.id, message, now)
    }

    // MARK: - Queues

    private mutating func requiredQueue(_ message: inout EnreachMessage) throws(EnreachProblem) -> Queue {
        guard let id = message.fields.id(.queueID) ?? message.entity else {
            throw EnreachProblem(.missingField, EnreachField.queueID.rawValue)
        }
        kinds.note(id, .queue)
        return Queue(id: id, name: message.fields.text(.queueName))
    }

    /// Counters in the order in which they are written.
    private static let queueCounters: [(EnreachField, String)] = [
        (.nbrOfRequesters, "calls_total"), (.nbrOfQueuingRequesters, "calls_queued"),
        (.nbrOfAllocated, "calls_allocated"), (.nbrOfConnected, "calls_connected"),
        (.nbrOfNotServedRequesters, "calls_not_served"), (.maxWaitTime, "longest_wait"),
        (.nbrOfProviders, "agents_total"), (.nbrOfAgentsCheckedInQueue, "agents_checked_in"),
        (.nbrOfAgentsImmediatelyFree, "agents_free"), (.nbrOfAgentsShortTermAway, "agents_away_short"),
        (.nbrOfAgentsLongTermAway, "agents_away_long"), (.nbrOfAgentsOnWrapUp, "agents_wrap_up"),
        (.nbrOfServingAgentsEstimate, "agents_serving_estimate"),
    ]

    private mutating func queueStatus(_ message: inout EnreachMessage) throws(EnreachProblem) -> CallFact {
        var fact = CallFact(.queueStatus, event: message.name)
        fact.identity = .state
        fact.body.queue = try requiredQueue(&message)
        var stats = Stats()
        if let word = message.fields.text(.openStatus) {
            let isKnown = stats.setOpen(rte: word)
            if !isKnown { fact.body.extra.append(ExtraField(EnreachField.openStatus.rawValue, word)) }
        }
        stats.counters = Self.queueCounters.compactMap { field, name in
            message.fields.integer(field).map { Stats.Counter(name, .integer($0)) }
        }
        fact.body.detail = .stats(stats)
        return fact
    }

    /// The list is the whole of them: only an empty one says that nobody is attached.
    private mutating func members(_ message: inout EnreachMessage) throws(EnreachProblem) -> CallFact {
        var fact = CallFact(.queueMembers, event: message.name)
        fact.identity = .state
        fact.body.queue = try requiredQueue(&message)
        let name = EnreachField.attachedUsers.rawValue
        guard let entries = message.fields.list(.attachedUsers, Self.member) else {
            throw message.fields.isLeft(.attachedUsers)
                ? EnreachProblem(.invalidPayload, "expected an array of objects as \(name)")
                : EnreachProblem(.missingField, name)
        }
        let users = entries.filter { $0?.agentID != EnreachID.nobody }
        guard !users.contains(nil), entries.isEmpty || !users.isEmpty else {
            throw EnreachProblem(.missingField, "\(name)[].\(EnreachField.userID.rawValue)")
        }
        let members = Members(mode: .full, members: users.compactMap { $0 })
        for member in members.members { kinds.note(member.agentID, .user) }
        fact.body.detail = .members(members)
        return fact
    }

    /// nil without an id; the GUID of zeros stays, for the caller to see.
    private static func member(_ object: inout EnreachObject) -> Members.Member? {
        let isNobody = object.isNobody(.userID)
        guard let id = object.id(.userID) ?? (isNobody ? EnreachID.nobody : nil) else { return nil }
        var member = Members.Member(agentID: id)
        member.active = object.boolean(.active)
        member.priority = object.integer(.priority)
        return member
    }
}
