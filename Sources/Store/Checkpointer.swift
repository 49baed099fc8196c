import GRDB
import GRDBSQLite

/// Copies the write-ahead log into the file on a thread of its own, so that the writer does not pay for it.
///
/// SQLite starts the log anew only when all of it is copied and nobody reads it. Under steady load the copy never catches up,
/// so at the hard limit the writer waits once for the rest: that bounds the log.
///
/// `@unchecked Sendable`: `queue` is used by the one thread only; everything shared is in `state`.
final class Checkpointer: @unchecked Sendable {
    private struct State {
        var logPages: Int64 = 0
        var copiedPages: Int64 = 0
        /// Length of the log when the last pass began. The next one begins when it has grown a stretch beyond that, however
        /// the last one ended: a reader in the way or a failure must not make it run in circles.
        var passPages: Int64 = 0
        /// Passes begun, ended, and asked for by the writer: a pass under way does not answer a request.
        var begun = 0
        var ended = 0
        var wanted = 0
        /// After a vain wait the writer waits again only when the log has grown to here.
        var nextWaitPages: Int64 = 0
        var isClosing = false
    }

    private let queue: DatabaseQueue
    private let state = Monitor(State())
    private let softPages: Int64
    private let hardPages: Int64
    private var thread: StoreThread?

    init(_ configuration: StoreConfiguration) throws {
        queue = try Connections.checkpointer(configuration.path)
        // The rest is room for the transaction that reaches it.
        hardPages = configuration.logLimitBytes / 4 * 3 / StoreConfiguration.pageSizeBytes
        softPages = max(hardPages / 8, 16)
        guard let thread = StoreThread(name: "store-ckpt", { [self] in run() }) else {
            throw StoreError.cannotOpen(path: configuration.path, detail: "no thread for its checkpoints")
        }
        self.thread = thread
    }

    /// From the writer, after a commit: the log now has so many pages. Waits at the hard limit. Returns false when the log
    /// cannot be emptied (a reader holds on to it, or copying fails), so that it goes on growing.
    func logHas(pages: Int64) -> Bool {
        let mustRun = state.withLock { state in
            if pages < state.logPages { (state.copiedPages, state.passPages, state.nextWaitPages) = (0, 0, 0) }
            state.logPages = pages
            return pages - state.passPages >= softPages
        }
        guard mustRun || pages >= hardPages else { return true }
        state.signal()
        return pages < hardPages || emptied()
    }

    /// Asks for a pass whatever the length of the log.
    func requestPass() {
        state.withLock { $0.wanted = $0.begun + 1 }
        state.signal()
    }

    /// A reader in the way ends a pass early, so only a slow disk makes one long; beyond this the writer goes on all the same.
    private static let longestWait: Duration = .seconds(30)

    /// Waits for a pass that began after the last commit. SQLite then starts the log anew with the next one.
    private func emptied() -> Bool {
        let limit = MonotonicTime.now + Self.longestWait
        let pass = state.withLock { [hardPages] state -> Int? in
            guard state.logPages >= max(hardPages, state.nextWaitPages) else { return nil }
            state.wanted = state.begun + 1
            return state.wanted
        }
        guard let pass else { return false }
        state.signal()
        return state.wait(deadline: { _ in limit }) { [softPages] state in
            guard state.ended >= pass || MonotonicTime.now >= limit else { return nil }
            if state.ended >= pass, state.copiedPages >= state.logPages { return true }
            state.nextWaitPages = state.logPages + softPages
            return false
        }
    }

    func close() {
        state.withLock { $0.isClosing = true }
        state.signal()
        thread?.join()
        thread = nil
        // Fails only with statements left, and none is ever cached here.
        try? queue.close()
    }

    private func run() {
        while nextPass() {
            var (logPages, copiedPages): (Int32, Int32) = (-1, -1)
            // A failing pass (full disk, I/O) leaves the log as it is; the next commits ask for another one.
            let code = queue.writeWithoutTransaction { db in
                sqlite3_wal_checkpoint_v2(db.sqliteConnection, nil, SQLITE_CHECKPOINT_PASSIVE, &logPages, &copiedPages)
            }
            state.withLock { state in
                state.ended = state.begun
                if code == SQLITE_OK { state.copiedPages = Int64(copiedPages) }
            }
            state.signal()
        }
    }

    private func nextPass() -> Bool {
        state.wait(deadline: { _ in nil }) { [softPages] state in
            if state.isClosing { return false }
            guard state.begun < state.wanted || state.logPages - state.passPages >= softPages else { return nil }
            state.passPages = state.logPages
            state.begun += 1
            return true
        }
    }
}
