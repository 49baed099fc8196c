import BridgeCore
import CallModel
import Codecs
import NIOCore
import Store

/// Facts in, durable lines out, receipts back. Confined to the tenant's event loop: nothing comes between reading the tracker
/// and handing its lines to the store, so `seq` order is the order of events.
final class IngestPipeline {
    /// Events after which the tracker's state is written down, so that a restart reads back at most so many.
    static let checkpointInterval = 50_000

    let eventLoop: any EventLoop
    private let store: Store
    private var tracker: CallTracker
    private let clock: () -> Timestamp

    private var notes: [String: [UInt8]] = [:]
    private var lines = LineBuffer()
    private let memory: MemoryRelease
    private var waitingReceipts: [(batch: Int, receipt: () -> Void)] = []
    private var submitted = 0
    private var committed = 0
    private var eventsSinceCheckpoint = 0
    private var pendingCheckpoint: (batch: Int, checkpoint: StoreCheckpoint, oldestNeeded: Int64)?
    private var timer: Scheduled<Void>?
    private var timerDue: Timestamp?
    private var isStopped = false
    private var areReceiptsHeld = false

    /// Called after each durable batch, when the number of waiting elements is known anew, and after each change of a link.
    var onCommit: () -> Void = {}
    var onBacklogChange: () -> Void = {}
    var onLinkChange: () -> Void = {}

    /// `tracker` continues where the store's lines end; `linesRead` were read back for that.
    init(
        store: Store, tracker: consuming CallTracker, linesRead: Int = 0, eventLoop: any EventLoop,
        clock: @escaping () -> Timestamp
    ) {
        (self.store, self.eventLoop, self.clock) = (store, eventLoop, clock)
        self.tracker = tracker
        memory = MemoryRelease { store.forgetRecent() }
        store.protect(from: self.tracker.oldestNeededSeq)
        // Killed again and again before the next checkpoint, each start would read more.
        if linesRead >= Self.checkpointInterval / 10 { noteCheckpoint() }
    }

    var counters: TrackerCounters { tracker.counters }
    var openCallCount: Int { tracker.openCallCount }

    func now() -> Timestamp { clock() }

    // MARK: From sources

    /// Takes the facts: none of them is left.
    func ingest(_ facts: inout [CallFact], source: Int, receivedAt: Timestamp) {
        tracker.apply(&facts, from: source, receivedAt: receivedAt)
        writeLines()
    }

    private func writeLines() {
        if !tracker.output.isEmpty { lines.append(tracker.takeOutput()) }
    }

    func setNote(_ key: String, _ value: [UInt8]) { notes[key] = value }

    /// Hands everything ingested so far to the store. `receipt` is called on the loop once that, and all that a repeat in it
    /// relied on, is durable.
    func commit(receipt: @escaping () -> Void) {
        submit()
        if submitted == committed, !areReceiptsHeld {
            receipt()
        } else {
            waitingReceipts.append((submitted, receipt))
        }
        schedule()
    }

    func linkUp(source: Int, attempt: Int) {
        tracker.linkUp(source: source, attempt: attempt, at: now())
        commit {}
        onLinkChange()
    }

    func linkDown(source: Int, reason: String, lastGood: Timestamp, gap: Gap.Reason = .disconnect) {
        tracker.linkDown(source: source, reason: reason, lastGood: lastGood, at: now(), gap: gap)
        commit {}
        onLinkChange()
    }

    /// The first line of a run, or its last.
    func announce(_ kind: Kind, bridge source: Int, event: String) {
        var fact = CallFact(kind, event: event)
        fact.identity = .stream
        fact.origin = .synthetic
        tracker.apply(fact, from: source, receivedAt: now())
        commit {}
    }

    /// No timers any more, and everything is with the store.
    func stop() {
        isStopped = true
        timer?.cancel()
    }

    /// After the last commit: the tracker's state, so that the next start reads back only the calls that are open.
    func finish() {
        committed = submitted
        noteCheckpoint()
    }

    // MARK: To the store

    private func submit() {
        writeLines()
        let count = lines.count
        guard count > 0 else { return }
        submitted += 1
        let number = submitted
        // The receipt is the one hop back to the loop; the box never leaves it, only its reference travels.
        let back = LoopBound(self, on: eventLoop)
        let append = lines.take(notes: notes.map { (key: $0.key, value: $0.value) }) {
            back.execute { $0.batchCommitted(number) }
        }
        notes.removeAll()
        store.append(append)
        memory.batchWasHanded(count)
        eventsSinceCheckpoint += count
        if eventsSinceCheckpoint >= Self.checkpointInterval { noteCheckpoint() }
    }

    private func batchCommitted(_ number: Int) {
        committed = number
        saveCheckpoint()
        callReceipts()
        onCommit()
    }

    /// While receipts are held, sources that wait for them stop taking: the store has no room. What is durable stays durable.
    func setReceipts(held: Bool) {
        areReceiptsHeld = held
        callReceipts()
    }

    private func callReceipts() {
        guard !areReceiptsHeld else { return }
        var ready = 0
        while ready < waitingReceipts.count, waitingReceipts[ready].batch <= committed { ready += 1 }
        guard ready > 0 else { return }
        let receipts = waitingReceipts[..<ready]
        waitingReceipts.removeFirst(ready)
        for entry in receipts { entry.receipt() }
    }

    /// Notes the tracker's state, for the store once the lines that led to it are durable: a state that is ahead of its
    /// lines would be wrong after a crash.
    private func noteCheckpoint() {
        eventsSinceCheckpoint = 0
        let checkpoint = StoreCheckpoint(seq: tracker.nextSeq - 1, data: tracker.checkpoint())
        pendingCheckpoint = (submitted, checkpoint, tracker.oldestNeededSeq)
        saveCheckpoint()
    }

    private func saveCheckpoint() {
        guard let (batch, checkpoint, oldest) = pendingCheckpoint, batch <= committed else { return }
        pendingCheckpoint = nil
        store.saveCheckpoint(checkpoint)
        store.protect(from: oldest)
    }

    // MARK: Time

    /// One timer for the earliest thing that is due; it is moved only when something earlier comes up.
    private func schedule() {
        guard !isStopped, let due = tracker.nextDeadline else { return }
        if let timerDue, timerDue <= due { return }
        timer?.cancel()
        timerDue = due
        let wait = max(0, due.microseconds - now().microseconds) + 1000
        timer = eventLoop.assumeIsolated().scheduleTask(in: .microseconds(wait)) { [weak self] in self?.timerFired() }
    }

    private func timerFired() {
        (timer, timerDue) = (nil, nil)
        tracker.advance(to: now())
        commit {}
    }
}

/// A reference to an object of one event loop that other threads may carry, but only use on that loop.
struct LoopBound<Object: AnyObject>: Sendable {
    private let bound: NIOLoopBound<Object>
    private let eventLoop: any EventLoop

    init(_ object: Object, on eventLoop: any EventLoop) {
        bound = NIOLoopBound(object, eventLoop: eventLoop)
        self.eventLoop = eventLoop
    }

    func execute(_ body: @escaping @Sendable (Object) -> Void) {
        let bound = bound
        eventLoop.execute { body(bound.value) }
    }
}
