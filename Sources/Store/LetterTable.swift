import GRDBSQLite

/// Writes `dead_letters` and `replays`, inside the transaction of whoever calls it. Lives on the writer's thread.
final class LetterTable {
    private let put, remove, reviveAll, reviveOne, purgeAll, purgeOne, abandon, removeOld: PreparedStatement
    private let putReplay, removeReplay: PreparedStatement

    init(_ connection: OpaquePointer) throws {
        func prepare(_ sql: String) throws -> PreparedStatement { try PreparedStatement(connection, sql) }
        put = try prepare(
            """
            INSERT OR REPLACE INTO dead_letters (sink, seq, state, lane, since, changed_at, attempts, reason, trail, line)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        remove = try prepare("DELETE FROM dead_letters WHERE sink = ? AND seq = ?")
        let revive = "UPDATE dead_letters SET state = 'retry', since = ? WHERE sink = ? AND state = 'dead'"
        reviveAll = try prepare(revive)
        reviveOne = try prepare("\(revive) AND seq = ?")
        // What is on its way is the service's: it would be written again with its next attempt.
        let purge = "DELETE FROM dead_letters WHERE sink = ? AND state = 'dead'"
        purgeAll = try prepare(purge)
        purgeOne = try prepare("\(purge) AND seq = ?")
        abandon = try prepare("UPDATE dead_letters SET state = 'dead' WHERE sink = ?")
        removeOld = try prepare("DELETE FROM dead_letters WHERE state = 'dead' AND changed_at < ?")
        putReplay = try prepare("INSERT OR REPLACE INTO replays (id, sink, next, through, call) VALUES (?, ?, ?, ?, ?)")
        removeReplay = try prepare("DELETE FROM replays WHERE id = ?")
    }

    func apply(_ change: LetterChange) throws {
        switch change {
        case .put(let letter): try write(letter)
        case .remove(let sink, let seq):
            try withText(sink) {
                remove.bind(1, text: $0)
            } then: {
                remove.bind(2, seq)
                try remove.run()
            }
        case .revive(let sink, let selection, let since):
            try apply(selection, to: sink, all: reviveAll, one: reviveOne, first: since)
        case .purge(let sink, let selection):
            try apply(selection, to: sink, all: purgeAll, one: purgeOne, first: nil)
        case .abandon(let sink):
            try withText(sink) {
                abandon.bind(1, text: $0)
            } then: {
                try abandon.run()
            }
        }
    }

    func apply(_ change: ReplayChange) throws {
        switch change {
        case .put(let replay):
            try withText(replay.sink) {
                putReplay.bind(2, text: $0)
            } then: {
                putReplay.bind(1, replay.id)
                putReplay.bind(3, replay.next)
                putReplay.bind(4, replay.through)
                guard let call = replay.call else {
                    putReplay.bindNull(5)
                    return try putReplay.run()
                }
                try withText(call) {
                    putReplay.bind(5, text: $0)
                } then: {
                    try putReplay.run()
                }
            }
        case .remove(let id):
            removeReplay.bind(1, id)
            try removeReplay.run()
        }
    }

    func removeDead(olderThan time: Int64) throws {
        removeOld.bind(1, time)
        try removeOld.run()
    }

    private func apply(
        _ selection: LetterSelection, to sink: String, all: PreparedStatement, one: PreparedStatement, first: Int64?
    ) throws {
        let offset: Int32 = first == nil ? 0 : 1
        func run(_ statement: PreparedStatement, seq: Int64?) throws {
            if let first { statement.bind(1, first) }
            try withText(sink) {
                statement.bind(offset + 1, text: $0)
            } then: {
                if let seq { statement.bind(offset + 2, seq) }
                try statement.run()
            }
        }
        switch selection {
        case .all: try run(all, seq: nil)
        case .seqs(let seqs): for seq in seqs { try run(one, seq: seq) }
        }
    }

    private func write(_ letter: StoredLetter) throws {
        try withText(letter.sink) {
            put.bind(1, text: $0)
        } then: {
            put.bind(2, letter.seq)
            try withText(letter.state.rawValue) {
                put.bind(3, text: $0)
            } then: {
                put.bind(4, Int64(bitPattern: letter.lane))
                put.bind(5, letter.since)
                put.bind(6, letter.changedAt)
                put.bind(7, Int64(letter.attempts))
                try withText(letter.reason) {
                    put.bind(8, text: $0)
                } then: {
                    try withText(letter.trail) {
                        put.bind(9, text: $0)
                    } then: {
                        try letter.line.withUnsafeBytes { line in
                            put.bind(10, text: line)
                            try put.run()
                        }
                    }
                }
            }
        }
    }

    /// The bytes of `text` stay where they are until `then` has run.
    private func withText(
        _ text: String, _ bind: (UnsafeRawBufferPointer) -> Void, then: () throws -> Void
    ) throws {
        var text = text
        try text.withUTF8 {
            bind(UnsafeRawBufferPointer($0))
            try then()
        }
    }
}
