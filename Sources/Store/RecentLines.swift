import Codecs
import Synchronization

/// The most recent committed lines in memory, bounded in bytes, so that sinks that keep up read no database.
final class RecentLines: Sendable {
    fileprivate struct Window {
        /// Consecutive, oldest first.
        private(set) var batches: [LineBatch] = []
        private var bytes = 0

        mutating func add(_ batch: LineBatch) {
            batches.append(batch)
            bytes += cost(batch)
        }

        /// Lets go of the oldest until `limitBytes` holds; the newest stays whatever its size.
        mutating func shrink(to limitBytes: Int) {
            var dropped = 0
            while bytes > limitBytes, dropped < batches.count - 1 {
                bytes -= cost(batches[dropped])
                dropped += 1
            }
            // At once, or large batches would stay alive. Moves no more than the bytes of a few lines: a batch is a pointer.
            batches.removeFirst(dropped)
        }

        private func cost(_ batch: LineBatch) -> Int {
            batch.bytes.count + batch.ends.count * MemoryLayout<Int>.size + RecentLines.overheadBytes
        }
    }

    /// Batches smaller than this are glued together while more wait, so that a sink with a backlog gets fewer, larger ones.
    private static let worthItsOwnDelivery = 32 << 10
    /// What stays after `forget`, and the newest batch if that alone is larger.
    private static let quietBytes = 64 << 10
    /// Memory of a batch beyond its bytes, so that many small ones count too.
    private static let overheadBytes = 200

    private let limitBytes: Int
    private let window = Mutex(Window())

    init(limitBytes: Int) { self.limitBytes = limitBytes }

    func add(_ added: some Sequence<LineBatch>) {
        window.withLock { window in
            for batch in added { window.add(batch) }
            window.shrink(to: limitBytes)
        }
    }

    /// Keeps what lone events need.
    func forget() { window.withLock { $0.shrink(to: min(limitBytes, RecentLines.quietBytes)) } }

    /// Lines after `seq`, or nil when the first of them is not in memory. Shares the stored batch where it can.
    func next(after seq: Int64, maxLines: Int, maxBytes: Int) -> LineBatch? {
        let found = window.withLock { window -> [LineBatch] in
            let index = window.index(of: seq + 1)
            guard index < window.batches.count, window.batches[index].firstSeq <= seq + 1 else { return [] }
            var end = index
            var bytes = 0
            var lines = 0
            repeat {
                bytes += window.batches[end].bytes.count
                lines += window.batches[end].count
                end += 1
            } while end < window.batches.count && bytes < maxBytes && lines < maxLines
                && window.batches[index].bytes.count < RecentLines.worthItsOwnDelivery
            // A slice would share the whole array, and the next commit copy it.
            return Array(window.batches[index..<end])
        }
        return RecentLines.join(found, from: seq + 1, maxLines: max(maxLines, 1), maxBytes: maxBytes)
    }

    private static func join(
        _ batches: [LineBatch], from first: Int64, maxLines: Int, maxBytes: Int
    ) -> LineBatch? {
        guard let only = batches.first else { return nil }
        if batches.count == 1, only.firstSeq == first, only.count <= maxLines, only.bytes.count <= maxBytes {
            return only
        }
        var bytes: [UInt8] = []
        var ends: [Int] = []
        for batch in batches {
            let skipped = batch.firstSeq < first ? Int(first - batch.firstSeq) : 0
            let start = skipped == 0 ? 0 : batch.ends[skipped - 1]
            var taken = skipped
            while taken < batch.count, ends.count + taken - skipped < maxLines {
                let size = bytes.count + batch.ends[taken] - start
                guard size <= maxBytes || (ends.isEmpty && taken == skipped) else { break }
                taken += 1
            }
            let offset = bytes.count - start
            if taken > skipped { bytes.append(contentsOf: batch.bytes[start..<batch.ends[taken - 1]]) }
            for index in skipped..<taken { ends.append(batch.ends[index] + offset) }
            if taken < batch.count { break }
        }
        return LineBatch(firstSeq: first, bytes: bytes, ends: ends)
    }
}

extension RecentLines.Window {
    /// Index of the batch that holds `seq`, or would hold it: the first that does not end before it.
    fileprivate func index(of seq: Int64) -> Int {
        var (low, high) = (0, batches.count)
        while low < high {
            let middle = (low + high) / 2
            if batches[middle].lastSeq < seq { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
