import CallModel
import Codecs

/// Events of one Shuttle to facts. Pure: the time is an argument, and no call is remembered.
///
/// Theory of operation. A Shuttle tells of a call only what happens at agents' phones, without times and message ids, and
/// knows no state dump. So each event becomes what it says and what it implies: an opener dated by the id of the caller's
/// channel, and before a hangup the answer that must have been. What of that is new, repeated or closed by something else is
/// the tracker's decision (`SourceProfile`: counted facts, rings closed by answers, rings again, transfer grace), which it
/// makes from what it knows of the call, over restarts as well.
struct XCALLYMapper {
    struct Limits: Sendable {
        /// Members without a home that one line carries, and the bytes of their names and values.
        var extraFields = 64
        var extraNameBytes = 128
        var extraValueBytes = 4096
        /// Names that nobody documented and that are told once an hour.
        var foreignNames = 256
        /// How long before its first event a call may have begun.
        var age = Duration.seconds(24 * 3600)

        init() {}
    }

    /// What was taken in.
    struct Counts: Equatable {
        var events: [Int] = Array(repeating: 0, count: XCALLYEvent.allCases.count)
        /// Messages that became `source.unmapped`.
        var unmapped = 0
        /// Events that are none of a call, and our own verbs come back.
        var foreign = 0
        var verbs = 0
        /// Durations that are none, and members beyond the limits.
        var unusable = 0
        var trimmed = 0
        /// Calls whose id is from after their first event: the PBX's clock is ahead of ours.
        var skewed = 0

        subscript(event: XCALLYEvent) -> Int {
            get { events[XCALLYEvent.allCases.firstIndex(of: event) ?? 0] }
            set { events[XCALLYEvent.allCases.firstIndex(of: event) ?? 0] = newValue }
        }
    }

    let raw: RawPolicy
    let limits: Limits
    private(set) var counts = Counts()
    private(set) var facts: [CallFact] = []
    /// When a name nobody documented was last told.
    private var toldForeign: [String: Timestamp] = [:]

    init(raw: RawPolicy, limits: Limits = Limits()) { (self.raw, self.limits) = (raw, limits) }

    /// Takes the facts away.
    mutating func takeFacts() -> [CallFact] {
        var taken: [CallFact] = []
        swap(&taken, &facts)
        return taken
    }

    // MARK: - Inputs

    mutating func take(_ reading: XCALLYReading, receivedAt: Timestamp) {
        switch reading {
        case .call(let message, let payload):
            guard let callID = message.callID else {
                tellUnmapped(message.event.rawValue, Problem(.missingField, detail: "uniqueid"), payload)
                return
            }
            counts[message.event] += 1
            tell(message, callID, payload, receivedAt)
        case .unknown(let event, let payload): tellUnmapped(event, Problem(.unknownEvent), payload)
        case .unreadable(let event, let found, let payload):
            tellUnmapped(
                event, Problem(.invalidPayload, detail: "expected an object as first argument, found \(found)"), payload
            )
        case .verb: counts.verbs += 1
        case .foreign(let name, let payload): tellForeign(name, payload, receivedAt)
        }
    }

    private mutating func tell(
        _ message: XCALLYMessage, _ callID: String, _ payload: JSONValue, _ receivedAt: Timestamp
    ) {
        let first = facts.count
        var used: Set<XCALLYMessage.Field> = [
            .uniqueID, .queue, .context, .extension, .callerNumber, .callerName, .event,
        ]
        var fact = CallFact(.callRinging, callID: callID, event: message.event.rawValue)
        fill(&fact, from: message, &used)
        switch message.event {
        case .ringing: setParty(of: &fact.body, message, &used)
        case .up:
            fact.kind = .callAnswered
            setParty(of: &fact.body, message, &used, mayBeNobody: true)
            fact.body.timing = timing(message, [.holdTime, .ringTime], &used)
        case .hangup: completeHangup(&fact, message, &used)
        case .abandon:
            // Shuttle's own sample names no agent: whoever is named here is not the one who gave up.
            fact.kind = .callAbandoned
            fact.body.timing = timing(message, [.holdTime], &used)
            fact.body.outcome = Outcome(disposition: .abandoned)
            fact.body.outcome?.endedBy = .customer
            setReason(of: &fact, message, &used)
        case .outbound:
            fact.kind = .callDialing
            setParty(of: &fact.body, message, &used, mayBeNobody: true)
        }
        fact.body.extra = extra(message, used)
        let began = opener(of: message, fact, receivedAt)
        if message.event == .hangup, let answer = impliedAnswer(before: fact, message, began, receivedAt) {
            facts.append(answer)
        }
        fact.opener = began
        facts.append(fact)
        attachRaw(payload, from: first)
    }

