import Codecs
import Foundation
import Store
import Testing

@Suite struct StoreTests {
    @Test func `a restart continues stream and seq`() throws {
        let directory = TemporaryDirectory()
        let first = try openStore(directory)
        let stream = first.stream
        for seq in 1...10 { first.append(makeAppend(firstSeq: Int64(seq), count: 1)) }
        first.close()

        let second = try openStore(directory)
        defer { second.close() }
        #expect(second.stream == stream)
        #expect(second.lastSeq == 10)
        #expect(second.firstSeq == 1)
        second.append(makeAppend(firstSeq: 11, count: 1))
        try second.flush()
        #expect(try allLines(second) == (1...11).map { lineText(Int64($0)) })
    }

    @Test func `group commit keeps order and acknowledges every batch once, after it is stored`() throws {
        let directory = TemporaryDirectory()
        let store = try openStore(directory)
        defer { store.close() }
        let acknowledged = Recorder<Int64>()
        var seq: Int64 = 1
        for size in (1...300).map({ $0 % 7 + 1 }) {
            let last = seq + Int64(size) - 1
            store.append(
                makeAppend(
                    firstSeq: seq, count: size,
                    onCommitted: {
                        #expect(store.lastSeq >= last)
                        acknowledged.add(last)
                    }))
            seq = last + 1
        }
        try store.flush()
        let lasts = acknowledged.all
        #expect(lasts.count == 300 && lasts == lasts.sorted() && lasts.last == seq - 1)
        #expect(try allLines(store) == (1..<seq).map { lineText($0) })
        #expect(store.queuedBytes == 0)
    }

    @Test func `what was acknowledged is in a copy of file and log taken while the store is open`() throws {
        let (directory, copy) = (TemporaryDirectory(), TemporaryDirectory())
        let store = try openStore(directory)
        defer { store.close() }
        store.append(makeAppend(firstSeq: 1, count: 500, notes: [("redis", [1, 2])]))
        store.saveCheckpoint(StoreCheckpoint(seq: 400, data: [9]))
        store.advance(sink: "crm", to: 321)
        try store.flush()
        try copy.makeState()
        for suffix in ["", "-wal"] {
            try FileManager.default.copyItem(atPath: directory.file + suffix, toPath: copy.file + suffix)
        }
        let other = try openStore(copy)
        defer { other.close() }
        #expect(other.stream == store.stream)
        #expect(try allLines(other) == (1...500).map { lineText(Int64($0)) })
        #expect(other.loadNotes() == ["redis": [1, 2]])
        #expect(other.loadCheckpoint() == StoreCheckpoint(seq: 400, data: [9]))
        #expect(other.cursor(of: "crm") == 321)
    }

    @Test func `notes replace and remove each other in the transaction of their lines`() throws {
        let directory = TemporaryDirectory()
        let store = try openStore(directory)
        store.append(makeAppend(firstSeq: 1, count: 1, notes: [("a", [1]), ("b", [2])]))
        store.append(makeAppend(firstSeq: 2, count: 1, notes: [("a", [3]), ("b", [])]))
        store.close()
        let again = try openStore(directory)
        defer { again.close() }
        #expect(again.loadNotes() == ["a": [3]])
    }

    @Test func `window and database give the same lines for every position and bound`() throws {
        let directory = TemporaryDirectory()
        var configuration = makeConfiguration(directory)
        configuration.windowBytes = 1 << 20
        let store = try openStore(configuration)
        var generator = SeededGenerator()
        var seq: Int64 = 1
        for _ in 0..<80 {
            let count = Int.random(in: 1...30, using: &generator)
            store.append(makeAppend(firstSeq: seq, count: count))
            seq += Int64(count)
        }
        try store.flush()
        let windowed = try collect(store, generator)
        store.close()
        let again = try openStore(configuration)
        defer { again.close() }
        let stored = try collect(again, generator)
        #expect(windowed == stored, "seed \(generator.seed)")
        #expect(windowed == (1..<seq).map { lineText($0) }, "seed \(generator.seed)")
    }

