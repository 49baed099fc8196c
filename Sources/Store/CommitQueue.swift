import Codecs
import Synchronization

/// What goes into one transaction.
struct PendingWork {
    var appends: ArraySlice<StoreAppend> = []
    /// New cursors; nil forgets the sink.
    var cursors: [String: Int64?] = [:]
    /// In the order in which they were asked for.
    var letters: [LetterChange] = []
    var replays: [ReplayChange] = []
    /// From when the budgets of a sink run.
    var trials: [String: Int64?] = [:]
    var checkpoint: StoreCheckpoint?
    /// Everything handed in up to this ticket is settled once this work is.
    var ticket: UInt64 = 0

    var isEmpty: Bool {
        appends.isEmpty && cursors.isEmpty && letters.isEmpty && replays.isEmpty && trials.isEmpty && checkpoint == nil
    }
}

/// Between the callers of the store and its writer: work waits here while a transaction syncs, and then goes into the next.
///
/// Bounded by its users: they stop taking from their sources while `queuedBytes` is too high.
final class CommitQueue: Sendable {
    fileprivate struct State {
        var work = PendingWork()
        var tickets: UInt64 = 0
        var settled: UInt64 = 0
        /// When cursors and checkpoint are written without an event.
        var sideWriteDue: MonotonicTime?
        var flushes = 0
        /// Someone wants the writer to take a turn without work.
        var isNudged = false
        var isClosing = false
        var hasEnded = false
        var failure: StoreError?
        /// The writer waits without a deadline: new side work must wake it so that it sets one.
        var writerSleeps = false
    }

    private let state = Monitor(State())
    private let bytes = Atomic<Int>(0)
    private let letterBytes = Atomic<Int>(0)
    private let sideWriteDelay: Duration
    /// One transaction takes no more than about this, so that the log stays within its bound.
    private let transactionBytes: Int

    init(sideWriteDelay: Duration, transactionBytes: Int) {
        (self.sideWriteDelay, self.transactionBytes) = (sideWriteDelay, transactionBytes)
    }

    /// Bytes of lines handed in and not yet on the disk.
    var queuedBytes: Int { bytes.load(ordering: .relaxed) }

    func append(_ append: StoreAppend) {
        bytes.wrappingAdd(append.lines.bytes.count, ordering: .relaxed)
        let wasEmpty = state.withLock { state in
            state.tickets += 1
            state.work.appends.append(append)
            return state.work.appends.count == 1
        }
        if wasEmpty { state.signal() }
    }

    func set(cursor: Int64?, of sink: String) {
        addSideWork { $0.cursors[sink] = .some(cursor) }
    }

    /// Bytes of changes to letters that are not on the disk yet.
    var queuedLetterBytes: Int { letterBytes.load(ordering: .relaxed) }

    func change(_ letter: LetterChange) {
        letterBytes.wrappingAdd(letter.bytes, ordering: .relaxed)
        addSideWork { $0.letters.append(letter) }
    }

    func change(_ replay: ReplayChange) {
        addSideWork { $0.replays.append(replay) }
    }

    func set(trial: Int64?, of sink: String) {
        addSideWork { $0.trials[sink] = .some(trial) }
    }

    func set(checkpoint: StoreCheckpoint) {
        addSideWork { $0.checkpoint = checkpoint }
    }

    /// Lets the writer look at retention.
    func nudge() {
        state.withLock { $0.isNudged = true }
        state.signal()
    }

    private func addSideWork(_ change: (inout PendingWork) -> Void) {
        let mustWake = state.withLock { state in
            state.tickets += 1
            change(&state.work)
            if state.sideWriteDue == nil { state.sideWriteDue = .now + sideWriteDelay }
            return state.writerSleeps
        }
        if mustWake { state.signal() }
    }

    // MARK: - The writer's side

    enum Turn {
        /// Empty when only `deadline` has come, or a nudge.
        case work(PendingWork)
        /// Closed, and nothing is left.
        case end
    }

