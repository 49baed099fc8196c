import Codecs
import GRDB

/// Tables of the store, by migration. A migration never changes once it has been released.
///
/// - `events`: one row a line; `seq` as in the line, `received_at` in µs since 1970 and never decreasing, `previous` the
///   `seq` of the previous line of the same call or 0, `line` exactly as delivered, without its newline.
/// - `sinks`: everything up to and including `cursor` has been delivered.
/// - `notes`: what acknowledgements depend on. `tracker`: at most one row, the tracker's state as of `seq`.
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
        return migrator
    }
}
