import Bridge
import BridgeCore
import Codecs
import Logging
import Sinks
import Store
import Synchronization
import TestSupport
import Testing

/// A pump beside the test; both clocks are the test's.
private struct LedgerRig {
    let sink: RuledSink
    let feed: ScriptedFeed
    let clock = ManualClock()
    let wall = SettableWallClock()
    let metrics = SinkMetrics()
    let pump: SinkPump

    init(_ sink: RuledSink, _ feed: ScriptedFeed) {
        (self.sink, self.feed) = (sink, feed)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        pump = SinkPump(
            sink: sink, feed: feed.feed, preparation: LinePreparation(policy: sink.policy), metrics: metrics,
            logger: logger, clock: clock, wall: { [wall] in wall.now })
    }

    func whileRunning(_ body: () async throws -> Void) async throws -> SinkPump.Ending {
        async let ending = pump.run()
        do { try await body() } catch {
            pump.finish(within: .zero)
            clock.advance(by: .seconds(1000))
            throw error
        }
        pump.finish(within: .seconds(5))
        return try await ending
    }

    /// Lets time pass, a second at a time, until `isDone`.
    func passing(_ what: String, _ isDone: () -> Bool) async throws {
        try await eventually(what, state: { "taken \(sink.taken), letters \(feed.ledger.all)" }) {
            if isDone() { return true }
            clock.advance(by: .seconds(1))
            wall.advance(by: .seconds(1))
            return false
        }
    }
}

@Suite(.timeLimit(.minutes(2)))
struct SinkPumpLedgerTests {
    @Test func `What is refused for good becomes a dead letter, and the cursor goes on`() async throws {
        let sink = RuledSink { $0 == [3] ? .rejected(through: nil, reason: "HTTP 422") : .delivered }
        let rig = LedgerRig(sink, ScriptedFeed(lines: 6))
        let ending = try await rig.whileRunning {
            try await eventually("all is done with") { rig.feed.cursor == 6 }
        }
        #expect(ending == .finished)
        #expect(sink.taken.sorted() == [1, 2, 4, 5, 6])
        let letter = try #require(rig.feed.ledger.all.first)
        #expect(rig.feed.ledger.all.count == 1)
        #expect(letter.seq == 3 && letter.state == .dead && letter.attempts == 1 && letter.reason == "HTTP 422")
        #expect(letter.line + [10] == line(3))
        #expect(AttemptTrail(json: letter.trail).runs.map(\.reason) == ["HTTP 422"])
        #expect(rig.metrics.deadLetters.current == 1 && rig.metrics.delivered.current == 5)
    }

    @Test func `Dead letters that are sent again are delivered and gone`() async throws {
        let sink = RuledSink { _ in .rejected(through: nil, reason: "HTTP 401") }
        let rig = LedgerRig(sink, ScriptedFeed(lines: 3))
        _ = try await rig.whileRunning {
            try await eventually("all are dead") { rig.feed.ledger.all.count == 3 && rig.feed.cursor == 3 }
            sink.answer { _ in .delivered }
            rig.feed.ledger.revive()
            rig.pump.lettersWereRevived()
            try await eventually("all are delivered") { rig.feed.ledger.all.isEmpty }
        }
        #expect(sink.taken == [1, 2, 3])
        #expect(sink.lines == [line(1), line(2), line(3)])
    }

    @Test func `A line that is parked is kept over a restart, before the lines that follow it`() async throws {
        // All lines of one call: without a call, of one source.
        let feed = ScriptedFeed(lines: 3)
        let first = RuledSink { $0[0] <= 2 ? .retry(through: nil, reason: "HTTP 500") : .delivered }
        let rig = LedgerRig(first, feed)
        _ = try await rig.whileRunning {
            // Another source keeps the destination in good standing.
            try await rig.passing("it is parked") {
                feed.commit(other: true)
                return feed.ledger.all.contains { $0.state == .parked }
            }
            try await eventually("the cursor goes on") { feed.cursor > 3 }
        }
        #expect(feed.ledger.all.map(\.seq).starts(with: [1, 2, 3]))
        #expect(!first.taken.contains { $0 <= 3 })

        let second = RuledSink { _ in .delivered }
        let again = LedgerRig(second, feed)
        _ = try await again.whileRunning { try await eventually("all is delivered") { feed.ledger.all.isEmpty } }
        #expect(second.taken.filter { $0 <= 3 } == [1, 2, 3])
    }

