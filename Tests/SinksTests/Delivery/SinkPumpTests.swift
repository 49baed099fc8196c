import Bridge
import BridgeCore
import Codecs
import Logging
import Sinks
import TestSupport
import Testing

/// A pump that runs beside the test, with everything it was given.
private struct Rig {
    let feed: ScriptedFeed
    let clock = ManualClock()
    let metrics = SinkMetrics()
    let pump: SinkPump

    init(_ sink: any Sink, _ feed: ScriptedFeed, filter: LineFilter = LineFilter(), shared: ThreadExecutor? = nil) {
        self.feed = feed
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        pump = SinkPump(
            sink: sink, feed: feed.feed, preparation: LinePreparation(filter: filter, policy: sink.policy),
            metrics: metrics,
            logger: logger, sharedThread: shared, clock: clock)
    }

    /// Runs the pump while `body` does; `body` must bring it to an end.
    func whileRunning(_ body: () async throws -> Void) async throws -> SinkPump.Ending {
        async let ending = pump.run()
        do {
            try await body()
        } catch {
            pump.finish(within: .zero)
            clock.advance(by: .seconds(1000))
            throw error
        }
        return try await ending
    }

    func caughtUp() async throws {
        let lines = feed.feed.lastSeq()
        try await eventually("the pump has caught up", state: { "cursor \(feed.cursor) of \(lines)" }) {
            feed.cursor == lines && metrics.cursor.current == Int(lines)
        }
    }

    func sleeping() async throws { try await eventually("the pump waits for its clock") { !clock.waits.isEmpty } }
}

@Suite(.timeLimit(.minutes(2)))
struct SinkPumpTests {
    @Test func `Everything from the cursor on is delivered in order, and the cursor follows`() async throws {
        let sink = ScriptedSink()
        let rig = Rig(sink, ScriptedFeed(lines: 2500, cursor: 40))
        let ending = try await rig.whileRunning {
            try await rig.caughtUp()
            rig.feed.commit(3)
            try await rig.caughtUp()
            rig.pump.finish(within: .seconds(5))
        }
        #expect(ending == .finished)
        #expect(sink.taken == Array(41...2503))
        #expect(rig.feed.advances == rig.feed.advances.sorted())
        #expect(rig.metrics.delivered.current == 2463)
        #expect(rig.pump.backlog == 0)
        #expect(sink.closes == 1)
        #expect(!rig.feed.isSubscribed)
    }

    @Test func `A pump that has caught up asks for nothing until a commit`() async throws {
        let rig = Rig(ScriptedSink(), ScriptedFeed(lines: 1))
        _ = try await rig.whileRunning {
            try await rig.caughtUp()
            try await eventually("it waits") { rig.feed.emptyReads == 1 }
            rig.clock.advance(by: .seconds(3600))
            for _ in 0..<100 { await Task.yield() }
            #expect(rig.feed.reads == 2)
            #expect(rig.clock.waits.isEmpty)
            rig.pump.finish(within: .seconds(5))
        }
    }

    @Test func `A sink with blocking calls runs on a thread of its own, others on the shared one`() async throws {
        let shared = try ThreadExecutor(name: "shared")
        defer { shared.shutdown() }
        for (needsThread, expected) in [(true, "sink scripted"), (false, "shared")] {
            let sink = ScriptedSink(needsThread: needsThread)
            let rig = Rig(sink, ScriptedFeed(lines: 3), shared: shared)
            _ = try await rig.whileRunning { rig.pump.finish(within: .seconds(5)) }
            #expect(sink.threads == [expected])
        }
    }

    @Test func `After a retry delivery goes on behind the last line taken`() async throws {
        let sink = ScriptedSink([.retry(through: 4, reason: "full"), .retry(through: nil, reason: "full")])
        let rig = Rig(sink, ScriptedFeed(lines: 10))
        let ending = try await rig.whileRunning {
            try await rig.sleeping()
            #expect(rig.feed.cursor == 4)
            #expect(rig.metrics.up.current == 0)
            #expect(rig.clock.waits[0] <= .milliseconds(50))
            rig.clock.advance(by: .milliseconds(50))
            try await eventually("the second attempt has failed") { sink.calls == 2 && !rig.clock.waits.isEmpty }
            #expect(rig.clock.waits[0] <= .milliseconds(100))
            rig.clock.advance(by: .milliseconds(100))
            try await rig.caughtUp()
            rig.pump.finish(within: .seconds(5))
        }
        #expect(ending == .finished)
        #expect(sink.taken == Array(1...10))
        #expect(rig.metrics.retries.current == 2)
        #expect(rig.metrics.delivered.current == 10)
    }

