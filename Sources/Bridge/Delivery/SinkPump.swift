import BridgeCore
import Codecs
import Logging

/// The side of the store that one sink sees.
package struct DeliveryFeed: Sendable {
    /// The stored lines from `after + 1` on, or nil when there are none yet. May read the disk.
    package let next: @Sendable (_ after: Int64, _ maxLines: Int, _ maxBytes: Int) throws -> LineBatch?
    /// The stored cursor of this sink.
    package let cursor: @Sendable () throws -> Int64
    /// Moves the cursor. May be written with a later commit: a cursor may lag its deliveries.
    package let advance: @Sendable (Int64) throws -> Void
    /// `seq` of the newest committed line.
    package let lastSeq: @Sendable () -> Int64
    /// Calls the given closure after each commit, from the thread that committed; it never blocks. What comes back ends that.
    package let subscribe: @Sendable (@escaping @Sendable () -> Void) -> @Sendable () -> Void
    /// The stream that the lines belong to.
    package let stream: UUID128

    package init(
        stream: UUID128,
        next: @escaping @Sendable (_ after: Int64, _ maxLines: Int, _ maxBytes: Int) throws -> LineBatch?,
        cursor: @escaping @Sendable () throws -> Int64,
        advance: @escaping @Sendable (Int64) throws -> Void,
        lastSeq: @escaping @Sendable () -> Int64,
        subscribe: @escaping @Sendable (@escaping @Sendable () -> Void) -> @Sendable () -> Void
    ) {
        (self.stream, self.next, self.cursor, self.advance) = (stream, next, cursor, advance)
        (self.lastSeq, self.subscribe) = (lastSeq, subscribe)
    }
}

