import Bridge
import BridgeCore
import Codecs
import Store
import Synchronization

struct FeedFault: Error, CustomStringConvertible { let description: String }

/// A store of a test: lines in memory, one cursor, and a count of everything that the pump asks for.
final class ScriptedFeed: Sendable {
    private struct State {
        var lines: [[UInt8]] = []
        var cursor: Int64
        var advances: [Int64] = []
        var reads = 0
        var emptyReads = 0
        var faults = 0
        var wakes: [@Sendable () -> Void] = []
    }

    private let state: Mutex<State>
    let ledger = ScriptedLedger()
    /// Called with each new cursor before it is taken.
    private let willAdvance: @Sendable (Int64) -> Void

    init(lines: Int64 = 0, cursor: Int64 = 0, willAdvance: @escaping @Sendable (Int64) -> Void = { _ in }) {
        state = Mutex(State(lines: lines > 0 ? (1...lines).map { line($0) } : [], cursor: cursor))
        self.willAdvance = willAdvance
    }

    var cursor: Int64 { state.withLock { $0.cursor } }
    var advances: [Int64] { state.withLock { $0.advances } }
    var reads: Int { state.withLock { $0.reads } }
    /// Reads that found nothing: after each of them the pump waits.
    var emptyReads: Int { state.withLock { $0.emptyReads } }
    var isSubscribed: Bool { state.withLock { !$0.wakes.isEmpty } }

    /// The next reads fail.
    func fail(reads: Int) { state.withLock { $0.faults = reads } }

    /// `other`: lines of another source.
    func commit(_ count: Int64 = 1, other: Bool = false) {
        let wakes = state.withLock { state in
            for _ in 0..<count {
                state.lines.append(line(Int64(state.lines.count) + 1, source: other ? "hel" : "cape"))
            }
            return state.wakes
        }
        for wake in wakes { wake() }
    }

    var feed: DeliveryFeed {
        DeliveryFeed(
            stream: testStream, next: { [self] in try next($0, $1, $2) }, cursor: { [self] in cursor },
            advance: { [self] seq in
                willAdvance(seq)
                state.withLock {
                    $0.cursor = seq
                    $0.advances.append(seq)
                }
            },
            lastSeq: { [self] in state.withLock { Int64($0.lines.count) } },
            subscribe: { [self] wake in
                state.withLock { $0.wakes.append(wake) }
                return { [self] in state.withLock { $0.wakes = [] } }
            }, ledger: ledger)
    }

    private func next(_ after: Int64, _ maxLines: Int, _ maxBytes: Int) throws -> LineBatch? {
        try state.withLock { state in
            state.reads += 1
            if state.faults > 0 {
                state.faults -= 1
                throw FeedFault(description: "the store cannot be read")
            }
            guard after < state.lines.count else {
                state.emptyReads += 1
                return nil
            }
            var (bytes, ends): ([UInt8], [Int]) = ([], [])
            for line in state.lines[Int(after)...].prefix(maxLines)
            where ends.isEmpty || bytes.count + line.count <= maxBytes {
                bytes += line
                ends.append(bytes.count)
            }
            return LineBatch(firstSeq: after + 1, bytes: bytes, ends: ends)
        }
    }
}

/// Letters, replays and trials in memory; "on the disk" at once.
final class ScriptedLedger: DeliveryLedger {
    private struct State {
        var trialSince: Timestamp?
        var letters: [Int64: StoredLetter] = [:]
        var replays: [Int64: StoredReplay] = [:]
    }

    private let state = Mutex(State())

    var trialSince: Timestamp? { state.withLock { $0.trialSince } }
    func noteTrial(since: Timestamp?) { state.withLock { $0.trialSince = since } }
    func letters(_ wanted: StoredLetter.State, after: Int64, limit: Int) -> [StoredLetter] {
        state.withLock { state in
            let found = state.letters.values.filter { $0.state == wanted && $0.seq > after }
            return Array(found.sorted { $0.seq < $1.seq }.prefix(limit))
        }
    }
    func put(_ letter: StoredLetter) { state.withLock { $0.letters[letter.seq] = letter } }
    func removeLetter(_ seq: Int64) { state.withLock { $0.letters[seq] = nil } }
    var queuedBytes: Int { 0 }
    func replays() -> [StoredReplay] { state.withLock { $0.replays.values.sorted { $0.id < $1.id } } }
    func put(_ replay: StoredReplay) { state.withLock { $0.replays[replay.id] = replay } }
    func removeReplay(_ id: Int64) { state.withLock { $0.replays[id] = nil } }

    /// By `seq`.
    var all: [StoredLetter] { state.withLock { $0.letters.values.sorted { $0.seq < $1.seq } } }
    func revive() {
        state.withLock { state in for seq in state.letters.keys { state.letters[seq]?.state = .retry } }
    }
}

/// A sink that answers as it is told, and `.delivered` when it is not.
final class ScriptedSink: Sink {
    private struct State {
        var script: [DeliveryOutcome]
        var taken: [Int64] = []
        var calls = 0
        var openFaults = 0
        var closes = 0
        var threads: Set<String> = []
    }

    let name = "scripted"
    let needsThread: Bool
    private let state: Mutex<State>
    private let opensAt: Int64?
    private let onDeliver: @Sendable () -> Void

    init(
        _ script: [DeliveryOutcome] = [], needsThread: Bool = true, opensAt: Int64? = nil, openFaults: Int = 0,
        onDeliver: @escaping @Sendable () -> Void = {}
    ) {
        state = Mutex(State(script: script, openFaults: openFaults))
        (self.needsThread, self.opensAt, self.onDeliver) = (needsThread, opensAt, onDeliver)
    }

    var taken: [Int64] { state.withLock { $0.taken } }
    var calls: Int { state.withLock { $0.calls } }
    var closes: Int { state.withLock { $0.closes } }
    /// Names of the threads that it was called on.
    var threads: Set<String> { state.withLock { $0.threads } }

    func open(cursor: Int64, stream: UUID128) async throws -> Int64 {
        try state.withLock { state in
            guard state.openFaults > 0 else { return }
            state.openFaults -= 1
            throw FeedFault(description: "cannot be opened")
        }
        return opensAt ?? cursor
    }

    func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        onDeliver()
        return state.withLock { state in
            state.calls += 1
            state.threads.insert(threadName())
            let outcome = state.script.isEmpty ? .delivered : state.script.removeFirst()
            switch outcome {
            case .delivered: state.taken += batch.seqs
            case .retry(let through, _, _), .rejected(let through, _):
                state.taken += batch.seqs.filter { $0 <= through ?? 0 }
            case .gone, .disabled: break
            }
            return outcome
        }
    }

    func reopen() {}
    func close() async { state.withLock { $0.closes += 1 } }
}

private func threadName() -> String {
    String(decoding: bytes(ofFile: "/proc/thread-self/comm").dropLast(), as: UTF8.self)
}
