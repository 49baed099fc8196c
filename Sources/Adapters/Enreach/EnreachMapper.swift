import CallModel
import Codecs

/// What happened on an RTE connection, as the mapper takes it.
enum EnreachInput {
    /// The one argument of `MessageReceived`.
    case message(JSONValue)
    /// Something else where a message was expected, and what is wrong with it.
    case unreadable(UnsafeRawBufferPointer, problem: String)
    /// A hub shook hands.
    case connected
    case lost
    /// Pairs of entity and event that the hub will not tell of, `count` of them, with its word for it.
    case refused(message: String, count: Int, entity: UUID128, event: String)
    /// The hub speaks about the connection.
    case notice(event: String, code: String, text: String)
}

/// Messages of one RTE hub to facts. Pure: the time is an argument, and it waits for nothing.
///
/// Theory of operation. A message tells one fact, and the tracker decides what it means for its call. What the tracker cannot know
/// is remembered here for each call: whether it went unseen for a while, the numbers of its queues, where its open transfer
/// goes, and which subscription told what a moment ago, since a fact comes once for every subscription that it touches.
struct EnreachMapper: ~Copyable {
    struct Limits: Sendable {
        var calls = EnreachCalls.Limits()
        /// GUIDs of which is remembered whether they are users or queues.
        var entities = 50_000
        /// Notices without a time of their own that are known again for a moment.
        var notices = 8_192
        init() {}
    }

    let raw: RawPolicy
    let timeZone: EnreachTimeZone
    /// Facts to be taken away.
    var facts: [CallFact] = []
    /// Messages that became `source.unmapped`.
    private(set) var unmappedCount = 0

    var calls: EnreachCalls
    var kinds: EnreachKinds
    var notices: EnreachNotices
    /// Counts connections.
    private(set) var epoch = 0

    /// `recentCalls` are those of the tracker when the process started.
    init(
        raw: RawPolicy, timeZone: EnreachTimeZone = .utc, recentCalls: [CallTracker.RecentCall] = [],
        limits: Limits = Limits()
    ) {
        (self.raw, self.timeZone) = (raw, timeZone)
        calls = EnreachCalls(limits: limits.calls)
        kinds = EnreachKinds(limit: limits.entities)
        notices = EnreachNotices(limit: limits.notices)
        for recent in recentCalls { restore(recent) }
    }

    private mutating func restore(_ recent: CallTracker.RecentCall) {
        let call = calls.add(recent.id, epoch: -1)
        if recent.direction != .unknown { call.note(recent.direction) }
        call.wasServed = recent.wasAnswered || !recent.connected.isEmpty
        if let queue = recent.queue { _ = call.number(ofQueue: queue.id, told: queue.number) }
        if recent.hasEnded { calls.end(call) }
    }

    /// Takes the facts away.
    mutating func takeFacts() -> [CallFact] {
        var taken: [CallFact] = []
        swap(&taken, &facts)
        return taken
    }

    // MARK: - Inputs

    mutating func take(_ input: EnreachInput, at now: Timestamp) {
        switch input {
        case .message(let argument): take(argument, at: now)
        case .unreadable(let bytes, let problem):
            tellUnmapped(
                EnreachMessage.method, tenant: nil, Problem(.invalidPayload, detail: problem), RawPayload(bytes: bytes))
        case .connected: epoch += 1
        case .lost: break
        case .refused(let message, let count, let entity, let event):
            let others = count > 1 ? " and \(count - 1) more" : ""
            tellNotice(
                event: "Subscribe", code: "subscription_refused",
                text: "\(message): \(event) of \(entity)\(others)")
        case .notice(let event, let code, let text): tellNotice(event: event, code: code, text: text)
        }
    }

