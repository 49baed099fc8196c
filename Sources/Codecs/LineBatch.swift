/// CallEvent lines of consecutive `seq`, encoded once and then shared by the store and every sink.
///
/// Each line ends with one newline. Immutable, so that threads can read it side by side.
public final class LineBatch: Sendable {
    /// `seq` of the first line.
    public let firstSeq: Int64
    /// All lines one after the other, newlines included.
    public let bytes: [UInt8]
    /// For each line the offset just behind its newline.
    public let ends: [Int]

    public init(firstSeq: Int64, bytes: [UInt8], ends: [Int]) {
        precondition(!ends.isEmpty && ends.last == bytes.count, "a batch holds whole lines, at least one")
        (self.firstSeq, self.bytes, self.ends) = (firstSeq, bytes, ends)
    }

    public var count: Int { ends.count }
    public var lastSeq: Int64 { firstSeq + Int64(ends.count) - 1 }

    /// Where line `index` lies in `bytes`, its newline excluded.
    public func range(ofLine index: Int) -> Range<Int> {
        (index == 0 ? 0 : ends[index - 1])..<(ends[index] - 1)
    }
}