    @Test func `a sink that keeps up gets the appended batch itself`() throws {
        let store = try openStore(TemporaryDirectory())
        defer { store.close() }
        let append = makeAppend(firstSeq: 1, count: 20)
        store.append(append)
        try store.flush()
        let batch = try #require(try store.next(after: 0, maxLines: 100, maxBytes: 1 << 20))
        #expect(batch === append.lines)
        #expect(try store.next(after: 20, maxLines: 100, maxBytes: 1 << 20) == nil)
    }

    @Test func `a bound smaller than one line still gives that line`() throws {
        let directory = TemporaryDirectory()
        var configuration = makeConfiguration(directory)
        configuration.windowBytes = 0
        let store = try openStore(configuration)
        defer { store.close() }
        store.append(makeAppend(firstSeq: 1, count: 20))
        store.append(makeAppend(firstSeq: 21, count: 1))
        try store.flush()
        #expect(try store.next(after: 0, maxLines: 100, maxBytes: 1)?.count == 1)
        #expect(try store.next(after: 20, maxLines: 0, maxBytes: 0)?.count == 1)
    }

    @Test func `lines come forwards and backwards with what belongs to them, until the reader has enough`() throws {
        let store = try openStore(TemporaryDirectory())
        defer { store.close() }
        store.append(makeAppend(firstSeq: 1, count: 2500, previous: { seq in seq - 1 }))
        try store.flush()
        var seen: [Int64] = []
        try store.forEachLine(from: 3, through: 2400) { seq, previous, receivedAt, line in
            #expect(previous == seq - 1 && receivedAt == receivedTime(seq))
            #expect(String(decoding: line, as: UTF8.self) == lineText(seq))
            seen.append(seq)
            return true
        }
        #expect(seen == Array(3...2400))
        seen = []
        try store.forEachLine(from: 1, through: .max, descending: true) { seq, _, _, _ in
            seen.append(seq)
            return seen.count < 1700
        }
        #expect(seen == Array((801...2500).reversed()))
        let one = try #require(try store.line(77))
        #expect(one.previous == 76 && String(decoding: one.line, as: UTF8.self) == lineText(77))
        #expect(try store.line(2501) == nil)
    }

    @Test func `a wake comes after each commit until it is cancelled`() throws {
        let store = try openStore(TemporaryDirectory())
        defer { store.close() }
        let woken = Recorder<Int64>()
        let registration = store.onCommit { woken.add($0) }
        store.append(makeAppend(firstSeq: 1, count: 3))
        try store.flush()
        #expect(woken.all == [3])
        registration.cancel()
        store.append(makeAppend(firstSeq: 4, count: 3))
        try store.flush()
        #expect(woken.all == [3])
    }

    @Test func `the time column never decreases, even when the wall clock does`() throws {
        let store = try openStore(TemporaryDirectory())
        defer { store.close() }
        store.append(makeAppend(firstSeq: 1, count: 1, receivedAt: { _ in 5000 }))
        store.append(makeAppend(firstSeq: 2, count: 1, receivedAt: { _ in 4000 }))
        try store.flush()
        var times: [Int64] = []
        try store.forEachLine(from: 1, through: 2) { _, _, receivedAt, _ in
            times.append(receivedAt)
            return true
        }
        #expect(times == [5000, 5000])
    }
}

/// All lines through `next`, with bounds that change from call to call.
private func collect(_ store: Store, _ generator: SeededGenerator) throws -> [String] {
    var generator = generator
    var lines: [String] = []
    while let batch = try store.next(
        after: Int64(lines.count), maxLines: Int.random(in: 1...70, using: &generator),
        maxBytes: Int.random(in: 1...9000, using: &generator))
    {
        #expect(batch.firstSeq == Int64(lines.count) + 1)
        for index in 0..<batch.count {
            lines.append(String(decoding: batch.bytes[batch.range(ofLine: index)], as: UTF8.self))
        }
    }
    return lines
}
