import Codecs

/// The kind's own block from a line.
enum DetailReader {
    static func read(_ root: JSONValue, kind: Kind) throws(LineError) -> Detail? {
        if let value = root["target"] { return .target(target(value)) }
        if let value = root["treatment"] { return .treatment(try treatment(value)) }
        if let value = root["transfer"] { return .transfer(transfer(value)) }
        if let value = root["divert"] { return .divert(divert(value)) }
        if let value = root["park"] { return .park(try park(value)) }
        if let room = root["conference"]?.string("room") { return .conference(room: room) }
        if let value = root["monitor"] {
            return .monitor(Monitor(leg: value.string("leg"), state: value.string("state")))
        }
        if let value = root["presence"] { return .presence(presence(value)) }
        if let value = root["status"] { return .status(status(value)) }
        if let mode: Members.Mode = root.word("members_mode") { return .members(members(root, mode)) }
        if let value = root["callback"] {
            let item = try CallbackReader.read(value)
            return root["stats"].map { .callbackList(item, stats($0)) } ?? .callback(item)
        }
        if let value = root["stats"] { return .stats(stats(value)) }
        if let value = root["voicemail"] { return .voicemail(voicemail(value)) }
        if let value = root["alert"] { return .alert(alert(value)) }
        if let value = root["request"] { return .request(try request(value)) }
        if let value = root["entity"] { return .entity(try entity(value)) }
        if let value = root["record"] { return .record(try record(value)) }
        return try readLink(root)
    }

    private static func readLink(_ root: JSONValue) throws(LineError) -> Detail? {
        if let value = root["connection"] {
            return .connection(Connection(attempt: value.integer("attempt"), reason: value.string("reason")))
        }
        if let value = root["gap"] { return .gap(try gap(value)) }
        if let value = root["snapshot"] {
            var snapshot = Snapshot(
                entity: try LineReader.required(value.string("entity"), "snapshot.entity"),
                items: try LineReader.required(value.integer("items"), "snapshot.items"))
            snapshot.opened = value.integer("opened")
            snapshot.matched = value.integer("matched")
            snapshot.vanished = value.integer("vanished")
            return .snapshot(snapshot)
        }
        if let value = root["notice"] {
            return .notice(
                code: try LineReader.required(value.string("code"), "notice.code"), text: value.string("text"))
        }
        if let value = root["problem"] {
            return .problem(
                Problem(
                    try LineReader.required(value.word("code"), "problem.code"), detail: value.string("detail")))
        }
        return nil
    }

    private static func target(_ value: JSONValue) -> Target {
        Target(
            value.word("type") ?? .unknown, id: value.string("id"), number: value.string("number"),
            name: value.string("name"))
    }

    private static func treatment(_ value: JSONValue) throws(LineError) -> Treatment {
        Treatment(
            try LineReader.required(value.word("type"), "treatment.type"), id: value.string("id"),
            name: value.string("name"), targetType: value.word("target_type"))
    }

    private static func transfer(_ value: JSONValue) -> Transfer {
        var transfer = Transfer(
            number: value.int32("n") ?? 0, type: value.word("type") ?? .unknown, by: value.word("by"),
            target: value["target"].map(target))
        (transfer.source, transfer.applet) = (value.string("source"), value.string("applet"))
        return transfer
    }

    private static func divert(_ value: JSONValue) -> Divert {
        Divert(
            value.word("type") ?? .unknown, reason: value.string("reason"), applet: value.string("applet"),
            targets: (value["targets"]?.elements ?? []).map(target))
    }

    private static func park(_ value: JSONValue) throws(LineError) -> Park {
        Park(
            slot: try LineReader.required(value.string("slot"), "park.slot"), byID: value["by"]?.string("id"),
            byName: value["by"]?.string("name"))
    }

    private static func presence(_ value: JSONValue) -> Presence {
        var presence = Presence(value.word("state") ?? .unknown)
        presence.raw = value.string("raw")
        presence.source = value.string("source")
        presence.note = value.string("note")
        presence.profileID = value.string("profile_id")
        presence.since = value.time("since")
        presence.until = value.time("until")
        presence.doNotDisturb = value.boolean("dnd")
        presence.forwarding = value.boolean("forwarding")
        return presence
    }

    private static func status(_ value: JSONValue) -> AgentStatus {
        var status = AgentStatus(value.word("state") ?? .unknown)
        status.available = value.boolean("available")
        status.scheduled = value.boolean("scheduled")
        status.allocatable = value.boolean("allocatable")
        status.serving = value.boolean("serving")
        status.servingCallbacks = value.boolean("serving_callbacks")
        status.talking = value.boolean("talking")
        status.activeQueues = value.integer("active_queues")
        status.parkedCalls = value.integer("parked_calls")
        status.terminals = value.integer("terminals")
        status.wrapUpUntil = value.time("wrap_up_until")
        return status
    }

    private static func members(_ root: JSONValue, _ mode: Members.Mode) -> Members {
        Members(
            mode: mode,
            members: (root["members"]?.elements ?? []).map { value in
                var member = Members.Member(agentID: value.string("agent_id") ?? "")
                member.active = value.boolean("active")
                member.priority = value.integer("priority")
                member.loggedIn = value.boolean("logged_in")
                member.role = value.string("role")
                member.change = value.word("change")
                return member
            })
    }

