import CallModel
import Codecs
import WireProtocols

/// Messages of one Basix PBX to facts: joins legs to calls and tells what they do. Pure: the time is an argument.
///
/// Theory of operation. A leg is a `channel`; a call is a set of legs joined by `other_uuid`, known by the uuid of its root. A
/// record changes its leg; a new link joins a leg to a call, or two calls to one; then the call's *driver*, which is the
/// root while it lives, tells what the call does, and the other legs tell who rings and who leaves. What is already told is
/// known by the state's time, so a state dump after a reconnect tells only what is new. After a restart the open calls come
/// back from the tracker, with the legs that their lines name.
///
/// Legs that may belong to others wait for two seconds; `nextDeadline` and `advance` are for them.
struct BasixMapper: ~Copyable {
    struct Limits: Sendable {
        /// Channels remembered; beyond that the longest silent ones are forgotten.
        var legs = 40_000
        /// Users, groups, members and others remembered, to tell what is gone.
        var entities = 200_000
        /// Ended channels remembered, so that late news of them raise nobody.
        var tombstones = 65_536
        /// Names nobody documented that are told once an hour.
        var unknownNames = 256
        init() {}
    }

    /// Why facts are told now.
    struct Cause {
        /// The vendor's name of the event.
        var event = ""
        var origin = Origin.live
        var receivedAt = Timestamp(microseconds: 0)
        /// Facts are not told, only remembered: they have been told before a restart.
        var isSilent = false
    }

    static let wait = Duration.seconds(2)
    static let tombstoneAge = Duration.seconds(600)

    /// The configured name, the beginning of call ids.
    let source: String
    let raw: RawPolicy
    let limits: Limits
    private(set) var facts: [CallFact] = []
    /// Messages that were not understood, as a whole.
    private(set) var unmappedCount = 0

    var cause = Cause()
    /// The item at hand, for `raw`.
    var item: BasixItem?
    let record = BasixRecord()

    var legs: [String: BasixLeg] = [:]
    /// By the uuid of their root.
    var calls: [String: BasixCall] = [:]
    /// Legs that the lines of a call name and that have not been seen since the restart; and roots of calls that became
    /// part of another.
    var expectedLegs: [String: BasixCall] = [:]
    /// Legs of calls that had ended shortly before the restart: they are expected to go too.
    var endedLegs: Set<String> = []
    /// When the first dump after the restart came: they are remembered as long as tombstones from then on.
    var endedLegsSince: Timestamp?
    /// Legs by the uuid that they name and that is not known yet.
    var awaited: [String: [BasixLeg]] = [:]
    var tombstones: BasixTombstones
    var timers = BasixTimers()
    var epoch = 0
    /// When a state dump that shows suspiciously little is believed.
    var snapshotDue: Timestamp?
    var pendingSnapshot: PendingSnapshot?
    /// Nothing is known yet of which calls from before the restart this connection would show.
    var isScopeNew: Bool
    /// Calls from before that another scope showed: this one cannot tell whether they have ended.
    var foreignCalls: Set<String> = []
    /// Ends of calls that became part of another, told behind what joined them.
    var deferredEnds: [CallFact] = []
    var directory: BasixDirectory
    /// When a name nobody documented was last told.
    var toldUnknown: [String: Timestamp] = [:]

    /// `recentCalls` are those of the tracker when the process started, `directory` the note of the run before. Unless that
    /// run had the same scope, calls that a state dump does not show have not ended by that.
    init(
        source: String, raw: RawPolicy, recentCalls: [CallTracker.RecentCall] = [], directory: [UInt8] = [],
        isSameScope: Bool = true, limits: Limits = Limits()
    ) {
        (self.source, self.raw, self.limits) = (source, raw, limits)
        isScopeNew = !isSameScope
        tombstones = BasixTombstones(limit: limits.tombstones)
        self.directory = BasixDirectory(note: directory, limit: limits.entities)
        for call in recentCalls { restore(call) }
        endedLegs.subtract(expectedLegs.keys)
        endedLegs.subtract(calls.keys)
    }

    /// Takes the facts away.
    mutating func takeFacts() -> [CallFact] {
        var taken: [CallFact] = []
        swap(&taken, &facts)
        return taken
    }

    mutating func tell(_ fact: CallFact) {
        if !cause.isSilent { facts.append(fact) }
    }

