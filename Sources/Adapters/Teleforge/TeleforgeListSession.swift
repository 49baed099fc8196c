import Codecs
import NIOCore
import WireProtocols

// How a list is taken off without losing anything.
//
// Untrusted: as long as no Teleforge element was ever taken from the key, everything read is only looked at. The first
//   element that is JSON decides: `call` or `cdr` make the key trusted for good, anything else refuses it for 30 s.
// List: LRANGE from the configured end. While a batch is being stored the next one is already read, behind the elements
//   whose removal was not sent; it begins with the last of them, so that a list that moved under us is noticed. Then
//   everything held is settled and reading begins anew at the end of the list.
// Wait: when the list is known to be read, BLMOVE key key END END: waits for an element and returns it without taking it.
//   Where the server refuses that, LRANGE every 100 ms to 1 s.
// Pop (at most once): BLPOP or BRPOP.
//
// Elements are handed out with ids; `stored(through:)` makes them removable (TeleforgeListAcknowledger), in the same bytes
// as the next read. At most two batches are handed out and not removed.
//
// A driver calls one input, pulls `nextEvent()` until nil, sends `takeCommands(now:)`, and calls `deadlineReached` at
// `nextDeadline`.

/// The conversation with Redis about one list key. Time is passed in; nothing is waited for.
struct TeleforgeListSession {
    struct Settings {
        var key: String
        var end = TeleforgeListEnd.left
        var popsAtOnce = false
        /// How long the server waits for an element; also the heartbeat of an idle connection.
        var waitSeconds = 5
        /// On top of the server's wait, and for every other reply.
        var replyTimeout = TimeAmount.seconds(10)
        var firstBatchCount = 100
        var maximumBatchCount = 512
        /// Aim for the elements of one reply.
        var batchBytes = 1 << 20
        /// Batches handed out and not removed.
        var heldBatches = 2
        /// Elements popped and not stored, with `popsAtOnce`.
        var poppedElements = 64

        init(key: String) { self.key = key }
    }

    /// Why a key is not being read.
    enum Problem: Equatable {
        case server(RedisServerError)
        /// The first JSON element on it is no Teleforge message.
        case foreignElements
        /// Nothing on it is JSON, and nothing of Teleforge was ever taken from it.
        case garbage
        /// One element alone exceeds what a reply may hold.
        case elementTooLong
    }

    enum CloseReason: Equatable {
        /// No reply within this time.
        case mute(TimeAmount)
        case server(RedisServerError)
        /// A reply that does not belong to its command.
        case unexpectedReply
    }

    enum Event: Equatable {
        /// Map these and commit; then `stored(through:)` with the upper bound. Elements known to be stored are not among
        /// those that `forEachNewElement` gives, so there may be none.
        case elements(Range<Int>)
        /// A Teleforge element was seen: note it durably, so that the key is never refused again.
        case trusted
        /// `note` has another value.
        case noteChanged
        case ready
        case unready(Problem)
        /// The blocking wait is refused.
        case polling(RedisServerError)
        case anotherConsumer(stolen: Int)
        /// The configured end holds a clearly newer record than the other one.
        case newerEndFirst
        case backlog(Int)
        /// The driver closes the connection, calls `connectionClosed` and connects anew.
        case close(CloseReason)
        /// After `stop`: nothing is left to do.
        case finished
    }

    /// A command without a reply.
    enum Pending {
        case list(offset: Int, overlaps: Bool, count: Int)
        case wait(since: NIODeadline)
        case pop
        case otherEnd
        case length
        case removals(Int)
    }

    /// What is read next, as far as the list is known.
    enum NextRead {
        case list
        case wait
    }

    enum Probe: Equatable {
        case due
        case wanted(near: Timestamp)
        case asked(near: Timestamp)
        case done
    }

    let settings: Settings
    let writer: RESPCommandWriter
    let inspect: (UnsafeRawBufferPointer) -> TeleforgeMapper.Inspection

    var acknowledger: TeleforgeListAcknowledger
    var pending = CircularBuffer<Pending>()
    var events = CircularBuffer<Event>()
    /// Hashes of unmapped elements that are stored and may come once more.
    var repeats: [TeleforgeElementHash: Int]
    var isTrusted: Bool
    var isConnected = false
    var isClosing = false
    var isStopping = false
    var isFinished = false
    var isReading = false
    /// The reply to the read in flight belongs to a list that is not what we took it for.
    var isReadWorthless = false
    /// Nothing is read until everything held is settled.
    var needsResync = false
    /// So many reads do not overlap storing, after a list moved under us.
    var calmReads = 0
    var nextRead = NextRead.list
    var probe = Probe.due
    var batchCount: Int
    var quickWaits = 0
    var canWait = true
    var waitAgainAt: NIODeadline?
    var pollInterval = TimeAmount.milliseconds(100)
    var retryInterval = TimeAmount.milliseconds(100)
    var pausedUntil: NIODeadline?
    var isHealthy: Bool?
    var problem: Problem?
    var nextID = 0
    var storedThrough = 0
    /// After a reconnect, nothing is read before this is stored.
    var settledFrom = 0
    var lastProgress = NIODeadline.distantPast
    var stopBy: NIODeadline?
    var canAskLength = true
    var lengthDue = NIODeadline.distantPast
    var lastBacklog = 0
    var stolenNoticeDue = NIODeadline.distantPast
    /// Since the process started.
    private(set) var removedCount = 0
    private(set) var stolenCount = 0

