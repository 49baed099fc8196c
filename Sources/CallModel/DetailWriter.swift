import Codecs

/// The kind's own block, each at its place in the schema's order.
enum DetailWriter {
    static func writeBeforeTiming(_ detail: Detail, to out: inout ByteWriter) {
        switch detail {
        case .treatment(let treatment):
            out.object("treatment") {
                $0.member("type", word: treatment.type.rawValue)
                $0.member("id", treatment.id)
                $0.member("name", treatment.name)
                $0.member("target_type", word: treatment.targetType?.rawValue)
            }
        case .transfer(let transfer): out.object("transfer") { write(transfer, to: &$0) }
        case .divert(let divert):
            out.object("divert") {
                $0.member("type", word: divert.type.rawValue)
                $0.member("reason", divert.reason)
                $0.member("applet", divert.applet)
                $0.list("targets", divert.targets) { LineWriter.write($1, to: &$0) }
            }
        case .park(let park): out.object("park") { write(park, to: &$0) }
        case .conference(let room): out.object("conference") { $0.member("room", room) }
        case .monitor(let monitor):
            out.object("monitor") {
                $0.member("leg", monitor.leg)
                $0.member("state", monitor.state)
            }
        case .presence(let presence): out.object("presence") { write(presence, to: &$0) }
        case .status(let status): out.object("status") { write(status, to: &$0) }
        case .members(let members): write(members, to: &out)
        case .stats(let stats): out.object("stats") { write(stats, to: &$0) }
        case .callback(let callback): out.object("callback") { CallbackWriter.write(callback, to: &$0) }
        case .callbackList(let callback, let stats):
            out.object("stats") { write(stats, to: &$0) }
            out.object("callback") { CallbackWriter.write(callback, to: &$0) }
        case .voicemail(let voicemail): out.object("voicemail") { write(voicemail, to: &$0) }
        case .alert(let alert):
            out.object("alert") {
                $0.member("id", alert.id)
                $0.member("name", alert.name)
                $0.member("expression", alert.expression)
                $0.member("threshold", alert.threshold)
                $0.member("value", alert.value)
            }
        case .request(let request):
            out.object("request") {
                $0.member("type", word: request.type.rawValue)
                $0.member("number", request.number)
                $0.member("permanent", request.permanent)
                $0.member("ttl", request.timeToLive)
            }
        case .entity(let entity): out.object("entity") { write(entity, to: &$0) }
        case .target, .record, .connection, .gap, .snapshot, .notice, .problem: break
        }
    }

    static func writeAfterOutcome(_ detail: Detail, to out: inout ByteWriter) {
        switch detail {
        case .record(let record):
            out.object("record") {
                $0.member("id", record.id)
                $0.member("list", record.list)
                $0.member("started_at", record.startedAt)
                $0.member("direction", word: record.direction?.rawValue)
                $0.member("billable", record.billable)
            }
        case .connection(let connection):
            out.object("connection") {
                $0.member("attempt", connection.attempt)
                $0.member("reason", connection.reason)
            }
        case .gap(let gap):
            out.object("gap") {
                $0.member("id", gap.id)
                $0.member("from", gap.from)
                $0.member("to", gap.to)
                $0.member("reason", word: gap.reason.rawValue)
                $0.member("recoverable", word: gap.recoverable.rawValue)
                $0.member("open_calls", gap.recentCalls)
            }
        case .snapshot(let snapshot):
            out.object("snapshot") {
                $0.member("entity", snapshot.entity)
                $0.member("items", snapshot.items)
                $0.member("opened", snapshot.opened)
                $0.member("matched", snapshot.matched)
                $0.member("vanished", snapshot.vanished)
            }
        case .notice(let code, let text):
            out.object("notice") {
                $0.member("code", code)
                $0.member("text", text)
            }
        case .problem(let problem):
            out.object("problem") {
                $0.member("code", word: problem.code.rawValue)
                $0.member("detail", problem.detail)
            }
        case .target, .treatment, .transfer, .divert, .park, .conference, .monitor, .presence, .status, .members,
            .stats, .callback, .callbackList, .voicemail, .alert, .request, .entity:
            break
        }
    }

    private static func write(_ transfer: Transfer, to out: inout ByteWriter) {
        out.member("n", transfer.number)
        out.member("type", word: transfer.type.rawValue)
        out.member("by", word: transfer.by?.rawValue)
        if let target = transfer.target { out.object("target") { LineWriter.write(target, to: &$0) } }
        out.member("source", transfer.source)
        out.member("applet", transfer.applet)
    }

    private static func write(_ park: Park, to out: inout ByteWriter) {
        out.member("slot", park.slot)
        guard let id = park.byID else { return }
        out.object("by") {
            $0.member("id", id)
            $0.member("name", park.byName)
        }
    }

