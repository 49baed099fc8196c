import Codecs
import Synchronization

/// The most recent committed lines in memory, bounded in bytes, so that sinks that keep up read no database.
final class RecentLines: Sendable {
    fileprivate struct Window {
        /// Consecutive; those before `start` are gone.
        private(set) var batches: [LineBatch?] = []
        private(set) var start = 0
        private var bytes = 0

        subscript(index: Int) -> LineBatch {
            guard let batch = batches[index] else { preconditionFailure("a batch before the start of the window") }
            return batch
        }

        mutating func add(_ batch: LineBatch) {
            batches.append(batch)
            bytes += cost(batch)
        }

        /// Lets go of the oldest until `limitBytes` holds; the newest stays whatever its size.
        mutating func shrink(to limitBytes: Int) {
            while bytes > limitBytes, start < batches.count - 1 {
                bytes -= cost(self[start])
                // At once: the place in the array is given up later, many in one go.
                batches[start] = nil
                start += 1
            }
            if start > 64, start > batches.count / 2 {
                batches.removeFirst(start)
                start = 0
            }
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
            guard index < window.batches.count, window[index].firstSeq <= seq + 1 else { return [] }
            var end = index
            var bytes = 0
            var lines = 0
            repeat {
                bytes += window[end].bytes.count
                lines += window[end].count
                end += 1
            } while end < window.batches.count && bytes < maxBytes && lines < maxLines
                && window[index].bytes.count < RecentLines.worthItsOwnDelivery
            return (index..<end).map { window[$0] }
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
        var (low, high) = (start, batches.count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].lastSeq < seq { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