    /// - Parameters:
    ///   - isTrusted: a Teleforge element was taken from this key at some time.
    ///   - note: the value of `note` as it was stored last.
    init(
        settings: Settings, writer: RESPCommandWriter, isTrusted: Bool, note: [UInt8],
        inspect: @escaping (UnsafeRawBufferPointer) -> TeleforgeMapper.Inspection
    ) {
        (self.settings, self.writer, self.inspect, self.isTrusted) = (settings, writer, inspect, isTrusted)
        acknowledger = TeleforgeListAcknowledger(
            key: settings.key, end: settings.end, writer: writer, removes: !settings.popsAtOnce)
        repeats = TeleforgeElementHash.counted(note: note)
        batchCount = settings.firstBatchCount
    }

    // MARK: - Inputs

    /// A new connection has shaken hands.
    mutating func connected(now: NIODeadline) {
        isConnected = true
        isClosing = false
        (nextRead, quickWaits, canWait, waitAgainAt) = (.list, 0, true, nil)
        (pausedUntil, retryInterval, pollInterval) = (nil, .milliseconds(100), .milliseconds(100))
        (canAskLength, lengthDue, lastProgress) = (true, now, now)
        settledFrom = nextID
        if problem == .elementTooLong, batchCount == 1 { pause(for: .seconds(30), now: now) }
    }

    /// Pull all events first. `replyWasTooLong`: the reply in flight exceeded the reader's limit.
    mutating func connectionClosed(replyWasTooLong: Bool = false) {
        (isConnected, isClosing, isReading, isReadWorthless, needsResync) = (false, false, false, false, false)
        pending.removeAll()
        acknowledger.connectionClosed(repeats: &repeats)
        if replyWasTooLong {
            problem = batchCount == 1 ? .elementTooLong : nil
            batchCount = max(1, batchCount / 8)
            if let problem { events.append(.unready(problem)) }
        }
        isHealthy = nil
        if isStopping { finish() }
    }

    /// Everything below `id` is durable.
    mutating func stored(through id: Int) {
        storedThrough = max(storedThrough, id)
        acknowledger.stored(through: id)
    }

    /// An element that was handed out became `source.unmapped`: it must be known again after a restart.
    mutating func markUnmapped(_ id: Int) {
        if !settings.popsAtOnce { acknowledger.markUnmapped(id) }
    }

    /// Reads nothing more; removes what becomes stored within ten seconds. `finished` follows.
    mutating func stop(now: NIODeadline) {
        guard !isStopping else { return }
        isStopping = true
        stopBy = now + .seconds(settings.popsAtOnce ? Int64(settings.waitSeconds) + 10 : 10)
        if !isConnected { finish() }
    }

    mutating func deadlineReached(now: NIODeadline) {
        if let deadline = replyDeadline, now >= deadline {
            close(.mute(replyAllowance))
        }
        if let stopBy, now >= stopBy { finish() }
    }

    // MARK: - Outputs

    mutating func nextEvent() -> Event? { events.popFirst() }

    /// The elements of an `elements` event, without those known to be stored; valid until the next input.
    func forEachNewElement(in ids: Range<Int>, _ body: (Int, UnsafeRawBufferPointer) -> Void) {
        acknowledger.forEachNewElement(in: ids, body)
    }

    /// What has to be durable with the next commit: hashes of unmapped elements that may still be on the list.
    var note: [UInt8] {
        var note: [UInt8] = []
        for (hash, count) in repeats {
            for _ in 0..<count { hash.append(to: &note) }
        }
        for hash in acknowledger.unmapped { hash.append(to: &note) }
        return note
    }

    var nextDeadline: NIODeadline? {
        guard !isFinished else { return nil }
        guard isConnected, !isClosing else { return stopBy }
        return [replyDeadline, isReading ? nil : pausedUntil, acknowledger.nextDeadline, stopBy].compactMap { $0 }.min()
    }

    private var replyAllowance: TimeAmount {
        let waits = pending.contains {
            switch $0 {
            case .wait, .pop: true
            case .list, .otherEnd, .length, .removals: false
            }
        }
        return waits ? settings.replyTimeout + .seconds(Int64(settings.waitSeconds)) : settings.replyTimeout
    }

    private var replyDeadline: NIODeadline? {
        pending.isEmpty || isClosing ? nil : lastProgress + replyAllowance
    }

    // MARK: - Shared by the extensions

    mutating func close(_ reason: CloseReason) {
        guard !isClosing else { return }
        isClosing = true
        events.append(.close(reason))
    }

    mutating func finish() {
        guard !isFinished else { return }
        isFinished = true
        events.append(.finished)
    }

    mutating func pause(for time: TimeAmount, now: NIODeadline) { pausedUntil = now + time }

    mutating func becomeReady() {
        retryInterval = .milliseconds(100)
        problem = nil
        guard isHealthy != true else { return }
        isHealthy = true
        events.append(.ready)
    }

    mutating func becomeUnready(_ problem: Problem) {
        guard isHealthy != false || self.problem != problem else { return }
        (isHealthy, self.problem) = (false, problem)
        events.append(.unready(problem))
    }

    mutating func countRemoved() { removedCount += 1 }

    mutating func countStolen(now: NIODeadline) {
        stolenCount += 1
        guard now >= stolenNoticeDue else { return }
        stolenNoticeDue = now + .minutes(1)
        events.append(.anotherConsumer(stolen: stolenCount))
    }
}