    private static func write(_ presence: Presence, to out: inout ByteWriter) {
        out.member("state", word: presence.state.rawValue)
        out.member("raw", presence.raw)
        out.member("source", presence.source)
        out.member("note", presence.note)
        out.member("profile_id", presence.profileID)
        out.member("since", presence.since)
        out.member("until", presence.until)
        out.member("dnd", presence.doNotDisturb)
        out.member("forwarding", presence.forwarding)
    }

    private static func write(_ status: AgentStatus, to out: inout ByteWriter) {
        out.member("state", word: status.state.rawValue)
        out.member("available", status.available)
        out.member("scheduled", status.scheduled)
        out.member("allocatable", status.allocatable)
        out.member("serving", status.serving)
        out.member("serving_callbacks", status.servingCallbacks)
        out.member("talking", status.talking)
        out.member("active_queues", status.activeQueues)
        out.member("parked_calls", status.parkedCalls)
        out.member("terminals", status.terminals)
        out.member("wrap_up_until", status.wrapUpUntil)
    }

    /// An empty list is a statement here: the queue has no members.
    private static func write(_ members: Members, to out: inout ByteWriter) {
        out.member("members_mode", word: members.mode.rawValue)
        guard !members.members.isEmpty else {
            out.member("members")
            return out.append("[]")
        }
        out.list("members", members.members) {
            $0.member("agent_id", $1.agentID)
            $0.member("active", $1.active)
            $0.member("priority", $1.priority)
            $0.member("logged_in", $1.loggedIn)
            $0.member("role", $1.role)
            $0.member("change", word: $1.change?.rawValue)
        }
    }

    private static func write(_ stats: Stats, to out: inout ByteWriter) {
        out.member("open", word: stats.open?.rawValue)
        out.member("open_certain", stats.openCertain)
        for counter in stats.counters {
            if out.last != UInt8(ascii: "{") { out.append(UInt8(ascii: ",")) }
            out.append(jsonString: counter.name)
            out.append(UInt8(ascii: ":"))
            switch counter.value {
            case .integer(let value): out.append(decimal: value)
            case .boolean(let value): out.append(value ? "true" : "false")
            }
        }
    }

    private static func write(_ voicemail: Voicemail, to out: inout ByteWriter) {
        out.member("email_transcript", voicemail.emailTranscript)
        out.member("new", voicemail.new)
        out.member("saved", voicemail.saved)
        if let owner = voicemail.owner { out.object("owner") { LineWriter.write(owner, to: &$0) } }
    }

    private static func write(_ entity: Entity, to out: inout ByteWriter) {
        out.member("type", word: entity.type.rawValue)
        out.member("id", entity.id)
        out.member("name", entity.name)
        out.member("change", word: entity.change.rawValue)
        out.member("extension", entity.extension)
        out.member("email", entity.email)
        out.member("label", entity.label)
        out.member("registered", entity.registered)
    }
}

enum CallbackWriter {
    static func write(_ callback: Callback, to out: inout ByteWriter) {
        out.member("id", callback.id)
        out.member("list_id", callback.listID)
        out.member("type", word: callback.type?.rawValue)
        out.member("type_id", callback.typeID)
        out.member("state", word: callback.state?.rawValue)
        out.member("channel", callback.channel)
        out.member("contact_name", callback.contactName)
        out.member("contact_number", callback.contactNumber)
        out.member("message", callback.message)
        out.member("note", callback.note)
        out.member("priority", callback.priority)
        out.member("assigned_to", callback.assignedTo)
        out.member("target_user", callback.targetUser)
        out.member("created_at", callback.createdAt)
        out.member("modified_at", callback.modifiedAt)
        out.member("modified_by", callback.modifiedBy)
        out.member("due_at", callback.dueAt)
        out.member("expires_at", callback.expiresAt)
        out.member("not_before", callback.notBefore)
        if let attempt = callback.lastAttempt {
            out.object("last_attempt") {
                $0.member("at", attempt.at)
                $0.member("type_id", attempt.typeID)
                $0.member("agent_id", attempt.agentID)
                $0.member("note", attempt.note)
            }
        }
        out.list("attempts", callback.attempts) {
            $0.member("id", $1.id)
            $0.member("type_id", $1.typeID)
            $0.member("at", $1.at)
            $0.member("agent_id", $1.agentID)
            $0.member("note", $1.note)
        }
        out.list("related", callback.related) {
            $0.member("id", $1.id)
            $0.member("closed", $1.closed)
            $0.member("list_id", $1.listID)
            $0.member("status_id", $1.statusID)
        }
        if !callback.fields.isEmpty {
            out.object("fields") { $0.members(callback.fields) }
        }
        guard let notify = callback.notify else { return }
        out.object("notify") {
            $0.member("email_to", notify.emailTo)
            $0.member("email_attach", notify.emailAttach)
            $0.member("email_transcript", notify.emailTranscript)
            $0.member("sms_to", notify.smsTo)
        }
    }
}
