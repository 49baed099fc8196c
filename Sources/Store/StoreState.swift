import Codecs
import Synchronization

/// What the store's users and its threads share beyond the queue of work: positions, wakes, bounds, the last word on damage.
final class StoreState: Sendable {
    let files: StoreFiles
    let stream: UUID128
    let recent: RecentLines
    let notify: @Sendable (StoreNotice) -> Void
    private let last: Atomic<Int64>
    private let first: Atomic<Int64>
    private static let unknown = Int64.min
    private let protected = Atomic<Int64>(StoreState.unknown)
    private let cursors: Mutex<[String: Int64]>
    private let wakes = Mutex<(next: UInt64, all: [UInt64: @Sendable (Int64) -> Void])>((0, [:]))
    private let damage = Mutex<StoreError?>(nil)

    init(
        files: StoreFiles, contents: StoreContents, windowBytes: Int, notify: @escaping @Sendable (StoreNotice) -> Void
    ) {
        (self.files, self.notify, stream) = (files, notify, contents.stream)
        recent = RecentLines(limitBytes: windowBytes)
        last = Atomic(contents.lastSeq)
        first = Atomic(contents.firstSeq)
        cursors = Mutex(contents.cursors)
    }

    var lastSeq: Int64 { last.load(ordering: .acquiring) }
    var firstSeq: Int64 { first.load(ordering: .acquiring) }

    /// On the writer's thread, after the commit.
    func committed(_ appends: ArraySlice<StoreAppend>) {
        guard let newest = appends.last else { return }
        recent.add(appends.lazy.map(\.lines))
        last.store(newest.lines.lastSeq, ordering: .releasing)
        let wakes = wakes.withLock { $0.all }
        for wake in wakes.values { wake(newest.lines.lastSeq) }
        for append in appends { append.onCommitted() }
    }

    func set(firstSeq seq: Int64) { first.store(seq, ordering: .releasing) }

    /// True for the first call: from then on it is known what must be kept.
    func protect(from seq: Int64) -> Bool { protected.exchange(seq, ordering: .relaxed) == StoreState.unknown }

    var isProtectionKnown: Bool { protected.load(ordering: .relaxed) != StoreState.unknown }

    func cursor(of sink: String) -> Int64? { cursors.withLock { $0[sink] } }
    var allCursors: [String: Int64] { cursors.withLock { $0 } }
    func set(cursor: Int64?, of sink: String) { cursors.withLock { $0[sink] = cursor } }

    /// The newest line that nobody needs any more, and who holds on to the next one.
    func removable() -> (through: Int64, holder: String) {
        var floor = (through: lastSeq, holder: "nobody")
        let protected = protected.load(ordering: .relaxed)
        if protected <= floor.through { floor = (protected - 1, "open calls") }
        for (sink, cursor) in allCursors where cursor < floor.through { floor = (cursor, "sink \(sink)") }
        return floor
    }

    func addWake(_ wake: @escaping @Sendable (Int64) -> Void) -> UInt64 {
        wakes.withLock { wakes in
            wakes.next += 1
            wakes.all[wakes.next] = wake
            return wakes.next
        }
    }

    func removeWake(_ id: UInt64) { _ = wakes.withLock { $0.all.removeValue(forKey: id) } }

    /// Damage found while running. The first report leaves the marker for the next start and tells the operator.
    func found(_ error: StoreError) {
        guard error.isDamage else { return }
        let isNews = damage.withLock { known in
            defer { known = known ?? error }
            return known == nil
        }
        guard isNews else { return }
        files.mark(error.description)
        notify(.damaged(error))
    }

    var knownDamage: StoreError? { damage.withLock { $0 } }
}

/// What a file held when it was opened.
struct StoreContents {
    var stream: UUID128
    /// Highest `seq` ever stored, 0 before the first line.
    var lastSeq: Int64
    /// Lowest stored `seq`; one above `lastSeq` without lines.
    var firstSeq: Int64
    var lastReceivedAt: Int64
    var cursors: [String: Int64]
    var notes: [String: [UInt8]]
    var checkpoint: StoreCheckpoint?
    var trials: [String: Int64] = [:]
}
