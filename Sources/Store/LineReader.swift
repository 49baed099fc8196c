import Codecs
import GRDB
import GRDBSQLite

/// Rows of `events`, copied out of the database.
struct StoredRows {
    var bytes: [UInt8] = []
    /// For each line the offset just behind its newline.
    var ends: [Int] = []
    var seqs: [Int64] = []
    var previous: [Int64] = []
    var receivedAt: [Int64] = []
}

/// Reads lines on a connection of its own.
///
/// Rows are copied in bounded portions and the statement ended before anyone looks at them: a slow user of the lines must
/// not hold a read transaction, which would keep the write-ahead log from being emptied.
///
/// `@unchecked Sendable`: the statements are used only inside `queue`, which runs one closure at a time.
final class LineReader: @unchecked Sendable {
    static let portionLines = 1000
    static let portionBytes = 256 << 10

    private let path: String
    private let queue: DatabaseQueue
    private var statements: Statements?

    private struct Statements {
        let ascending: PreparedStatement
        let descending: PreparedStatement
        let first: PreparedStatement
        let last: PreparedStatement
        let atOrAfter: PreparedStatement
    }

    init(path: String) throws(StoreError) {
        self.path = path
        do {
            queue = try Connections.reader(path)
            statements = try queue.unsafeRead { db in
                let handle = try db.handle()
                let columns = "SELECT seq, received_at, previous, line FROM events"
                return Statements(
                    ascending: try PreparedStatement(handle, "\(columns) WHERE seq BETWEEN ? AND ? ORDER BY seq"),
                    descending: try PreparedStatement(handle, "\(columns) WHERE seq BETWEEN ? AND ? ORDER BY seq DESC"),
                    first: try PreparedStatement(handle, "SELECT min(seq) FROM events"),
                    last: try PreparedStatement(
                        handle, "SELECT max(last_seq, ifnull((SELECT max(seq) FROM events), 0)) FROM meta"),
                    atOrAfter: try PreparedStatement(
                        handle, "SELECT seq, received_at FROM events WHERE seq >= ? ORDER BY seq LIMIT 1"))
            }
        } catch {
            throw StoreError(error, path: path)
        }
    }

    deinit { close() }

    func close() {
        queue.unsafeRead { _ in statements = nil }
        // Fails only with statements left, and there are none.
        try? queue.close()
    }

    /// `seq` of the oldest stored line, nil without one.
    func firstSeq() throws(StoreError) -> Int64? {
        try read { statements in try statements.first.integer() }
    }

    /// `seq` of the last line ever stored, 0 before the first.
    func lastSeq() throws(StoreError) -> Int64 {
        try read { statements in try statements.last.integer() ?? 0 }
    }

    /// Lines with `from <= seq <= through`, at least one if there is any, in the order asked for. Ends before a hole in
    /// `seq`, so that the rows of one answer are consecutive.
    func rows(
        from: Int64, through: Int64, maxLines: Int, maxBytes: Int, descending: Bool = false
    ) throws(StoreError) -> StoredRows {
        try read { statements in
            let statement = descending ? statements.descending : statements.ascending
            defer { statement.reset() }
            statement.bind(1, from)
            statement.bind(2, through)
            var rows = StoredRows()
            while rows.seqs.count < max(maxLines, 1), try statement.step() {
                let line = statement.bytes(3)
                let seq = statement.integer(0)
                if let last = rows.seqs.last {
                    guard rows.bytes.count + line.count < maxBytes, seq == last + (descending ? -1 : 1) else { break }
                }
                rows.bytes.append(contentsOf: line)
                rows.bytes.append(UInt8(ascii: "\n"))
                rows.ends.append(rows.bytes.count)
                rows.seqs.append(seq)
                rows.receivedAt.append(statement.integer(1))
                rows.previous.append(statement.integer(2))
            }
            return rows
        }
    }

    /// Calls `body` for each line, in portions, until it returns false.
    func forEach(
        from: Int64, through: Int64, descending: Bool,
        _ body: (_ seq: Int64, _ previous: Int64, _ receivedAt: Int64, _ line: UnsafeRawBufferPointer) throws -> Bool
    ) throws {
        var (low, high) = (from, through)
        while low <= high {
            let rows = try rows(
                from: low, through: high, maxLines: LineReader.portionLines, maxBytes: LineReader.portionBytes,
                descending: descending)
            guard let last = rows.seqs.last else { return }
            let goesOn = try rows.bytes.withUnsafeBytes { bytes in
                var start = 0
                for (index, end) in rows.ends.enumerated() {
                    let line = UnsafeRawBufferPointer(rebasing: bytes[start..<(end - 1)])
                    guard try body(rows.seqs[index], rows.previous[index], rows.receivedAt[index], line) else {
                        return false
                    }
                    start = end
                }
                return true
            }
            guard goesOn else { return }
            if descending { high = last - 1 } else { low = last + 1 }
        }
    }

    /// `seq` of the oldest line received at `time` or later, one above the last line if there is none.
    /// Right because `received_at` never decreases.
    func firstSeq(receivedAtOrAfter time: Int64) throws(StoreError) -> Int64 {
        try read { statements in
            var low = try statements.first.integer() ?? 1
            var high = try (statements.last.integer() ?? 0) + 1
            while low < high {
                let middle = low + (high - low) / 2
                statements.atOrAfter.bind(1, middle)
                defer { statements.atOrAfter.reset() }
                guard try statements.atOrAfter.step() else {
                    high = middle
                    continue
                }
                if statements.atOrAfter.integer(1) < time {
                    low = statements.atOrAfter.integer(0) + 1
                } else {
                    high = middle
                }
            }
            return low
        }
    }

    /// For what is asked seldom and needs no kept statement.
    func inQueue<Result>(_ body: (Database) throws -> Result) throws(StoreError) -> Result {
        do {
            return try queue.unsafeRead { db in try body(db) }
        } catch {
            throw StoreError(error, path: path)
        }
    }

    private func read<Result>(_ body: (Statements) throws -> Result) throws(StoreError) -> Result {
        do {
            return try queue.unsafeRead { _ in
                guard let statements else { throw StoreError.closed(path: path) }
                return try body(statements)
            }
        } catch {
            throw StoreError(error, path: path)
        }
    }
}

extension StoredRows {
    /// As a batch; nil without rows. Only for rows in ascending order.
    func batch() -> LineBatch? {
        seqs.first.map { LineBatch(firstSeq: $0, bytes: bytes, ends: ends) }
    }
}
