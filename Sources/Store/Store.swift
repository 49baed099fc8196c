import Codecs
import GRDB
import Synchronization

/// The durable store of one tenant: CallEvent lines by `seq`, cursors of sinks, notes, and the tracker's checkpoint, in one
/// SQLite file. It knows lines and positions, not calls.
///
/// One thread writes, with group commit: what is handed in while a transaction syncs goes into the next one, and a lone
/// event goes out at once. Reads run on a connection of their own and never wait for the writer. `sqlite3 FILE` by hand works
/// while the store is open.
package final class Store: Sendable {
    private let configuration: StoreConfiguration
    private let lock: StoreLock
    private let state: StoreState
    private let work: CommitQueue
    private let reader: LineReader
    private let writer: StoreWriter
    private let thread: Mutex<StoreThread?>
    private let atStart: (notes: [String: [UInt8]], checkpoint: StoreCheckpoint?, trials: [String: Int64])
    private let nextSeq: Atomic<Int64>

    /// Opens the file, or begins a new one with a stream drawn by `newStream`; sets a damaged one aside.
    /// `notify` is called on any thread, also before this returns.
    package static func open(
        _ configuration: StoreConfiguration, newStream: () -> UUID128,
        notify: @escaping @Sendable (StoreNotice) -> Void
    ) throws(StoreError) -> Store {
        let files = StoreFiles(path: configuration.path)
        try files.prepare()
        let lock = try StoreLock(storePath: configuration.path)
        return try withoutActuallyEscaping(newStream) { newStream throws(StoreError) in
            let opening = StoreOpening(configuration: configuration, files: files, newStream: newStream, notify: notify)
            let (queue, contents) = try opening.open()
            return try Store(configuration, lock: lock, queue: queue, contents: contents, files: files, notify: notify)
        }
    }

    /// Drawn when the file was made; together with `seq` it names a line for ever.
    package var stream: UUID128 { state.stream }
    /// `seq` of the last line on the disk, 0 before the first.
    package var lastSeq: Int64 { state.lastSeq }
    /// `seq` of the oldest line still stored; one above `lastSeq` without any.
    package var firstSeq: Int64 { state.firstSeq }
    /// Bytes of lines handed in and not yet on the disk. Whoever appends bounds this: it stops taking from its sources.
    package var queuedBytes: Int { work.queuedBytes }

    // MARK: - Writing

    /// Hands lines to the writer. Never blocks on the disk. Calls must come in `seq` order, one at a time.
    package func append(_ append: StoreAppend) {
        let expected = nextSeq.exchange(append.lines.lastSeq + 1, ordering: .relaxed)
        // The pipeline numbers lines from `lastSeq`; a hole would be a mistake in it and would make `seq` worthless.
        precondition(append.lines.firstSeq == expected, "lines are appended without holes")
        work.append(append)
    }

    /// Writes the tracker's state with the next events, or by itself after `sideWriteDelay`.
    package func saveCheckpoint(_ checkpoint: StoreCheckpoint) { work.set(checkpoint: checkpoint) }

    /// The checkpoint as it was when the store was opened.
    package func loadCheckpoint() -> StoreCheckpoint? { atStart.checkpoint }

    /// The notes as they were when the store was opened.
    package func loadNotes() -> [String: [UInt8]] { atStart.notes }

    /// Waits until everything handed in so far is on the disk. Throws when writing fails, damage included; what was handed
    /// in stays queued then. Blocks: not for an event loop.
    package func flush() throws(StoreError) {
        if let failure = work.flush(path: configuration.path) { throw failure }
    }

    /// Writes what is queued, cursors included, ends the threads, copies the log into the file and lets go of the lock.
    /// While writing fails it gives up: what was not committed was not
    /// acknowledged either. Blocks. A second call does nothing.
    package func close() {
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        guard let thread else { return }
        work.close()
        thread.join()
        reader.close()
        writer.close()
        lock.release()
    }

    // MARK: - Sinks

    /// Everything up to and including this has been delivered to `sink`; nil for a sink that is not registered.
    package func cursor(of sink: String) -> Int64? { state.cursor(of: sink) }

    /// All registered sinks with their cursors. Lines behind the lowest of them are the only ones that retention removes.
    package var cursors: [String: Int64] { state.allCursors }

    /// Registers `sink`, or moves its cursor after a delivery. Written with the next events, or by itself after
    /// `sideWriteDelay`: after a crash the cursor may lag, it never leads.
    package func advance(sink: String, to cursor: Int64) {
        state.set(cursor: cursor, of: sink)
        work.set(cursor: cursor, of: sink)
    }

    /// Forgets a sink that is no longer configured, so that it no longer keeps lines from being removed. Its dead letters stay.
    package func forget(sink: String) {
        state.set(cursor: nil, of: sink)
        work.set(cursor: nil, of: sink)
        work.change(LetterChange.abandon(sink: sink))
    }

    /// From when the budgets of a sink run that was failing when it was last heard of; nil for one that was not.
    package func trialSince(of sink: String) -> Int64? { atStart.trials[sink] }

    /// Notes it, or with nil that the sink no longer fails. Written as a cursor is.
    package func setTrial(since time: Int64?, of sink: String) { work.set(trial: time, of: sink) }

    // MARK: - Letters and replays

    /// Writes a letter, in place of one with the same `seq`. On the disk no later than a cursor that is set afterwards.
    package func put(_ letter: StoredLetter) { work.change(.put(letter)) }

    package func removeLetter(of sink: String, seq: Int64) { work.change(.remove(sink: sink, seq: seq)) }

    /// Sends dead letters on their way again, with a budget that begins at `time` (µs since 1970).
    package func revive(_ selection: LetterSelection, of sink: String, since time: Int64) {
        work.change(.revive(sink: sink, selection, since: time))
    }

    /// Removes dead letters; those that are on their way stay.
    package func purge(_ selection: LetterSelection, of sink: String) {
        work.change(.purge(sink: sink, selection))
    }

    /// Letters handed in and not yet on the disk, in bytes. Whoever writes letters bounds this.
    package var queuedLetterBytes: Int { work.queuedLetterBytes }

    /// Letters on the disk with a `seq` above `after`, oldest first.
    package func letters(
        of sink: String, state letterState: StoredLetter.State, after: Int64, limit: Int
    ) throws(StoreError) -> [StoredLetter] {
        try reading { () throws(StoreError) in
            try reader.letters(of: sink, state: letterState, after: (sink, after), limit: limit)
        }
    }

    /// One letter on the disk.
    package func letter(of sink: String, seq: Int64) throws(StoreError) -> StoredLetter? {
        try reading { () throws(StoreError) in try reader.letter(of: sink, seq: seq) }
    }

    package func letterCounts() throws(StoreError) -> [LetterCount] {
        try reading { () throws(StoreError) in try reader.letterCounts() }
    }

    package func replays(of sink: String) throws(StoreError) -> [StoredReplay] {
        try reading { () throws(StoreError) in try reader.replays(of: sink) }
    }

    /// Writes a replay, or its progress.
    package func put(_ replay: StoredReplay) { work.change(ReplayChange.put(replay)) }

    package func removeReplay(_ id: Int64) { work.change(ReplayChange.remove(id: id)) }

    /// Lines from `seq` on are kept, whatever their age: a restart reads them back. `.max` for none. Retention begins with
    /// the first call, which therefore comes when the tracker has been restored and all sinks are registered.
    package func protect(from seq: Int64) {
        if state.protect(from: seq) { work.nudge() }
    }

    /// Calls `wake` with the new `lastSeq` after each commit of lines, on the writer's thread: it must only signal.
    package func onCommit(_ wake: @escaping @Sendable (Int64) -> Void) -> CommitRegistration {
        CommitRegistration(id: state.addWake(wake), state: state)
    }

    // MARK: - Reading

    /// Committed lines after `seq`, consecutive, oldest first: at most `maxLines` and `maxBytes`, but at least one; nil when
    /// there is none yet. From memory when they are recent (then mostly the appended batch itself), else from the database.
    /// Lines that retention has removed are skipped.
    package func next(after seq: Int64, maxLines: Int, maxBytes: Int) throws(StoreError) -> LineBatch? {
        let last = lastSeq
        guard seq < last else { return nil }
        if let batch = state.recent.next(after: seq, maxLines: maxLines, maxBytes: maxBytes) { return batch }
        return try reading { () throws(StoreError) in
            let batch = try reader.rows(from: seq + 1, through: last, maxLines: maxLines, maxBytes: maxBytes).batch()
            // Only retention removes lines, and only the oldest ones. It may just have been at work: so ask it afterwards.
            let expected = max(seq + 1, firstSeq)
            guard expected > last || batch.map({ $0.firstSeq <= expected }) == true else {
                throw .damaged(path: configuration.path, detail: "line \(expected) is missing")
            }
            return batch
        }
    }

    /// Gives up most of the memory for recent lines: sinks that keep up need little of it. The next commits fill it anew.
    package func forgetRecent() { state.recent.forget() }

    /// Calls `body` for each stored line in the range, oldest or newest first, until it returns false. The line comes
    /// without its newline and is valid only during the call. Holds no transaction while `body` runs.
    package func forEachLine(
        from: Int64, through: Int64, descending: Bool = false,
        _ body: (_ seq: Int64, _ previous: Int64, _ receivedAt: Int64, _ line: UnsafeRawBufferPointer) throws -> Bool
    ) throws {
        do {
            try reader.forEach(from: from, through: min(through, lastSeq), descending: descending, body)
        } catch let error as StoreError {
            found(error)
            throw error
        }
    }

    /// `seq` of the oldest line received at `time` (µs since 1970) or later; one above the last line if there is none.
    package func firstSeq(receivedAtOrAfter time: Int64) throws(StoreError) -> Int64 {
        try reading { () throws(StoreError) in try reader.firstSeq(receivedAtOrAfter: time) }
    }

    /// One line without its newline, nil when it is not stored.
    package func line(_ seq: Int64) throws(StoreError) -> (previous: Int64, line: [UInt8])? {
        let rows = try reading { () throws(StoreError) in
            try reader.rows(from: seq, through: seq, maxLines: 1, maxBytes: .max)
        }
        return rows.previous.first.map { ($0, Array(rows.bytes.dropLast())) }
    }

    /// Damage ends all writing, at once.
    private func found(_ error: StoreError) {
        guard error.isDamage else { return }
        state.found(error)
        work.nudge()
    }

    private func reading<Result>(_ body: () throws(StoreError) -> Result) throws(StoreError) -> Result {
        do {
            return try body()
        } catch {
            found(error)
            throw error
        }
    }

    private init(
        _ configuration: StoreConfiguration, lock: StoreLock, queue: sending DatabaseQueue, contents: StoreContents,
        files: StoreFiles, notify: @escaping @Sendable (StoreNotice) -> Void
    ) throws(StoreError) {
        (self.configuration, self.lock) = (configuration, lock)
        state = StoreState(
            files: files, contents: contents, windowBytes: configuration.windowBytes, notify: notify)
        work = CommitQueue(
            sideWriteDelay: configuration.sideWriteDelay, transactionBytes: Int(configuration.transactionBytes))
        atStart = (contents.notes, contents.checkpoint, contents.trials)
        nextSeq = Atomic(contents.lastSeq + 1)
        reader = try LineReader(path: configuration.path)
        do {
            writer = try StoreWriter(
                configuration, queue: queue, lastReceivedAt: contents.lastReceivedAt, work: work, state: state,
                reader: reader)
        } catch {
            throw StoreError(error, path: configuration.path)
        }
        thread = Mutex(nil)
        let writer = writer
        guard let started = StoreThread(name: "store-writer", { writer.run() }) else {
            writer.close()
            throw .cannotOpen(path: configuration.path, detail: "no thread for its writer")
        }
        thread.withLock { $0 = started }
    }

    deinit { close() }
}

/// A wake that was asked for with `onCommit`; ends with `cancel` or with its last reference.
package final class CommitRegistration: Sendable {
    private let id: UInt64
    private let state: StoreState

    init(id: UInt64, state: StoreState) { (self.id, self.state) = (id, state) }

    package func cancel() { state.removeWake(id) }

    deinit { cancel() }
}
