import CallModel
import Codecs

/// Call-back items and their lists.
extension EnreachMapper {
    mutating func callbackFact(_ message: inout EnreachMessage) throws(EnreachProblem) -> CallFact {
        switch message.event.kind {
        case .callbackChanged: return try changed(&message)
        case .callbackAttempt: return try attempt(&message)
        case .callbackListStatus: return try listStatus(&message)
        default: return try notification(&message)
        }
    }

    /// The id of an item has two names, and so has that of its list.
    private static func callback(_ fields: inout EnreachObject) throws(EnreachProblem) -> Callback {
        var callback = Callback()
        callback.id = fields.id(.callBackID) ?? fields.id(.cbrID)
        guard callback.id != nil else { throw EnreachProblem(.missingField, EnreachField.callBackID.rawValue) }
        callback.listID = fields.id(.callListID) ?? fields.id(.listID)
        callback.contactName = fields.text(.contactName)
        callback.contactNumber = fields.text(.contactNumber)
        callback.message = fields.text(.contactMessage)
        callback.assignedTo = fields.id(.assignedUserID)
        callback.targetUser = fields.id(.targetUser)
        callback.related = fields.list(.callbackRelatedItems, Self.related)?.compactMap { $0 } ?? []
        return callback
    }

    private static func fact(
        _ message: inout EnreachMessage, _ callback: Callback, identity: [String]? = nil, occurredAt: Timestamp? = nil
    ) -> CallFact {
        let kind = message.event.kind
        var fact = CallFact(kind, event: message.name, occurredAt: occurredAt)
        fact.identity = .parts(identity ?? [kind.name, callback.id ?? "", digest(message.data)])
        fact.body.references[.vendorCallID] = message.fields.id(.callID)
        fact.body.references[.recording] = message.fields.id(.recordingID)
        fact.body.detail = .callback(callback)
        return fact
    }

    // MARK: - Items

    private func changed(_ message: inout EnreachMessage) throws(EnreachProblem) -> CallFact {
        var callback = try Self.callback(&message.fields)
        callback.typeID = message.fields.integer(.typeID)
        callback.type = callback.typeID.flatMap { [1: .explicit, 2: .overflow, 3: .manual][$0] }
        callback.channel = message.fields.text(.channelIn)
        callback.note = message.fields.text(.note)
        callback.priority = message.fields.text(.calculatedPriority)
        let modified = message.fields.moment(.modified)
        callback.createdAt = message.fields.time(.creationTime)
        callback.modifiedAt = modified?.time
        callback.modifiedBy = message.fields.id(.lastModifiedUserID)
        callback.dueAt = message.fields.time(.dueDate)
        callback.expiresAt = message.fields.time(.expiryDate)
        callback.notBefore = message.fields.time(.notBefore)
        callback.attempts = message.fields.list(.callbackAttempts, Self.attempt) ?? []
        callback.lastAttempt = lastAttempt(&message.fields, told: callback.attempts)
        callback.fields = Self.last(message.fields.list(.callbackExtras, Self.extra)?.compactMap { $0 } ?? [])
        // The list and the user are told the same change, in other words.
        let identity = modified.flatMap { modified in
            modified.isEndless || modified.isUnset
                ? nil : [Kind.callbackChanged.name, callback.id ?? "", modified.spelling]
        }
        var fact = Self.fact(&message, callback, identity: identity, occurredAt: modified?.time)
        fact.body.references[.transcript] = message.fields.id(.transcriptID)
        fact.body.references[.classification] = message.fields.id(.classificationID)
        return fact
    }

    /// nil where the list of attempts has it.
    private func lastAttempt(_ fields: inout EnreachObject, told: [Callback.Attempt]) -> Callback.Attempt? {
        var last = Callback.Attempt()
        last.at = fields.time(.lastAttemptTimestamp)
        last.typeID = fields.integer(.lastAttemptTypeID)
        last.agentID = fields.id(.lastAttemptUserID)
        last.note = fields.text(.lastAttemptNote)
        let isTold = told.contains {
            $0.at == last.at && $0.typeID == last.typeID && $0.agentID == last.agentID && $0.note == last.note
        }
        return isTold || last == Callback.Attempt() ? nil : last
    }

    private func attempt(_ message: inout EnreachMessage) throws(EnreachProblem) -> CallFact {
        var callback = try Self.callback(&message.fields)
        let word = message.fields.text(.callEvent)
        callback.state = word.flatMap { Self.states[$0.lowercased()] }
        var fact = Self.fact(&message, callback)
        if let word, callback.state == nil {
            fact.body.extra.append(ExtraField(EnreachField.callEvent.rawValue, word))
        }
        return fact
    }

