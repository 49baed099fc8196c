import Bridge
import BridgeCore
import Codecs
import Logging
import Store
import TestSupport
import Testing

/// A receiver that is away for thirty hours, with a real store, a restart in the middle, and the test's own clocks.
@Suite(.timeLimit(.minutes(3)))
struct LongOutageTests {
    private static let step = Duration.seconds(120)
    private static let maximumAge = Duration.seconds(300)
    /// So many steps are thirty hours.
    private static let outage: Int64 = 900

    private let directory: TemporaryDirectory
    private let wall = SettableWallClock()

    init() throws { directory = try TemporaryDirectory() }

    /// Of each call three events: it rings, it is answered, it ends. Only the last is a record.
    private func isRecord(_ seq: Int64) -> Bool { seq % 3 == 0 }
    private func call(_ seq: Int64) -> Int64 { (seq - 1) / 3 }

    private func append(_ seq: Int64, to store: Store) throws {
        let kind = ["call.ended", "call.ringing", "call.answered"][Int(seq % 3)]
        let text = String(decoding: callLine(seq, call: "cape:\(call(seq))"), as: UTF8.self)
            .replacing("call.answered", with: kind).replacing("\(receivedAt(seq))", with: "\(wall.now)")
        let bytes = Array(text.utf8)
        store.append(
            StoreAppend(
                lines: LineBatch(firstSeq: seq, bytes: bytes, ends: [bytes.count]),
                receivedAt: [wall.now.microseconds], previous: [seq % 3 == 1 ? 0 : seq - 1]))
        try store.flush()
    }

    private func open() throws -> Store {
        try Store.open(
            StoreConfiguration(
                path: directory.file("store.sqlite"), retention: .seconds(30 * 86_400), maxSizeBytes: 1 << 30),
            newStream: { testStream }, notify: { _ in })
    }

    private func pass(_ time: Duration, _ clock: ManualClock) {
        wall.advance(by: time)
        clock.advance(by: time)
    }

    /// One run of the daemon: `steps` events, two minutes apart; then `isDone` is waited for.
    private func run(
        _ store: Store, _ sink: RuledSink, events: ClosedRange<Int64>, isDown: @escaping @Sendable (Int64) -> Bool,
        isDone: @escaping (RuledSink, Store) -> Bool
    ) async throws -> SinkMetrics {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let (clock, metrics) = (ManualClock(), SinkMetrics())
        let pump = SinkPump(
            sink: sink, feed: DeliveryFeed(store: store, sink: sink.name),
            preparation: LinePreparation(policy: sink.policy), metrics: metrics, logger: logger, clock: clock,
            wall: { [wall] in wall.now })
        async let ending = pump.run()
        do {
            for seq in events {
                let isDown = isDown(seq)
                sink.answer { _ in isDown ? .retry(through: nil, reason: "connect: refused") : .delivered }
                let calls = sink.calls
                pass(Self.step, clock)
                try append(seq, to: store)
                // Down, it is asked; up, it gets it. A wait that began while time passed may need a little more of it.
                try await eventually("event \(seq) is tried", state: { "\(sink.taken.suffix(3))" }) {
                    if isDown ? sink.calls > calls : store.cursor(of: sink.name) == seq { return true }
                    pass(.seconds(1), clock)
                    return false
                }
            }
            try await eventually("it is done", state: { "\(sink.taken.count) taken, cursor \(metrics.cursor.current)" })
            {
                isDone(sink, store)
            }
        } catch {
            pump.finish(within: .zero)
            _ = try await ending
            throw error
        }
        pump.finish(within: .zero)
        _ = try await ending
        return metrics
    }

    @Test func `A receiver that was down for thirty hours gets all records, in order, and no stale live events`()
        async throws
    {
        let (before, restart) = (10 as Int64, 460 as Int64)
        let (back, last) = (before + Self.outage, before + Self.outage + 20)
        func sink() -> RuledSink {
            RuledSink(maximumAge: Self.maximumAge, budget: .seconds(3 * 86_400)) { _ in .delivered }
        }
        let (first, second) = (sink(), sink())
        var store = try open()
        let firstMetrics = try await run(
            store, first, events: 1...restart, isDown: { $0 > before },
            isDone: { _, _ in first.taken.count == Int(before) })
        store.close()
        #expect(first.taken == Array(1...before))
        #expect(firstMetrics.skipped.current > 0 && firstMetrics.deadLetters.current == 0)

        store = try open()
        let cursor = try #require(store.cursor(of: "ruled"))
        let parked = try store.letters(of: "ruled", state: .parked, after: .min, limit: 100).map(\.seq)
        #expect(
            (1...cursor).filter { $0 > before && isRecord($0) }.allSatisfy(parked.contains),
            "no record is passed that is not kept: \(cursor), \(parked)")
        let metrics = try await run(
            store, second, events: (restart + 1)...last, isDown: { $0 <= back },
            isDone: { $1.cursor(of: "ruled") == last })
        let taken = second.taken
        #expect(try store.letterCounts().isEmpty && metrics.deadLetters.current == 0)
        store.close()

        #expect(Set(taken).count == taken.count && Set(taken).isDisjoint(with: first.taken))
        let missing = (before + 1...last).filter { !taken.contains($0) }
        #expect(!missing.contains(where: isRecord), "records never grow old")
        let read = missing.filter { $0 > cursor || parked.contains($0) }
        #expect(metrics.skipped.current == read.count, "what is skipped is counted")
        // All live events of the outage but those of its last five minutes.
        #expect(missing.allSatisfy { $0 > before && $0 <= back } && missing.count >= 2 * Int(Self.outage) / 3 - 4)
        for lines in Dictionary(grouping: taken, by: call).values { #expect(lines == lines.sorted()) }
        #expect(second.lines.count == taken.count)
    }
}
