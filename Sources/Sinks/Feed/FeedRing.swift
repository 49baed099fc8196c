import NIOCore

/// Where a reader is: which lines he has, and which entry of the ring comes next once he has caught up with it.
package struct FeedCursor: Sendable {
    /// He has every line up to this one.
    package internal(set) var position: Int64
    /// What he is told before all lines.
    var notice: ByteBuffer?
    fileprivate var ordinal: Int?

    init(position: Int64, notice: ByteBuffer? = nil) { (self.position, self.notice) = (position, notice) }
}

/// The newest lines of a feed in the order in which they came, for all readers; who is further behind reads the store.
struct FeedRing: Sendable {
    enum Step: Sendable {
        case entry(FeedFrames)
        /// The next lines are not here any more.
        case behind
        case caughtUp
    }

    static let maximumBytes = 4 << 20

    /// Every line after this one, as far as it was offered, is here.
    private(set) var start: Int64
    /// The last line that was offered.
    private(set) var through: Int64
    private var entries = CircularBuffer<FeedFrames>()
    private var firstOrdinal = 0
    private var bytes = 0

    init(start: Int64) { (self.start, through) = (start, start) }

    mutating func append(_ frames: FeedFrames) {
        entries.append(frames)
        bytes += frames.byteCount
        through = max(through, frames.through)
        while bytes > Self.maximumBytes, entries.count > 1, let oldest = entries.popFirst() {
            firstOrdinal += 1
            bytes -= oldest.byteCount
            start = max(start, oldest.through)
        }
    }

    /// Lines up to `seq` were offered while nobody was there.
    mutating func skip(through seq: Int64) {
        firstOrdinal += entries.count
        entries.removeAll(keepingCapacity: false)
        bytes = 0
        through = max(through, seq)
        start = through
    }

    func next(_ cursor: inout FeedCursor) -> Step {
        guard cursor.position >= start else {
            cursor.ordinal = nil
            return .behind
        }
        let end = firstOrdinal + entries.count
        let known = cursor.ordinal.flatMap { $0 >= firstOrdinal ? $0 : nil }
        let ordinal =
            known ?? entries.firstIndex { !$0.isReplay && $0.through > cursor.position }
            .map { firstOrdinal + entries.distance(from: entries.startIndex, to: $0) } ?? end
        guard ordinal < end else {
            cursor.ordinal = end
            return .caughtUp
        }
        cursor.ordinal = ordinal + 1
        return .entry(entries[entries.index(entries.startIndex, offsetBy: ordinal - firstOrdinal)])
    }
}
