import Codecs
import Foundation
import GRDB
import Store
import Synchronization
import Testing

@Suite struct RetentionTests {
    @Test func `old lines go by age, but only behind every cursor and what a restart needs`() throws {
        let directory = TemporaryDirectory()
        let first = try openStore(directory)
        first.append(makeAppend(firstSeq: 1, count: 10_000))
        first.advance(sink: "a", to: 10_000)
        first.advance(sink: "b", to: 7000)
        first.close()

        var configuration = makeConfiguration(directory)
        configuration.retention = .seconds(1)
        configuration.now = { receivedTime(9000) + 1_000_000 }
        let second = try openStore(configuration)
        try waitUntil("lines behind cursor b to go") { second.firstSeq == 7001 }
        try waitUntil("the last of them to go") { try second.line(7000) == nil }
        #expect(try second.line(7001) != nil)
        second.close()

        let third = try openStore(configuration, protecting: nil)
        third.advance(sink: "b", to: 10_000)
        try third.flush()
        #expect(third.firstSeq == 7001, "nothing goes before it is known what a restart needs")
        third.protect(from: 8500)
        try waitUntil("lines behind the protected ones to go") { third.firstSeq == 8500 }
        third.close()

        let fourth = try openStore(configuration)
        defer { fourth.close() }
        try waitUntil("all lines past their age to go") { fourth.firstSeq == 9000 }
        #expect(fourth.lastSeq == 10_000)
    }

    @Test func `seq goes on even when no line is left`() throws {
        let directory = TemporaryDirectory()
        var configuration = makeConfiguration(directory)
        let first = try openStore(configuration)
        let stream = first.stream
        first.append(makeAppend(firstSeq: 1, count: 5000))
        first.close()
        configuration.now = { receivedTime(0) + 365 * 86_400_000_000 }
        let second = try openStore(configuration)
        try waitUntil("all lines to go") { second.firstSeq == 5001 }
        second.close()
        let third = try openStore(configuration)
        defer { third.close() }
        #expect(third.stream == stream && third.lastSeq == 5000 && third.firstSeq == 5001)
        third.append(makeAppend(firstSeq: 5001, count: 1))
        try third.flush()
        #expect(try third.next(after: 0, maxLines: 10, maxBytes: 1000)?.firstSeq == 5001)
    }

    @Test func `file and log stay within the size bound while lines come and go`() throws {
        let directory = TemporaryDirectory()
        let store = try openStore(makeConfiguration(directory, maxSizeBytes: 8 << 20))
        defer { store.close() }
        var seq: Int64 = 1
        var largest = 0
        for _ in 0..<300 {
            store.append(makeAppend(firstSeq: seq, count: 100, padding: 600))
            seq += 100
            store.advance(sink: "a", to: seq - 1)
            try store.flush()
            largest = max(largest, directory.bytesOnDisk)
        }
        #expect(store.firstSeq > 1 && store.firstSeq < store.lastSeq)
        #expect(largest <= 8 << 20, "20 MB went through")
    }

    @Test func `a reader outside that holds on to the log is told, stops nobody, and the log is emptied after it`()
        throws
    {
        let directory = TemporaryDirectory()
        let notices = Recorder<StoreNotice>()
        let store = try openStore(makeConfiguration(directory, maxSizeBytes: 16 << 20), notices: notices)
        defer { store.close() }
        let log = { try FileManager.default.attributesOfItem(atPath: directory.file + "-wal")[.size] as? Int ?? 0 }
        var seq: Int64 = 1
        func write(_ batches: Int) throws {
            for _ in 0..<batches {
                store.append(makeAppend(firstSeq: seq, count: 200, padding: 600))
                seq += 200
            }
            try store.flush()
        }
        try write(1)
        let outside = try DatabaseQueue(path: directory.file)
        try outside.unsafeRead { db in
            try db.execute(sql: "BEGIN; SELECT count(*) FROM events")
            try write(40)
            try db.execute(sql: "COMMIT")
        }
        try outside.close()
        #expect(try log() > 4 << 20)
        #expect(notices.all.count == 1)
        guard case .logHeld? = notices.all.first else {
            Issue.record("expected word of the log, got \(notices.all)")
            return
        }
        try write(10)
        #expect(try log() <= 2 << 20)
        #expect(store.lastSeq == seq - 1)
    }

