import BridgeCore
import CallModel
import Logging
import NIOCore
import Store

/// The part of a tenant that lives on its event loop.
final class TenantCore {
    private let pipeline: IngestPipeline
    private let sources: [any Source]
    private let metrics: [SourceMetrics]
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let progress: DrainProgress
    private let onStatus: @Sendable (String) -> Void
    /// The handle of the bridge's own lines: it is registered first.
    private let bridge = 0

    init(
        store: Store, restored: RestoredTracker, past: TrackerRestorer.Past, sources: [SourceConfiguration],
        metrics: [SourceMetrics], lines: VendorLines, eventLoop: any EventLoop, logger: Logger,
        onStatus: @escaping @Sendable (String) -> Void
    ) {
        (self.eventLoop, self.logger, self.onStatus) = (eventLoop, logger, onStatus)
        if past.hasRun { restored.value.runStarted(afterCrash: !past.stoppedInOrder) }
        let recentCalls = sources.indices.map { restored.value.takeRecentCalls(of: $0 + 1) }
        let pipeline = IngestPipeline(
            store: store, tracker: restored.take(), linesRead: past.linesRead, eventLoop: eventLoop,
            clock: WallClock.now)
        self.pipeline = pipeline
        let notes = store.loadNotes()
        self.sources = sources.enumerated().map { index, source in
            var sourceLogger = logger
            sourceLogger[metadataKey: "source"] = "\(source.name)"
            let context = PipelineSourceContext(
                pipeline: pipeline, source: index + 1, name: source.name, notes: notes,
                recentCalls: recentCalls[index], metrics: metrics[index], logger: sourceLogger, lines: lines)
            return source.adapter.makeSource(source, context: context)
        }
        self.metrics = metrics
        progress = DrainProgress(logger: logger)
        pipeline.onLinkChange = { [weak self] in self?.tellStatus() }
        pipeline.onCommit = { [weak self] in self?.tellProgress() }
        pipeline.onBacklogChange = { [weak self] in self?.tellProgress() }
    }

    var openCallCount: Int { pipeline.openCallCount }

    func start() {
        pipeline.announce(.bridgeStarted, bridge: bridge, event: "started")
        for source in sources { source.start() }
        tellStatus()
    }

    /// Sources take leave, for at most `limit`; then the last line of the run.
    func stop(within limit: TimeAmount) -> EventLoopFuture<Void> {
        let left = EventLoopFuture.andAllComplete(sources.map { $0.stop() }, on: eventLoop)
        let done = eventLoop.makePromise(of: Void.self)
        let timeout = eventLoop.assumeIsolated().scheduleTask(in: limit) { done.succeed() }
        left.assumeIsolated().whenComplete { _ in
            timeout.cancel()
            done.succeed()
        }
        return done.futureResult.assumeIsolated().map { [self] in
            progress.finish()
            pipeline.announce(.bridgeStopped, bridge: bridge, event: "stopped")
            pipeline.stop()
            logger.info("stopped taking events", metadata: summary)
        }.nonisolated()
    }

    /// After the last commit.
    func finish() { pipeline.finish() }

    func setIntake(paused: Bool) { pipeline.setReceipts(held: paused) }

    private func tellStatus() {
        let up = metrics.count { $0.up.current == 1 }
        onStatus("\(up)/\(metrics.count) sources up, \(pipeline.openCallCount) calls open")
    }

    private func tellProgress() {
        progress.update(
            waiting: metrics.reduce(0) { $0 + $1.backlog.current },
            taken: metrics.reduce(0) { $0 + $1.acknowledged.current }, now: pipeline.now())
    }

    private var summary: Logger.Metadata {
        let counters = pipeline.counters
        return [
            "received": "\(metrics.reduce(0) { $0 + $1.received.current })",
            "acknowledged": "\(metrics.reduce(0) { $0 + $1.acknowledged.current })",
            "unmapped": "\(metrics.reduce(0) { $0 + $1.unmapped.current })",
            "repeats_dropped": "\(counters.repeatedIDs + counters.repeatedStates)",
            "timed_out": "\(counters.timedOut)", "evicted": "\(counters.evicted)", "late": "\(counters.late)",
            "open_calls": "\(pipeline.openCallCount)",
        ]
    }
}
