import CallModel
import Codecs

/// Teleforge's notifications to facts. Pure; one element in, its facts out.
struct TeleforgeMapper: Sendable {
    enum MappingResult: Equatable {
        case mapped
        /// Not understood: one `source.unmapped` fact with the bytes.
        case unmapped
    }

    /// What a look at the head of a list tells, before anything is taken.
    enum Inspection: Equatable {
        /// A Teleforge message; a call record also tells when its call was placed.
        case teleforge(dialedAt: Timestamp?)
        /// JSON, but none of ours: a wrong database or key.
        case foreign
        case notJSON
    }

    let prefix: String
    let raw: RawPolicy
    let limits: JSONLimits
    /// The lists, taken apart once: every element of a backlog comes from one of them.
    private let lists: [(key: String, route: Route)]

    init(prefix: String, raw: RawPolicy, limits: JSONLimits = JSONLimits()) {
        (self.prefix, self.raw, self.limits) = (prefix, raw, limits)
        lists = ["inbound", "cdr", "campaigns"].map { (key: "\(prefix):\($0)", route: Route(name: $0, suffix: nil)) }
    }

    static func inspect(_ element: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) -> Inspection {
        guard let root = try? JSONDocument(element, limits: limits).root else { return .notJSON }
        switch root["type"]?.string?.lowercased() {
        case "call": return .teleforge(dialedAt: nil)
        case "cdr":
            let record = TeleforgeMessage(payload: payload(of: root) ?? root)
            return .teleforge(dialedAt: record.time(.dialedAt)?.time)
        default: return .foreign
        }
    }

    /// Appends the facts of one element of `list` (the whole key) or one message on that channel.
    func facts(list: String, element: UnsafeRawBufferPointer, into facts: inout [CallFact]) -> MappingResult {
        let route = lists.first { $0.key == list }?.route ?? Route(list: list, prefix: prefix)
        let root: JSONValue
        do {
            root = try JSONDocument(element, limits: limits).root
        } catch {
            facts.append(
                .unmapped(
                    event: route.name, problem: Problem(.invalidPayload, detail: "expected JSON: \(error)"),
                    raw: raw == .off ? nil : RawPayload(bytes: element)))
            return .unmapped
        }
        let before = facts.count
        let problem = map(root, route, list, &facts)
        if let problem {
            facts.removeSubrange(before...)
            facts.append(
                .unmapped(
                    event: problem.event, problem: problem.problem, raw: raw == .off ? nil : RawPayload(json: root)))
            return .unmapped
        }
        attachRaw(root, to: &facts, from: before)
        return .mapped
    }

    // MARK: Envelope

    /// Where a message came from: the list or channel without prefix and without what follows its first colon.
    struct Route {
        let name: String
        /// What follows: an extension, a campaign.
        let suffix: String?

        init(name: String, suffix: String?) { (self.name, self.suffix) = (name, suffix) }

        init(list: String, prefix: String) {
            let rest = list.hasPrefix(prefix + ":") ? list.dropFirst(prefix.utf8.count + 1) : Substring(list)
            let parts = rest.split(separator: ":", maxSplits: 1)
            name = parts.first.map(String.init) ?? list
            suffix = parts.count > 1 ? String(parts[1]) : nil
        }
    }

    private struct Refusal {
        let event: String
        let problem: Problem
    }

    /// Appends facts, or tells why there are none.
    private func map(_ root: JSONValue, _ route: Route, _ list: String, _ facts: inout [CallFact]) -> Refusal? {
        guard root.kind == .object else {
            return Refusal(
                event: route.name,
                problem: Problem(.invalidPayload, detail: "expected an object, found \(root.kind)"))
        }
        let type = root["type"]?.string.map(Self.lowercased) ?? impliedType(of: route)
        let event = type.isEmpty ? route.name : "\(route.name)/\(type)"
        guard let (payloads, isEnvelope) = payloads(of: root) else {
            return Refusal(
                event: event,
                problem: Problem(.invalidPayload, detail: "expected an object or an array of objects as payload"))
        }
        for payload in payloads {
            let message = TeleforgeMessage(payload: payload, isEnvelope: isEnvelope)
            let problem: Problem?
            switch (type, route.name) {
            case ("status", "agents"): problem = mapAgentStatus(message, route, event, &facts)
            case ("call_update", _) where message.tellsEnd:
                problem = mapRecord(message, payload, list, route, event, &facts)
            case ("call", _), ("call_update", _): problem = mapConnected(message, route, event, &facts)
            case ("cdr", _): problem = mapRecord(message, payload, list, route, event, &facts)
            default: problem = Problem(.unknownEvent)
            }
            if let problem { return Refusal(event: event, problem: problem) }
        }
        return nil
    }