    @Test func `a dead sink at the size bound is told, nothing is dropped, and it ends when the sink moves on`() throws
    {
        let directory = TemporaryDirectory()
        let notices = Recorder<StoreNotice>()
        let store = try openStore(makeConfiguration(directory, maxSizeBytes: 2 << 20), notices: notices)
        defer { store.close() }
        store.advance(sink: "dead", to: 0)
        store.advance(sink: "live", to: 0)
        var seq: Int64 = 1
        while notices.all.isEmpty, seq < 20_000 {
            store.append(makeAppend(firstSeq: seq, count: 100, padding: 600))
            seq += 100
            store.advance(sink: "live", to: seq - 1)
            try store.flush()
        }
        guard case .overflow(let holder, _, _)? = notices.all.first else {
            Issue.record("expected an overflow, got \(notices.all)")
            return
        }
        #expect(holder == "sink dead")
        #expect(store.firstSeq == 1)
        store.advance(sink: "dead", to: seq - 1)
        try notices.wait("the end of the overflow") {
            $0.contains { if case .overflowEnded = $0 { true } else { false } }
        }
        #expect(notices.all.count == 2)
    }

    @Test func `a forgotten sink keeps nothing`() throws {
        let directory = TemporaryDirectory()
        let first = try openStore(directory)
        first.append(makeAppend(firstSeq: 1, count: 100))
        first.advance(sink: "gone", to: 0)
        first.forget(sink: "gone")
        first.close()
        var configuration = makeConfiguration(directory)
        configuration.now = { receivedTime(0) + 365 * 86_400_000_000 }
        let second = try openStore(configuration)
        defer { second.close() }
        #expect(second.cursors.isEmpty)
        try waitUntil("all lines to go") { second.firstSeq == 101 }
    }

    @Test func `a smaller bound than before shrinks the file`() throws {
        let directory = TemporaryDirectory()
        let first = try openStore(directory)
        for step in 0..<100 { first.append(makeAppend(firstSeq: Int64(step) * 200 + 1, count: 200, padding: 600)) }
        first.close()
        #expect(directory.bytesOnDisk > 12 << 20)
        let second = try openStore(makeConfiguration(directory, maxSizeBytes: 4 << 20))
        defer { second.close() }
        try waitUntil("the file to shrink") { directory.bytesOnDisk < 5 << 20 }
    }

    @Test func `a cursor rides along with the next lines, is written alone after its delay, and at the end`() throws {
        let directory = TemporaryDirectory()
        var configuration = makeConfiguration(directory)
        configuration.sideWriteDelay = .seconds(86_400)
        let first = try openStore(configuration)
        let reader = try StoreReader(path: directory.file)
        defer { reader.close() }
        first.append(makeAppend(firstSeq: 1, count: 2))
        try first.flush()
        first.advance(sink: "a", to: 1)
        first.append(makeAppend(firstSeq: 3, count: 1))
        try waitUntil("the lines") { first.lastSeq == 3 }
        #expect(try directory.storedCursor("a") == 1)
        first.advance(sink: "a", to: 3)
        #expect(try directory.storedCursor("a") == 1)
        first.close()
        #expect(try directory.storedCursor("a") == 3)

        configuration.sideWriteDelay = .milliseconds(1)
        let second = try openStore(configuration)
        defer { second.close() }
        #expect(second.cursor(of: "a") == 3 && second.cursor(of: "b") == nil)
        second.advance(sink: "b", to: 2)
        try waitUntil("the cursor to be written by itself") { try directory.storedCursor("b") == 2 }
    }
}
