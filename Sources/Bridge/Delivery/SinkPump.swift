import BridgeCore
import Codecs
import Logging
import Store
import Synchronization

/// Takes committed lines from the store to one sink, from that sink's own cursor: drives its `DeliveryEngine`.
///
/// Live and catching up are the same loop: complete what has come back, note what became of it, read on, deliver. Caught up,
/// it waits for a commit and is woken by it directly; nothing polls. With one delivery at a time the sink is called from the
/// loop itself, so that a lone event goes from the commit to the sink by one wake-up.
package final class SinkPump: Sendable {
    /// How a run ended.
    package enum Ending: Sendable, Equatable {
        /// `finish` was called and everything committed is delivered.
        case finished
        /// The limit of `finish` came, or the task was cancelled. The rest is delivered after the next start.
        case stopped
        /// Nobody is left to deliver to.
        case gone(reason: String)
    }

    /// What an operator has asked for since the loop last looked.
    private struct Requests {
        var completions: [(attempt: Int, outcome: DeliveryOutcome)] = []
        var retry = false
        var letters = false
        var replays = false
    }

    /// Changes to letters that are not on the disk yet; beyond that nothing is delivered.
    private static let maximumLedgerBytes = 8 << 20

    package let sink: any Sink
    package let metrics: SinkMetrics
    package let policy: DeliveryPolicy
    private let feed: DeliveryFeed
    private let preparation: LinePreparation
    private let logger: Logger
    private let clock: any Clock<Duration>
    private let elapsed: @Sendable () -> Duration
    private let wall: @Sendable () -> Timestamp
    private let sharedThread: ThreadExecutor?

    private let wake = WakeSignal()
    private let listensToCommits = Atomic(true)
    private let requests = Mutex(Requests())
    private let stopping = StopSignal()

    /// - Parameters:
    ///   - preparation: which lines this sink wants, and in what form. Made with the same `policy`.
    ///   - policy: how they are delivered; the sink's own when nil.
    ///   - sharedThread: where a sink without blocking calls is served, so that reading the store blocks no pool thread.
    ///     A sink that needs a thread, and every sink when this is nil, gets one of its own.
    ///   - clock: for the waits between attempts and for the limit of `finish`.
    ///   - wall: for ages and budgets.
    package init(
        sink: any Sink, feed: DeliveryFeed, preparation: LinePreparation, policy: DeliveryPolicy? = nil,
        metrics: SinkMetrics, logger: Logger, sharedThread: ThreadExecutor? = nil,
        clock: any Clock<Duration> = ContinuousClock(), wall: @escaping @Sendable () -> Timestamp = WallClock.now
    ) {
        (self.sink, self.feed, self.preparation, self.metrics) = (sink, feed, preparation, metrics)
        (self.logger, self.sharedThread, self.clock, self.wall) = (logger, sharedThread, clock, wall)
        self.policy = policy ?? sink.policy
        elapsed = Self.stopwatch(clock)
    }

    private static func stopwatch(_ clock: some Clock<Duration>) -> @Sendable () -> Duration {
        let start = clock.now
        return { start.duration(to: clock.now) }
    }

    /// Lines committed and not yet behind this sink's cursor.
    package var backlog: Int64 { max(0, feed.lastSeq() - Int64(metrics.cursor.current)) }

    /// Serves the sink until `finish`, cancellation, or the end of its destination; called once.
    /// Throws only when the system has no thread for it.
    package func run() async throws -> Ending {
        let shared = sink.needsThread ? nil : sharedThread
        let thread = try shared ?? ThreadExecutor(name: "sink \(sink.name)")
        defer { if shared == nil { thread.shutdown() } }
        let unsubscribe = feed.subscribe { [self] in
            if listensToCommits.load(ordering: .sequentiallyConsistent) { wake.raise() }
        }
        defer { unsubscribe() }
        // Two children: the loop, blocked or not on its thread, and beside it the watch that can interrupt it.
        return await withTaskGroup(of: Ending?.self) { group in
            group.addTask(executorPreference: thread) { await self.serve() }
            group.addTask(executorPreference: globalConcurrentExecutor) {
                await self.watch()
                return nil
            }
            var ending = Ending.stopped
            for await result in group {
                if let result { ending = result }
                group.cancelAll()
            }
            return ending
        }
    }

    /// Asks for the end: what is committed is still delivered, for at most `limit`; then `run` closes the sink and returns.
    /// May be called from any thread, and before `run`; a second call changes nothing.
    package func finish(within limit: Duration) {
        stopping.raise(limit)
        wake.raise()
    }

    /// SIGHUP: the sink opens anew what it opened by name; waits end, and a disabled sink is tried again.
    package func reopen() {
        sink.reopen()
        ask { $0.retry = true }
    }

    /// Dead letters were sent on their way again, and are on the disk as such.
    package func lettersWereRevived() { ask { $0.letters = true } }

    /// A replay was asked for, and is on the disk.
    package func replayWasAskedFor() { ask { $0.replays = true } }

    private func ask(_ change: (inout sending Requests) -> Void) {
        requests.withLock { change(&$0) }
        wake.raise()
    }

    /// Returns when the loop is to be interrupted: the limit of `finish` is over.
    private func watch() async {
        guard let limit = await stopping.wait() else { return }
        try? await clock.sleep(for: limit)
    }

    private var now: DeliveryTime { DeliveryTime(monotonic: elapsed(), wall: wall()) }

    // MARK: - Opening

    private func serve() async -> Ending {
        guard let position = await openSink() else { return .stopped }
        metrics.up.set(1)
        metrics.set(state: .up)
        let ending = await withDiscardingTaskGroup { group in
            defer { group.cancelAll() }
            return await self.deliverAll(from: position, in: &group)
        }
        metrics.up.set(0)
        metrics.set(state: .stopped)
        await sink.close()
        return ending
    }

    /// Opens the sink, for as long as that takes; nil when stopped before.
    private func openSink() async -> Int64? {
        var backoff = Backoff(initial: policy.retries.initial, maximum: policy.retries.maximum)
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            do {
                let stored = try feed.cursor()
                let opened = try await sink.open(cursor: stored, stream: feed.stream)
                // A store restored from a copy ends before what the destination holds: its next lines are other lines.
                let position = max(stored, min(opened, feed.lastSeq()))
                // Also when it did not move: a sink that the store has not met yet is registered by this.
                try feed.advance(position)
                metrics.cursor.set(Int(position))
                if backoff.failures > 0 { logger.info("sink is open") }
                return position
            } catch {
                metrics.retries.add()
                metrics.set(state: .waiting)
                metrics.set(lastError: "\(error)", at: wall())
                if backoff.failures == 0 {
                    logger.warning("sink cannot be opened and is tried again", metadata: ["reason": "\(error)"])
                }
                let wait = backoff.next(using: &random)
                if stopping.isRaised { try? await clock.sleep(for: wait) } else { await pause(until: elapsed() + wait) }
            }
        }
        return nil
    }

    // MARK: - The loop

    private func deliverAll(from position: Int64, in group: inout DiscardingTaskGroup) async -> Ending {
        let ledger = feed.ledger
        var state = PumpState(
            engine: DeliveryEngine(
                policy: policy, cursor: position, trialSince: ledger.trialSince ?? wall(),
                continuesTrial: ledger.trialSince != nil),
            noted: position)
        state.isTrialNoted = ledger.trialSince != nil
        while !Task.isCancelled {
            takeRequests(&state)
            refill(&state)
            note(&state)
            switch state.engine.condition {
            case .gone(let reason):
                logger.info("nobody reads this sink any more", metadata: ["reason": "\(reason)"])
                return .gone(reason: reason)
            case .disabled where stopping.isRaised: return .stopped
            case .disabled, .open: break
            }
            if ledger.queuedBytes > Self.maximumLedgerBytes {
                await pause(until: elapsed() + .milliseconds(100))
                continue
            }
            switch state.engine.next(at: now) {
            case .deliver(let attempt): await deliver(attempt, &state, in: &group)
            case .wait(let until):
                if stopping.isRaised {
                    if state.engine.isDrained, state.isCaughtUp { return .finished }
                    if !state.hasHurried {
                        // Once more for everything that waits.
                        state.hasHurried = true
                        state.engine.retryNow()
                        continue
                    }
                }
                // Lines may just have been given up, and so there is room.
                if state.engine.room != nil, !state.isCaughtUp, state.readAgainAt == nil { continue }
                await pause(until: [until, state.readAgainAt].compactMap { $0 }.min())
            }
        }
        note(&state)
        return .stopped
    }

    private func deliver(
        _ attempt: DeliveryEngine.Attempt, _ state: inout PumpState, in group: inout DiscardingTaskGroup
    ) async {
        metrics.attempts.add()
        guard policy.concurrency > 1 else {
            let outcome = await sink.deliver(attempt.batch)
            state.complete(attempt.id, outcome, at: now)
            return
        }
        let (sink, wake) = (sink, wake)
        group.addTask {
            let outcome = await sink.deliver(attempt.batch)
            self.requests.withLock { $0.completions.append((attempt.id, outcome)) }
            wake.raise()
        }
    }

    private func takeRequests(_ state: inout PumpState) {
        let taken = requests.withLock { requests in
            defer { requests = Requests() }
            return requests
        }
        for (attempt, outcome) in taken.completions { state.complete(attempt, outcome, at: now) }
        if taken.retry { state.engine.retryNow() }
        if taken.letters { state.retries.ask() }
        if taken.replays { state.areReplaysKnown = false }
    }

    // MARK: - Reading

    /// Offers what the engine has room for: first what was parked, then the store's lines, then what operators asked for.
    private func refill(_ state: inout PumpState) {
        if let again = state.readAgainAt {
            guard elapsed() >= again else { return }
            state.readAgainAt = nil
        }
        do {
            try readParked(&state)
            try readLines(&state)
            if state.isCaughtUp, !stopping.isRaised {
                try readLetters(&state)
                try readReplays(&state)
            }
            state.readBackoff.reset()
        } catch {
            metrics.retries.add()
            metrics.set(lastError: "\(error)", at: wall())
            if state.readBackoff.failures == 0 {
                logger.warning("the store cannot be read and is tried again", metadata: ["reason": "\(error)"])
            }
            state.readAgainAt = elapsed() + state.readBackoff.next(using: &state.random)
        }
    }

    private func readLines(_ state: inout PumpState) throws {
        while let room = state.engine.room {
            // Before the look: a commit after it raises the wake.
            listensToCommits.store(true, ordering: .sequentiallyConsistent)
            guard let batch = try feed.next(state.engine.readThrough, room.lines, room.bytes) else {
                state.isCaughtUp = true
                return
            }
            state.isCaughtUp = false
            let now = now
            state.engine.offer(preparation.items(batch, now: now.wall), through: batch.lastSeq, at: now)
        }
        listensToCommits.store(false, ordering: .sequentiallyConsistent)
        state.isCaughtUp = state.engine.readThrough >= feed.lastSeq()
    }

    /// Once, before everything else: what was parked comes before the lines that follow it.
    private func readParked(_ state: inout PumpState) throws {
        guard !state.areParkedRead else { return }
        let letters = try feed.ledger.letters(.parked, after: .min, limit: 10_000)
        // How old each may grow is told by the event itself, as long as that is stored.
        let traits = try letters.map { letter in
            try feed.next(letter.seq - 1, 1, 1 << 20).flatMap { batch in
                batch.firstSeq == letter.seq ? preparation.traits(of: batch, now: wall()) : nil
            }
        }
        for (letter, traits) in zip(letters, traits) {
            state.engine.offer(
                letter: DeliveryItem(letter, lane: lane(of: letter), traits: traits), isParked: true)
        }
        state.areParkedRead = true
    }

    private func readLetters(_ state: inout PumpState) throws {
        for letter in try state.retries.next(from: feed.ledger) {
            state.engine.offer(letter: DeliveryItem(letter, lane: lane(of: letter)), isParked: false)
        }
    }

    private func lane(of letter: StoredLetter) -> UInt64? { policy.concurrency > 1 ? nil : 0 }

    private func readReplays(_ state: inout PumpState) throws {
        if !state.areReplaysKnown {
            for replay in try feed.ledger.replays() where !state.replays.contains(where: { $0.replay.id == replay.id })
            {
                logger.notice(
                    "replaying", metadata: ["from_seq": "\(replay.next)", "through_seq": "\(replay.through)"])
                state.replays.append(ReplayReading(replay))
            }
            state.areReplaysKnown = true
        }
        guard var reading = state.replays.first, !reading.isRead, let room = state.engine.room,
            state.engine.heldLines < 500
        else { return }
        let replay = reading.replay
        let wanted = Int(min(Int64(min(room.lines, 500)), replay.through - reading.readThrough))
        let batch = try feed.next(reading.readThrough, wanted, room.bytes)
        let through = batch.map { min($0.lastSeq, replay.through) } ?? replay.through
        let items = batch.map { preparation.items($0, replay: replay.id, call: replay.call, now: wall()) } ?? []
        state.engine.offer(
            replay: replay.id, items.filter { $0.firstSeq <= replay.through }, from: reading.readThrough + 1,
            through: through)
        reading.readThrough = through
        state.replays[0] = reading
        noteReplay(&state)
        // The next portion follows when the loop comes round.
        if state.engine.isIdle, !state.replays.isEmpty { wake.raise() }
    }

    // MARK: - Noting

    /// What became of deliveries, to the store: first the letters, then the cursor.
    private func note(_ state: inout PumpState) {
        for effect in state.engine.takeEffects() { note(effect, &state) }
        let cursor = state.engine.cursor
        if cursor != state.notedCursor {
            do {
                try feed.advance(cursor)
                state.notedCursor = cursor
                metrics.cursor.set(Int(cursor))
            } catch {
                // Cursors may lag: the next one is tried with the next delivery.
                metrics.set(lastError: "\(error)", at: wall())
            }
        }
        noteReplay(&state)
        noteTrial(&state)
        tell(&state)
    }

    private func note(_ effect: DeliveryEngine.Effect, _ state: inout PumpState) {
        let time = wall()
        switch effect {
        case .dead(let item, let reason):
            for letter in item.letters(.dead, reason: reason, at: time) {
                feed.ledger.put(letter)
                state.retries.done(letter.seq)
                logger.warning(
                    "a line was not taken and is kept as a dead letter",
                    metadata: ["seq": "\(letter.seq)", "attempts": "\(letter.attempts)", "reason": "\(reason)"])
            }
        case .park(let item), .failed(let item):
            let state = item.isParked ? StoredLetter.State.parked : .retry
            let reason = item.trail.lastReason ?? "waits for an earlier line of its call"
            for letter in item.letters(state, reason: reason, at: time) { feed.ledger.put(letter) }
        case .gone(let item):
            for seq in item.batch.seqs {
                feed.ledger.removeLetter(seq)
                state.retries.done(seq)
            }
        }
    }

    private func noteReplay(_ state: inout PumpState) {
        guard let reading = state.replays.first, let cursor = state.engine.replayCursor(reading.replay.id) else {
            return
        }
        guard cursor < reading.replay.through else {
            feed.ledger.removeReplay(reading.replay.id)
            state.engine.endReplay(reading.replay.id)
            state.replays.removeFirst()
            logger.notice("replayed", metadata: ["through_seq": "\(reading.replay.through)"])
            return
        }
        guard cursor >= reading.replay.next else { return }
        state.replays[0].replay.next = cursor + 1
        feed.ledger.put(state.replays[0].replay)
    }

    /// A sink that goes on failing keeps its budgets over a restart.
    private func noteTrial(_ state: inout PumpState) {
        guard state.engine.isFailing else {
            state.failsSince = nil
            guard state.isTrialNoted else { return }
            state.isTrialNoted = false
            return feed.ledger.noteTrial(since: nil)
        }
        let since = state.failsSince ?? elapsed()
        state.failsSince = since
        guard !state.isTrialNoted, elapsed() - since >= .seconds(30) else { return }
        state.isTrialNoted = true
        feed.ledger.noteTrial(since: state.engine.trialSince)
    }

    /// To metrics and log.
    private func tell(_ state: inout PumpState) {
        let counts = state.engine.counts
        metrics.delivered.set(counts.delivered)
        metrics.skipped.set(counts.skipped)
        metrics.deadLetters.set(counts.dead)
        metrics.parked.set(state.engine.parkedLines)
        metrics.held.set(state.engine.heldLines)
        metrics.retries.add(counts.failures - state.told.failures)
        // What is refused is an error to be told of as well: all of it may be, while the sink counts as up.
        if counts.failures > state.told.failures || counts.dead > state.told.dead, let reason = state.lastFailure {
            metrics.set(lastError: reason, at: wall())
        }
        if counts.skipped > state.told.skipped, state.engine.isIdle || state.told.skipped == 0 {
            logger.warning("live events that were too old are skipped", metadata: ["skipped": "\(counts.skipped)"])
        }
        state.told = counts
        tellCondition(&state)
    }

    private func tellCondition(_ state: inout PumpState) {
        let condition: SinkMetrics.State =
            switch state.engine.condition {
            case .open: state.engine.isDown ? .waiting : .up
            case .disabled: .disabled
            case .gone: .gone
            }
        guard condition != state.toldState else { return }
        let before = state.toldState
        state.toldState = condition
        metrics.set(state: condition)
        metrics.up.set(condition == .up ? 1 : 0)
        switch condition {
        case .waiting:
            state.failuresBefore = state.engine.counts.failures
            logger.warning("sink waits and tries again", metadata: ["reason": "\(state.lastFailure ?? "")"])
        case .up where before == .waiting || before == .disabled:
            let failures = state.engine.counts.failures - state.failuresBefore + 1
            logger.info("sink takes lines again", metadata: ["failed_attempts": "\(failures)"])
        case .disabled:
            logger.error(
                "the destination wants nothing more; nothing is delivered until the next start or SIGHUP",
                metadata: ["reason": "\(state.lastFailure ?? "")"])
        case .up, .gone, .stopped: break
        }
    }

    // MARK: - Waiting

    /// Returns at `deadline`, or when something happens.
    private func pause(until deadline: Duration?) async {
        guard let deadline else { return await wake.wait() }
        let wait = deadline - elapsed()
        guard wait > .zero else { return }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [clock] in try? await clock.sleep(for: wait) }
            group.addTask { [wake] in await wake.wait() }
            await group.next()
            group.cancelAll()
        }
    }
}

