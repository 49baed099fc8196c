import Codecs
import GRDB
import GRDBSQLite
import Synchronization

/// The one thread that writes: takes what has queued, commits it, tells who waits, and removes old lines in between.
///
/// `@unchecked Sendable`: everything mutable is touched only by `run`, on the writer's thread, and by `close` after it ended.
final class StoreWriter: @unchecked Sendable {
    private let path: String
    private let work: CommitQueue
    private let state: StoreState
    private let database: EventDatabase
    private let checkpointer: Checkpointer
    private let retention: RetentionRunner
    private let logPages: LogPages
    private var isLogHeld = false
    private var isBlocked = false

    private static let firstPause: Duration = .milliseconds(50)
    private static let longestPause: Duration = .seconds(2)

    init(
        _ configuration: StoreConfiguration, queue: DatabaseQueue, lastReceivedAt: Int64, work: CommitQueue,
        state: StoreState, reader: LineReader
    ) throws {
        (path, self.work, self.state) = (configuration.path, work, state)
        database = try EventDatabase(queue: queue, lastReceivedAt: lastReceivedAt)
        logPages = try LogPages(queue)
        retention = RetentionRunner(configuration, state: state, database: database, reader: reader)
        checkpointer = try Checkpointer(configuration)
    }

    /// After the thread has ended.
    func close() {
        checkpointer.close()
        // As the last connection that writes, SQLite copies the log into the file here and removes it.
        database.close()
    }

    func run() {
        var goesOn = false
        var hadEvents = false
        while case .work(let pending) = work.take(
            deadline: goesOn ? .now : retention.due, expectingSideWork: hadEvents)
        {
            hadEvents = !pending.appends.isEmpty
            guard state.knownDamage == nil, pending.isEmpty || commit(pending) else { break }
            emptyLog()
            goesOn = removeOldLines(pending)
            if goesOn { emptyLog() }
            if retention.hasShrunk { checkpointer.requestPass() }
        }
        if let damage = state.knownDamage { work.report(damage) }
        work.end()
    }

    /// Tries until it works. False when the file is damaged, or when the store closes while writing fails.
    private func commit(_ pending: PendingWork) -> Bool {
        var pause = StoreWriter.firstPause
        while true {
            do {
                try database.write(pending)
                break
            } catch {
                guard blocked(by: StoreError(error, path: path)), !work.pause(pause) else { return false }
                pause = min(pause * 2, StoreWriter.longestPause)
            }
        }
        if isBlocked {
            isBlocked = false
            work.report(nil)
            state.notify(.recovered)
        }
        work.release(pending)
        state.committed(pending.appends)
        work.settle(pending)
        return true
    }

    /// False for damage, which no retry heals.
    private func blocked(by error: StoreError) -> Bool {
        if error.isDamage {
            state.found(error)
            return false
        }
        if !isBlocked {
            isBlocked = true
            state.notify(.blocked(error))
        }
        work.report(error)
        return true
    }

    private func emptyLog() {
        let isHeld = !checkpointer.logHas(pages: logPages.current)
        if isHeld, !isLogHeld { state.notify(.logHeld(bytes: logPages.current * StoreConfiguration.pageSizeBytes)) }
        isLogHeld = isHeld
    }

    /// True while more of it waits. A failing step is no reason to stop: it is tried again when retention is next due.
    private func removeOldLines(_ committed: PendingWork) -> Bool {
        do {
            let bytes = committed.appends.reduce(0) { $0 + $1.lines.bytes.count }
            let lines = committed.appends.reduce(0) { $0 + $1.lines.count }
            return try retention.step(afterBytes: Int64(bytes), lines: Int64(lines))
        } catch {
            state.found(StoreError(error, path: path))
            retention.postpone()
            return false
        }
    }
}

/// Pages in the write-ahead log as of the last commit, as SQLite's hook tells them.
final class LogPages {
    private let pages = Box()

    /// Alive as long as the hook can be called: the connection is closed before this goes.
    private final class Box: Sendable { let value = Atomic<Int64>(0) }

    init(_ queue: DatabaseQueue) throws {
        let context = Unmanaged.passUnretained(pages).toOpaque()
        // The answer is the context of the hook before, and there was none.
        _ = try queue.writeWithoutTransaction { db in
            sqlite3_wal_hook(
                try db.handle(),
                { context, _, _, pages in
                    if let context {
                        Unmanaged<Box>.fromOpaque(context).takeUnretainedValue()
                            .value.store(Int64(pages), ordering: .relaxed)
                    }
                    return SQLITE_OK
                }, context)
        }
    }

    var current: Int64 { pages.value.load(ordering: .relaxed) }
}
