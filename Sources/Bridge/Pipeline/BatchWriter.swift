import CMalloc
import CallModel
import Codecs
import Dispatch
import Store
import Synchronization

/// Events on their way to the store, with the notes that belong to them.
struct EventBatch: Sendable {
    let events: [CallTracker.Output]
    let notes: [(key: String, value: [UInt8])]

    /// The lines, and what the store keeps beside them.
    func append(onCommitted: @escaping @Sendable () -> Void) -> StoreAppend? {
        guard let first = events.first else { return nil }
        var lines = ByteWriter(capacity: events.count * 1024)
        var ends: [Int] = []
        var receivedAt: [Int64] = []
        var previous: [Int64] = []
        ends.reserveCapacity(events.count)
        receivedAt.reserveCapacity(events.count)
        previous.reserveCapacity(events.count)
        for item in events {
            LineWriter.write(item.event, to: &lines)
            ends.append(lines.count)
            // The store's column never decreases; a synthetic line is never older than the message that caused it.
            receivedAt.append(max(item.event.receivedAt.microseconds, receivedAt.last ?? .min))
            previous.append(item.previousSeq)
        }
        return StoreAppend(
            lines: LineBatch(firstSeq: first.event.seq, bytes: lines.bytes, ends: ends), receivedAt: receivedAt,
            previous: previous, notes: notes, onCommitted: onCommitted)
    }
}

/// Writes batches as lines and hands them to the store, in their order.
///
/// A small batch is written where it comes from, the event loop, so that a lone event changes threads no more than it must;
/// a large one on a queue beside it, so that a backlog is mapped and written at the same time. A small one that comes while
/// large ones are waiting queues up behind them. What waits is bounded by the sources: they stop at unconfirmed batches.
final class BatchWriter: Sendable {
    /// Events up to which a batch is small: about 50 µs of writing.
    private static let smallBatch = 16

    private let queue = DispatchQueue(label: "lines")
    private let waiting = Atomic<Int>(0)
    private let releaseIsDue = Atomic<Bool>(false)

    /// From a large batch until what it took goes back to the system.
    private static let releasePause = DispatchTimeInterval.seconds(2)

    /// Called from one thread only, in `seq` order.
    func write(_ batch: EventBatch, to store: Store, onCommitted: @escaping @Sendable () -> Void) {
        if batch.events.count <= Self.smallBatch, waiting.load(ordering: .acquiring) == 0 {
            if let append = batch.append(onCommitted: onCommitted) { store.append(append) }
            return
        }
        waiting.wrappingAdd(1, ordering: .relaxed)
        queue.async { [self] in
            if let append = batch.append(onCommitted: onCommitted) { store.append(append) }
            waiting.wrappingSubtract(1, ordering: .releasing)
            if !releaseIsDue.exchange(true, ordering: .relaxed) { releaseMemorySoon() }
        }
    }

    /// Every two seconds at most while large batches come, and once after the last of them; takes some milliseconds.
    private func releaseMemorySoon() {
        queue.asyncAfter(deadline: .now() + Self.releasePause) { [weak self] in
            self?.releaseIsDue.store(false, ordering: .relaxed)
            cti_release_memory()
        }
    }

    /// Waits until every batch is with the store. Blocks for as long as writing lines takes.
    func drain() { queue.sync {} }
}
