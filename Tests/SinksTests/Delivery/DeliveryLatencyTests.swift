import Bridge
import BridgeCore
import Logging
import Synchronization
import TestSupport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)))
struct DeliveryLatencyTests {
    /// Reported, not judged: the machine is not ours alone.
    @Test func `A lone event goes from the commit to a waiting sink with one wake-up`() async throws {
        let clock = ContinuousClock()
        let arrival = Mutex(clock.now)
        let arrivals = Atomic(0)
        let sink = ScriptedSink {
            arrival.withLock { $0 = clock.now }
            arrivals.wrappingAdd(1, ordering: .releasing)
        }
        let feed = ScriptedFeed()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pump = SinkPump(
            sink: sink, feed: feed.feed, filter: { DeliveryBatch($0) }, metrics: SinkMetrics(), logger: logger)
        async let ending = pump.run()
        var hops: [Duration] = []
        for event in 1...2000 {
            try await eventually("the pump waits") { feed.emptyReads == event }
            let start = clock.now
            feed.commit()
            while arrivals.load(ordering: .acquiring) < event {}
            hops.append(arrival.withLock { start.duration(to: $0) })
        }
        pump.finish(within: .seconds(5))
        #expect(try await ending == .finished)
        hops.sort()
        print("commit to sink: p50 \(hops[hops.count / 2]), p99 \(hops[hops.count * 99 / 100])")
    }
}
