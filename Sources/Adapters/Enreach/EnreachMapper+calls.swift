import CallModel
import Codecs

/// Events of calls.
extension EnreachMapper {
    /// nil for a fact that was told already.
    mutating func callFact(_ message: inout EnreachMessage, _ now: Timestamp) throws(EnreachProblem) -> CallFact? {
        guard let id = message.fields.id(.callID) else {
            throw EnreachProblem(.missingField, EnreachField.callID.rawValue)
        }
        let event = message.event
        var fact = CallFact(event.kind, callID: id, event: message.name)
        fact.leg = message.fields.text(.legID)
        fact.body.from = Party(vendorNumber: message.fields.text(orEmpty: .callerNumber))
        fact.body.to = Party(vendorNumber: message.fields.text(orEmpty: .targetNumber))
        if var agent = agent(&message) {
            agent.number = message.fields.text(.userNumber)
            fact.body.agent = agent
            kinds.note(agent.id, .user)
        }
        let call = calls[id] ?? calls.add(id, epoch: epoch)
        call.note(event.isOutbound ? .outbound : .inbound)
        fact.body.queue = queue(&message, call)
        let key = try complete(&fact, &message, call)
        guard !isRepeat(fact.kind, key, message, call, now) else { return nil }
        note(fact, key, call)
        fact.direction = call.direction
        return fact
    }

    /// The service queue, and the technical one where that is another. A user's call has the technical one alone.
    private mutating func queue(_ message: inout EnreachMessage, _ call: EnreachCall) -> Queue? {
        let id = message.fields.id(.queueID)
        let (name, number) = (message.fields.text(.queueName), message.fields.text(.queueNumber))
        let tech = message.fields.id(.techQueueID)
        let techName = message.fields.text(.techQueueName)
        for known in [id, tech] { if let known { kinds.note(known, .queue) } }
        let isNamed = id != nil
        guard let id = id ?? tech ?? message.entityOfQueue else { return nil }
        var queue = Queue(id: id, name: name ?? (isNamed ? nil : techName))
        queue.number = call.number(ofQueue: id, told: number)
        if tech != id || !isNamed { (queue.techID, queue.techName) = (tech, techName) }
        return queue
    }

    // MARK: - Each kind

    /// Adds what is particular to the kind. Returns what tells the fact from others of its kind in its call.
    private mutating func complete(
        _ fact: inout CallFact, _ message: inout EnreachMessage, _ call: EnreachCall
    ) throws(EnreachProblem) -> [String?] {
        switch fact.kind {
        case .callRouted:
            guard let agent = fact.body.agent else { throw EnreachProblem(.missingField, EnreachField.userID.rawValue) }
            fact.body.detail = .target(Target(.user, id: agent.id, name: agent.name))
            return [agent.id]
        case .callQueued:
            guard let queue = fact.body.queue else {
                throw EnreachProblem(.missingField, EnreachField.queueID.rawValue)
            }
            return [queue.id]
        case .callRinging:
            guard let agent = fact.body.agent else { throw EnreachProblem(.missingField, EnreachField.userID.rawValue) }
            return [agent.id]
        case .callRingStopped:
            guard let agent = fact.body.agent else { throw EnreachProblem(.missingField, EnreachField.userID.rawValue) }
            fact.body.outcome = EnreachOutcome.of(
                reason: message.fields.text(.reason), detail: message.fields.text(.detailedReason))
            return [agent.id]
        case .callAnswered: return [fact.body.agent?.id]
        case .callDiverted: return divert(&fact, &message)
        case .callTransferStarted, .callTransferConnected, .callTransferCancelled:
            return transfer(&fact, &message, call)
        case .callEnded: end(&fact, &message, call)
        default: break
        }
        return []
    }

    private static let forwardingReasons: Set<String> = ["transferall", "blindtransfer", "avaactiveprofile"]

    private func divert(_ fact: inout CallFact, _ message: inout EnreachMessage) -> [String?] {
        var divert = Divert(.overflow)
        let targets: [String]
        if message.event == .userCallInUserOverflow {
            divert.reason = message.fields.text(.reason)
            if let reason = divert.reason, Self.forwardingReasons.contains(reason.lowercased()) {
                divert.type = .forward
            }
            targets = message.fields.texts(.target)
        } else {
            divert.applet = message.fields.text(.overflowApplet)
            targets = message.fields.texts(.connectedTarget)
        }
        let filled = targets.filter { !$0.isEmpty && $0 != EnreachID.nobody }
        divert.targets = filled.flatMap { EnreachTarget.list($0) { kinds[$0] } }
        // Taken apart by a separator that nobody documented: what was sent is kept.
        if divert.targets.count > filled.count {
            fact.body.extra.append(ExtraField(EnreachField.target.rawValue, filled.joined(separator: " ")))
        }
        fact.body.detail = .divert(divert)
        // The queue's own event has no target.
        return [divert.reason, divert.applet, fact.body.queue?.techID ?? fact.body.queue?.id]
    }

