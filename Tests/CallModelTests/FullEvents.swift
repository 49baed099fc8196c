import CallModel
import Codecs

/// One event of each kind with every block and every member that the kind may have.
enum FullEvents {
    static func make(_ kind: Kind) -> CallEvent {
        var event = CallEvent(
            id: UUID128(high: 0xC6C3_04AC_4A70_5BFD, low: 0x8D99_D355_9D87_9BE8), kind: kind, stream: sceneStream,
            seq: 7,
            occurredAt: at(1.5), receivedAt: at(2), timeSource: .vendor, origin: .live, tenant: "acme",
            source: SourceReference(vendor: "enreach", name: "hel", event: "Test\"Event"))
        event.body.extra = [ExtraField("TechSource", "a/b\n\u{1}"), ExtraField("Empty", ""), ExtraField("Ä", "日本")]
        event.replayed = true
        event.uncertainMilliseconds = 250
        event.causedBy = UUID128(high: 1, low: 2)
        event.body.agent = Agent(
            id: "1001", name: "Ann", extension: "17", number: "+358100", endpoint: "SIP/ann")
        var queue = Queue(id: "q1", name: "Sales", number: "500", type: .hunt)
        (queue.techID, queue.techName) = ("t1", "tech")
        event.body.queue = queue
        if kind.isCall { fillCall(&event) }
        event.body.detail = detail(of: kind)
        if kind == .sourceUnmapped {
            event.body.raw = RawPayload(encoding: .json, data: #"{"a":[1,2.50,"x"],"b":null}"#)
        } else if kind == .sourceNotice {
            event.body.raw = RawPayload(encoding: .text, data: "plain \"text\"", isTruncated: true)
        } else if kind == .sourceGap {
            event.body.raw = RawPayload(encoding: .base64, data: "AAEC/w==")
        }
        return event
    }

    private static func fillCall(_ event: inout CallEvent) {
        let isEnd = event.kind == .callEnded
        event.call = CallReference(
            id: "hel:0f4d-9f8e", seq: 3, state: isEnd ? .ended : .ringing, direction: .internalCall, leg: "leg1",
            peerLeg: "leg2", alerting: 2, gaps: 1)
        event.late = true
        event.body.from = Party(number: "+358401234567", e164: "+358401234567", name: "Ömer", location: .externalSide)
        var hidden = Party(name: "Hidden", location: .internalSide)
        hidden.isAnonymous = true
        event.body.to = hidden
        event.body.trunk = Trunk(name: "trunk", channel: "SIP/trunk-00000001")
        event.body.contacts = [
            Contact(id: "1", name: "N", organization: "O", region: "R", avatar: "A"), Contact(name: "Only a name"),
        ]
        event.body.timing = timing()
        event.body.outcome = outcome(closed: isEnd || event.kind == .callRecord)
        for key in References.Key.allCases where key != .vendorCallID { event.body.references[key] = "ref \(key)" }
    }

    private static func timing() -> Timing {
        var timing = Timing(source: .mixed)
        (timing.offeredAt, timing.queuedAt, timing.ringingAt) = (at(0), at(1), at(2))
        (timing.answeredAt, timing.endedAt) = (at(3), at(65))
        (timing.queueMilliseconds, timing.ringMilliseconds, timing.talkMilliseconds) = (1000, 1001, 60_000)
        (timing.holdMilliseconds, timing.parkMilliseconds, timing.totalMilliseconds) = (0, 1, 65_000)
        return timing
    }

    private static func outcome(closed: Bool) -> Outcome {
        var outcome = Outcome(disposition: .busy)
        (outcome.side, outcome.endedBy, outcome.closure) = (.remote, .customer, closed ? .vendor : nil)
        (outcome.sip, outcome.q850) = (486, 17)
        (outcome.reason, outcome.detail, outcome.tech) = ("Busy", "BusyOnBusy", "SIP;cause=486")
        return outcome
    }

    private static let target = Target(.number, id: "t", number: "0800123", name: "Target")

    private static func detail(of kind: Kind) -> Detail? {
        switch kind {
        case .callRouted, .callRinging, .callRingStopped: .target(target)
        case .callTreatment: .treatment(Treatment(.xmlIVR, id: "5", name: "Menu", targetType: .queue))
        case .callParked, .callUnparked: .park(Park(slot: "901", byID: "7", byName: "Bob"))
        case .callDiverted:
            .divert(Divert(.forward, reason: "DND", applet: "A", targets: [target, Target(.url, id: "u")]))
        case .callTransferStarted, .callTransferConnected, .callTransferCancelled: .transfer(transfer())
        case .callConferenced: .conference(room: "77")
        case .callMonitored: .monitor(Monitor(leg: "l", state: "listen"))
        case .callRecord: .record(record())
        case .agentPresence: .presence(presence())
        case .agentStatus: .status(status())
        case .agentRequest: .request(request())
        case .queueStatus: .stats(stats())
        case .queueMembers: .members(members())
        case .callbackRequested, .callbackChanged, .callbackAttempt, .callbackConfirmed: .callback(callback())
        case .callbackListStatus: .callbackList(callback(), stats())
        case .voicemailReceived, .voicemailStatus: .voicemail(voicemail())
        case .alertRaised: .alert(alert())
        case .directoryChanged: .entity(entity())
        case .sourceConnected, .sourceDisconnected: .connection(Connection(attempt: 3, reason: "refused"))
        case .sourceGap: .gap(gap())
        case .sourceSnapshot: .snapshot(snapshot())
        case .sourceNotice: .notice(code: "user_message", text: "hello")
        case .sourceUnmapped: .problem(Problem(.unknownEvent, detail: "what?"))
        case .callOffered, .callDialing, .callQueued, .callAnswered, .callHeld, .callRetrieved, .callLeft, .callUpdated,
            .callMissed, .callAbandoned, .callEnded, .sourceHeartbeat, .bridgeStarted, .bridgeStopped:
            nil
        }
    }

    private static func transfer() -> Transfer {
        var transfer = Transfer(number: 2, type: .attended, by: .queue, target: target)
        (transfer.source, transfer.applet) = ("S", "A")
        return transfer
    }

    private static func record() -> Record {
        var record = Record(id: "r1")
        (record.list, record.startedAt, record.direction, record.billable) = ("cdr", at(0), .outbound, false)
        return record
    }

    private static func presence() -> Presence {
        var presence = Presence(.dnd)
        (presence.raw, presence.source, presence.note, presence.profileID) = ("DoNotDisturb", "Calendar", "lunch", "9")
        (presence.since, presence.until, presence.doNotDisturb, presence.forwarding) = (at(-10), at(10), true, false)
        return presence
    }

    private static func status() -> AgentStatus {
        var status = AgentStatus(.wrapUp)
        (status.available, status.scheduled, status.allocatable, status.serving) = (true, false, true, false)
        (status.servingCallbacks, status.talking) = (true, false)
        (status.activeQueues, status.parkedCalls, status.terminals, status.wrapUpUntil) = (1, 2, 3, at(30))
        return status
    }

    private static func request() -> AgentRequest {
        var request = AgentRequest(.setNextCLI)
        (request.number, request.permanent, request.timeToLive) = ("123", true, 60)
        return request
    }

    private static func stats() -> Stats {
        var stats = Stats()
        (stats.open, stats.openCertain) = (.noHandler, false)
        stats.counters = [
            Stats.Counter("calls_total", .integer(4)), Stats.Counter("longest_wait", .integer(12)),
            Stats.Counter("is_auto_allocate", .boolean(true)),
        ]
        return stats
    }

    private static func members() -> Members {
        var full = Members.Member(agentID: "1001")
        (full.active, full.priority, full.loggedIn, full.role, full.change) = (true, -1, false, "agent", .added)
        return Members(mode: .delta, members: [full, Members.Member(agentID: "1002")])
    }

    private static func callback() -> Callback {
        var item = Callback()
        (item.id, item.listID, item.type, item.typeID, item.state) = ("cb", "list", .overflow, 2, .initial)
        (item.channel, item.contactName, item.contactNumber) = ("phone", "Con Tact", "040")
        (item.message, item.note, item.priority) = ("call me", "n", "high")
        (item.assignedTo, item.targetUser, item.createdAt, item.modifiedAt) = ("u1", "u2", at(1), at(2))
        (item.modifiedBy, item.dueAt, item.expiresAt, item.notBefore) = ("u3", at(3), at(4), at(5))
        var attempt = Callback.Attempt()
        (attempt.at, attempt.typeID, attempt.agentID, attempt.note) = (at(6), 1, "u4", "busy")
        item.lastAttempt = attempt
        attempt.id = "a1"
        item.attempts = [attempt]
        var related = Callback.Related(id: "rel")
        (related.closed, related.listID, related.statusID) = (true, "l", 4)
        item.related = [related, Callback.Related(id: "bare")]
        item.fields = [ExtraField("Reason", "x"), ExtraField("Note", "")]
        var notify = Callback.Notify()
        (notify.emailTo, notify.emailAttach, notify.emailTranscript, notify.smsTo) = ("a@b", true, false, "050")
        item.notify = notify
        return item
    }

    private static func voicemail() -> Voicemail {
        var voicemail = Voicemail()
        (voicemail.emailTranscript, voicemail.new, voicemail.saved, voicemail.owner) = (true, 0, 5, target)
        return voicemail
    }

    private static func alert() -> Alert {
        var alert = Alert()
        (alert.id, alert.name, alert.expression) = ("1", "Wait", "wait > x")
        (alert.threshold, alert.value) = ("60", "61")
        return alert
    }

    private static func entity() -> Entity {
        var entity = Entity(.terminal, id: "t1", change: .updated)
        (entity.name, entity.extension, entity.email) = ("Phone", "17", "a@b")
        (entity.label, entity.registered) = ("desk", true)
        return entity
    }

    private static func gap() -> Gap {
        var gap = Gap(id: UUID128(high: 3, low: 4), from: at(-5), to: at(0), reason: .overflow, recoverable: .queue)
        gap.recentCalls = 3
        return gap
    }

    private static func snapshot() -> Snapshot {
        var snapshot = Snapshot(entity: "channel", items: 9)
        (snapshot.opened, snapshot.matched, snapshot.vanished) = (1, 2, 3)
        return snapshot
    }
}