    // MARK: - Parts of a fact

    /// What each event says of its call.
    private mutating func fill(
        _ fact: inout CallFact, from message: XCALLYMessage, _ used: inout Set<XCALLYMessage.Field>
    ) {
        fact.direction = direction(of: message)
        if message.statedDirection != nil { used.insert(.direction) }
        fact.body.from = message.caller
        fact.body.to = Party(vendorNumber: message.text(.extension))
        fact.body.queue = message.text(.queue).map { Queue(id: $0, name: $0) }
        fact.body.trunk = message.trunk
        used.insert(message.text(.trunk) == nil ? .channel : .trunk)
        fact.body.references[.context] = message.text(.context)
    }

    /// A hangup may come without a queue and a direction at the end of a call that an agent placed: then the call knows.
    private func direction(of message: XCALLYMessage) -> Direction? {
        if let stated = message.statedDirection { return stated }
        if message.text(.direction) != nil { return .unknown }
        switch message.event {
        case .outbound: return .outbound
        case .ringing, .up, .abandon: return .inbound
        case .hangup: return message.text(.queue) == nil ? nil : .inbound
        }
    }

    /// Who rings, answers or leaves. A ring has to be somebody's.
    private func setParty(
        of body: inout EventBody, _ message: XCALLYMessage, _ used: inout Set<XCALLYMessage.Field>,
        mayBeNobody: Bool = false
    ) {
        used.formUnion([.agentName, .agentNumber, .peer])
        body.agent = message.agent
        if body.agent == nil, !mayBeNobody { body.detail = .target(Target(.unknown)) }
    }

    private mutating func timing(
        _ message: XCALLYMessage, _ fields: [XCALLYMessage.Field], _ used: inout Set<XCALLYMessage.Field>
    ) -> Timing? {
        var timing = Timing(source: .vendor)
        for field in fields {
            guard let milliseconds = message.milliseconds(field) else {
                if message.text(field) != nil { counts.unusable += 1 }
                continue
            }
            used.insert(field)
            switch field {
            case .holdTime: timing.queueMilliseconds = milliseconds
            case .ringTime: timing.ringMilliseconds = milliseconds
            default: timing.talkMilliseconds = milliseconds
            }
        }
        return timing == Timing(source: .vendor) ? nil : timing
    }

    private func setReason(
        of fact: inout CallFact, _ message: XCALLYMessage, _ used: inout Set<XCALLYMessage.Field>
    ) {
        guard let reason = message.text(.reason) else { return }
        used.insert(.reason)
        fact.body.outcome = fact.body.outcome ?? Outcome()
        fact.body.outcome?.reason = reason
    }

    /// The end of the call; with reason `transfer` only of this agent's part in it: the caller may come to another queue.
    private mutating func completeHangup(
        _ fact: inout CallFact, _ message: XCALLYMessage, _ used: inout Set<XCALLYMessage.Field>
    ) {
        let reason = message.text(.reason)?.lowercased()
        fact.kind = reason == "transfer" ? .callLeft : .callEnded
        setParty(of: &fact.body, message, &used, mayBeNobody: true)
        fact.body.timing = timing(message, [.holdTime, .ringTime, .talkTime], &used)
        setReason(of: &fact, message, &used)
        switch reason {
        case "agent": fact.body.outcome?.endedBy = .agent
        case "caller": fact.body.outcome?.endedBy = .customer
        case "transfer": fact.body.outcome?.disposition = .diverted
        default: break
        }
    }

    // MARK: - What is implied

    /// Only what was answered hangs up: the answer, in case it was not heard. A call that an agent placed may hang up
    /// unanswered; there a talk time has to tell.
    private func impliedAnswer(
        before hangup: CallFact, _ message: XCALLYMessage, _ opener: CallFact.Opener, _ receivedAt: Timestamp
    ) -> CallFact? {
        let talked = message.milliseconds(.talkTime)
        guard talked != nil || message.text(.queue) != nil && hangup.direction != .outbound else { return nil }
        var answer = hangup
        answer.kind = .callAnswered
        answer.isImplied = true
        answer.origin = .synthetic
        answer.occurredAt = talked.map { receivedAt.advanced(by: .zero - .milliseconds($0)) }
        answer.timeSource = .derived
        answer.body.outcome = nil
        answer.body.timing?.talkMilliseconds = nil
        if answer.body.timing == Timing(source: .vendor) { answer.body.timing = nil }
        answer.opener = opener
        return answer
    }

