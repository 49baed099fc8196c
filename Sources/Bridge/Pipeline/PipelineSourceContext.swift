import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore

/// What one source sees of the pipeline.
final class PipelineSourceContext: SourceContext {
    let eventLoop: any EventLoop
    let logger: Logger
    let metrics: SourceMetrics
    private let pipeline: IngestPipeline
    private let source: Int
    private let notePrefix: String
    private let notes: [String: [UInt8]]
    private let name: String
    private let lines: VendorLines
    let recentCalls: [CallTracker.RecentCall]

    /// `notes` are those of the whole store and `recentCalls` those of the source, as they were at the start.
    init(
        pipeline: IngestPipeline, source: Int, name: String, notes: [String: [UInt8]],
        recentCalls: [CallTracker.RecentCall], metrics: SourceMetrics, logger: Logger,
        lines: VendorLines = VendorLines()
    ) {
        (self.pipeline, self.source, self.metrics, self.logger) = (pipeline, source, metrics, logger)
        (self.name, self.lines) = (name, lines)
        (eventLoop, notePrefix, self.notes, self.recentCalls) = (pipeline.eventLoop, "\(name)/", notes, recentCalls)
    }

    func now() -> Timestamp { pipeline.now() }

    func ingest(_ facts: inout [CallFact], receivedAt: Timestamp) {
        pipeline.ingest(&facts, source: source, receivedAt: receivedAt)
    }

    func commit(receipt: @escaping () -> Void) { pipeline.commit(receipt: receipt) }

    func linkUp(attempt: Int) { pipeline.linkUp(source: source, attempt: attempt) }

    func linkDown(reason: String) {
        pipeline.linkDown(source: source, reason: reason, lastGood: now())
    }

    func linkDown(reason: String, lastGood: Timestamp, gap: Gap.Reason) {
        pipeline.linkDown(source: source, reason: reason, lastGood: lastGood, gap: gap)
    }

    func backlogChanged() { pipeline.onBacklogChange() }

    func offer(_ line: any VendorLine) { lines.offer(line, of: name, on: eventLoop) }

    func setNote(_ key: String, _ value: [UInt8]) { pipeline.setNote(notePrefix + key, value) }

    func note(_ key: String) -> [UInt8]? { notes[notePrefix + key] }
}
