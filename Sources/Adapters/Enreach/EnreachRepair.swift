import CallModel
import Codecs

// What a gap swallowed, as far as REST can tell. RTE has no replay, so after each reconnect the source asks EnreachAPI for the
// calls that ended since the link was last good, and for how users and queues are now. Facts made here have `origin: snapshot`.
//
//   a record whose call …                                   becomes
//   ended before the gap                                    nothing: it was told live
//   was open when the link was lost, silent since           its end
//   is told of live again                                   nothing: it goes on, a record is of one user's part in it
//   was never heard of                                      its opener, its answer if there was one, its end

/// Remembers what is told live, so that a repair repeats none of it; a value without a clock.
struct EnreachRepair {
    /// One entry of `calls/`, a user's part in a call. Members as the found clients of the interface read them.
    struct Record: Equatable {
        var call: String
        var caller: String?
        var target: String?
        var user: String?
        var userName: String?
        var start: Timestamp
        var end: Timestamp
        var isOutbound: Bool
        var wasAnswered: Bool
    }

    private struct Open {
        /// The connection that told of it last.
        var epoch: Int
        var isAnswered: Bool
    }

    private static let maximumCalls = 40_000
    private static let maximumUsers = 20_000
    /// Records tell whole seconds.
    private static let slack = Duration.seconds(2)

    /// Counts connections.
    private var epoch = 0
    /// By id, as the mapper writes them.
    private var open: [String: Open] = [:]
    /// Those that ended lately, in two generations so that the older can be dropped as a whole.
    private var ended: (young: Set<String>, old: Set<String>) = ([], [])
    private var presence: [String: (state: Presence.State, since: Timestamp?)] = [:]

    /// Calls that were open, or had ended lately, when the process started.
    init(_ recentCalls: [CallTracker.RecentCall] = []) {
        for call in recentCalls {
            if call.hasEnded {
                noteEnd(call.id)
            } else {
                open[call.id] = Open(epoch: 0, isAnswered: call.wasAnswered)
            }
        }
        epoch = 1
    }

    /// Calls that were open when the link was lost, and of which nothing was heard since.
    var silentCalls: Int { open.values.count { $0.epoch < epoch } }

    mutating func linkLost() { epoch += 1 }

    /// What the mapper made of live messages, before the tracker takes it.
    mutating func watch(_ facts: [CallFact]) {
        for fact in facts {
            if let id = fact.callID, fact.kind.isCall, fact.kind != .callMissed, fact.kind != .callRecord {
                note(fact, id)
            } else if fact.kind == .agentPresence, let agent = fact.body.agent,
                case .presence(let told) = fact.body.detail
            {
                if presence.count >= Self.maximumUsers, presence[agent.id] == nil { presence = [:] }
                presence[agent.id] = (told.state, told.since)
            }
        }
    }

    private mutating func note(_ fact: CallFact, _ id: String) {
        // Of an abandoned call the tracker tells the end.
        guard fact.kind != .callEnded, fact.kind != .callAbandoned else { return noteEnd(id) }
        let isAnswer = fact.kind == .callAnswered
        if let known = open[id] {
            // Mostly nothing is new.
            guard known.epoch != epoch || isAnswer else { return }
            open[id] = Open(epoch: epoch, isAnswered: known.isAnswered || isAnswer)
        } else if !isEnded(id) {
            // Calls whose end nobody told; the tracker times them out.
            if open.count >= Self.maximumCalls { open = open.filter { $0.value.epoch == epoch } }
            open[id] = Open(epoch: epoch, isAnswered: isAnswer)
        }
    }

    private mutating func noteEnd(_ id: String) {
        open[id] = nil
        if ended.young.count >= Self.maximumCalls / 2 { ended = ([], ended.young) }
        ended.young.insert(id)
    }

    private func isEnded(_ id: String) -> Bool { ended.young.contains(id) || ended.old.contains(id) }

    // MARK: - Calls

