import Codecs
import NIOCore

// Which pairs of entity and event are wanted of the hub, which it has granted, and what to ask it next. No clock, no socket.
//
//   wanted ──nextBatch──▶ asked ──granted──▶ held ──no longer wanted──▶ leaving ──nextBatch──▶ (gone)
//     ▲                     ├────refused────▶ refused ──time, new connection──▶ wanted
//     │                     └────failed─────▶ wanted, in a smaller batch
//     └──a lost connection puts everything here but what can never be granted
//
// Pairs of call events are asked for first, then presence and status, then the rest: after a reconnect calls are seen again
// soonest. Answers are matched by what they say, never by their place.

/// The subscriptions of one hub connection after the other, as a value.
struct EnreachSubscriptionPlan {
    struct Limits: Sendable {
        /// Pairs of one call.
        var batchPairs = 250
        /// Of the argument of one call. A hub takes 32 KiB per message unless it was told otherwise.
        var batchBytes = 31 << 10
        /// Calls that wait for their answers. The hub works on them one after the other; two or more spare the round trips.
        var callsInFlight = 4
        /// All together; what an enumeration finds beyond is left out.
        var pairs = 400_000
        /// Calls that fail in a row, whatever their size, before the hub is held for none of RTE's.
        var failuresInRow = 16
        /// Refused pairs are asked for again after this, and later each time, up to six times as long.
        var retryRefused = TimeAmount.minutes(10)
    }

    struct Pair: Hashable, Sendable {
        let entity: UUID128
        /// Index of `names`.
        let event: Int
    }

    enum Method: String, Sendable {
        case subscribe = "Subscribe"
        case unsubscribe = "Unsubscribe"
    }

    /// One call of the hub: its one argument is an array of pairs, as JSON text.
    struct Batch: Sendable, Equatable {
        let number: Int
        let method: Method
        let argument: [UInt8]
        let count: Int
    }

    /// Pairs that were refused for the first time, with the hub's word for it.
    struct Refusal: Sendable, Equatable {
        let message: String
        let count: Int
        /// Of one of them.
        let entity: UUID128
        let event: String
        let isLasting: Bool
    }

    struct Counts: Sendable, Equatable {
        var wanted = 0
        var held = 0
        var refused = 0
    }

    private enum State: Equatable {
        /// → asked
        case wanted
        /// In a call under way. → held, refused, wanted
        case asked
        /// → leaving, wanted
        case held
        /// nil: the hub will never grant it. → wanted
        case refused(retryAt: NIODeadline?)
        /// Held, and nobody wants it any more. → asked to leave, held
        case leaving
    }

    private let selections: [EnreachSubscription]
    private let limits: Limits
    /// The spelling of each event, and where it stands by its lower case.
    private var names: [String] = []
    private var indices: [String: Int] = [:]
    private var ranks: [Int] = []
    /// What the hub offers; before it says so, the events that the adapter knows.
    private var offered: [Int]
    private var isOfferKnown = false
    private var found: [EnreachEntity.Kind: [UUID128]] = [:]

    private var states: [Pair: State] = [:]
    /// By rank: the pairs that are wanted, and how many of them were asked for since.
    private var waiting: [[Pair]] = [[], [], []]
    private var cursors = [0, 0, 0]
    private var leaving: [Pair] = []
    private var retries: [Pair: Int] = [:]
    private var underWay: [Int: (method: Method, pairs: [Pair])] = [:]
    private var lastNumber = 0
    private var batchPairs: Int
    private var failuresInRow = 0
    private var newRefusals: [String: (pairs: [Pair], isLasting: Bool)] = [:]
    private var unknownToHub: [String] = []
    private var nextRetry: NIODeadline?

    private(set) var counts = Counts()
    /// Pairs that an enumeration found and that were left out for their number.
    private(set) var leftOut = 0

    /// `knownEvents`: what the adapter knows, in its spelling.
    init(_ selections: [EnreachSubscription], knownEvents: [String], limits: Limits = Limits()) {
        (self.selections, self.limits) = (selections, limits)
        batchPairs = max(1, limits.batchPairs)
        offered = []
        for name in knownEvents { offered.append(intern(name)) }
        rebuild()
    }