    private static func stats(_ value: JSONValue) -> Stats {
        var stats = Stats()
        for member in value.members {
            switch member.name {
            case "open": stats.open = member.value.string.flatMap(Stats.Open.init)
            case "open_certain": stats.openCertain = member.value.bool
            default:
                if let integer = member.value.integer {
                    stats.counters.append(.init(member.name, .integer(integer)))
                } else if let boolean = member.value.bool {
                    stats.counters.append(.init(member.name, .boolean(boolean)))
                }
            }
        }
        return stats
    }

    private static func voicemail(_ value: JSONValue) -> Voicemail {
        var voicemail = Voicemail()
        voicemail.emailTranscript = value.boolean("email_transcript")
        voicemail.new = value.integer("new")
        voicemail.saved = value.integer("saved")
        voicemail.owner = value["owner"].map(target)
        return voicemail
    }

    private static func alert(_ value: JSONValue) -> Alert {
        var alert = Alert()
        alert.id = value.string("id")
        alert.name = value.string("name")
        alert.expression = value.string("expression")
        alert.threshold = value.string("threshold")
        alert.value = value.string("value")
        return alert
    }

    private static func request(_ value: JSONValue) throws(LineError) -> AgentRequest {
        var request = AgentRequest(try LineReader.required(value.word("type"), "request.type"))
        request.number = value.string("number")
        request.permanent = value.boolean("permanent")
        request.timeToLive = value.integer("ttl")
        return request
    }

    private static func entity(_ value: JSONValue) throws(LineError) -> Entity {
        var entity = Entity(
            value.word("type") ?? .other, id: try LineReader.required(value.string("id"), "entity.id"),
            change: try LineReader.required(value.word("change"), "entity.change"))
        entity.name = value.string("name")
        entity.extension = value.string("extension")
        entity.email = value.string("email")
        entity.label = value.string("label")
        entity.registered = value.boolean("registered")
        return entity
    }

    private static func record(_ value: JSONValue) throws(LineError) -> Record {
        var record = Record(id: try LineReader.required(value.string("id"), "record.id"))
        record.list = value.string("list")
        record.startedAt = value.time("started_at")
        record.direction = value.word("direction")
        record.billable = value.boolean("billable")
        return record
    }

    private static func gap(_ value: JSONValue) throws(LineError) -> Gap {
        var gap = Gap(
            id: try LineReader.required(value.uuid("id"), "gap.id"),
            from: try LineReader.required(value.time("from"), "gap.from"),
            to: try LineReader.required(value.time("to"), "gap.to"),
            reason: try LineReader.required(value.word("reason"), "gap.reason"),
            recoverable: try LineReader.required(value.word("recoverable"), "gap.recoverable"))
        gap.recentCalls = value.integer("open_calls")
        return gap
    }
}

enum CallbackReader {
    static func read(_ value: JSONValue) throws(LineError) -> Callback {
        var callback = Callback()
        callback.id = value.string("id")
        callback.listID = value.string("list_id")
        callback.type = value.word("type")
        callback.typeID = value.integer("type_id")
        callback.state = value.word("state")
        callback.channel = value.string("channel")
        callback.contactName = value.string("contact_name")
        callback.contactNumber = value.string("contact_number")
        callback.message = value.string("message")
        callback.note = value.string("note")
        callback.priority = value.string("priority")
        callback.assignedTo = value.string("assigned_to")
        callback.targetUser = value.string("target_user")
        callback.createdAt = value.time("created_at")
        callback.modifiedAt = value.time("modified_at")
        callback.modifiedBy = value.string("modified_by")
        callback.dueAt = value.time("due_at")
        callback.expiresAt = value.time("expires_at")
        callback.notBefore = value.time("not_before")
        callback.lastAttempt = value["last_attempt"].map(attempt)
        callback.attempts = (value["attempts"]?.elements ?? []).map(attempt)
        callback.related = try related(value)
        callback.fields = (value["fields"]?.members ?? []).map { ExtraField($0.name, $0.value.string ?? "") }
        callback.notify = value["notify"].map { item in
            var notify = Callback.Notify()
            notify.emailTo = item.string("email_to")
            notify.emailAttach = item.boolean("email_attach")
            notify.emailTranscript = item.boolean("email_transcript")
            notify.smsTo = item.string("sms_to")
            return notify
        }
        return callback
    }

    private static func related(_ value: JSONValue) throws(LineError) -> [Callback.Related] {
        var list: [Callback.Related] = []
        for item in value["related"]?.elements ?? [] {
            var related = Callback.Related(
                id: try LineReader.required(item.string("id"), "callback.related.id"))
            related.closed = item.boolean("closed")
            related.listID = item.string("list_id")
            related.statusID = item.integer("status_id")
            list.append(related)
        }
        return list
    }

    private static func attempt(_ value: JSONValue) -> Callback.Attempt {
        var attempt = Callback.Attempt()
        attempt.id = value.string("id")
        attempt.at = value.time("at")
        attempt.typeID = value.integer("type_id")
        attempt.agentID = value.string("agent_id")
        attempt.note = value.string("note")
        return attempt
    }
}
