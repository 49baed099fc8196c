import Glibc

/// Reads a store that another process may be writing, for the `events` command. Read-only; takes no lock.
package final class StoreReader: Sendable {
    private let path: String
    private let reader: LineReader
    private let identity: UInt64?

    /// Fails when there is no file: reading must not make one.
    package init(path: String) throws(StoreError) {
        self.path = path
        identity = StoreFiles(path: path).identity
        guard identity != nil else {
            throw .cannotOpen(path: path, detail: "no such file; has the service of this tenant ever run?")
        }
        reader = try LineReader(path: path)
    }

    /// `seq` of the last line, 0 before the first.
    package func lastSeq() throws(StoreError) -> Int64 { try reader.lastSeq() }

    /// `seq` of the oldest line received at `time` (µs since 1970) or later; one above the last line if there is none.
    /// Takes a number of look-ups that grows with the logarithm of the lines.
    package func firstSeq(receivedAtOrAfter time: Int64) throws(StoreError) -> Int64 {
        try reader.firstSeq(receivedAtOrAfter: time)
    }

    /// Calls `body` for each line with `from <= seq <= through`, oldest or newest first, until it returns false. The line
    /// comes without its newline and is valid only during the call. Holds no transaction while `body` runs.
    package func forEachLine(
        from: Int64, through: Int64 = .max, descending: Bool = false,
        _ body: (_ seq: Int64, _ previous: Int64, _ receivedAt: Int64, _ line: UnsafeRawBufferPointer) throws -> Bool
    ) throws {
        try reader.forEach(from: from, through: through, descending: descending, body)
    }

    /// For `--follow`: waits until there is a line after `seq`, at most `limit`; true when there is. Looks ten times a
    /// second at a page in shared memory, since SQLite tells other processes nothing. Blocks.
    /// Throws `replaced` when the service has set the file aside and begun another one.
    package func waitForLine(after seq: Int64, limit: Duration) throws(StoreError) -> Bool {
        let end = MonotonicTime.now + limit
        while true {
            if try reader.lastSeq() > seq { return true }
            guard StoreFiles(path: path).identity == identity else { throw .replaced(path: path) }
            guard MonotonicTime.now < end else { return false }
            usleep(100_000)
        }
    }

    /// Letters behind the given one, in the order of sinks and `seq`. Nil for `sink` or `state`: any.
    package func letters(
        of sink: String?, state: StoredLetter.State? = nil, after: (sink: String, seq: Int64) = ("", .min), limit: Int
    ) throws(StoreError) -> [StoredLetter] {
        try reader.letters(of: sink, state: state, after: after, limit: limit)
    }

    package func letter(of sink: String, seq: Int64) throws(StoreError) -> StoredLetter? {
        try reader.letter(of: sink, seq: seq)
    }

    package func letterCounts() throws(StoreError) -> [LetterCount] { try reader.letterCounts() }

    package func close() { reader.close() }
}