    /// The kinds of entities that have to be enumerated.
    var enumeratedKinds: [EnreachEntity.Kind] {
        EnreachEntity.Kind.allCases.filter { kind in selections.contains { $0.kind == kind && $0.entities == .all } }
    }

    // MARK: - What there is

    /// The hub's answer to AvailableSubscriptions. Returns the names that the adapter does not know.
    @discardableResult
    mutating func setOffered(_ list: [String]) -> [String] {
        let known = Set(indices.keys)
        isOfferKnown = true
        offered = list.prefix(4096).map { intern($0) }
        rebuild()
        return list.filter { !known.contains($0.lowercased()) }
    }

    /// The names that the configuration lists and the hub does not offer, once.
    mutating func takeNamesNotOffered() -> [String] {
        defer { unknownToHub = [] }
        return unknownToHub
    }

    /// What an enumeration found. Entities that have gone are dropped, new ones are asked for.
    mutating func setEntities(_ ids: [UUID128], of kind: EnreachEntity.Kind) {
        found[kind] = ids
        rebuild()
    }

    /// A new connection knows nothing of what another one was granted. What was refused for want of a right is tried again:
    /// a new token may have it.
    mutating func connectionOpened() {
        underWay = [:]
        leaving = []
        batchPairs = max(1, limits.batchPairs)
        failuresInRow = 0
        nextRetry = nil
        for (pair, state) in states {
            switch state {
            case .refused(retryAt: nil): break
            case .leaving: states[pair] = nil
            case .wanted, .asked, .held, .refused: states[pair] = .wanted
            }
        }
        rebuild()
    }

    // MARK: - Asking

    /// The next call to make, nil when there is none or enough are under way.
    mutating func nextBatch(now: NIODeadline) -> Batch? {
        guard underWay.count < max(1, limits.callsInFlight) else { return nil }
        retryRefused(now: now)
        if let batch = makeBatch(.unsubscribe) { return batch }
        return makeBatch(.subscribe)
    }

    /// Every pair that is wanted has been answered.
    var isSettled: Bool { underWay.isEmpty && leaving.isEmpty && nextWaiting() == nil }

    /// The entities of which an event, in lower case, was granted, in the order of their ids.
    func heldEntities(ofEvent event: String) -> [UUID128] {
        guard let index = indices[event] else { return [] }
        return states.filter { $0.key.event == index && $0.value == .held }.map(\.key.entity).sorted()
    }

    /// When refused pairs are due again.
    var nextDeadline: NIODeadline? { nextRetry }

