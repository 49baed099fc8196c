import NIOCore

/// What has been read and is not all delivered: the cursor stands before the lowest item that is not done.
struct DeliveryWindow {
    private struct Entry {
        var firstSeq: Int64
        var openLines: Int
    }

    private var entries = CircularBuffer<Entry>()
    private var firstOrdinal = 0
    /// The highest `seq` that was read, lines that the filter took included.
    private(set) var readThrough: Int64

    init(cursor: Int64) { readThrough = cursor }

    /// Entries from the lowest that is not done on, those done behind it included.
    var span: Int { entries.count }

    /// Everything up to and including this is done with.
    var cursor: Int64 { entries.first.map { $0.firstSeq - 1 } ?? readThrough }

    /// In the order of `seq`. Returns the item's place.
    mutating func add(firstSeq: Int64, lines: Int) -> Int {
        entries.append(Entry(firstSeq: firstSeq, openLines: lines))
        return firstOrdinal + entries.count - 1
    }

    mutating func read(through seq: Int64) { readThrough = max(readThrough, seq) }

    /// So many lines of the item at `ordinal` are done; where the first ones are, what is left begins with `firstSeq`.
    mutating func finish(_ ordinal: Int, lines: Int, firstSeq: Int64? = nil) {
        let index = entries.index(entries.startIndex, offsetBy: ordinal - firstOrdinal)
        entries[index].openLines -= lines
        if let firstSeq { entries[index].firstSeq = firstSeq }
        while entries.first?.openLines == 0 {
            entries.removeFirst()
            firstOrdinal += 1
        }
    }
}