    /// Most words come in lower case already.
    private static func lowercased(_ word: String) -> String {
        word.utf8.allSatisfy { $0 < 0x80 && !(0x41...0x5A).contains($0) } ? word : word.lowercased()
    }

    private func impliedType(of route: Route) -> String {
        switch route.name {
        case "inbound", "c2d": "call"
        case "cdr", "campaigns": "cdr"
        default: ""
        }
    }

    /// The messages of an element: the payload is an object, an array of them (old `c2d`), either of these as JSON text in a
    /// string, or absent; then the element is the message.
    private func payloads(of root: JSONValue) -> (payloads: [JSONValue], isEnvelope: Bool)? {
        guard var payload = Self.payload(of: root) else { return ([root], true) }
        if let text = payload.string {
            guard let inner = try? JSONDocument(Array(text.utf8), limits: limits).root else { return nil }
            payload = inner
        }
        switch payload.kind {
        case .object: return ([payload], false)
        case .array:
            let items = payload.elements
            return items.isEmpty || items.contains { $0.kind != .object } ? nil : (items, false)
        case .null, .boolean, .number, .string: return nil
        }
    }

    private static func payload(of root: JSONValue) -> JSONValue? {
        if let payload = root["payload"], !payload.isNull { return payload }
        if let payload = root["notifications"], !payload.isNull { return payload }
        return nil
    }

    private func attachRaw(_ root: JSONValue, to facts: inout [CallFact], from first: Int) {
        guard raw == .full || raw == .onCallEnd else { return }
        for index in first..<facts.count where raw == .full || facts[index].kind.tellsEnd {
            facts[index].body.raw = RawPayload(json: root)
        }
    }

    // MARK: Call connected

    /// A call reached an agent: `inbound` lists (Click2Dial) and `agents` channels (dialler).
    private func mapConnected(
        _ message: TeleforgeMessage, _ route: Route, _ event: String, _ facts: inout [CallFact]
    ) -> Problem? {
        guard let callID = message.reference(.callID) else { return Problem(.missingField, detail: "call_ref") }
        let isDialler = route.name == "agents"
        // The dialler and click-to-dial (`c2d`) place their calls themselves.
        let stated = direction(of: message)
        let direction = stated ?? (isDialler || route.name == "c2d" ? .outbound : .inbound)
        let agent = message.reference(.agent) ?? message.reference(.reference) ?? (isDialler ? route.suffix : nil)
        var fact = CallFact(.callAnswered, callID: callID, event: event)
        fact.direction = direction
        let waited = message.milliseconds(.holdTime)
        fact.identity = .parts([
            Kind.callAnswered.name, callID, "agent:\(agent ?? "")", "h\(waited.map { String($0 / 1000) } ?? "")",
        ])
        fact.opener = .init(
            kind: direction == .outbound ? .callDialing : .callOffered, lead: waited.map { .milliseconds($0) })
        setParties(of: &fact.body, message, direction)
        fact.body.agent = agent.map { Agent(id: $0, extension: $0) }
        if let waited {
            var timing = Timing(source: .vendor)
            timing.queueMilliseconds = waited
            fact.body.timing = timing
        }
        fact.body.references[.contactReference] = message.reference(.contactReference)
        fact.body.references[.recording] = message.reference(.recording)
        setCampaign(of: &fact.body, message.reference(.campaign))
        var unused: [TeleforgeMessage.Field] = [.reason, .cause, .callTime, .dialedAt, .status]
        if waited == nil { unused.append(.holdTime) }
        if stated == .unknown { unused.append(.direction) }
        if message.reference(.reference) != agent { unused.append(.reference) }
        fact.body.extra = message.extra(unused: unused)
        facts.append(fact)
        return nil
    }