    @Test func `A replay is delivered beside what is new, marked, filtered by its call, and ends`() async throws {
        let sink = RuledSink { _ in .delivered }
        let feed = ScriptedFeed(lines: 20)
        let rig = LedgerRig(sink, feed)
        _ = try await rig.whileRunning {
            try await eventually("all is delivered") { feed.cursor == 20 }
            feed.ledger.put(StoredReplay(id: 7, sink: "ruled", next: 5, through: 9))
            rig.pump.replayWasAskedFor()
            try await eventually("it is over") { feed.ledger.replays().isEmpty }
            feed.ledger.put(StoredReplay(id: 8, sink: "ruled", next: 1, through: 20, call: "cape:17"))
            rig.pump.replayWasAskedFor()
            try await eventually("that too") { feed.ledger.replays().isEmpty }
        }
        #expect(sink.taken == Array(1...20) + Array(5...9))
        let marked = sink.lines.filter { String(decoding: $0, as: UTF8.self).contains(#","replayed":true}"#) }
        #expect(marked.count == 5)
        #expect(feed.cursor == 20)
    }

    @Test func `A disabled destination is left alone until it is reopened`() async throws {
        let sink = RuledSink { _ in .disabled(reason: "HTTP 410") }
        let feed = ScriptedFeed(lines: 2)
        let rig = LedgerRig(sink, feed)
        _ = try await rig.whileRunning {
            try await eventually("it is disabled") { rig.metrics.state == .disabled }
            let calls = sink.calls
            feed.commit()
            rig.clock.advance(by: .seconds(3600))
            for _ in 0..<100 { await Task.yield() }
            #expect(sink.calls == calls && feed.cursor == 0 && rig.metrics.up.current == 0)
            sink.answer { _ in .delivered }
            rig.pump.reopen()
            try await eventually("all is delivered") { feed.cursor == 3 }
        }
        #expect(rig.metrics.lastFailure?.reason == "HTTP 410")
    }

    @Test func `Live events that are too old are skipped, and the cursor passes them`() async throws {
        let sink = RuledSink(maximumAge: .seconds(60)) { _ in .delivered }
        let rig = LedgerRig(sink, ScriptedFeed(lines: 100))
        rig.wall.advance(by: .seconds(120))
        _ = try await rig.whileRunning { try await eventually("all is done with") { rig.feed.cursor == 100 } }
        // Lines are received a second apart, and all of them are live.
        #expect(sink.taken.sorted() == Array(60...100))
        #expect(rig.metrics.skipped.current == 59)
    }

    @Test func `A pump that is stopped while deliveries hang ends at its limit`() async throws {
        let hanging = HangingSink()
        let feed = ScriptedFeed(lines: 5)
        let clock = ManualClock()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pump = SinkPump(
            sink: hanging, feed: feed.feed, preparation: LinePreparation(policy: hanging.policy),
            metrics: SinkMetrics(),
            logger: logger, clock: clock)
        async let ending = pump.run()
        try await eventually("it hangs") { hanging.started.current > 0 }
        pump.finish(within: .seconds(10))
        try await eventually("the limit is waited for") { clock.waits.contains(.seconds(10)) }
        clock.advance(by: .seconds(10))
        #expect(try await ending == .stopped)
        #expect(feed.cursor == 0)
    }
}

/// Takes nothing until it is cancelled.
private final class HangingSink: Sink {
    let name = "hanging"
    let needsThread = false
    let policy = DeliveryPolicy(concurrency: 2, batchLines: 1, retries: .remote)
    let started = Counter()

    func open(cursor: Int64, stream: UUID128) -> Int64 { cursor }
    func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        started.add()
        try? await Task.sleep(for: .seconds(3600))
        return .retry(through: nil, reason: "given up")
    }
    func reopen() {}
    func close() {}
}