    private static let states: [String: Callback.State] = [
        "init": .initial, "connected": .connected, "terminate": .terminated, "terminated": .terminated,
    ]

    /// A new item, or the word to the caller that there is one.
    private func notification(_ message: inout EnreachMessage) throws(EnreachProblem) -> CallFact {
        var callback = try Self.callback(&message.fields)
        if message.event == .callListNotification { callback.type = .manual }
        var notify = Callback.Notify()
        notify.emailTo = message.fields.text(.emailTo)
        notify.emailAttach = message.fields.boolean(.emailAttach)
        notify.emailTranscript = message.fields.boolean(.emailTranscript)
        notify.smsTo = message.fields.text(.smsTo)
        if notify != Callback.Notify() { callback.notify = notify }
        let from = Party(vendorNumber: message.fields.text(orEmpty: .callerNumber))
        let to = Party(vendorNumber: message.fields.text(orEmpty: .calledNumber))
        var fact = Self.fact(&message, callback)
        (fact.body.from, fact.body.to) = (from, to)
        return fact
    }

    // MARK: - Helper types

    private static func attempt(_ object: inout EnreachObject) -> Callback.Attempt {
        var attempt = Callback.Attempt()
        attempt.id = object.id(.id)
        attempt.typeID = object.integer(.callbackAttemptTypeID)
        attempt.at = object.time(.timestamp)
        attempt.agentID = object.id(.userID)
        attempt.note = object.text(.note)
        return attempt
    }

    /// nil for nobody's. One without an id is left as it is.
    private static func related(_ object: inout EnreachObject) -> Callback.Related? {
        let isNobody = object.isNobody(.id)
        guard let id = object.id(.id) ?? (isNobody ? EnreachID.nobody : nil) else { return nil }
        var related = Callback.Related(id: id)
        related.closed = object.boolean(.isClosed)
        related.listID = object.id(.listID)
        related.statusID = object.integer(.statusID)
        return isNobody ? nil : related
    }

    /// Its id says nothing to anybody. One without a name is left as it is.
    private static func extra(_ object: inout EnreachObject) -> ExtraField? {
        guard let name = object.text(.name) else { return nil }
        _ = object.text(.id)
        return object.text(.value).map { ExtraField(name, $0) }
    }

    /// A name that comes twice keeps its last value, at its first place.
    private static func last(_ fields: [ExtraField]) -> [ExtraField] {
        var values: [String: String] = [:]
        var order: [String] = []
        for field in fields where values.updateValue(field.value, forKey: field.name) == nil {
            order.append(field.name)
        }
        return order.compactMap { name in values[name].map { ExtraField(name, $0) } }
    }

    // MARK: - Lists

    /// In the order of the documentation.
    private static let listCounters: [(EnreachField, String)] = [
        (.expiresIn24h, "expires_in_24h"), (.isAutoAllocate, "is_auto_allocate"),
        (.nextHourOverDueDate, "next_hour_over_due_date"),
        (.nextHourRevealedNotBefore, "next_hour_revealed_not_before"),
        (.totalActiveAgents, "total_active_agents"), (.totalAssigned, "total_assigned"),
        (.totalAutoAllocateAgents, "total_auto_allocate_agents"),
        (.totalFreeForAllocation, "total_free_for_allocation"),
        (.totalHidingNotBefore, "total_hiding_not_before"), (.totalOpenRequests, "total_open_requests"),
        (.totalOverDueDate, "total_over_due_date"), (.totalServingAgents, "total_serving_agents"),
        (.totalServingAutoAllocateAgents, "total_serving_auto_allocate_agents"),
    ]

    private func listStatus(_ message: inout EnreachMessage) throws(EnreachProblem) -> CallFact {
        var callback = Callback()
        callback.listID = message.fields.id(.callListID) ?? message.fields.id(.listID) ?? message.entity
        guard callback.listID != nil else { throw EnreachProblem(.missingField, EnreachField.callListID.rawValue) }
        var stats = Stats()
        for (field, name) in Self.listCounters {
            let value: Stats.Value? =
                field == .isAutoAllocate
                ? message.fields.boolean(field).map { .boolean($0) }
                : message.fields.integer(field).map { .integer($0) }
            if let value { stats.counters.append(.init(name, value)) }
        }
        var fact = CallFact(.callbackListStatus, event: message.name)
        fact.identity = .state
        fact.body.detail = .callbackList(callback, stats)
        return fact
    }
}