    /// Waits for events, for due side work, or for `deadline`. Side work rides along with events.
    ///
    /// After events their cursors will come: `expectingSideWork` makes the writer look for them by itself, so that a sink
    /// that delivers at once need not wake it for each event.
    func take(deadline: MonotonicTime?, expectingSideWork: Bool) -> Turn {
        let look = expectingSideWork ? MonotonicTime.now + sideWriteDelay : nil
        return state.wait(
            deadline: { state in
                let side = state.sideWriteDue ?? look.flatMap { $0 > .now ? $0 : nil }
                state.writerSleeps = side == nil
                return [deadline, side].compactMap { $0 }.min()
            },
            until: { [transactionBytes] state in
                state.writerSleeps = false
                if !state.work.appends.isEmpty { return .work(state.takeWork(upTo: transactionBytes)) }
                let now = MonotonicTime.now
                if state.isClosing || state.flushes > 0 || state.sideWriteDue.map({ $0 <= now }) == true {
                    if !state.work.isEmpty { return .work(state.takeWork(upTo: transactionBytes)) }
                    state.sideWriteDue = nil
                    if state.isClosing { return .end }
                }
                if state.isNudged || deadline.map({ $0 <= now }) == true {
                    state.isNudged = false
                    return .work(PendingWork())
                }
                return nil
            })
    }

    /// After the commit.
    func settle(_ work: PendingWork) {
        let waiters = state.withLock { state in
            state.settled = work.ticket
            return state.flushes > 0
        }
        if waiters { state.signal() }
    }

    func release(_ work: PendingWork) {
        let size = work.appends.reduce(0) { $0 + $1.lines.bytes.count }
        bytes.wrappingSubtract(size, ordering: .relaxed)
        letterBytes.wrappingSubtract(work.letters.reduce(0) { $0 + $1.bytes }, ordering: .relaxed)
    }

    /// Tells those who wait in `flush` why they wait in vain; nil once writing works again.
    func report(_ failure: StoreError?) {
        state.withLock { $0.failure = failure }
        state.signal()
    }

    /// Waits before the next attempt; true at once when the store is closing.
    func pause(_ duration: Duration) -> Bool {
        let end = MonotonicTime.now + duration
        return state.wait(deadline: { _ in end }) { state in
            state.isClosing ? true : MonotonicTime.now >= end ? false : nil
        }
    }

    func end() {
        state.withLock { $0.hasEnded = true }
        state.signal()
    }

    // MARK: - The callers' side

    /// Waits until everything handed in so far is on the disk. Returns why not, if writing fails.
    func flush(path: String) -> StoreError? {
        let ticket = state.withLock { state in
            state.flushes += 1
            return state.tickets
        }
        state.signal()
        defer { state.withLock { $0.flushes -= 1 } }
        return state.wait(deadline: { _ in nil }) { state -> StoreError?? in
            if state.settled >= ticket { return .some(nil) }
            if let failure = state.failure { return .some(failure) }
            return state.hasEnded ? .some(.closed(path: path)) : nil
        }
    }

    func close() {
        state.withLock { $0.isClosing = true }
        state.signal()
    }
}

extension CommitQueue.State {
    fileprivate mutating func takeWork(upTo limit: Int) -> PendingWork {
        var taken = work
        var size = 0
        let end = work.appends.firstIndex { append in
            defer { size += append.lines.bytes.count }
            return size > limit
        }
        sideWriteDue = nil
        if let end {
            taken.appends = work.appends[..<end]
            work = PendingWork(appends: work.appends[end...], checkpoint: work.checkpoint)
            // The rest carries the ticket, for which callers of `flush` wait, and the checkpoint, which must not lead it.
            taken.ticket = settled
            taken.checkpoint = nil
        } else {
            work = PendingWork()
            taken.ticket = tickets
        }
        return taken
    }
}
