import GRDB
import GRDBSQLite

/// How the store's connections are opened. All through GRDB, one queue each, none shared between threads that wait.
enum Connections {
    /// `CTIB`: tells a store from other SQLite files.
    static let applicationID: Int64 = 0x4354_4942

    static func writer(_ configuration: StoreConfiguration) throws -> DatabaseQueue {
        var options = Configuration()
        options.label = "store.writer"
        options.busyMode = .timeout(2)
        options.foreignKeysEnabled = false
        let logLimit = configuration.logLimitBytes
        options.prepareDatabase { db in
            // These count only before the first page is written. Later they would cost a write at each start, which a full
            // disk refuses and a damaged file should be spared.
            if try Int64.fetchOne(db, sql: "PRAGMA page_count") == 0 {
                try db.execute(
                    sql: """
                        PRAGMA page_size = \(StoreConfiguration.pageSizeBytes);
                        PRAGMA auto_vacuum = INCREMENTAL;
                        PRAGMA journal_mode = WAL;
                        """)
            }
            try db.execute(
                sql: """
                    PRAGMA synchronous = FULL;
                    PRAGMA wal_autocheckpoint = 0;
                    PRAGMA journal_size_limit = \(logLimit);
                    PRAGMA secure_delete = FAST;
                    PRAGMA cache_size = -1024;
                    """)
        }
        return try DatabaseQueue(path: configuration.path, configuration: options)
    }

    /// Copies the write-ahead log into the file, beside the writer.
    static func checkpointer(_ path: String) throws -> DatabaseQueue {
        var options = Configuration()
        options.label = "store.checkpointer"
        options.prepareDatabase { db in
            try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -64")
        }
        return try DatabaseQueue(path: path, configuration: options)
    }

    static func reader(_ path: String) throws -> DatabaseQueue {
        var options = Configuration()
        options.label = "store.reader"
        options.readonly = true
        options.busyMode = .timeout(2)
        options.prepareDatabase { db in try db.execute(sql: "PRAGMA cache_size = -512") }
        return try DatabaseQueue(path: path, configuration: options)
    }
}

extension Database {
    /// The C handle, for statements that are used inside the queue of this connection only.
    func handle() throws -> OpaquePointer {
        guard let sqliteConnection else { throw SQLiteFailure(code: SQLITE_MISUSE, connection: nil) }
        return sqliteConnection
    }
}