    // MARK: - Inputs

    /// A new connection.
    mutating func connected() { snapshotDue = nil }

    /// The connection is gone. Nothing is told of calls: they are looked for when it is back.
    mutating func disconnected() { (snapshotDue, pendingSnapshot) = (nil, nil) }

    /// One message. `frame` is what it was read from. False where it was not understood and became `source.unmapped`.
    mutating func take(
        _ message: BasixMessage, frame: UnsafeRawBufferPointer, receivedAt: Timestamp
    ) -> Bool {
        cause = Cause(receivedAt: receivedAt)
        defer {
            item = nil
            record.clear()
        }
        switch message {
        case .fieldSpec: return true
        case .initialInfo(let element, let items): return takeSnapshot(of: element, items)
        case .infoEvent(let element, let event, let item): return takeEvent(element, event, item)
        case .systemMessage(let value): tellNotice(value, event: "system_msg", code: nil)
        case .userMessage(let value): tellNotice(value, event: "msg", code: "user_message")
        case .unknown(let name):
            tellUnmapped(event: name.isEmpty ? "unknown" : name, Problem(.unknownEvent), frame)
            return false
        }
        return true
    }

    /// A frame that is no message.
    mutating func take(_ rejection: BasixRejection, frame: UnsafeRawBufferPointer, receivedAt: Timestamp) {
        cause = Cause(receivedAt: receivedAt)
        tellUnmapped(event: "message", Problem(.invalidPayload, detail: "\(rejection)"), frame)
    }

    /// A text frame, which no server of this vendor sends.
    mutating func take(text: String, isTruncated: Bool, receivedAt: Timestamp) {
        cause = Cause(receivedAt: receivedAt)
        unmappedCount += 1
        let payload = RawPayload(encoding: .text, data: text, isTruncated: isTruncated)
        tell(
            .unmapped(
                event: "text", problem: Problem(.invalidPayload, detail: "expected a binary frame, found a text"),
                raw: raw == .off ? nil : payload))
    }

    private mutating func takeEvent(_ element: BasixElement, _ event: BERTTerm, _ item: BasixItem) -> Bool {
        self.item = item
        record.load(item)
        switch element {
        case .channel: return takeChannel(isRemoved: event.matches("removed"), event: event)
        case .channelWaiting, .queuedChannel, .parkedChannel: return takeWaiting(element, event)
        case .user, .group, .groupMember, .terminal, .domain, .other: return takeEntity(element, event)
        }
    }

    private mutating func takeSnapshot(of element: BasixElement, _ items: [BasixItem]) -> Bool {
        cause.origin = .snapshot
        switch element {
        case .channel: takeChannels(items)
        case .channelWaiting, .queuedChannel, .parkedChannel:
            for item in items {
                self.item = item
                record.load(item)
                _ = takeWaiting(element, nil)
            }
            tellSnapshot(of: element, count: items.count)
        case .user, .group, .groupMember, .terminal, .domain, .other: takeEntities(element, items)
        }
        return true
    }

    // MARK: - Facts

    /// A fact of a call at a vendor's time; nil: nothing better than now.
    func fact(_ kind: Kind, _ call: BasixCall, _ leg: BasixLeg?, at time: Int64?) -> CallFact {
        let occurredAt = plausible(time)
        var fact = CallFact(kind, callID: call.id, event: cause.event, occurredAt: occurredAt)
        fact.origin = cause.origin
        fact.identity = .timed(time ?? cause.receivedAt.microseconds)
        if call.direction != .unknown { fact.direction = call.direction }
        fact.leg = leg?.uuid ?? call.id
        fact.peerLeg = leg?.otherUUID
        if let opener = call.opener {
            fact.opener = opener
            (fact.body.from, fact.body.to) = (call.from, call.to)
        }
        return withRaw(fact)
    }

    /// A vendor's time that can be one: not before 1970, and at most a day ahead of our own clock.
    func plausible(_ microseconds: Int64?) -> Timestamp? {
        guard let microseconds else { return nil }
        let latest = cause.receivedAt.advanced(by: .seconds(86_400))
        return microseconds > 0 && microseconds <= latest.microseconds ? Timestamp(microseconds: microseconds) : nil
    }

