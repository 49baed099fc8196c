import CallModel
import Codecs

/// What is remembered of a call between its messages. The tracker knows its state; this is what only the vendor's messages tell.
final class EnreachCall {
    /// Told facts remembered, and for how long one of them may be told again by another subscription.
    static let maximumTold = 16
    static let repeatWindow = Duration.seconds(2)
    static let maximumQueues = 16

    /// A fact, and the subscriptions that have told it.
    private struct Told {
        let fact: Int
        let at: Timestamp
        var tellers: [Int]
    }

    let id: String
    /// Tells it from an earlier memory of the same call.
    let serial: Int
    /// The connection on which it was first heard of; -1: one of a run before.
    let epoch: Int
    /// Its first message was that of its beginning.
    var sawBeginning = false
    var wasServed = false
    var hasEnded = false
    private(set) var direction: Direction?
    /// The transfer that is open goes there.
    var transferTarget: Target?
    private var queueNumbers: [(id: String, number: String)] = []
    private var told: [Told] = []

    init(id: String, serial: Int, epoch: Int) { (self.id, self.serial, self.epoch) = (id, serial, epoch) }

    /// A call that both comes from one of ours and goes to one of ours is internal.
    func note(_ seen: Direction) {
        switch direction {
        case nil, .unknown: direction = seen
        case .inbound, .outbound: if direction != seen { direction = .internalCall }
        case .internalCall: break
        }
    }

    /// The number of a queue, which some of its events have and others have not.
    func number(ofQueue id: String, told number: String?) -> String? {
        let known = queueNumbers.firstIndex { $0.id == id }
        guard let number else { return known.map { queueNumbers[$0].number } }
        if let known {
            queueNumbers[known].number = number
        } else if queueNumbers.count < Self.maximumQueues {
            queueNumbers.append((id, number))
        }
        return number
    }

    // MARK: - Repeats

    var toldCount: Int { told.count }

    /// True for a fact that was told before: a moment ago by another subscription, or just now by the same and it happens only
    /// once in a row. `teller` is the subscription.
    func isRepeat(_ fact: Int, by teller: Int, at now: Timestamp, onceInARow: Bool) -> Bool {
        if onceInARow, let last = told.indices.last, told[last].fact == fact {
            if !told[last].tellers.contains(teller) { told[last].tellers.append(teller) }
            return true
        }
        let since = now.advanced(by: .zero - Self.repeatWindow)
        let match = told.firstIndex { $0.fact == fact && $0.at >= since && !$0.tellers.contains(teller) }
        if let match {
            if told[match].tellers.count < Self.maximumTold { told[match].tellers.append(teller) }
            return true
        }
        // The last one is kept however old it is: what follows it may be the same.
        let kept = told.last
        told.removeAll { $0.at < since }
        if told.isEmpty, let kept { told.append(kept) }
        if told.count >= Self.maximumTold { told.removeFirst() }
        told.append(Told(fact: fact, at: now, tellers: [teller]))
        return false
    }

    /// The call moved on: what comes now happens anew, whoever tells it.
    func forgetTold(but fact: Int) { told.removeAll { $0.fact != fact } }
}

/// Calls by their id, bounded: of too many ended ones the earliest end goes, of too many others the one that began first.
struct EnreachCalls: ~Copyable {
    struct Limits: Sendable {
        /// As many as the tracker holds.
        var open = 20_000
        /// Ended calls, whose last messages other subscriptions may still repeat.
        var ended = 4_000
    }

    private let limits: Limits
    private var calls: [String: EnreachCall] = [:]
    private var openOrder = Order()
    private var endedOrder = Order()
    private var lastSerial = 0
    private(set) var endedCount = 0

    /// Ids in the order in which they came, those that have gone included until they are swept out.
    private struct Order {
        private(set) var entries: [(id: String, serial: Int)] = []
        private var start = 0

        var count: Int { entries.count - start }

        mutating func append(_ call: EnreachCall) { entries.append((call.id, call.serial)) }

        mutating func popFirst() -> (id: String, serial: Int)? {
            guard start < entries.count else { return nil }
            defer { start += 1 }
            return entries[start]
        }

        /// Keeps what `isThere`, once there is as much gone as left.
        mutating func sweep(beyond limit: Int, _ isThere: ((id: String, serial: Int)) -> Bool) {
            guard entries.count > 2 * limit + 1024 else { return }
            entries = entries[start...].filter(isThere)
            start = 0
        }
    }

    init(limits: Limits) { self.limits = limits }

    var count: Int { calls.count }

    subscript(id: String) -> EnreachCall? { calls[id] }

    mutating func add(_ id: String, epoch: Int) -> EnreachCall {
        lastSerial += 1
        let call = EnreachCall(id: id, serial: lastSerial, epoch: epoch)
        while calls.count - endedCount >= max(1, limits.open), let (id, serial) = openOrder.popFirst() {
            if let oldest = calls[id], oldest.serial == serial, !oldest.hasEnded { calls[id] = nil }
        }
        calls[id] = call
        openOrder.append(call)
        openOrder.sweep(beyond: limits.open) { [calls] entry in
            calls[entry.id].map { $0.serial == entry.serial && !$0.hasEnded } ?? false
        }
        return call
    }

    mutating func end(_ call: EnreachCall) {
        guard !call.hasEnded else { return }
        call.hasEnded = true
        guard calls[call.id] === call else { return }
        endedCount += 1
        endedOrder.append(call)
        while endedCount > max(1, limits.ended), let (id, serial) = endedOrder.popFirst() {
            guard let oldest = calls[id], oldest.serial == serial else { continue }
            calls[id] = nil
            endedCount -= 1
        }
        endedOrder.sweep(beyond: limits.ended) { [calls] entry in calls[entry.id]?.serial == entry.serial }
    }
}
