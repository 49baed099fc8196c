import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore
import Synchronization

@testable import Adapters

/// What a source did, for threads beside its loop to look at.
final class SourceRecord: Sendable {
    struct State {
        var kinds: [Kind] = []
        /// Ups and downs of the link, with the reason and the name of the gap.
        var links: [String] = []
        var isUp = false
        var notes: [String: [UInt8]] = [:]
        var heldReceipts = 0
        var log: [String] = []
        var facts: [CallFact] = []
        /// Ups, downs and the kinds of facts, in their order.
        var timeline: [String] = []
        var lines: [NIOLoopBound<any VendorLine>] = []
    }

    let state = Mutex(State())

    func callAsFunction<Value: Sendable>(_ look: @Sendable (State) -> Value) -> Value {
        state.withLock { look($0) }
    }
}

/// A runtime that keeps nothing but what tests ask about. Its store is durable at once, or when told to.
final class RecordingContext: SourceContext {
    let eventLoop: any EventLoop
    let logger: Logger
    let metrics = SourceMetrics()
    let recentCalls: [CallTracker.RecentCall]
    private let seen: SourceRecord
    private let initialNotes: [String: [UInt8]]
    private var waiting: [() -> Void] = []
    var isStoreStuck = false {
        didSet {
            guard !isStoreStuck else { return }
            let receipts = waiting
            waiting = []
            seen.state.withLock { $0.heldReceipts = 0 }
            for receipt in receipts { receipt() }
        }
    }

    init(
        eventLoop: any EventLoop, seen: SourceRecord, notes: [String: [UInt8]], recentCalls: [CallTracker.RecentCall]
    ) {
        (self.eventLoop, self.seen, initialNotes, self.recentCalls) = (eventLoop, seen, notes, recentCalls)
        logger = Logger(label: "test") { _ in RecordingLog(seen: seen) }
    }

    func now() -> Timestamp { WallClock.now() }

    func ingest(_ facts: inout [CallFact], receivedAt: Timestamp) {
        let taken = facts
        facts.removeAll()
        seen.state.withLock {
            $0.kinds += taken.map(\.kind)
            $0.timeline += taken.map(\.kind.name)
            $0.facts += taken
        }
    }

    func commit(receipt: @escaping () -> Void) {
        guard isStoreStuck else { return eventLoop.assumeIsolated().execute(receipt) }
        waiting.append(receipt)
        seen.state.withLock { $0.heldReceipts += 1 }
    }

    func linkUp(attempt: Int) {
        seen.state.withLock {
            $0.isUp = true
            $0.links.append("up")
            $0.timeline.append("up")
        }
    }

    func linkDown(reason: String) { linkDown(reason: reason, lastGood: now(), gap: .disconnect) }

    func linkDown(reason: String, lastGood: Timestamp, gap: Gap.Reason) {
        seen.state.withLock {
            $0.isUp = false
            $0.links.append("down \(gap.rawValue): \(reason)")
            $0.timeline.append("down")
        }
    }

    func backlogChanged() {}
    func offer(_ line: any VendorLine) {
        let bound = NIOLoopBound(line, eventLoop: eventLoop)
        seen.state.withLock { $0.lines.append(bound) }
    }
    func setNote(_ key: String, _ value: [UInt8]) { seen.state.withLock { $0.notes[key] = value } }
    func note(_ key: String) -> [UInt8]? { initialNotes[key] }
}

private struct RecordingLog: LogHandler {
    let seen: SourceRecord
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(seen: SourceRecord) { self.seen = seen }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        seen.state.withLock { $0.log.append("\(event.level) \(event.message) \(fields.joined(separator: " "))") }
    }
}
