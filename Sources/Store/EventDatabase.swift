import Codecs
import GRDB
import GRDBSQLite

/// The writing connection: appends, side work and removal, each one transaction, on cached statements.
///
/// Not Sendable: lives on the writer's thread. Text goes to SQLite by pointer into the batch.
final class EventDatabase {
    private let queue: DatabaseQueue
    private var statements: Statements?
    private var letters: LetterTable?
    private var lastReceivedAt: Int64

    private struct Statements {
        let connection: OpaquePointer
        let begin, commit, rollback: PreparedStatement
        let insert: PreparedStatement
        let putNote, dropNote: PreparedStatement
        let putCursor, dropSink, putTrial: PreparedStatement
        let putCheckpoint: PreparedStatement
        let delete, setLastSeq: PreparedStatement
        let pageSize, pageCount, freeCount: PreparedStatement

        init(_ connection: OpaquePointer) throws {
            func prepare(_ sql: String) throws -> PreparedStatement { try PreparedStatement(connection, sql) }
            self.connection = connection
            begin = try prepare("BEGIN IMMEDIATE")
            commit = try prepare("COMMIT")
            rollback = try prepare("ROLLBACK")
            insert = try prepare("INSERT INTO events (seq, received_at, previous, line) VALUES (?, ?, ?, ?)")
            putNote = try prepare("INSERT OR REPLACE INTO notes (key, value) VALUES (?, ?)")
            dropNote = try prepare("DELETE FROM notes WHERE key = ?")
            putCursor = try prepare(
                "INSERT INTO sinks (name, cursor) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET cursor = excluded.cursor"
            )
            putTrial = try prepare("UPDATE sinks SET tried_since = nullif(?, 0) WHERE name = ?")
            dropSink = try prepare("DELETE FROM sinks WHERE name = ?")
            putCheckpoint = try prepare("INSERT OR REPLACE INTO tracker (id, seq, data) VALUES (1, ?, ?)")
            delete = try prepare("DELETE FROM events WHERE seq <= ?")
            setLastSeq = try prepare("UPDATE meta SET last_seq = ?")
            pageSize = try prepare("PRAGMA page_size")
            pageCount = try prepare("PRAGMA page_count")
            freeCount = try prepare("PRAGMA freelist_count")
        }
    }

    init(queue: DatabaseQueue, lastReceivedAt: Int64) throws {
        (self.queue, self.lastReceivedAt) = (queue, lastReceivedAt)
        statements = try queue.writeWithoutTransaction { db in try Statements(try db.handle()) }
        letters = try queue.writeWithoutTransaction { db in try LetterTable(try db.handle()) }
    }

    func close() {
        (statements, letters) = (nil, nil)
        // Fails only with statements left, and there are none.
        try? queue.close()
    }

    /// All of `work` or none of it; on the disk when this returns.
    func write(_ work: PendingWork) throws {
        try transaction { statements in
            for append in work.appends {
                try insert(append, statements)
                for note in append.notes { try put(note: note.value, key: note.key, statements) }
            }
            // Before the cursors, which may rely on them.
            for letter in work.letters { try letters?.apply(letter) }
            for replay in work.replays { try letters?.apply(replay) }
            for (sink, cursor) in work.cursors { try put(cursor: cursor, sink: sink, statements) }
            for (sink, since) in work.trials { try put(trial: since, sink: sink, statements) }
            if let checkpoint = work.checkpoint {
                try checkpoint.data.withUnsafeBytes { data in
                    statements.putCheckpoint.bind(1, checkpoint.seq)
                    statements.putCheckpoint.bind(2, blob: data)
                    try statements.putCheckpoint.run()
                }
            }
        }
    }

    /// Removes lines up to `seq`; `lastSeq` is remembered for the case that none is left.
    func remove(through seq: Int64, lastSeq: Int64) throws {
        try transaction { statements in
            statements.delete.bind(1, seq)
            try statements.delete.run()
            statements.setLastSeq.bind(1, lastSeq)
            try statements.setLastSeq.run()
        }
    }

    /// Removes dead letters that have not changed since `time` (µs since 1970).
    func removeLetters(olderThan time: Int64) throws {
        try transaction { _ in try letters?.removeDead(olderThan: time) }
    }

    /// Gives up to `pages` free pages at the end of the file back to the file system.
    func shrink(pages: Int) throws {
        try queue.writeWithoutTransaction { db in try db.execute(sql: "PRAGMA incremental_vacuum(\(pages))") }
    }

    /// Size of the file once the log is copied into it, and the part of it that holds content.
    func size() throws -> (fileBytes: Int64, usedBytes: Int64) {
        try run { statements in
            let page = try statements.pageSize.integer() ?? 0
            let count = try statements.pageCount.integer() ?? 0
            return (count * page, (count - (try statements.freeCount.integer() ?? 0)) * page)
        }
    }

    private func run<Result>(_ body: (Statements) throws -> Result) throws -> Result {
        try queue.writeWithoutTransaction { _ in
            guard let statements else { throw SQLiteFailure(code: SQLITE_MISUSE, connection: nil) }
            return try body(statements)
        }
    }

    private func transaction(_ body: (Statements) throws -> Void) throws {
        try run { statements in
            try statements.begin.run()
            do {
                try body(statements)
                try statements.commit.run()
            } catch {
                // SQLite has rolled back by itself after some errors; where not, a failing rollback shows at the next begin.
                if sqlite3_get_autocommit(statements.connection) == 0 { try? statements.rollback.run() }
                throw error
            }
        }
    }

    private func insert(_ append: StoreAppend, _ statements: Statements) throws {
        let (lines, insert) = (append.lines, statements.insert)
        try lines.bytes.withUnsafeBytes { bytes in
            var start = 0
            var seq = lines.firstSeq
            for index in 0..<lines.count {
                let end = lines.ends[index]
                lastReceivedAt = max(lastReceivedAt, append.receivedAt[index])
                insert.bind(1, seq)
                insert.bind(2, lastReceivedAt)
                insert.bind(3, append.previous[index])
                insert.bind(4, text: UnsafeRawBufferPointer(rebasing: bytes[start..<(end - 1)]))
                try insert.run()
                start = end
                seq += 1
            }
        }
    }

    private func put(note value: [UInt8], key: String, _ statements: Statements) throws {
        try withText(key) { key in
            guard !value.isEmpty else {
                statements.dropNote.bind(1, text: key)
                return try statements.dropNote.run()
            }
            try value.withUnsafeBytes { value in
                statements.putNote.bind(1, text: key)
                statements.putNote.bind(2, blob: value)
                try statements.putNote.run()
            }
        }
    }

    private func put(cursor: Int64?, sink: String, _ statements: Statements) throws {
        try withText(sink) { sink in
            guard let cursor else {
                statements.dropSink.bind(1, text: sink)
                return try statements.dropSink.run()
            }
            statements.putCursor.bind(1, text: sink)
            statements.putCursor.bind(2, cursor)
            try statements.putCursor.run()
        }
    }

    private func put(trial: Int64?, sink: String, _ statements: Statements) throws {
        try withText(sink) { sink in
            statements.putTrial.bind(1, trial ?? 0)
            statements.putTrial.bind(2, text: sink)
            try statements.putTrial.run()
        }
    }

    private func withText(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var text = text
        try text.withUTF8 { try body(UnsafeRawBufferPointer($0)) }
    }
}
