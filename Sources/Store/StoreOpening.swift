import Codecs
import Foundation
import GRDB

/// Opens the writing connection and reads what continues. A damaged file is set aside, once, and a new one begun.
struct StoreOpening {
    let configuration: StoreConfiguration
    let files: StoreFiles
    let newStream: () -> UUID128
    let notify: (StoreNotice) -> Void

    /// Lines at the end that are read in full, to see that the file is sound where it was written last.
    private static let inspectedLines = 1000

    func open() throws(StoreError) -> (DatabaseQueue, StoreContents) {
        do throws(StoreError) {
            if let reason = files.damageFoundBeforeOpening() {
                throw StoreError.damaged(path: files.path, detail: reason)
            }
            return try openSound()
        } catch {
            guard error.isDamage else { throw error }
            let aside = try files.setAside(now: configuration.now())
            notify(.setAside(path: aside, reason: error.description))
            return try openSound()
        }
    }

    private func openSound() throws(StoreError) -> (DatabaseQueue, StoreContents) {
        try files.makeFile()
        do {
            let queue = try Connections.writer(configuration)
            do {
                try checkOwner(queue)
                let migrator = Schema.migrator(stream: newStream(), createdAt: configuration.now())
                let isNewer = try queue.unsafeRead { db in try migrator.hasBeenSuperseded(db) }
                guard !isNewer else { throw StoreError.newerSchema(path: files.path) }
                try migrator.migrate(queue)
                return (queue, try queue.unsafeRead { db in try contents(db) })
            } catch {
                // The first error is the one to tell.
                try? queue.close()
                throw error
            }
        } catch {
            throw StoreError(error, path: files.path)
        }
    }

    /// A database with tables that are not ours must not be written to.
    private func checkOwner(_ queue: DatabaseQueue) throws {
        let isOurs = try queue.unsafeRead { db in
            let id = try Int64.fetchOne(db, sql: "PRAGMA application_id")
            let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master")
            return tables == 0 || id == Connections.applicationID
        }
        guard isOurs else { throw StoreError.foreign(path: files.path) }
    }

    private func contents(_ db: Database) throws -> StoreContents {
        guard let meta = try Row.fetchOne(db, sql: "SELECT stream, last_seq FROM meta"),
            let text = String.fromDatabaseValue(meta["stream"]), let stream = UUID128(text),
            let remembered = Int64.fromDatabaseValue(meta["last_seq"])
        else {
            throw StoreError.damaged(path: files.path, detail: "table meta does not hold one row with a stream")
        }
        try inspectTail(db)
        let lastSeq = max(try Int64.fetchOne(db, sql: "SELECT max(seq) FROM events") ?? 0, remembered)
        let firstSeq = try Int64.fetchOne(db, sql: "SELECT min(seq) FROM events") ?? lastSeq + 1
        let lastReceivedAt = try Int64.fetchOne(db, sql: "SELECT received_at FROM events ORDER BY seq DESC LIMIT 1")
        var contents = StoreContents(
            stream: stream, lastSeq: lastSeq, firstSeq: firstSeq, lastReceivedAt: lastReceivedAt ?? 0, cursors: [:],
            notes: [:], checkpoint: nil)
        for row in try Row.fetchAll(db, sql: "SELECT name, cursor, tried_since FROM sinks") {
            contents.cursors[row["name"]] = row["cursor"]
            contents.trials[row["name"]] = row["tried_since"]
        }
        for row in try Row.fetchAll(db, sql: "SELECT key, value FROM notes") {
            contents.notes[row["key"]] = [UInt8](row["value"] as Data)
        }
        if let row = try Row.fetchOne(db, sql: "SELECT seq, data FROM tracker") {
            contents.checkpoint = StoreCheckpoint(seq: row["seq"], data: [UInt8](row["data"] as Data))
        }
        return contents
    }

    /// SQLite has no checksums: a page of zeros reads as rows of nothing. Lines are objects, in order, without holes.
    private func inspectTail(_ db: Database) throws {
        let isSound = try Bool.fetchOne(
            db,
            sql: """
                SELECT count(*) = 0 OR (max(seq) - min(seq) + 1 = count(*) AND
                    sum(typeof(line) = 'text' AND line LIKE '{%}' AND previous < seq) = count(*))
                FROM (SELECT seq, previous, line FROM events ORDER BY seq DESC LIMIT ?)
                """, arguments: [StoreOpening.inspectedLines])
        guard isSound == true else {
            throw StoreError.damaged(path: files.path, detail: "the last rows of table events are not lines in a row")
        }
    }
}