    @Test func `The wait between attempts grows to five seconds and no further`() async throws {
        let sink = ScriptedSink(Array(repeating: .retry(through: nil, reason: "full"), count: 40))
        let rig = Rig(sink, ScriptedFeed(lines: 1))
        _ = try await rig.whileRunning {
            var longest = Duration.zero
            for attempt in 1...40 {
                try await eventually("attempt \(attempt)") { sink.calls == attempt && rig.clock.waits.count == 1 }
                longest = max(longest, rig.clock.waits[0])
                rig.clock.advance(by: .seconds(5))
            }
            #expect(longest > .seconds(1) && longest <= .seconds(5))
            try await rig.caughtUp()
            rig.pump.finish(within: .seconds(5))
        }
    }

    @Test func `Filtered lines move the cursor and are not delivered`() async throws {
        let sink = ScriptedSink()
        let rig = Rig(sink, ScriptedFeed(lines: 10), filter: LineFilter(kinds: ["agent.*"]))
        _ = try await rig.whileRunning { rig.pump.finish(within: .seconds(5)) }
        #expect(sink.calls == 0)
        #expect(rig.feed.cursor == 10)
    }

    @Test func `A sink that has gone ends its pump, and its cursor stays`() async throws {
        let sink = ScriptedSink([.delivered, .gone(reason: "closed")])
        let rig = Rig(sink, ScriptedFeed(lines: 1))
        let ending = try await rig.whileRunning {
            try await rig.caughtUp()
            rig.feed.commit()
        }
        #expect(ending == .gone(reason: "closed"))
        #expect(rig.feed.cursor == 1)
        #expect(rig.pump.backlog == 1)
        #expect(sink.closes == 1)
    }

    @Test func `A store that cannot be read and a sink that cannot be opened are tried again`() async throws {
        let sink = ScriptedSink(openFaults: 1)
        let feed = ScriptedFeed(lines: 5)
        feed.fail(reads: 1)
        let rig = Rig(sink, feed)
        _ = try await rig.whileRunning {
            for retries in 1...2 {
                try await eventually("failure \(retries)") {
                    rig.metrics.retries.current == retries && !rig.clock.waits.isEmpty
                }
                rig.clock.advance(by: .seconds(5))
            }
            try await rig.caughtUp()
            rig.pump.finish(within: .seconds(5))
        }
        #expect(sink.taken == Array(1...5))
    }

    @Test(arguments: [(3, 7, 7), (7, 3, 7), (3, 99, 10)] as [(Int64, Int64, Int64)])
    func `Delivery starts where the destination proves, never before the cursor nor behind the store`(
        cursor: Int64, proven: Int64, start: Int64
    ) async throws {
        let sink = ScriptedSink(opensAt: proven)
        let rig = Rig(sink, ScriptedFeed(lines: 10, cursor: cursor))
        _ = try await rig.whileRunning { rig.pump.finish(within: .seconds(5)) }
        #expect(sink.taken == (start < 10 ? Array((start + 1)...10) : []))
    }

    @Test func `Finish ends at its limit while the sink fails, and at once when cancelled`() async throws {
        let failing = Array(repeating: DeliveryOutcome.retry(through: nil, reason: "full"), count: 100)
        let rig = Rig(ScriptedSink(failing), ScriptedFeed(lines: 1))
        let ending = try await rig.whileRunning {
            try await rig.sleeping()
            rig.pump.finish(within: .milliseconds(1))
            try await eventually("the limit is waited for") { rig.clock.waits.contains(.milliseconds(1)) }
            rig.clock.advance(by: .milliseconds(1))
        }
        #expect(ending == .stopped)

        let second = Rig(ScriptedSink(failing), ScriptedFeed(lines: 1))
        await withTaskGroup(of: SinkPump.Ending?.self) { group in
            group.addTask { try? await second.pump.run() }
            try? await second.sleeping()
            group.cancelAll()
            #expect(await group.next() == .stopped)
        }
    }

    @Test func `A reader that never reads does not hold up the end beyond its limit`() async throws {
        let pipe = TestPipe()
        let feed = ScriptedFeed(lines: 2000)
        let rig = Rig(try StdoutSink(name: "lines", descriptor: pipe.writeEnd), feed)
        let ending = try await rig.whileRunning {
            rig.pump.finish(within: .seconds(20))
            try await eventually("the limit is waited for") { rig.clock.waits == [.seconds(20)] }
            try await eventually("the pipe is full") { pipe.isFull }
            rig.clock.advance(by: .seconds(20))
        }
        #expect(ending == .stopped)
        let written = seqs(in: readAvailable(pipe.readEnd))
        #expect(!written.isEmpty && written == Array(1...Int64(written.count)), "whole lines only")
        #expect(feed.cursor == written.last)
    }
}