    /// What the records of a gap tell. `from`: when the link was last known to be good.
    mutating func facts(ofCalls value: JSONValue, from: Timestamp, now: Timestamp) -> [CallFact] {
        let records = value.elements.prefix(100_000).compactMap { Record($0) }
        var calls: [String: [Record]] = [:]
        var order: [String] = []
        for record in records.sorted(by: { ($0.start, $0.end, $0.call) < ($1.start, $1.end, $1.call) }) {
            if calls[record.call] == nil { order.append(record.call) }
            calls[record.call, default: []].append(record)
        }
        var facts: [CallFact] = []
        var (opened, matched) = (0, 0)
        for id in order {
            guard let parts = calls[id], let end = parts.map(\.end).max(), end <= now.advanced(by: Self.slack),
                end >= from.advanced(by: .zero - Self.slack), !isEnded(id)
            else { continue }
            if let known = open[id] {
                guard known.epoch < epoch else { continue }
                matched += 1
                if !known.isAnswered { facts += answers(parts, id) }
            } else {
                opened += 1
                facts.append(opener(parts[0], id))
                facts += answers(parts, id)
            }
            facts.append(self.end(parts, id, end))
            noteEnd(id)
        }
        return facts + [Self.summary("call", items: records.count, opened: opened, matched: matched)]
    }

    private func fact(_ kind: Kind, _ record: Record, _ id: String, at time: Timestamp) -> CallFact {
        var fact = CallFact(kind, callID: id, event: "calls", occurredAt: time, timeSource: .vendor)
        fact.origin = .snapshot
        fact.direction = record.isOutbound ? .outbound : .inbound
        fact.body.from = Party(vendorNumber: record.caller)
        fact.body.to = Party(vendorNumber: record.target)
        fact.body.references[.vendorCallID] = id
        return fact
    }

    private func opener(_ record: Record, _ id: String) -> CallFact {
        var fact = fact(record.isOutbound ? .callDialing : .callOffered, record, id, at: record.start)
        if record.isOutbound { fact.body.agent = record.agent }
        return fact
    }

    /// Somebody answered, somewhere in his part of the call.
    private func answers(_ parts: [Record], _ id: String) -> [CallFact] {
        parts.filter(\.wasAnswered).map { record in
            var fact = fact(.callAnswered, record, id, at: record.start)
            fact.timeSource = .derived
            fact.uncertainMilliseconds = record.end.milliseconds(since: record.start)
            fact.body.agent = record.agent
            return fact
        }
    }

    private func end(_ parts: [Record], _ id: String, _ time: Timestamp) -> CallFact {
        let last = parts.max { $0.end < $1.end } ?? parts[0]
        var fact = fact(.callEnded, last, id, at: time)
        fact.timeSource = .derived
        fact.uncertainMilliseconds = 1000
        fact.body.agent = last.agent
        // Whether nobody answered at all one user's part does not tell: the tracker concludes it from the call.
        fact.body.outcome = Outcome(disposition: parts.contains(where: \.wasAnswered) ? .answered : nil)
        return fact
    }

    // MARK: - State

    /// How a user is now; nothing where that was told already.
    mutating func facts(ofAvailability value: JSONValue, of user: UUID128) -> [CallFact] {
        // A list has the present entry first.
        let value = value.kind == .array ? value.elements.first ?? value : value
        let raw = value.member(ignoringCase: "Availability")?.string ?? value.member(ignoringCase: "EventType")?.string
        let number = value.member(ignoringCase: "EventTypeID")?.numberText
        guard raw != nil || number != nil else { return [] }
        let state = Self.state(raw, number)
        let since = Self.time(value.member(ignoringCase: "StartTime"))
        let id = user.description
        if let known = presence[id], known.state == state, known.since == since { return [] }
        var told = Presence(state)
        told.raw = raw ?? number
        (told.since, told.until) = (since, Self.time(value.member(ignoringCase: "EndTime")))
        told.source = value.member(ignoringCase: "EventSource")?.string.flatMap { $0.isEmpty ? nil : $0 }
        told.note = value.member(ignoringCase: "Note")?.string.flatMap { $0.isEmpty ? nil : $0 }
        var fact = CallFact(.agentPresence, event: "availability/current", occurredAt: since)
        fact.origin = .snapshot
        // Asked again after the next gap it is the same fact.
        fact.identity = .parts([
            "agent.presence", id, since?.description ?? "", state.rawValue, told.note ?? "", "rest",
        ])
        fact.body.agent = Agent(id: id, name: value.member(ignoringCase: "UserName")?.string)
        fact.body.detail = .presence(told)
        if presence.count >= Self.maximumUsers, presence[id] == nil { presence = [:] }
        presence[id] = (state, since)
        return [fact]
    }