    // MARK: Call record

    private func mapRecord(
        _ message: TeleforgeMessage, _ payload: JSONValue, _ list: String, _ route: Route, _ event: String,
        _ facts: inout [CallFact]
    ) -> Problem? {
        guard let callID = message.reference(.callID) else { return Problem(.missingField, detail: "call_ref") }
        let isDialler = route.name == "campaigns"
        let direction = direction(of: message) ?? (isDialler ? .outbound : .unknown)
        let agent = message.reference(.agent)
        let begun = message.time(.dialedAt)
        let total = message.milliseconds(.callTime)
        let ended = begun.flatMap { begun in total.map { begun.time.advanced(by: .milliseconds($0)) } }

        var body = EventBody()
        let usedReference = setParties(of: &body, message, direction, mayUseReference: !isDialler)
        body.agent = agent.map { Agent(id: $0, extension: $0) }
        body.outcome = TeleforgeOutcome.of(
            reason: message.reference(.reason), code: message.reference(.cause), hasAgent: agent != nil)
        body.timing = recordTiming(message, direction, total)
        body.references[.contactReference] = message.reference(.contactReference)
        let campaign = message.reference(.campaign)
        setCampaign(of: &body, isDialler ? message.reference(.reference) ?? campaign : campaign)

        appendOpener(callID, event, begun?.time, direction, body, &facts)
        var end = CallFact(
            body.outcome?.disposition == .abandoned ? .callAbandoned : .callEnded, callID: callID, event: event,
            occurredAt: ended, timeSource: .derived, body: body)
        end.direction = direction
        facts.append(end)

        var record = recordFact(end, message, list: list, begun: begun?.time)
        record.identity = .parts(["record", callID, canonicalHash(of: payload)])
        var unused = unusedInRecord(message, isDialler: isDialler, usedReference)
        if begun?.zone != .stated { unused.append(.dialedAt) }
        if total == nil { unused.append(.callTime) }
        if body.timing?.queueMilliseconds == nil, body.timing?.holdMilliseconds == nil { unused.append(.holdTime) }
        record.body.extra = message.extra(unused: unused)
        if begun?.zone == .assumed { record.body.extra.append(ExtraField("dialed_at_zone", "assumed")) }
        facts.append(record)
        return nil
    }

    /// The record of the call that `end` ends.
    private func recordFact(
        _ end: CallFact, _ message: TeleforgeMessage, list: String, begun: Timestamp?
    ) -> CallFact {
        var record = end
        record.kind = .callRecord
        record.body.timing?.offeredAt = begun
        record.body.timing?.endedAt = end.occurredAt
        record.body.references[.recording] = message.reference(.recording)
        var detail = Record(id: end.callID ?? "")
        detail.list = list
        detail.startedAt = begun
        detail.direction = end.direction
        record.body.detail = .record(detail)
        return record
    }

    /// Fields that a record has no home for, or whose words say nothing that fits there.
    private func unusedInRecord(
        _ message: TeleforgeMessage, isDialler: Bool, _ usedReference: Bool
    ) -> [TeleforgeMessage.Field] {
        var unused: [TeleforgeMessage.Field] = [.status]
        if !saysDirection(message) { unused.append(.direction) }
        let reference = message.reference(.reference)
        if isDialler {
            if let reference, reference != message.reference(.campaign) { unused.append(.campaign) }
        } else if !usedReference, reference != "click-dial" {
            unused.append(.reference)
        }
        return unused
    }

    /// A record tells its call's whole life, so also how it began; the tracker drops this if the call is known.
    private func appendOpener(
        _ callID: String, _ event: String, _ begun: Timestamp?, _ direction: Direction, _ body: EventBody,
        _ facts: inout [CallFact]
    ) {
        var opener = CallFact(
            direction == .inbound ? .callOffered : .callDialing, callID: callID, event: event, occurredAt: begun)
        opener.direction = direction
        (opener.body.from, opener.body.to) = (body.from, body.to)
        opener.body.references = body.references
        facts.append(opener)
    }

