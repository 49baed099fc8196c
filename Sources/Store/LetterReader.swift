import GRDB
import GRDBSQLite

/// How many letters of a sink there are in each state.
package struct LetterCount: Sendable, Equatable {
    package let sink: String
    package let state: StoredLetter.State
    package let count: Int

    package init(sink: String, state: StoredLetter.State, count: Int) {
        (self.sink, self.state, self.count) = (sink, state, count)
    }
}

/// Reads letters and replays, on the connection of `LineReader`.
extension LineReader {
    private static let columns = "sink, seq, state, lane, since, changed_at, attempts, reason, trail, line"

    /// Letters after `seq`, oldest first. Nil for `sink` or `state`: any; letters of several sinks come in the order of the names.
    func letters(
        of sink: String?, state: StoredLetter.State?, after: (sink: String, seq: Int64) = ("", .min), limit: Int
    ) throws(StoreError) -> [StoredLetter] {
        try inQueue { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT \(Self.columns) FROM dead_letters
                    WHERE (sink, seq) > (?, ?) AND (? IS NULL OR sink = ?) AND (? IS NULL OR state = ?)
                    ORDER BY sink, seq LIMIT ?
                    """,
                arguments: [after.sink, after.seq, sink, sink, state?.rawValue, state?.rawValue, limit]
            ).map(Self.letter)
        }
    }

    func letter(of sink: String, seq: Int64) throws(StoreError) -> StoredLetter? {
        try inQueue { db in
            try Row.fetchOne(
                db, sql: "SELECT \(Self.columns) FROM dead_letters WHERE sink = ? AND seq = ?", arguments: [sink, seq]
            ).map(Self.letter)
        }
    }

    func letterCounts() throws(StoreError) -> [LetterCount] {
        try inQueue { db in
            try Row.fetchAll(
                db, sql: "SELECT sink, state, count(*) FROM dead_letters GROUP BY sink, state ORDER BY sink, state"
            ).map { LetterCount(sink: $0[0], state: StoredLetter.State(rawValue: $0[1]) ?? .dead, count: $0[2]) }
        }
    }

    func replays(of sink: String) throws(StoreError) -> [StoredReplay] {
        try inQueue { db in
            try Row.fetchAll(
                db, sql: "SELECT id, sink, next, through, call FROM replays WHERE sink = ? ORDER BY id",
                arguments: [sink]
            ).map { StoredReplay(id: $0[0], sink: $0[1], next: $0[2], through: $0[3], call: $0[4]) }
        }
    }

    private static func letter(_ row: Row) -> StoredLetter {
        let line: String = row[9]
        return StoredLetter(
            sink: row[0], seq: row[1], state: StoredLetter.State(rawValue: row[2]) ?? .dead,
            lane: UInt64(bitPattern: row[3]), since: row[4], changedAt: row[5], attempts: row[6], reason: row[7],
            trail: row[8], line: Array(line.utf8))
    }
}