    private mutating func makeBatch(_ method: Method) -> Batch? {
        var writer = ByteWriter(capacity: 1024)
        var pairs: [Pair] = []
        writer.append("[")
        while pairs.count < batchPairs, let (pair, rank) = method == .unsubscribe ? nextLeaving() : nextWaiting() {
            let name = names[pair.event]
            guard pairs.isEmpty || writer.count + name.utf8.count + 72 <= limits.batchBytes else { break }
            if !pairs.isEmpty { writer.append(",") }
            writer.append(#"{"EntityId":""#)
            writer.append(pair.entity)
            writer.append(#"","EventName":"#)
            writer.append(jsonString: name)
            writer.append("}")
            pairs.append(pair)
            if method == .unsubscribe {
                leaving.removeLast()
                states[pair] = nil
            } else {
                take(rank)
                states[pair] = .asked
            }
        }
        guard !pairs.isEmpty else { return nil }
        writer.append("]")
        lastNumber += 1
        underWay[lastNumber] = (method, pairs)
        return Batch(number: lastNumber, method: method, argument: writer.bytes, count: pairs.count)
    }

    private mutating func take(_ rank: Int) {
        cursors[rank] += 1
        guard cursors[rank] == waiting[rank].count else { return }
        (waiting[rank], cursors[rank]) = ([], 0)
    }

    private func nextLeaving() -> (Pair, Int)? { leaving.last.map { ($0, 0) } }

    private func nextWaiting() -> (Pair, Int)? {
        for rank in waiting.indices where cursors[rank] < waiting[rank].count {
            return (waiting[rank][cursors[rank]], rank)
        }
        return nil
    }

    private mutating func retryRefused(now: NIODeadline) {
        guard let due = nextRetry, due <= now else { return }
        nextRetry = nil
        for (pair, state) in states {
            guard case .refused(let retryAt?) = state else { continue }
            if retryAt <= now {
                states[pair] = .wanted
                counts.refused -= 1
                wait(pair)
            } else {
                nextRetry = nextRetry.map { min($0, retryAt) } ?? retryAt
            }
        }
    }

    private mutating func wait(_ pair: Pair) { waiting[ranks[pair.event]].append(pair) }

    // MARK: - Answers

    /// The hub's result of a call: an array with an entry for each pair. Throws a sentence where it is none.
    mutating func answered(_ number: Int, with result: JSONValue, now: NIODeadline) throws(EnreachSubscriptionError) {
        guard let call = underWay[number] else { return }
        guard result.kind == .array else {
            throw EnreachSubscriptionError(
                "\(call.method.rawValue) was answered with something else than an array of results")
        }
        underWay[number] = nil
        failuresInRow = 0
        batchPairs = min(max(1, limits.batchPairs), batchPairs * 2)
        guard call.method == .subscribe else { return }
        var messages: [Pair: String?] = [:]
        for entry in result.elements {
            guard let answer = EnreachSubscriptionResult(entry), let event = indices[answer.event] else { continue }
            messages.updateValue(
                answer.isSubscribed ? nil : answer.message, forKey: Pair(entity: answer.entity, event: event))
        }
        for pair in call.pairs where states[pair] == .asked {
            switch messages[pair] {
            case .some(nil): grant(pair)
            case .some(let message?): refuse(pair, message, now: now)
            case nil: refuse(pair, "no result", now: now)
            }
        }
    }

    /// The hub answered a call with an error. Its pairs are asked for again in smaller batches, so that one that the hub cannot
    /// stand does not keep the others out. Throws when the hub answers nothing else.
    mutating func failed(
        _ number: Int, because reason: String, now: NIODeadline
    ) throws(EnreachSubscriptionError) {
        guard let call = underWay.removeValue(forKey: number) else { return }
        failuresInRow += 1
        guard failuresInRow < limits.failuresInRow else {
            throw EnreachSubscriptionError(
                "\(failuresInRow) calls of \(call.method.rawValue) in a row failed, the last one with: \(reason)")
        }
        batchPairs = max(1, min(batchPairs, call.pairs.count) / 2)
        guard call.method == .subscribe else { return }
        for pair in call.pairs where states[pair] == .asked {
            if call.pairs.count == 1 {
                refuse(pair, reason, now: now)
            } else {
                states[pair] = .wanted
                wait(pair)
            }
        }
    }

    private mutating func grant(_ pair: Pair) {
        retries[pair] = nil
        counts.held += 1
        states[pair] = .held
        // It went while the call was under way.
        if !isWanted(pair) { leave(pair) }
    }

    private mutating func refuse(_ pair: Pair, _ message: String, now: NIODeadline) {
        // The first two words of the vendor's that no waiting heals.
        let isLasting = message.lowercased().hasPrefix("invalid")
        guard isWanted(pair) else {
            states[pair] = nil
            return
        }
        counts.refused += 1
        let count = retries[pair] ?? 0
        if count == 0 { newRefusals[message, default: ([], isLasting)].pairs.append(pair) }
        retries[pair] = min(count + 1, 6)
        let retryAt = isLasting ? nil : now + limits.retryRefused * min(count + 1, 6)
        states[pair] = .refused(retryAt: retryAt)
        if let retryAt { nextRetry = nextRetry.map { min($0, retryAt) } ?? retryAt }
    }

    private mutating func leave(_ pair: Pair) {
        counts.held -= 1
        states[pair] = .leaving
        leaving.append(pair)
    }

    /// What was refused for the first time since the last look.
    mutating func takeRefusals() -> [Refusal] {
        defer { newRefusals = [:] }
        return newRefusals.sorted { $0.key < $1.key }.compactMap { message, refused in
            refused.pairs.first.map {
                Refusal(
                    message: message, count: refused.pairs.count, entity: $0.entity, event: names[$0.event],
                    isLasting: refused.isLasting)
            }
        }
    }

    // MARK: - What is wanted

    private var desired: Set<Pair> = []

    private func isWanted(_ pair: Pair) -> Bool { desired.contains(pair) }

    /// After every change of what there is: what is wanted, in its order, and what follows from that for each pair.
    private mutating func rebuild() {
        desired = []
        leftOut = 0
        waiting = [[], [], []]
        cursors = [0, 0, 0]
        counts = Counts()
        nextRetry = nil
        for selection in selections { add(selection) }
        for pair in Array(states.keys) where !desired.contains(pair) { drop(pair) }
        counts.wanted = desired.count
    }

    private mutating func add(_ selection: EnreachSubscription) {
        let events = events(of: selection)
        let entities: [UUID128] =
            switch selection.entities {
            case .all: found[selection.kind] ?? []
            case .listed(let ids): ids
            }
        for entity in entities {
            for event in events {
                guard desired.count < limits.pairs else {
                    leftOut += 1
                    continue
                }
                let pair = Pair(entity: entity, event: event)
                if desired.insert(pair).inserted { keep(pair) }
            }
        }
    }

    /// Nobody wants it any more.
    private mutating func drop(_ pair: Pair) {
        switch states[pair] {
        case .held:
            states[pair] = .leaving
            leaving.append(pair)
        case .wanted, .refused:
            states[pair] = nil
            retries[pair] = nil
        case .asked, .leaving, nil: break
        }
    }

    private mutating func keep(_ pair: Pair) {
        switch states[pair] {
        case nil, .wanted:
            states[pair] = .wanted
            wait(pair)
        case .asked: break
        case .held: counts.held += 1
        case .refused(let retryAt):
            counts.refused += 1
            if let retryAt { nextRetry = nextRetry.map { min($0, retryAt) } ?? retryAt }
        case .leaving:
            // It came back before the hub was told.
            leaving.removeAll { $0 == pair }
            states[pair] = .held
            counts.held += 1
        }
    }

    private mutating func events(of selection: EnreachSubscription) -> [Int] {
        switch selection.events {
        case .all: return offered.filter { EnreachEntity.Kind(ofEvent: names[$0]) == selection.kind }
        case .listed(let list):
            let offered = Set(offered)
            return list.filter { EnreachEntity.Kind(ofEvent: $0) == selection.kind }.compactMap { name in
                let index = intern(name)
                if offered.contains(index) || !isOfferKnown { return index }
                if !unknownToHub.contains(names[index]) { unknownToHub.append(names[index]) }
                return nil
            }
        }
    }

    private mutating func intern(_ name: String) -> Int {
        let key = name.lowercased()
        if let index = indices[key] { return index }
        indices[key] = names.count
        names.append(name)
        ranks.append(Self.rank(key))
        return names.count - 1
    }

    private static func rank(_ name: String) -> Int {
        if name.contains("callin") || name.contains("callout") { return 0 }
        return name.contains("availability") || name.contains("status") || name.contains("attached") ? 1 : 2
    }
}

/// One entry of the result of Subscribe.
struct EnreachSubscriptionResult {
    let isSubscribed: Bool
    let message: String
    let entity: UUID128
    /// In lower case.
    let event: String

    /// nil where it names no pair.
    init?(_ value: JSONValue) {
        var isSubscribed = false
        var message: String?
        var entity: UUID128?
        var event: String?
        for member in value.members {
            switch member.name.lowercased() {
            case "subscribed": isSubscribed = member.value.bool ?? false
            case "message": message = member.value.string
            case "entityid": entity = member.value.string.flatMap { UUID128($0) }
            case "eventname": event = member.value.string?.lowercased()
            default: break
            }
        }
        guard let entity, let event else { return nil }
        (self.isSubscribed, self.entity, self.event) = (isSubscribed, entity, event)
        self.message = message.map { String($0.prefix(200)) } ?? "refused without a word"
    }
}

/// The hub does not subscribe as RTE does; one sentence.
struct EnreachSubscriptionError: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