    /// Of the numbers that stand for the word one is known.
    private static func state(_ text: String?, _ number: String?) -> Presence.State {
        text.flatMap { Presence.State(rte: $0) } ?? (number == "3" ? .dnd : .unknown)
    }

    /// How the queues in `wanted` are now.
    func facts(ofQueues value: JSONValue, wanted: Set<UUID128>) -> [CallFact] {
        value.elements.prefix(10_000).compactMap { entry in
            guard let id = entry.member(ignoringCase: "Id")?.string.flatMap({ UUID128($0) }), wanted.contains(id),
                let status = entry.member(ignoringCase: "Status"), status.kind == .object
            else { return nil }
            var fact = CallFact(.queueStatus, event: "queues")
            fact.origin = .snapshot
            fact.identity = .state
            fact.body.queue = Queue(id: id.description, name: entry.member(ignoringCase: "Name")?.string)
            fact.body.detail = .stats(EnreachRepair.stats(status))
            return fact
        }
    }

    private static func stats(_ status: JSONValue) -> Stats {
        var stats = Stats()
        if let open = status.member(ignoringCase: "OpenStatus"), let word = open.numberText ?? open.string {
            _ = stats.setOpen(rte: word)
        }
        stats.counters = Self.counters.compactMap { member, name in
            status.member(ignoringCase: member)?.numberText.flatMap(Int64.init).map {
                Stats.Counter(name, .integer($0))
            }
        }
        return stats
    }

    /// Members of a queue's `Status` and what the model calls them.
    private static let counters: [(StaticString, String)] = [
        ("MaxWaitTime", "longest_wait"), ("QueueLength", "calls_queued"), ("OngoingCalls", "calls_connected"),
        ("FreeAgents", "agents_free"), ("AgentsOnWrapUp", "agents_wrap_up"),
        ("ServingAgents", "agents_serving_estimate"),
    ]

    private static func summary(_ entity: String, items: Int, opened: Int, matched: Int) -> CallFact {
        var fact = CallFact(.sourceSnapshot, event: "calls")
        fact.identity = .stream
        fact.origin = .synthetic
        var snapshot = Snapshot(entity: entity, items: Int64(items))
        (snapshot.opened, snapshot.matched) = (Int64(opened), Int64(matched))
        fact.body.detail = .snapshot(snapshot)
        return fact
    }

    /// No zone means UTC; the first and the last day that .NET knows mean nothing.
    static func time(_ value: JSONValue?) -> Timestamp? {
        guard let text = value?.string, !text.hasPrefix("0001-01-01"), !text.hasPrefix("9999-12-31") else { return nil }
        return Timestamp.parse(text)?.time
    }
}

extension EnreachRepair.Record {
    /// nil without the id of a call, a beginning and a length.
    init?(_ value: JSONValue) {
        guard let call = Self.id(value.member(ignoringCase: "CallId")),
            let start = EnreachRepair.time(
                value.member(ignoringCase: "TimeStamp") ?? value.member(ignoringCase: "StartTime")),
            let seconds = value.member(ignoringCase: "Duration")?.numberText.flatMap(Double.init),
            (0...3e6).contains(seconds)
        else { return nil }
        (self.call, self.start) = (call, start)
        end = start.advanced(by: .milliseconds(Int64(seconds * 1000)))
        caller = value.member(ignoringCase: "ANum")?.string
        target = value.member(ignoringCase: "BNum")?.string
        user = Self.id(value.member(ignoringCase: "UserId"))
        userName = value.member(ignoringCase: "UserName")?.string
        isOutbound = Self.isSet(value.member(ignoringCase: "Direction"))
        wasAnswered = !Self.isSet(value.member(ignoringCase: "EndResult"))
    }

    /// As the mapper writes ids.
    private static func id(_ value: JSONValue?) -> String? {
        value?.string.flatMap { $0.utf8.count <= EnreachID.maximumBytes ? EnreachID.normalized($0) : nil }
    }

    /// Numbers and truth values: nothing is 0.
    private static func isSet(_ value: JSONValue?) -> Bool {
        value?.bool ?? (value?.numberText.map { $0 != "0" } ?? false)
    }

    var agent: Agent? { user.map { Agent(id: $0, name: userName) } }
}