/// What the loop of a pump remembers.
struct PumpState {
    var engine: DeliveryEngine
    var random = SystemRandomNumberGenerator()
    /// Nothing of the store was left to read when it was last looked at.
    var isCaughtUp = false
    var notedCursor: Int64
    var areParkedRead = false
    var retries = LetterReading()
    var areReplaysKnown = false
    var replays: [ReplayReading] = []
    /// The store could not be read, and is not asked before this.
    var readAgainAt: Duration?
    var readBackoff = Backoff(initial: .milliseconds(50), maximum: .seconds(5))
    /// `finish` has had everything tried once more.
    var hasHurried = false
    var failsSince: Duration?
    var isTrialNoted = false
    var lastFailure: String?
    /// What metrics and log know.
    var told = DeliveryEngine.Counts()
    var toldState = SinkMetrics.State.up
    var failuresBefore = 0

    init(engine: DeliveryEngine, noted cursor: Int64) { (self.engine, notedCursor) = (engine, cursor) }

    mutating func complete(_ attempt: Int, _ outcome: DeliveryOutcome, at now: DeliveryTime) {
        switch outcome {
        case .delivered: break
        case .retry(_, let reason, _), .rejected(_, let reason), .disabled(let reason), .gone(let reason):
            lastFailure = reason
        }
        engine.complete(attempt, outcome, at: now, using: &random)
    }
}