    private mutating func transfer(
        _ fact: inout CallFact, _ message: inout EnreachMessage, _ call: EnreachCall
    ) -> [String?] {
        var transfer = Transfer(type: .unknown, by: message.event.isOfQueue ? .queue : .agent)
        transfer.applet = message.fields.text(.transferApplet)
        transfer.source = message.fields.text(.transferSource)
        let text = message.fields.text(fact.kind == .callTransferStarted ? .transferTarget : .connectedTarget)
        if let text, text != EnreachID.nobody { transfer.target = EnreachTarget.parse(text) { kinds[$0] } }
        var key = [transfer.applet, transfer.target?.id ?? transfer.target?.number ?? transfer.target?.name]
        if fact.kind == .callTransferCancelled {
            var outcome = EnreachOutcome.of(
                reason: message.fields.text(.reason), detail: message.fields.text(.detailedReason))
            outcome.disposition = .cancelled
            fact.body.outcome = outcome
            key += [outcome.reason, outcome.detail]
        }
        // These do not say where it was going to.
        if fact.kind != .callTransferStarted, transfer.target == nil { transfer.target = call.transferTarget }
        fact.body.detail = .transfer(transfer)
        return key
    }

    private func end(_ fact: inout CallFact, _ message: inout EnreachMessage, _ call: EnreachCall) {
        let isOutbound = message.event.isOutbound
        let (kind, outcome) = EnreachOutcome.end(
            reason: message.fields.text(.reason), tech: message.fields.text(.techReason),
            by: message.event.isOfQueue ? .queue : isOutbound ? .callingUser : .calledUser,
            .init(
                direction: call.direction ?? (isOutbound ? .outbound : .inbound), wasServed: call.wasServed,
                isWhole: call.sawBeginning && call.epoch == epoch))
        (fact.kind, fact.body.outcome) = (kind, outcome)
    }

    // MARK: - Memory

    /// True for a fact that the same or another subscription told already. Only of kinds that the tracker takes every time
    /// they are told does a repetition by the same subscription matter.
    private func isRepeat(
        _ kind: Kind, _ key: [String?], _ message: EnreachMessage, _ call: EnreachCall, _ now: Timestamp
    ) -> Bool {
        switch kind {
        case .callOffered, .callDialing, .callAbandoned, .callEnded: return false
        default: break
        }
        var teller = Hasher()
        teller.combine(message.entity)
        teller.combine(message.event)
        return call.isRepeat(
            Self.fact(kind, key), by: teller.finalize(), at: now, onceInARow: Self.isTakenEachTime(kind))
    }

    private static func fact(_ kind: Kind, _ key: [String?]) -> Int {
        var hasher = Hasher()
        hasher.combine(kind)
        hasher.combine(key)
        return hasher.finalize()
    }

    private static func isTakenEachTime(_ kind: Kind) -> Bool {
        switch kind {
        case .callRouted, .callDiverted, .callTransferStarted, .callTransferConnected, .callTransferCancelled: true
        default: false
        }
    }

    private mutating func note(_ fact: CallFact, _ key: [String?], _ call: EnreachCall) {
        switch fact.kind {
        case .callOffered, .callDialing: call.sawBeginning = true
        case .callAnswered: call.wasServed = true
        case .callDiverted: call.forgetTold(but: Self.fact(fact.kind, key))
        case .callTransferStarted:
            if case .transfer(let transfer) = fact.body.detail { call.transferTarget = transfer.target }
        case .callTransferConnected: (call.wasServed, call.transferTarget) = (true, nil)
        case .callTransferCancelled: call.transferTarget = nil
        case .callEnded, .callAbandoned: calls.end(call)
        default: break
        }
    }

    // MARK: - Missed calls

    /// It names neither user nor target, and not always the call. nil for what was just told.
    mutating func missed(_ message: inout EnreachMessage, _ now: Timestamp) -> CallFact? {
        var fact = CallFact(.callMissed, callID: message.fields.id(.callID), event: message.name)
        fact.body.agent = agent(&message)
        fact.body.from = Party(vendorNumber: message.fields.text(orEmpty: .callerNumber))
        if let name = message.fields.text(.callerName) {
            fact.body.from = fact.body.from ?? Party()
            fact.body.from?.name = name
        }
        fact.body.references[.vendorCallID] = fact.callID
        return notice(fact, fact.body.agent?.id, message, now)
    }
}

extension EnreachMessage {
    /// Who is subscribed, where that is a queue.
    fileprivate var entityOfQueue: String? { event.isOfQueue ? entity : nil }
}
