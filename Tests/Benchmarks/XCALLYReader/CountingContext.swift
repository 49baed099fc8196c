import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore

/// Takes facts as the pipeline does, through a tracker, and counts.
final class CountingContext: SourceContext {
    let eventLoop: any EventLoop
    let logger = Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }
    let metrics = SourceMetrics()
    private let expected: Int
    private let ended: EventLoopPromise<String>
    private var watch = Stopwatch()
    private var tracker: CallTracker
    private let source: Int
    private var lines = 0

    init(expected: Int, profile: SourceProfile, eventLoop: any EventLoop, ended: EventLoopPromise<String>) {
        (self.expected, self.eventLoop, self.ended) = (expected, eventLoop, ended)
        tracker = CallTracker(stream: UUID128(high: 1, low: 1))
        source = tracker.register(profile)
    }

    func now() -> Timestamp { WallClock.now() }

    func ingest(_ facts: inout [CallFact], receivedAt: Timestamp) {
        watch.start()
        tracker.apply(&facts, from: source, receivedAt: receivedAt)
        lines += tracker.takeOutput().count
    }

    func commit(receipt: @escaping () -> Void) {
        receipt()
        guard metrics.received.current >= expected else { return }
        ended.succeed(
            watch.summary(
                messages: metrics.received.current,
                " \"lines\": \(lines), \"unmapped\": \(metrics.unmapped.current),"))
    }

    func linkUp(attempt: Int) { tracker.linkUp(source: source, attempt: attempt, at: now()) }
    func linkDown(reason: String) { ended.fail(ReplayError(reason)) }
    func backlogChanged() {}
    func setNote(_ key: String, _ value: [UInt8]) {}
    func note(_ key: String) -> [UInt8]? { nil }
}
