import BridgeCore
import Codecs
import Logging
import NIOCore
import Synchronization

/// Where a reader begins.
package enum FeedStart: Sendable, Equatable {
    /// With the next line.
    case now
    /// Behind a line; 0: with the oldest stored one.
    case after(Int64)
}

/// Hands lines to the readers that are there. Its cursor says what was offered: who comes later or lags reads the store, from
/// any line on that is still there.
///
/// It neither listens nor writes: whoever serves readers takes a `FeedReader` for each of them.
package final class FeedSink: Sink {
    private enum Phase {
        case notOpen, open, closed
    }

    private struct State {
        var ring = FeedRing(start: 0)
        var readers: [Int: FeedReader] = [:]
        var lastReader = 0
        var phase = Phase.notOpen
    }

    package let name: String
    package let needsThread = false
    package let policy = DeliveryPolicy(batchLines: 500, batchBytes: 128 << 10)
    /// Readers there now.
    package let readerCount = Counter()
    /// Readers that were let go since they did not read.
    package let droppedCount = Counter()
    private let context: SinkContext
    private let state = Mutex(State())

    package init(_ context: SinkContext) {
        name = context.name
        self.context = context
    }

    // MARK: - Sink

    package func open(cursor: Int64, stream: UUID128) -> Int64 {
        state.withLock {
            $0.ring = FeedRing(start: cursor)
            $0.phase = .open
        }
        return cursor
    }

    package func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        guard batch.count > 0 else { return .delivered }
        let offered = state.withLock { state -> Int64? in
            guard state.readers.isEmpty else { return state.ring.through }
            state.ring.skip(through: batch.throughSeq)
            return nil
        }
        guard let offered else { return .delivered }
        // Lines come in their order, and again only where somebody asked for that.
        let frames = FeedFrames(batch, isReplay: batch.throughSeq <= offered)
        let readers = state.withLock { state in
            state.ring.append(frames)
            return Array(state.readers.values)
        }
        for reader in readers { reader.raise(.lines) }
        return .delivered
    }

    /// Readers are let go; they come again, and go on where they were.
    package func reopen() { endReaders() }

    package func close() async {
        state.withLock { $0.phase = .closed }
        endReaders()
    }

    private func endReaders() {
        for reader in state.withLock({ Array($0.readers.values) }) { reader.raise(.end) }
    }

    // MARK: - Readers

    /// The service stops: nobody gets a reader any more.
    package var isClosed: Bool { state.withLock { $0.phase == .closed } }

    /// Nil while the sink is not open: before the start and from the stop on.
    package func reader(from start: FeedStart, filter: FeedFilter) -> FeedReader? {
        let stored = context.extent()
        return state.withLock { state in
            guard state.phase == .open else { return nil }
            let cursor = Self.cursor(start, stored: stored, offered: state.ring.through)
            state.lastReader += 1
            let reader = FeedReader(number: state.lastReader, feed: self, start: cursor, filter: filter)
            state.readers[reader.number] = reader
            readerCount.set(state.readers.count)
            return reader
        }
    }

    private static func cursor(
        _ start: FeedStart, stored: (first: Int64, last: Int64), offered: Int64
    ) -> FeedCursor {
        let beginning = max(0, stored.first - 1)
        switch start {
        case .now: return FeedCursor(position: offered)
        case .after(0): return FeedCursor(position: beginning)
        case .after(let seq) where seq > stored.last:
            return FeedCursor(position: beginning, notice: FeedNotice.unknownPosition(seq, last: stored.last))
        case .after(let seq): return FeedCursor(position: seq)
        }
    }

    func leave(_ reader: FeedReader) {
        state.withLock { state in
            guard state.readers.removeValue(forKey: reader.number) != nil else { return }
            readerCount.set(state.readers.count)
        }
    }

    /// What comes next for a reader. Reads the disk where he is behind, unless that is not wanted.
    func next(_ cursor: inout FeedCursor, readsStore: Bool) -> FeedReading {
        switch state.withLock({ $0.ring.next(&cursor) }) {
        case .entry(let frames): return .frames(frames)
        case .caughtUp: return .caughtUp
        case .behind: return readsStore ? history(&cursor) : .caughtUp
        }
    }

    private func history(_ cursor: inout FeedCursor) -> FeedReading {
        do {
            let batch = try context.history(cursor.position, 500, 64 << 10)
            // Retention may just have been at work: so it is asked afterwards.
            let first = context.extent().first
            let gapEnd = min(first, batch?.seqs.first ?? first) - 1
            guard let batch else {
                // All that was offered has been removed since.
                let position = cursor.position
                cursor.position = state.withLock { max(position, $0.ring.start) }
                return position < cursor.position
                    ? .gap(FeedNotice.gap(from: position + 1, through: cursor.position)) : .caughtUp
            }
            guard gapEnd <= cursor.position else {
                let notice = FeedNotice.gap(from: cursor.position + 1, through: gapEnd)
                cursor.position = gapEnd
                return .gap(notice)
            }
            return .frames(FeedFrames(batch))
        } catch {
            return .failed("\(error)")
        }
    }

    /// The store could not be read: the reader has to come again.
    func failed(_ reason: String) {
        context.logger.warning("a reader of the feed is let go", metadata: ["reason": "\(reason)"])
    }
}

enum FeedReading {
    case frames(FeedFrames)
    case gap(ByteBuffer)
    case caughtUp
    case failed(String)
}