    /// The item at hand in the notation, on the lines that should carry it.
    func withRaw(_ fact: CallFact) -> CallFact {
        let isEnd = fact.kind == .callEnded || fact.kind == .callAbandoned
        guard raw == .full || raw == .onCallEnd && isEnd, let item else { return fact }
        var fact = fact
        fact.body.raw = Self.raw(item)
        return fact
    }

    static func raw(_ item: BasixItem) -> RawPayload {
        var writer = ByteWriter(capacity: 1024)
        writer.append(basixItem: item)
        let isTruncated = writer.count > RawPayload.maximumBytes
        let text = String(decoding: writer.bytes.prefix(RawPayload.maximumBytes), as: UTF8.self)
        return RawPayload(encoding: isTruncated ? .text : .json, data: text, isTruncated: isTruncated)
    }

    mutating func tellSnapshot(of element: BasixElement, count: Int, _ calls: CallsOfSnapshot? = nil) {
        var fact = CallFact(.sourceSnapshot, event: "initial_info/\(element.name)")
        fact.identity = .stream
        fact.origin = .synthetic
        var snapshot = Snapshot(entity: element.name.isEmpty ? "unknown" : element.name, items: Int64(count))
        if let calls {
            (snapshot.opened, snapshot.matched) = (Int64(calls.opened), Int64(calls.matched))
            fact.presentCalls = calls.present
        }
        fact.body.detail = .snapshot(snapshot)
        tell(fact)
    }

    private mutating func tellNotice(_ value: BERTTerm, event: String, code: String?) {
        let isPlain = value.repairedText != nil || value.identifier != nil
        let first = isPlain ? value.identifier : value[0]?.identifier
        var fact = CallFact(.sourceNotice, event: event)
        fact.identity = .stream
        let text = code == nil && isPlain ? nil : isPlain ? value.identifier : value.notation
        fact.body.detail = .notice(code: code ?? first ?? "unknown", text: text)
        tell(fact)
    }

    /// Speaks about the link on our own account.
    mutating func tellNotice(code: String, text: String) {
        var fact = CallFact(.sourceNotice, event: code)
        fact.identity = .stream
        fact.origin = .synthetic
        fact.body.detail = .notice(code: code, text: text)
        tell(fact)
    }

    private mutating func tellUnmapped(event: String, _ problem: Problem, _ frame: UnsafeRawBufferPointer) {
        unmappedCount += 1
        tell(.unmapped(event: event, problem: problem, raw: raw == .off ? nil : RawPayload(bytes: frame)))
    }

    /// The record at hand was not understood.
    mutating func tellUnmapped(event: String, _ problem: Problem) {
        unmappedCount += 1
        tell(.unmapped(event: event, problem: problem, raw: raw == .off ? nil : item.map(Self.raw)))
    }

    /// Tells a name nobody documented, once an hour.
    mutating func tellUnknown(_ name: String, event: String, _ code: Problem.Code, detail: String) {
        let now = cause.receivedAt
        if let last = toldUnknown[name], now < last.advanced(by: .seconds(3600)) { return }
        guard toldUnknown[name] != nil || toldUnknown.count < limits.unknownNames else { return }
        toldUnknown[name] = now
        tellUnmapped(event: event, Problem(code, detail: detail))
    }
}

/// Ended channels, for ten minutes. Bounded: the oldest goes first.
struct BasixTombstones {
    private var endedAt: [String: Timestamp] = [:]
    /// Oldest first, from `start`.
    private var order: [String] = []
    private var start = 0
    private let limit: Int

    init(limit: Int) { self.limit = max(1, limit) }

    mutating func insert(_ uuid: String, at now: Timestamp) {
        while start < order.count,
            order.count - start >= limit
                || endedAt[order[start]].map({ $0.advanced(by: BasixMapper.tombstoneAge) <= now }) ?? true
        {
            endedAt[order[start]] = nil
            start += 1
        }
        if start > 1024, start * 2 > order.count {
            order.removeFirst(start)
            start = 0
        }
        if endedAt.updateValue(now, forKey: uuid) == nil { order.append(uuid) }
    }

    func contains(_ uuid: String, at now: Timestamp) -> Bool {
        endedAt[uuid].map { now < $0.advanced(by: BasixMapper.tombstoneAge) } ?? false
    }

    var count: Int { endedAt.count }
}