    /// How the call began, in case this is the first that is heard of it: when the caller's channel was made, by its id; else
    /// before the wait in the queue.
    private mutating func opener(
        of message: XCALLYMessage, _ fact: CallFact, _ receivedAt: Timestamp
    ) -> CallFact.Opener {
        var opener = CallFact.Opener(kind: fact.direction == .outbound ? .callDialing : .callOffered)
        let talked = message.event == .hangup ? message.milliseconds(.talkTime) ?? 0 : 0
        let answered = receivedAt.advanced(by: .zero - .milliseconds(talked))
        if let created = message.createdAt {
            guard created <= receivedAt else {
                // The clocks differ: there is nothing better than our own.
                counts.skewed += 1
                return opener
            }
            if created >= receivedAt.advanced(by: .zero - limits.age) {
                opener.occurredAt = min(created, answered)
                return opener
            }
        }
        let waited = fact.body.timing?.queueMilliseconds
        if waited != nil || talked > 0 {
            opener.occurredAt = answered.advanced(by: .zero - .milliseconds(waited ?? 0))
        }
        return opener
    }

    // MARK: - Extra and raw

    /// Members without a home, and those whose content does not fit theirs.
    private mutating func extra(
        _ message: XCALLYMessage, _ used: Set<XCALLYMessage.Field>
    ) -> [ExtraField] {
        var list: [ExtraField] = []
        for field in XCALLYMessage.Field.allCases {
            guard let value = message.value(field), !isTold(field, message, used) else { continue }
            append(field.name, value, to: &list)
        }
        for (name, value) in message.others { append(name, value, to: &list) }
        return list
    }

    private func isTold(
        _ field: XCALLYMessage.Field, _ message: XCALLYMessage, _ used: Set<XCALLYMessage.Field>
    ) -> Bool {
        switch field {
        case .event: message.text(.event)?.lowercased() == message.event.rawValue
        default: used.contains(field) && message.isShort(field)
        }
    }

    private mutating func append(_ name: String, _ value: JSONValue, to list: inout [ExtraField]) {
        guard !value.isNull, !(value.kind == .string && value.isEmpty) else { return }
        guard list.count < limits.extraFields, !name.isEmpty, name.utf8.count <= limits.extraNameBytes else {
            counts.trimmed += 1
            return
        }
        var text = value.scalarText ?? Self.json(value)
        if text.utf8.count > limits.extraValueBytes {
            text = Self.beginning(of: text, bytes: limits.extraValueBytes)
            counts.trimmed += 1
        }
        list.append(ExtraField(name, text))
    }

    private static func json(_ value: JSONValue) -> String {
        var writer = ByteWriter(capacity: 256)
        writer.append(json: value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// At most so many bytes, and whole characters of them.
    private static func beginning(of text: String, bytes: Int) -> String {
        var end = text.utf8.index(text.startIndex, offsetBy: bytes)
        while end > text.startIndex, end.samePosition(in: text.unicodeScalars) == nil {
            end = text.utf8.index(before: end)
        }
        return String(text[..<end])
    }

    private mutating func attachRaw(_ payload: JSONValue, from first: Int) {
        guard raw == .full || raw == .onCallEnd else { return }
        for index in first..<facts.count {
            let isEnd = facts[index].kind == .callEnded || facts[index].kind == .callAbandoned
            if raw == .full || isEnd { facts[index].body.raw = RawPayload(json: payload) }
        }
    }

    // MARK: - Not understood

    private mutating func tellUnmapped(_ event: String, _ problem: Problem, _ payload: JSONValue?) {
        counts.unmapped += 1
        facts.append(
            .unmapped(
                event: String(event.prefix(128)), problem: problem,
                raw: raw == .off ? nil : payload.map { RawPayload(json: $0) }))
    }

    /// Other services may use the same connection: told once an hour for each name, counted always.
    private mutating func tellForeign(_ name: String, _ payload: JSONValue?, _ receivedAt: Timestamp) {
        counts.foreign += 1
        let known = String(name.prefix(128))
        if let last = toldForeign[known], receivedAt < last.advanced(by: .seconds(3600)) { return }
        guard toldForeign[known] != nil || toldForeign.count < limits.foreignNames else { return }
        toldForeign[known] = receivedAt
        tellUnmapped(known.isEmpty ? "unnamed" : known, Problem(.unknownEvent), payload)
    }
}