/// Takes committed lines from the store to one sink, from that sink's own cursor, in order.
///
/// Live and catching up are the same loop: next batch, filter, deliver, move the cursor. Caught up, it waits for a commit and
/// is woken by it directly; nothing polls. A destination that cannot take lines is asked again after 50 ms at most, then
/// after up to twice as long each time, never more than 5 s, for ever.
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

    /// At most so much is taken to a sink at once: lines, bytes.
    package static let batchLimits = (lines: 1000, bytes: 1 << 20)

    package let sink: any Sink
    private let feed: DeliveryFeed
    private let filter: @Sendable (LineBatch) -> DeliveryBatch
    private let metrics: SinkMetrics
    private let logger: Logger
    private let clock: any Clock<Duration>
    private let sharedThread: ThreadExecutor?

    private let committed = WakeSignal()
    private let stopping = StopSignal()

    /// - Parameters:
    ///   - filter: which lines of a batch this sink wants.
    ///   - sharedThread: where a sink without blocking calls is served, so that reading the store blocks no pool thread.
    ///     A sink that needs a thread, and every sink when this is nil, gets one of its own.
    ///   - clock: for the waits between attempts and for the limit of `finish`.
    package init(
        sink: any Sink, feed: DeliveryFeed, filter: @escaping @Sendable (LineBatch) -> DeliveryBatch,
        metrics: SinkMetrics, logger: Logger, sharedThread: ThreadExecutor? = nil,
        clock: any Clock<Duration> = ContinuousClock()
    ) {
        (self.sink, self.feed, self.filter, self.metrics) = (sink, feed, filter, metrics)
        (self.logger, self.sharedThread, self.clock) = (logger, sharedThread, clock)
    }

    /// Lines committed and not yet behind this sink's cursor.
    package var backlog: Int64 { max(0, feed.lastSeq() - Int64(metrics.cursor.current)) }

    /// Serves the sink until `finish`, cancellation, or the end of its destination; called once.
    /// Throws only when the system has no thread for it.
    package func run() async throws -> Ending {
        let shared = sink.needsThread ? nil : sharedThread
        let thread = try shared ?? ThreadExecutor(name: "sink \(sink.name)")
        defer { if shared == nil { thread.shutdown() } }
        let unsubscribe = feed.subscribe { [committed] in committed.raise() }
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
        committed.raise()
    }

    /// Returns when the loop is to be interrupted: the limit of `finish` is over.
    private func watch() async {
        guard let limit = await stopping.wait() else { return }
        try? await clock.sleep(for: limit)
    }

    // MARK: - The loop

    private func serve() async -> Ending {
        guard var position = await openSink() else { return .stopped }
        metrics.up.set(1)
        let ending = await deliverAll(from: &position)
        metrics.up.set(0)
        await sink.close()
        return ending
    }

    /// Opens the sink, for as long as that takes; nil when stopped before.
    private func openSink() async -> Int64? {
        var backoff = Self.newBackoff()
        while !Task.isCancelled {
            do {
                let stored = try feed.cursor()
                let opened = try await sink.open(cursor: stored, stream: feed.stream)
                // A store restored from a copy ends before what the destination holds: its next lines are other lines.
                let position = max(stored, min(opened, feed.lastSeq()))
                // Also when it did not move: a sink that the store has not met yet is registered by this.
                try feed.advance(position)
                metrics.cursor.set(Int(position))
                recovered(&backoff)
                return position
            } catch {
                await pause(&backoff, reason: "\(error)")
            }
        }
        return nil
    }

    private func deliverAll(from position: inout Int64) async -> Ending {
        var backoff = Self.newBackoff()
        while !Task.isCancelled {
            do {
                guard
                    let stored = try feed.next(position, Self.batchLimits.lines, Self.batchLimits.bytes)
                else {
                    recovered(&backoff)
                    if stopping.isRaised { return .finished }
                    await committed.wait()
                    continue
                }
                let batch = filter(stored)
                switch batch.seqs.isEmpty ? .delivered : await sink.deliver(batch) {
                case .delivered:
                    metrics.delivered.add(batch.seqs.count)
                    try move(&position, to: batch.throughSeq)
                    recovered(&backoff)
                case .retry(let through, let reason):
                    if let through {
                        metrics.delivered.add(batch.seqs.count { $0 <= through })
                        try move(&position, to: through)
                    }
                    await pause(&backoff, reason: reason)
                case .gone(let reason):
                    logger.info("nobody reads this sink any more", metadata: ["reason": "\(reason)"])
                    return .gone(reason: reason)
                }
            } catch {
                // The store cannot be read, or cannot note a cursor: what was delivered stays counted in `position`.
                await pause(&backoff, reason: "\(error)")
            }
        }
        return .stopped
    }

    private func move(_ position: inout Int64, to seq: Int64) throws {
        position = max(position, seq)
        metrics.cursor.set(Int(position))
        try feed.advance(position)
    }

    // MARK: - Trouble

    private static func newBackoff() -> Backoff { Backoff(initial: .milliseconds(50), maximum: .seconds(5)) }

    /// Says so the first time, counts always, and waits; the call of `finish` ends the wait, for one more attempt.
    private func pause(_ backoff: inout Backoff, reason: String) async {
        if Task.isCancelled { return }
        var random = SystemRandomNumberGenerator()
        let delay = backoff.next(using: &random)
        metrics.retries.add()
        if backoff.failures == 1 {
            metrics.up.set(0)
            logger.warning("sink waits and tries again", metadata: ["reason": "\(reason)"])
        }
        if stopping.isRaised {
            try? await clock.sleep(for: delay)
            return
        }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [clock] in try? await clock.sleep(for: delay) }
            group.addTask { [stopping] in _ = await stopping.wait() }
            await group.next()
            group.cancelAll()
        }
    }

    private func recovered(_ backoff: inout Backoff) {
        guard backoff.failures > 0 else { return }
        logger.info("sink takes lines again", metadata: ["failed_attempts": "\(backoff.failures)"])
        backoff.reset()
        metrics.up.set(1)
    }
}
