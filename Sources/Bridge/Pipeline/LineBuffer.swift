import CallModel
import Codecs
import Store

/// Lines on their way into one batch, with what the store keeps beside each. Its memory stays between batches.
///
/// Lines are written while their events are still in the processor's caches, a few at a time, and always on the loop:
/// another thread would have to free what this one has just made, which costs more than it wins.
struct LineBuffer: ~Copyable {
    private var bytes = ByteWriter()
    private var ends: [Int] = []
    private var receivedAt: [Int64] = []
    private var previous: [Int64] = []
    private var firstSeq: Int64 = 0

    var count: Int { ends.count }

    mutating func append(_ events: [CallTracker.Output]) {
        if ends.isEmpty, let first = events.first { firstSeq = first.event.seq }
        // Through the buffer: an array would copy each of its events on the way.
        events.withUnsafeBufferPointer { events in
            for index in events.indices {
                LineWriter.write(events[index].event, to: &bytes)
                ends.append(bytes.count)
                // The store's column never decreases; a synthetic line is never older than the message that caused it.
                receivedAt.append(max(events[index].event.receivedAt.microseconds, receivedAt.last ?? .min))
                previous.append(events[index].previousSeq)
            }
        }
    }

    /// Everything appended since the last call; at least one line.
    mutating func take(
        notes: [(key: String, value: [UInt8])], onCommitted: @escaping @Sendable () -> Void
    ) -> StoreAppend {
        defer {
            bytes.removeAll()
            ends.removeAll(keepingCapacity: true)
            receivedAt.removeAll(keepingCapacity: true)
            previous.removeAll(keepingCapacity: true)
        }
        return StoreAppend(
            lines: LineBatch(firstSeq: firstSeq, bytes: bytes.bytes, ends: Array(ends[...])),
            receivedAt: Array(receivedAt[...]), previous: Array(previous[...]), notes: notes, onCommitted: onCommitted)
    }
}
