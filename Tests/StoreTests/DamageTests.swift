import Codecs
import Foundation
import Store
import Testing

@Suite struct DamageTests {
    enum Damage: String, CaseIterable {
        case truncated, halfAPageMissing, garbageHeader, emptyBesideLog, noDatabase, garbageTail, noMeta
    }

    @Test(arguments: Damage.allCases)
    func `a damaged file is set aside at the start and a new stream begins`(damage: Damage) throws {
        let directory = TemporaryDirectory()
        let store = try openStore(directory)
        let stream = store.stream
        store.append(makeAppend(firstSeq: 1, count: 3000))
        store.close()
        try apply(damage, to: directory.file)
        let broken = try Data(contentsOf: URL(fileURLWithPath: directory.file))

        let notices = Recorder<StoreNotice>()
        let again = try openStore(directory, notices: notices)
        defer { again.close() }
        #expect(again.lastSeq == 0 && again.stream != stream)
        guard case .setAside(let path, _)? = notices.all.first, notices.all.count == 1 else {
            Issue.record("expected one notice of the file set aside, got \(notices.all)")
            return
        }
        #expect(path.hasPrefix(directory.file + ".damaged-20250101T000000Z"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == broken)
        again.append(makeAppend(firstSeq: 1, count: 1))
        try again.flush()
    }

    @Test func `damage in the middle is found by the reader, told once, and set aside at the next start`() throws {
        let directory = TemporaryDirectory()
        let first = try openStore(directory)
        first.append(makeAppend(firstSeq: 1, count: 20_000))
        first.close()
        try overwrite(directory.file, page: 60, count: 20)

        let notices = Recorder<StoreNotice>()
        let store = try openStore(directory, notices: notices)
        #expect(store.lastSeq == 20_000, "the tail is sound, so the store opens")
        for _ in 0..<2 {
            #expect {
                try store.forEachLine(from: 1, through: .max) { _, _, _, _ in true }
            } throws: { ($0 as? StoreError)?.isDamage == true }
        }
        try notices.wait("word of the damage") { !$0.isEmpty }
        guard case .damaged? = notices.all.first, notices.all.count == 1 else {
            Issue.record("expected one notice of damage, got \(notices.all)")
            return
        }
        let acknowledged = Recorder<Int64>()
        store.append(makeAppend(firstSeq: 20_001, count: 1, onCommitted: { acknowledged.add(20_001) }))
        #expect {
            try store.flush()
        } throws: {
            ($0 as? StoreError)?.isDamage == true
        }
        store.close()
        #expect(acknowledged.all.isEmpty, "nothing is written to a damaged file")
        let again = try openStore(directory, notices: notices)
        defer { again.close() }
        #expect(again.lastSeq == 0 && notices.all.count == 2)
    }

    @Test func `two damaged files of the same second are both kept`() throws {
        let directory = TemporaryDirectory()
        for _ in 0..<2 {
            try openStore(directory).close()
            try apply(.garbageHeader, to: directory.file)
        }
        try openStore(directory).close()
        let kept = try FileManager.default.contentsOfDirectory(atPath: directory.path + "/state")
            .filter { $0.contains(".damaged-") }
        #expect(kept.count == 2)
    }
}

private func apply(_ damage: DamageTests.Damage, to path: String) throws {
    let url = URL(fileURLWithPath: path)
    switch damage {
    case .truncated: #expect(truncate(path, 40 * 4096) == 0)
    case .halfAPageMissing: #expect(truncate(path, off_t(try Data(contentsOf: url).count - 2048)) == 0)
    case .garbageHeader: try overwrite(path, page: 0, count: 1)
    case .emptyBesideLog:
        try Data(repeating: 7, count: 5000).write(to: URL(fileURLWithPath: path + "-wal"))
        #expect(truncate(path, 0) == 0)
    case .noDatabase: try Data("not a database at all, but long enough to be one\n".utf8).write(to: url)
    case .garbageTail: try overwrite(path, page: try Data(contentsOf: url).count / 4096 - 12, count: 12)
    case .noMeta:
        let bytes = try Data(contentsOf: url)
        let place = try #require(bytes.range(of: Data("CREATE TABLE meta".utf8)))
        try overwrite(path, at: place.lowerBound, bytes: Data("CREATE TABLE mxta".utf8))
    }
}

private func overwrite(_ path: String, page: Int, count: Int) throws {
    try overwrite(path, at: page * 4096, bytes: Data(repeating: 0xA5, count: count * 4096))
}

private func overwrite(_ path: String, at offset: Int, bytes: Data) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: bytes)
    try file.close()
}
