import Codecs
import Foundation
import GRDB
import Store
import Synchronization
import Testing

/// A directory of its own, removed with the last reference.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "store-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    }

    /// The store's file, in a directory that does not exist yet.
    var file: String { path + "/state/events.db" }

    func makeState() throws {
        try FileManager.default.createDirectory(atPath: path + "/state", withIntermediateDirectories: true)
    }

    /// File and write-ahead log.
    var bytesOnDisk: Int {
        ["", "-wal"].reduce(0) { sum, suffix in
            let attributes = try? FileManager.default.attributesOfItem(atPath: file + suffix)
            return sum + (attributes?[.size] as? Int ?? 0)
        }
    }

    /// The cursor in the file, as another connection sees it.
    func storedCursor(_ sink: String) throws -> Int64? {
        let queue = try DatabaseQueue(path: file)
        defer { try? queue.close() }
        return try queue.read {
            try Int64.fetchOne($0, sql: "SELECT cursor FROM sinks WHERE name = ?", arguments: [sink])
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// What was told, from any thread.
final class Recorder<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    func add(_ element: Element) { elements.withLock { $0.append(element) } }
    var all: [Element] { elements.withLock { $0 } }

    /// Waits until `condition` holds for what was told.
    func wait(_ what: String, until condition: ([Element]) -> Bool) throws {
        try waitUntil("\(what), told so far: \(all)") { condition(all) }
    }
}

struct Timeout: Error { let description: String }

/// Waits for a condition that another thread brings about, at most 20 s.
func waitUntil(_ what: @autoclosure () -> String, _ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while try !condition() {
        guard ContinuousClock.now < deadline else { throw Timeout(description: "waited in vain for \(what())") }
        usleep(500)
    }
}

/// Repeatable: the seed is printed with every failure.
struct SeededGenerator: RandomNumberGenerator {
    let seed: UInt64
    private var state: UInt64

    init(seed: UInt64 = .random(in: 0 ... .max)) { (self.seed, state) = (seed, seed) }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

/// 2025-01-01 and then a millisecond per line.
func receivedTime(_ seq: Int64) -> Int64 { 1_735_689_600_000_000 + seq * 1000 }

func lineText(_ seq: Int64, padding: Int = 0) -> String {
    let text = String(repeating: "é", count: Int(seq % 50)) + String(repeating: " ", count: padding)
    return "{\"seq\":\(seq),\"text\":\"\(text)\"}"
}

func makeAppend(
    firstSeq: Int64, count: Int, notes: [(key: String, value: [UInt8])] = [], padding: Int = 0,
    previous: (Int64) -> Int64 = { _ in 0 }, receivedAt: (Int64) -> Int64 = receivedTime,
    onCommitted: @escaping @Sendable () -> Void = {}
) -> StoreAppend {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    let seqs = firstSeq..<(firstSeq + Int64(count))
    for seq in seqs {
        bytes.append(contentsOf: lineText(seq, padding: padding).utf8)
        bytes.append(UInt8(ascii: "\n"))
        ends.append(bytes.count)
    }
    return StoreAppend(
        lines: LineBatch(firstSeq: firstSeq, bytes: bytes, ends: ends), receivedAt: seqs.map(receivedAt),
        previous: seqs.map(previous), notes: notes, onCommitted: onCommitted)
}

func makeConfiguration(_ directory: TemporaryDirectory, maxSizeBytes: Int64 = 256 << 20) -> StoreConfiguration {
    var configuration = StoreConfiguration(
        path: directory.file, retention: .seconds(30 * 86_400), maxSizeBytes: maxSizeBytes)
    configuration.now = { receivedTime(0) }
    return configuration
}

func openStore(_ directory: TemporaryDirectory, notices: Recorder<StoreNotice>? = nil) throws -> Store {
    try openStore(makeConfiguration(directory), notices: notices)
}

/// With retention at work, unless `protecting` is nil.
func openStore(
    _ configuration: StoreConfiguration, notices: Recorder<StoreNotice>? = nil, protecting: Int64? = .max
) throws -> Store {
    let store = try Store.open(
        configuration, newStream: { UUID128(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max)) },
        notify: { notices?.add($0) })
    if let protecting { store.protect(from: protecting) }
    return store
}

func allLines(_ store: Store) throws -> [String] {
    var lines: [String] = []
    try store.forEachLine(from: 1, through: .max) { _, _, _, line in
        lines.append(String(decoding: line, as: UTF8.self))
        return true
    }
    return lines
}