    private mutating func take(_ argument: JSONValue, at now: Timestamp) {
        do throws(EnreachMessage.Failure) {
            var message = try EnreachMessage(argument, timeZone: timeZone)
            let tenant = message.fields.id(.organizationID)
            do throws(EnreachProblem) {
                guard var fact = try fact(&message, now) else { return }
                fact.tenant = tenant
                fact.body.extra += message.fields.extra()
                if raw == .full || raw == .onCallEnd && fact.kind.endsCall {
                    fact.body.raw = RawPayload(json: argument)
                }
                facts.append(fact)
            } catch {
                tellUnmapped(message.name, tenant: tenant, error.problem, RawPayload(json: argument))
            }
        } catch {
            tellUnmapped(error.event, tenant: error.tenant, error.problem, RawPayload(json: argument))
        }
    }

    /// nil for a fact that was told already.
    private mutating func fact(_ message: inout EnreachMessage, _ now: Timestamp) throws(EnreachProblem) -> CallFact? {
        let kind = message.event.kind
        if kind == .callMissed { return missed(&message, now) }
        if kind.isCall { return try callFact(&message, now) }
        if kind.isCallback { return try callbackFact(&message) }
        return try stateFact(&message, now)
    }

    // MARK: - Facts of the source

    private mutating func tellUnmapped(
        _ event: String, tenant: String?, _ problem: Problem, _ payload: @autoclosure () -> RawPayload
    ) {
        unmappedCount += 1
        var fact = CallFact.unmapped(event: event, problem: problem, raw: raw == .off ? nil : payload())
        fact.tenant = tenant
        facts.append(fact)
    }

    private mutating func tellNotice(event: String, code: String, text: String) {
        var fact = CallFact(.sourceNotice, event: event)
        fact.identity = .stream
        fact.body.detail = .notice(code: code, text: text.isEmpty ? nil : text)
        facts.append(fact)
    }

    // MARK: - Parts

    /// The user whom a message is about: the one that it names, else the one that is subscribed.
    func agent(_ message: inout EnreachMessage, name: Bool = true) -> Agent? {
        let id = message.fields.id(.userID)
        let userName = name ? message.fields.text(.userName) : nil
        return (id ?? message.entityOfUser).map { Agent(id: $0, name: userName) }
    }

    /// As above, where there must be one.
    func requiredAgent(_ message: inout EnreachMessage) throws(EnreachProblem) -> Agent {
        guard let agent = agent(&message) else { throw EnreachProblem(.missingField, EnreachField.userID.rawValue) }
        return agent
    }

    /// `fact` with the id of a notice about `main`; nil where it was just told.
    mutating func notice(_ fact: CallFact, _ main: String?, _ message: EnreachMessage, _ now: Timestamp) -> CallFact? {
        let parts = [fact.kind.name, main ?? "", Self.digest(message.data)]
        guard let identity = notices.identity(parts, at: now) else { return nil }
        var fact = fact
        fact.identity = identity
        return fact
    }

    /// The SHA-256 of what a message says, in hexadecimal digits: keys in lower case and sorted, no blanks.
    static func digest(_ data: JSONValue) -> String {
        var writer = ByteWriter(capacity: 1024)
        writer.append(canonicalJSON: data, foldingNames: true)
        return writer.withBytes { Hex.text(Digest.sha256($0)) }
    }
}

/// Why a message was not understood.
struct EnreachProblem: Error {
    let problem: Problem

    init(_ code: Problem.Code, _ detail: String) { problem = Problem(code, detail: detail) }
}

extension EnreachMessage {
    /// Who is subscribed, where that is a user.
    var entityOfUser: String? { EnreachEntity.Kind(ofEvent: event.rawValue) == .user ? entity : nil }
}

extension Kind {
    /// True for lines that close the account of a call.
    fileprivate var endsCall: Bool { self == .callEnded || self == .callAbandoned }

    fileprivate var isCallback: Bool {
        switch self {
        case .callbackRequested, .callbackChanged, .callbackAttempt, .callbackConfirmed, .callbackListStatus: true
        default: false
        }
    }
}
