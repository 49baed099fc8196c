import BridgeCore
import Codecs
import NIOCore

/// What is delivered next, and what becomes of what was: the conversation with one destination, without the destination.
///
/// Theory of operation. Items come in by `offer`, in `seq` order, each on a *lane*: the lines of one call, or everything where
/// only one delivery may be under way. `next` hands out *attempts*, never two of one lane at once; `complete` tells how
/// one went. An item leaves when it is delivered, when it is a live event that has grown too old, or as a dead letter; the
/// *cursor* follows the lowest item that has not left.
///
/// After a failure the lane waits by itself, under a ceiling that doubles. Several failures in a row are the destination's:
/// it counts as *down*, one attempt at a time finds out whether it is back, and the first that gets through lets everything go
/// again. Meanwhile a lane that never failed may try once a second, so that one line that the destination cannot stand does
/// not keep others waiting. Such a line does not hold the cursor either: after `Limits.parkAfter` it is *parked*, with what
/// follows on its lane, in the table of dead letters, from where it is tried on.
///
/// A value: time and random numbers come in, attempts and effects go out.
package struct DeliveryEngine {
    package struct Limits: Sendable {
        /// Read ahead and kept in memory.
        package var heldLines = 4096
        package var heldBytes = 4 << 20
        /// From the cursor to the highest line read.
        package var span = 65_536
        /// In the table of dead letters and in memory, to be tried again.
        package var parkedLines = 1000
        /// From the first failure of a line until it is parked.
        package var parkAfter = Duration.seconds(30)
        /// Failures in a row after which the destination counts as down.
        package var failuresInRow = 3
        /// Lanes that must have failed, and nothing else got through, for the destination to count as dead.
        package var failedLanes = 20
        /// How often what waits is looked through while something fails.
        package var sweepInterval = Duration.seconds(10)
        /// How often a lane that never failed may try a destination that is down.
        package var freshInterval = Duration.seconds(1)

        package init() {}
    }

    package struct Attempt: Sendable {
        package let id: Int
        package let batch: DeliveryBatch
    }

    package enum Step: Sendable {
        case deliver(Attempt)
        /// Nothing can go before this time, before a `complete`, or before an `offer`.
        case wait(until: Duration?)
    }

    /// What has to be noted in the store, in this order, before the cursor is moved.
    package enum Effect: Sendable {
        /// Never to be delivered by itself again. The item may have been a letter before.
        case dead(DeliveryItem, reason: String)
        /// Kept as a letter from now on, and tried further.
        case park(DeliveryItem)
        /// A letter failed once more.
        case failed(DeliveryItem)
        /// A letter has been delivered, or is a live event that has grown too old: it is none any more.
        case gone(DeliveryItem)
    }

    package enum Condition: Sendable, Equatable {
        case open
        case disabled(reason: String)
        case gone(reason: String)
    }

    package struct Counts: Sendable, Equatable {
        /// Lines.
        package var delivered = 0
        /// Live events that had grown too old.
        package var skipped = 0
        package var dead = 0
        package var parked = 0
        /// Deliveries begun, and those of them that failed.
        package var attempts = 0
        package var failures = 0
    }

    private struct Flight {
        /// With the lane of each, in `seq` order.
        var items: [DeliveryItem]
        /// It finds out whether a destination that is down is back.
        let isProbe: Bool
    }

    private enum Destination: Equatable {
        case up
        /// It said itself when it wants to be asked, where `isStrict`.
        case down(until: Duration, isStrict: Bool)
    }

    package let policy: DeliveryPolicy
    private let limits: Limits
    /// No budget runs from before this.
    package let trialSince: Timestamp

    package private(set) var condition = Condition.open
    package private(set) var counts = Counts()
    /// Why the last attempt failed; nil once one gets through.
    package private(set) var lastReason: String?
    /// Lines here, on their way included.
    package private(set) var heldLines = 0
    package private(set) var parkedLines = 0
    private var heldBytes = 0
    private var window: DeliveryWindow
    private var replays: [Int64: DeliveryWindow] = [:]
    private var lanes: [UInt64: DeliveryLane] = [:]
    /// Lanes whose turn it is: those that failed with the destination, and those that have not been tried since.
    private var failed = CircularBuffer<UInt64>()
    private var fresh = CircularBuffer<UInt64>()
    private var waiting: [UInt64: Duration] = [:]
    private var flights: [Int: Flight] = [:]
    private var lastFlight = 0
    private var destination = Destination.up
    private var backoff: Backoff
    private var failuresInRow = 0
    private var freshAt = Duration.zero
    private var sweepAt = Duration.zero
    /// When something last got through, and which lanes have failed since.
    private var reachedAt: Timestamp
    private var hasReached = false
    private var failedLanes: Set<UInt64> = []
    private let continuesTrial: Bool
    private var rate: DeliveryRate?
    private var effects: [Effect] = []

    /// Goes on behind `cursor`. `trialSince` is the start of the run or, with `continuesTrial`, of the run in which the sink
    /// began to fail that it fails since.
    package init(
        policy: DeliveryPolicy, cursor: Int64, trialSince: Timestamp, continuesTrial: Bool = false,
        limits: Limits = Limits()
    ) {
        (self.policy, self.limits, self.trialSince) = (policy, limits, trialSince)
        self.continuesTrial = continuesTrial
        window = DeliveryWindow(cursor: cursor)
        reachedAt = trialSince
        backoff = Backoff(initial: policy.retries.initial, maximum: policy.retries.maximum)
        rate = policy.rate.map { DeliveryRate(perSecond: $0) }
    }

    /// Everything up to and including this is done with, once the effects so far are noted.
    package var cursor: Int64 { window.cursor }
    package var readThrough: Int64 { window.readThrough }
    package var isIdle: Bool { heldLines == 0 }
    /// Nothing is on its way, and nothing is held but what is kept elsewhere too: letters and replays.
    package var isDrained: Bool { flights.isEmpty && window.span == 0 }
    package var flightCount: Int { flights.count }
    /// Something fails at present.
    package var isFailing: Bool { destination != .up || !waiting.isEmpty }
    package var isDown: Bool { destination != .up }
    /// Places in the queues of lanes.
    var turnCount: Int { failed.count + fresh.count }

    /// Whether more lines of the store should be offered, and how many.
    package var room: (lines: Int, bytes: Int)? {
        guard condition == .open, window.span < limits.span else { return nil }
        guard policy.isPerLine else { return heldLines == 0 ? (policy.batchLines, policy.batchBytes) : nil }
        let most = policy.concurrency > 1 ? limits.heldLines : min(limits.heldLines, policy.batchLines)
        guard heldLines < most, heldBytes < limits.heldBytes else { return nil }
        return (min(most - heldLines, 1000), min(limits.heldBytes - heldBytes, 1 << 20))
    }

    /// What has to be noted since the last call.
    package mutating func takeEffects() -> [Effect] {
        defer { effects.removeAll() }
        return effects
    }

    // MARK: - In

    /// Lines read from the store: what the filter left of those up to and including `through`.
    package mutating func offer(_ items: [DeliveryItem], through seq: Int64, at now: DeliveryTime) {
        window.read(through: seq)
        for item in items {
            if isStale(item, now) {
                counts.skipped += item.lineCount
                continue
            }
            var item = item
            item.ordinal = window.add(firstSeq: item.firstSeq, lines: item.lineCount)
            // Its time runs from when it can be tried, which in a run before this one may have been at its receipt.
            item.since = continuesTrial && !hasReached ? max(item.traits.receivedAt, trialSince) : now.wall
            append(item)
            if lanes[item.traits.lane]?.isParked == true { park(item.traits.lane) }
        }
    }

    /// A letter that is to be delivered: parked in an earlier run, or sent on its way by an operator.
    package mutating func offer(letter item: DeliveryItem, isParked: Bool) {
        var item = item
        item.isParked = isParked
        append(item)
        guard isParked else { return }
        parkedLines += item.lineCount
        lanes[item.traits.lane]?.isParked = true
    }

    /// Lines that an operator asked for again. Their progress is `replayCursor`.
    package mutating func offer(replay id: Int64, _ items: [DeliveryItem], from: Int64, through seq: Int64) {
        var window = replays[id] ?? DeliveryWindow(cursor: from - 1)
        window.read(through: seq)
        for item in items {
            var item = item
            item.ordinal = window.add(firstSeq: item.firstSeq, lines: item.lineCount)
            append(item)
        }
        replays[id] = window
    }

    package func replayCursor(_ id: Int64) -> Int64? { replays[id]?.cursor }

    package mutating func endReplay(_ id: Int64) { replays[id] = nil }

    private mutating func append(_ item: DeliveryItem) {
        heldLines += item.lineCount
        heldBytes += item.byteCount
        let lane = item.traits.lane
        if lanes[lane] == nil {
            lanes[lane] = DeliveryLane()
            fresh.append(lane)
        }
        lanes[lane]?.items.append(item)
    }

    // MARK: - Out

    package mutating func next(at now: DeliveryTime) -> Step {
        releaseWaiting(at: now.monotonic)
        sweep(at: now)
        guard condition == .open else { return .wait(until: nil) }
        guard flights.count < policy.concurrency else { return .wait(until: nextDeadline) }
        while true {
            let start: Duration
            switch turn(at: now.monotonic) {
            case .later(let time): return .wait(until: [time, nextDeadline].compactMap { $0 }.min())
            case .now: start = rate?.nextStart(at: now.monotonic) ?? now.monotonic
            }
            guard start <= now.monotonic else { return .wait(until: start) }
            let isProbe = destination != .up && isProbeDue(now.monotonic)
            let items = take(at: now, fromFresh: destination != .up && !isProbe)
            guard !items.isEmpty else { continue }
            return .deliver(launch(items, isProbe: isProbe, at: now.monotonic))
        }
    }

    private enum Turn {
        case now
        case later(Duration?)
    }

    private func turn(at now: Duration) -> Turn {
        guard !failed.isEmpty || !fresh.isEmpty else { return .later(nil) }
        guard case .down(let until, let isStrict) = destination else { return .now }
        guard flights.isEmpty else { return .later(nil) }
        if now >= until { return .now }
        guard !isStrict, policy.concurrency > 1, !fresh.isEmpty else { return .later(until) }
        return now >= freshAt ? .now : .later(min(until, freshAt))
    }

    private func isProbeDue(_ now: Duration) -> Bool {
        if case .down(let until, _) = destination { now >= until } else { false }
    }

    /// The items of one delivery; none where all that was queued has grown old.
    private mutating func take(at now: DeliveryTime, fromFresh: Bool) -> [DeliveryItem] {
        var taken: [DeliveryItem] = []
        var bytes = 0
        var lines = 0
        while let lane = nextLane(fromFresh: fromFresh) {
            dropStale(lane, now)
            guard let first = lanes[lane]?.items.first else {
                lanes[lane] = nil
                continue
            }
            guard taken.isEmpty || canJoin(first, taken[0], lines, bytes) else {
                if fromFresh { fresh.prepend(lane) } else { failed.prepend(lane) }
                break
            }
            while let item = lanes[lane]?.items.first, taken.isEmpty || canJoin(item, taken[0], lines, bytes) {
                lanes[lane]?.items.removeFirst()
                taken.append(item)
                (lines, bytes) = (lines + item.lineCount, bytes + item.byteCount)
                if item.travelsAlone { break }
                // Behind a record there may be live events that have grown old while they waited.
                dropStale(lane, now)
            }
            lanes[lane]?.phase = .flying
            if taken.first?.travelsAlone == true || lines >= policy.batchLines { break }
        }
        if taken.count > 1, policy.concurrency > 1 { taken.sort { $0.firstSeq < $1.firstSeq } }
        return taken
    }

    private mutating func nextLane(fromFresh: Bool) -> UInt64? {
        while true {
            let lane = fromFresh ? fresh.popFirst() : failed.popFirst() ?? fresh.popFirst()
            guard let lane else { return nil }
            // A lane that emptied and came again may stand in a queue twice.
            if lanes[lane]?.phase == .queued { return lane }
        }
    }

    private func canJoin(_ item: DeliveryItem, _ first: DeliveryItem, _ lines: Int, _ bytes: Int) -> Bool {
        !item.travelsAlone && !first.travelsAlone && item.origin == first.origin
            && lines + item.lineCount <= policy.batchLines && bytes + item.byteCount <= policy.batchBytes
    }

    private mutating func launch(_ items: [DeliveryItem], isProbe: Bool, at now: Duration) -> Attempt {
        lastFlight += 1
        flights[lastFlight] = Flight(items: items, isProbe: isProbe)
        counts.attempts += 1
        rate?.take(at: now)
        if destination != .up { freshAt = now + limits.freshInterval }
        return Attempt(id: lastFlight, batch: items.joined)
    }

    // MARK: - Outcomes

    /// How an attempt went. Called once for each.
    package mutating func complete(
        _ id: Int, _ outcome: DeliveryOutcome, at now: DeliveryTime, using random: inout some RandomNumberGenerator
    ) {
        guard let flight = flights.removeValue(forKey: id) else { return }
        switch outcome {
        case .delivered:
            _ = settle(flight.items, through: .max)
            reached(at: now)
            land(flight.items, returning: [], at: now)
        case .retry(let through, let reason, let after):
            counts.failures += 1
            let left = settle(flight.items, through: through)
            if left.lineCount < flight.items.lineCount { progressed(at: now) }
            failed(flight, left, reason: reason, after: after, at: now, using: &random)
        case .rejected(let through, let reason):
            reached(at: now)
            rejected(flight, settle(flight.items, through: through), reason: reason, at: now)
        case .disabled(let reason):
            condition = .disabled(reason: reason)
            counts.failures += 1
            lastReason = reason
            land(flight.items, returning: flight.items, at: now)
        case .gone(let reason):
            condition = .gone(reason: reason)
            lastReason = reason
            land(flight.items, returning: flight.items, at: now)
        }
    }

    /// A disabled sink is tried again, and one that waits is tried at once.
    package mutating func retryNow() {
        if case .disabled = condition { condition = .open }
        if case .down = destination { destination = .down(until: .zero, isStrict: false) }
        for lane in waiting.keys { waiting[lane] = .zero }
    }

    /// Those up to `through` have been delivered. Returns what is left.
    private mutating func settle(_ items: [DeliveryItem], through: Int64?) -> [DeliveryItem] {
        guard let through else { return items }
        var left: [DeliveryItem] = []
        for var item in items {
            guard item.lastSeq > through else {
                counts.delivered += item.lineCount
                if item.origin == .letter { effects.append(.gone(item)) }
                leave(item)
                continue
            }
            if item.firstSeq <= through {
                let before = (item.lineCount, item.byteCount)
                item.drop(through: through)
                let lines = before.0 - item.lineCount
                counts.delivered += lines
                heldLines -= lines
                heldBytes -= before.1 - item.byteCount
                finish(item, lines: lines, firstSeq: item.firstSeq)
            }
            left.append(item)
        }
        return left
    }

    private mutating func reached(at now: DeliveryTime) {
        progressed(at: now)
        destination = .up
        lastReason = nil
    }

    /// Something got through: the destination lives, and the next wait is a first one.
    private mutating func progressed(at now: DeliveryTime) {
        reachedAt = now.wall
        hasReached = true
        failedLanes.removeAll()
        failuresInRow = 0
        backoff.reset()
    }

    private mutating func failed(
        _ flight: Flight, _ left: [DeliveryItem], reason: String, after: Duration?, at now: DeliveryTime,
        using random: inout some RandomNumberGenerator
    ) {
        lastReason = reason
        failuresInRow += 1
        for item in left where failedLanes.count < limits.failedLanes { failedLanes.insert(item.traits.lane) }
        let returned = kept(left, reason: reason, at: now)
        if destination == .up {
            let most = min(limits.failuresInRow, policy.concurrency)
            if after != nil || failuresInRow >= most { goDown(after: after, at: now.monotonic, using: &random) }
        } else if flight.isProbe || after != nil {
            goDown(after: after, at: now.monotonic, using: &random)
        }
        for lane in land(flight.items, returning: returned, queued: destination != .up, at: now) {
            var own = lanes[lane]?.backoff ?? newBackoff()
            let wait = own.next(using: &random)
            lanes[lane]?.backoff = own
            guard destination == .up else { continue }
            lanes[lane]?.phase = .waiting(until: now.monotonic + wait)
            waiting[lane] = now.monotonic + wait
        }
    }

    private mutating func goDown(
        after: Duration?, at now: Duration, using random: inout some RandomNumberGenerator
    ) {
        let wait = backoff.next(using: &random)
        destination = .down(until: now + max(wait, after ?? .zero), isStrict: after != nil)
        freshAt = now + limits.freshInterval
    }

    /// Of a single line it is known that it is refused; of several one is.
    private mutating func rejected(_ flight: Flight, _ left: [DeliveryItem], reason: String, at now: DeliveryTime) {
        var left = left.flatMap(\.lines)
        for index in left.indices {
            left[index].trail.add(reason, at: now.wall)
            left[index].travelsAlone = true
        }
        if left.count == 1 {
            die(left[0], reason: reason)
            left = []
        }
        land(flight.items, returning: left, at: now)
    }

    /// What is left of a failed delivery, its attempt noted, without what has had its time.
    private mutating func kept(_ left: [DeliveryItem], reason: String, at now: DeliveryTime) -> [DeliveryItem] {
        var returned: [DeliveryItem] = []
        for var item in left {
            item.trail.add(reason, at: now.wall)
            if isExpired(item, now) {
                die(item, reason: reason)
                continue
            }
            if item.origin == .letter { effects.append(.failed(item)) }
            returned.append(item)
        }
        return returned
    }

    /// The lanes of a delivery that is over go on, `returned` first. Answers those that have returned items; they are among
    /// the failed then, in the queue unless told otherwise.
    @discardableResult
    private mutating func land(
        _ flown: [DeliveryItem], returning returned: [DeliveryItem], queued: Bool = true, at now: DeliveryTime
    ) -> [UInt64] {
        var lanesOfFlight: [UInt64] = []
        for item in flown where !lanesOfFlight.contains(item.traits.lane) { lanesOfFlight.append(item.traits.lane) }
        var withReturned: [UInt64] = []
        for lane in lanesOfFlight {
            let own = lanesOfFlight.count == 1 ? returned : returned.filter { $0.traits.lane == lane }
            lanes[lane]?.putBack(own)
            lanes[lane]?.phase = .queued
            if own.isEmpty {
                if lanes[lane]?.backoff != nil, !isDead(now) { renewBudgets(lane, now) }
                lanes[lane]?.backoff = nil
                if lanes[lane]?.items.isEmpty == true { lanes[lane] = nil } else { fresh.append(lane) }
            } else {
                if queued { failed.append(lane) }
                withReturned.append(lane)
            }
        }
        return withReturned
    }

    // MARK: - Leaving without delivery

    private func isStale(_ item: DeliveryItem, _ now: DeliveryTime) -> Bool {
        // What an operator asked for never is, what is tried by itself is.
        guard let limit = policy.maximumAge, !item.traits.isRecord, item.origin == .store || item.isParked else {
            return false
        }
        return now.wall > item.traits.receivedAt.advanced(by: limit)
    }

    private func budgetStart(_ item: DeliveryItem) -> Timestamp {
        item.since ?? max(item.traits.receivedAt, trialSince)
    }

    private func isExpired(_ item: DeliveryItem, _ now: DeliveryTime) -> Bool {
        guard let budget = policy.retries.budget else { return false }
        return now.wall >= budgetStart(item).advanced(by: budget)
    }

    private mutating func dropStale(_ lane: UInt64, _ now: DeliveryTime) {
        while let item = lanes[lane]?.items.first, isStale(item, now) {
            lanes[lane]?.items.removeFirst()
            skip(item)
        }
    }

    /// Nothing has got through for a whole budget, and not because of a few lines.
    private func isDead(_ now: DeliveryTime) -> Bool {
        guard let budget = policy.retries.budget, policy.concurrency == 1 || failedLanes.count >= limits.failedLanes
        else { return false }
        return now.wall >= reachedAt.advanced(by: budget)
    }

    /// With a destination that is dead what is as old has had its time, where lines take turns in trying also untried.
    private func isLost(_ item: DeliveryItem, _ now: DeliveryTime) -> Bool {
        guard let budget = policy.retries.budget, policy.concurrency > 1 || item.trail.count > 0 else { return false }
        return now.wall >= max(item.traits.receivedAt, trialSince).advanced(by: budget)
    }

    /// They waited for a line that failed by itself: their own time begins now.
    private mutating func renewBudgets(_ lane: UInt64, _ now: DeliveryTime) {
        guard let items = lanes[lane]?.items else { return }
        for index in items.indices { lanes[lane]?.items[index].since = now.wall }
    }

    private mutating func skip(_ item: DeliveryItem) {
        counts.skipped += item.lineCount
        if item.origin == .letter { effects.append(.gone(item)) }
        leave(item)
    }

    private mutating func die(_ item: DeliveryItem, reason: String) {
        counts.dead += item.lineCount
        effects.append(.dead(item, reason: reason))
        leave(item)
    }

    private mutating func leave(_ item: DeliveryItem) {
        heldLines -= item.lineCount
        heldBytes -= item.byteCount
        finish(item, lines: item.lineCount)
    }

    private mutating func finish(_ item: DeliveryItem, lines: Int, firstSeq: Int64? = nil) {
        switch item.origin {
        case .store: window.finish(item.ordinal, lines: lines, firstSeq: firstSeq)
        case .replay(let id): replays[id]?.finish(item.ordinal, lines: lines, firstSeq: firstSeq)
        case .letter: if item.isParked { parkedLines -= lines }
        }
    }

    /// Now and then while something fails: what waits grows old, runs out of time, or is parked.
    private mutating func sweep(at now: DeliveryTime) {
        guard policy.isPerLine, isFailing, now.monotonic >= sweepAt else { return }
        sweepAt = now.monotonic + limits.sweepInterval
        let isDead = isDead(now)
        for (key, lane) in lanes {
            var lane = lane
            var gone: [DeliveryItem] = []
            lane.remove(where: { isStale($0, now) || (isDead && isLost($0, now)) }, { gone.append($0) })
            if !gone.isEmpty {
                lanes[key] = lane
                for item in gone { leave(item, now) }
                removeIfEmpty(key)
            }
            if mayPark(lane, now) { park(key) }
        }
        compactTurns()
    }

    /// Lanes whose lines have all grown old leave their places in the queues behind: while nothing is delivered for long, more
    /// of those than there are lanes.
    private mutating func compactTurns() {
        guard turnCount > 2 * lanes.count + 64 else { return }
        var seen: Set<UInt64> = []
        func isDue(_ lane: UInt64) -> Bool { lanes[lane]?.phase == .queued && seen.insert(lane).inserted }
        failed = CircularBuffer(failed.filter(isDue))
        fresh = CircularBuffer(fresh.filter(isDue))
    }

    private mutating func leave(_ item: DeliveryItem, _ now: DeliveryTime) {
        if isStale(item, now) {
            skip(item)
        } else {
            die(item, reason: "not taken within its time; last: \(item.trail.lastReason ?? lastReason ?? "no attempt")")
        }
    }

    private mutating func removeIfEmpty(_ lane: UInt64) {
        guard let current = lanes[lane], current.items.isEmpty, current.phase != .flying else { return }
        lanes[lane] = nil
        waiting[lane] = nil
    }

    private func mayPark(_ lane: DeliveryLane, _ now: DeliveryTime) -> Bool {
        guard destination == .up, policy.concurrency > 1, case .waiting = lane.phase,
            let first = lane.items.first?.trail.first
        else { return false }
        return now.wall >= first.advanced(by: limits.parkAfter)
    }

    /// The lane's lines become letters, as many as there is room for, and the cursor no longer waits for them.
    private mutating func park(_ key: UInt64) {
        guard var lane = lanes[key] else { return }
        for index in lane.items.indices where lane.items[index].origin == .store {
            let item = lane.items[index]
            guard parkedLines + item.lineCount <= limits.parkedLines else { break }
            parkedLines += item.lineCount
            counts.parked += item.lineCount
            finish(item, lines: item.lineCount)
            let letter = item.asLetter(since: budgetStart(item))
            lane.items[index] = letter
            effects.append(.park(letter))
        }
        lane.isParked = lane.items.contains { $0.origin == .letter }
        lanes[key] = lane
    }

    // MARK: - Waits

    private func newBackoff() -> Backoff {
        // By itself a line that is refused is asked for less often than a destination: nobody else waits for it.
        Backoff(initial: policy.retries.initial, maximum: policy.retries.maximum * 5)
    }

    private mutating func releaseWaiting(at now: Duration) {
        guard !waiting.isEmpty else { return }
        for (lane, until) in waiting where until <= now {
            waiting[lane] = nil
            lanes[lane]?.phase = .queued
            failed.append(lane)
        }
    }

    /// When time alone changes something.
    private var nextDeadline: Duration? {
        guard isFailing, policy.isPerLine else { return waiting.values.min() }
        return [waiting.values.min(), heldLines > 0 ? sweepAt : nil].compactMap { $0 }.min()
    }
}
