import Bridge
import BridgeCore
import Glibc
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
        let thread = Mutex("")
        let sink = ScriptedSink {
            thread.withLock { if $0.isEmpty { $0 = ownThread() } }
            arrival.withLock { $0 = clock.now }
            arrivals.wrappingAdd(1, ordering: .releasing)
        }
        let feed = ScriptedFeed()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let pump = SinkPump(
            sink: sink, feed: feed.feed, preparation: LinePreparation(), metrics: SinkMetrics(), logger: logger)
        async let ending = pump.run()
        var hops: [Duration] = []
        for event in 1...2000 {
            try await eventually("the pump's thread sleeps") {
                feed.emptyReads == event && thread.withLock { $0.isEmpty || isAsleep($0) }
            }
            let start = clock.now
            feed.commit()
            while arrivals.load(ordering: .acquiring) < event, clock.now < start + .seconds(10) {}
            hops.append(arrival.withLock { start.duration(to: $0) })
        }
        pump.finish(within: .seconds(5))
        #expect(try await ending == .finished)
        #expect(arrivals.load(ordering: .acquiring) == 2000)
        hops.sort()
        print("commit to sink: p50 \(hops[hops.count / 2]), p99 \(hops[hops.count * 99 / 100])")
    }

    /// `PID/task/TID` of the calling thread.
    private func ownThread() -> String {
        var buffer = [UInt8](repeating: 0, count: 64)
        let count = buffer.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { readlink("/proc/thread-self", $0, bytes.count) } ?? 0
        }
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    /// Whether the kernel calls the thread sleeping.
    private func isAsleep(_ thread: String) -> Bool {
        let status = String(decoding: bytes(ofFile: "/proc/\(thread)/stat"), as: UTF8.self)
        return status.split(separator: ")").last?.dropFirst().first == "S"
    }
}
