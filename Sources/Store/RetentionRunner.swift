/// Carries retention out on the writer's thread: one small step between two commits, until nothing is left to do.
final class RetentionRunner {
    private let configuration: StoreConfiguration
    private let state: StoreState
    private let database: EventDatabase
    private let reader: LineReader
    private var retention: Retention
    /// Newest line known to be past its age.
    private var expired: Int64 = 0
    private var bytesSinceLook: Int64 = 0
    private var isWorking = true
    private var wasOverflowing = false
    private var pace = RemovalPace()
    /// The last step gave pages back: the file becomes smaller with the next complete copy of the log.
    private(set) var hasShrunk = false
    private var nextLook: MonotonicTime? = .now

    /// When to look again without a commit.
    var due: MonotonicTime? { state.isProtectionKnown ? nextLook : nil }

    /// How often to look at what holds on to old lines, and at the age of the oldest.
    private static let interval: Duration = .seconds(60)
    private static let overflowInterval: Duration = .seconds(1)

    init(_ configuration: StoreConfiguration, state: StoreState, database: EventDatabase, reader: LineReader) {
        (self.configuration, self.state, self.database, self.reader) = (configuration, state, database, reader)
        retention = Retention(limitBytes: configuration.fileLimitBytes)
    }

    /// After each turn of the writer. `bytes` and `lines` were just committed. Returns true while more steps wait.
    func step(afterBytes bytes: Int64, lines: Int64) throws -> Bool {
        hasShrunk = false
        guard state.isProtectionKnown else { return false }
        bytesSinceLook += bytes
        let isDue = due.map { $0 <= .now } ?? false
        guard isWorking || isDue || wasOverflowing || bytesSinceLook >= configuration.fileLimitBytes / 64 else {
            return false
        }
        if isDue { try lookAtAge() }
        bytesSinceLook = 0
        let size = try database.size()
        let removable = state.removable()
        let rows = max(state.lastSeq - state.firstSeq + 1, 1)
        // SQLite writes the pages it empties to the log first, so a removal is as large a transaction as the lines were.
        let affordable = configuration.transactionBytes / max(size.usedBytes / rows, 1)
        let step = retention.next(
            first: state.firstSeq, removable: removable.through, expired: expired, usedBytes: size.usedBytes,
            fileBytes: size.fileBytes, stepRows: max(min(Retention.stepRows, affordable), lines, 1))
        let surplusRows = (size.usedBytes - retention.lowWaterBytes) / max(size.usedBytes / rows, 1)
        try carryOut(step, remaining: retention.isOverSize ? surplusRows : expired - state.firstSeq + 1)
        tellOverflow(holder: removable.holder, usedBytes: size.usedBytes)
        if isDue || retention.isOverflowing || nextLook == nil { postpone() }
        if !isWorking, state.firstSeq > state.lastSeq { nextLook = nil }
        return isWorking
    }

    /// Looks again in a while, also after a failure.
    func postpone() {
        nextLook = .now + (retention.isOverflowing ? RetentionRunner.overflowInterval : RetentionRunner.interval)
    }

    private func lookAtAge() throws {
        let (oldest, overflow) = configuration.now().subtractingReportingOverflow(configuration.retention.microseconds)
        guard !overflow, oldest > 0 else { return }
        expired = try reader.firstSeq(receivedAtOrAfter: oldest) - 1
        try database.removeLetters(olderThan: oldest)
    }

    /// `remaining` rows, this step included, as far as can be told.
    private func carryOut(_ step: Retention.Step, remaining: Int64) throws {
        switch step {
        case .remove(let through):
            let first = state.firstSeq
            // Said before it is done: readers take a line that is missing from here on for damage.
            state.set(firstSeq: through + 1)
            do {
                try database.remove(through: through, lastSeq: state.lastSeq)
            } catch {
                state.set(firstSeq: first)
                throw error
            }
            isWorking = true
            let rows = through - first + 1
            if let notice = pace.removed(rows, remaining: max(remaining - rows, 0)) { state.notify(notice) }
        case .shrink:
            try database.shrink(pages: Retention.shrinkPages)
            (isWorking, hasShrunk) = (true, true)
        case .nothing:
            isWorking = false
            pace = RemovalPace()
        }
    }

    private func tellOverflow(holder: String, usedBytes: Int64) {
        guard retention.isOverflowing != wasOverflowing else { return }
        wasOverflowing = retention.isOverflowing
        state.notify(
            wasOverflowing
                ? .overflow(holder: holder, usedBytes: usedBytes, limitBytes: configuration.fileLimitBytes)
                : .overflowEnded)
    }
}

/// Tells, at most every two seconds, how a long removal gets on.
struct RemovalPace {
    private var removed: Int64 = 0
    private let start = MonotonicTime.now
    private var nextNotice = MonotonicTime.now + .seconds(2)

    mutating func removed(_ rows: Int64, remaining: Int64) -> StoreNotice? {
        removed += rows
        let now = MonotonicTime.now
        guard now >= nextNotice else { return nil }
        nextNotice = now + .seconds(2)
        let milliseconds = max((now.nanoseconds - start.nanoseconds) / 1_000_000, 1)
        return .retention(removed: removed, remaining: remaining, rowsPerSecond: removed * 1000 / milliseconds)
    }
}