    /// `hold_time` is the wait in the queue, but on an outbound record the time on hold. `call_time` is the whole call,
    /// ringing and waiting included.
    private func recordTiming(_ message: TeleforgeMessage, _ direction: Direction, _ total: Int64?) -> Timing {
        var timing = Timing(source: .vendor)
        let held = message.milliseconds(.holdTime)
        if direction == .outbound { timing.holdMilliseconds = held } else { timing.queueMilliseconds = held }
        timing.totalMilliseconds = total
        return timing
    }

    /// SHA-256 of the canonical payload: a corrected record is a new event, the same one read twice is not.
    private func canonicalHash(of payload: JSONValue) -> String {
        var writer = ByteWriter(capacity: 512)
        writer.append(canonicalJSON: payload)
        return writer.withBytes { Hex.text(Digest.sha256($0)) }
    }

    // MARK: Agent state

    /// `agents` channels: the state of an agent while a campaign runs.
    private func mapAgentStatus(
        _ message: TeleforgeMessage, _ route: Route, _ event: String, _ facts: inout [CallFact]
    ) -> Problem? {
        guard let agent = message.reference(.agent) ?? message.reference(.reference) ?? route.suffix else {
            return Problem(.missingField, detail: "ref")
        }
        guard let word = message.reference(.status) else { return Problem(.missingField, detail: "status") }
        guard let state = Self.agentStates[word.lowercased()] else { return Problem(.unknownState, detail: word) }
        var fact = CallFact(.agentStatus, event: event)
        fact.identity = .state
        fact.body.agent = Agent(id: agent, extension: agent)
        fact.body.detail = .status(AgentStatus(state))
        fact.body.extra = message.extra(
            unused: TeleforgeMessage.Field.allCases.filter { ![.agent, .reference, .campaign].contains($0) })
        setCampaign(of: &fact.body, message.reference(.campaign))
        facts.append(fact)
        return nil
    }

    /// Agent states (wiki, "Agent Status"); the platform sends `busy` for an agent on a call.
    static let agentStates: [String: AgentStatus.State] = [
        "logging_in": .notReady, "available": .ready, "busy": .talking, "wrapup": .wrapUp,
        "logging_out": .notReady, "offline": .off,
    ]

    // MARK: Fields

    /// `campaign_ref: inbound` is how releases before v3.0.0 told the direction.
    private func direction(of message: TeleforgeMessage) -> Direction? {
        switch message.reference(.direction).map(Self.lowercased) {
        case "inbound": .inbound
        case "outbound": .outbound
        case "internal": .internalCall
        case .some: .unknown
        case nil: message.reference(.campaign) == "inbound" ? .inbound : nil
        }
    }

    /// False where a direction is named that none of ours is.
    private func saysDirection(_ message: TeleforgeMessage) -> Bool { direction(of: message) != .unknown }

    private func setCampaign(of body: inout EventBody, _ campaign: String?) {
        if campaign != "inbound" { body.references[.campaign] = campaign }
    }

    /// Returns true where `ref` served as the client's number: Click2Dial records before v3.0.0 have no other.
    @discardableResult
    private func setParties(
        of body: inout EventBody, _ message: TeleforgeMessage, _ direction: Direction, mayUseReference: Bool = false
    ) -> Bool {
        var remote = message.text(.remoteNumber)
        var usedReference = false
        if mayUseReference, remote == nil, let reference = message.reference(.reference), looksLikeNumber(reference) {
            (remote, usedReference) = (reference, true)
        }
        let (client, own) = (Party(vendorNumber: remote), Party(vendorNumber: message.text(.ownNumber)))
        (body.from, body.to) = direction == .inbound ? (client, own) : (own, client)
        return usedReference
    }

    private func looksLikeNumber(_ text: String) -> Bool {
        let digits = text.hasPrefix("+") ? text.dropFirst() : Substring(text)
        return digits.utf8.count >= 3 && digits.utf8.allSatisfy { $0 &- 0x30 < 10 }
    }
}

extension Kind {
    /// True for lines that close the account of a call.
    fileprivate var tellsEnd: Bool { self == .callEnded || self == .callRecord || self == .callAbandoned }
}

extension TeleforgeMessage {
    /// A call update with one of these is the record of a call that is over.
    fileprivate var tellsEnd: Bool { reference(.reason) != nil || reference(.callTime) != nil }
}
