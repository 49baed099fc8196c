import Codecs
import GRDB

/// Tables of the store, by migration. A migration never changes once it has been released.
///
/// - `events`: one row a line; `seq` as in the line, `received_at` in µs since 1970 and never decreasing, `previous` the
///   `seq` of the previous line of the same call or 0, `line` exactly as delivered, without its newline.
/// - `sinks`: everything up to and including `cursor` has been delivered.
/// - `notes`: what acknowledgements depend on. `tracker`: at most one row, the tracker's state as of `seq`.
/// - `sinks.tried_since`: from when the budgets of a sink that fails run; null for one that does not.
/// - `dead_letters`: lines that a sink did not take, as it would have got them. `state`: `dead` waits for an operator, `parked`
///   is tried further by itself, `retry` was sent on its way again. `lane` orders lines of one call; `trail` tells every attempt.
/// - `replays`: stored lines from `next` to `through` that a sink is to get again, of one call where `call` is not null.
/// - `meta`: one row. `last_seq` is behind or equal to the last event, and counts once retention has removed them all.
enum Schema {
    static func migrator(stream: UUID128, createdAt: Int64) -> DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE events (
                        seq INTEGER PRIMARY KEY,
                        received_at INTEGER NOT NULL,
                        previous INTEGER NOT NULL,
                        line TEXT NOT NULL);
                    CREATE TABLE sinks (name TEXT PRIMARY KEY, cursor INTEGER NOT NULL) WITHOUT ROWID;
                    CREATE TABLE notes (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
                    CREATE TABLE tracker (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, data BLOB NOT NULL);
                    CREATE TABLE meta (
                        id INTEGER PRIMARY KEY CHECK (id = 1),
                        stream TEXT NOT NULL,
                        created_at INTEGER NOT NULL,
                        last_seq INTEGER NOT NULL);
                    PRAGMA application_id = \(Connections.applicationID);
                    """)
            try db.execute(
                sql: "INSERT INTO meta (id, stream, created_at, last_seq) VALUES (1, ?, ?, 0)",
                arguments: [stream.description, createdAt])
        }
        migrator.registerMigration("2") { db in
            try db.execute(
                sql: """
                    ALTER TABLE sinks ADD COLUMN tried_since INTEGER;
                    CREATE TABLE dead_letters (
                        sink TEXT NOT NULL,
                        seq INTEGER NOT NULL,
                        state TEXT NOT NULL CHECK (state IN ('dead', 'parked', 'retry')),
                        lane INTEGER NOT NULL,
                        since INTEGER NOT NULL,
                        changed_at INTEGER NOT NULL,
                        attempts INTEGER NOT NULL,
                        reason TEXT NOT NULL,
                        trail TEXT NOT NULL,
                        line TEXT NOT NULL,
                        PRIMARY KEY (sink, seq));
                    CREATE TABLE replays (
                        id INTEGER PRIMARY KEY,
                        sink TEXT NOT NULL,
                        next INTEGER NOT NULL,
                        through INTEGER NOT NULL,
                        call TEXT);
                    """)
        }
        return migrator
    }
}
