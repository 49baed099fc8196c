import Codecs
import Foundation
import Store
import Testing

@Suite(.serialized) struct FullDiskTests {
    @Test(.enabled(if: SmallFileSystem.isPossible, "needs the right to mount a tmpfs"))
    func `a full disk blocks, loses nothing that was acknowledged, and heals by itself`() throws {
        let disk = try SmallFileSystem(bytes: 8 << 20)
        let directory = TemporaryDirectory()
        var configuration = makeConfiguration(directory)
        configuration.path = disk.path + "/state/events.db"
        let notices = Recorder<StoreNotice>()
        let acknowledged = Recorder<Int64>()
        let store = try openStore(configuration, notices: notices)
        let ballast = try disk.addBallast(bytes: 7 << 20)
        for step: Int64 in 0..<40 {
            let last = step * 100 + 100
            store.append(
                makeAppend(firstSeq: step * 100 + 1, count: 100, padding: 400, onCommitted: { acknowledged.add(last) }))
        }
        try notices.wait("the store to be blocked") { !$0.isEmpty }
        guard case .blocked(let error)? = notices.all.first, case .full = error else {
            Issue.record("expected a full disk, got \(notices.all)")
            return
        }
        #expect(throws: StoreError.self) { try store.flush() }
        let before = acknowledged.all
        #expect((before.last ?? 0) == store.lastSeq && store.lastSeq < 4000)
        #expect(store.queuedBytes > 0)

        try FileManager.default.removeItem(atPath: ballast)
        try notices.wait("the store to recover") { $0.count == 2 }
        try waitUntil("all lines") { store.lastSeq == 4000 }
        try store.flush()
        #expect(acknowledged.all == (1...40).map { $0 * 100 })
        #expect(try allLines(store).count == 4000)
        store.close()
        let again = try openStore(configuration)
        #expect(again.lastSeq == 4000)
        again.close()
    }

    @Test(.enabled(if: SmallFileSystem.isPossible, "needs the right to mount a tmpfs"))
    func `closing on a full disk ends, and the file holds what was acknowledged`() throws {
        let disk = try SmallFileSystem(bytes: 8 << 20)
        let directory = TemporaryDirectory()
        var configuration = makeConfiguration(directory)
        configuration.path = disk.path + "/state/events.db"
        let notices = Recorder<StoreNotice>()
        let store = try openStore(configuration, notices: notices)
        let ballast = try disk.addBallast(bytes: 7 << 20)
        var seq: Int64 = 1
        while notices.all.isEmpty {
            store.append(makeAppend(firstSeq: seq, count: 10, padding: 400))
            seq += 10
            try? store.flush()
        }
        let acknowledged = store.lastSeq
        store.close()
        try FileManager.default.removeItem(atPath: ballast)
        let again = try openStore(configuration)
        #expect(again.lastSeq == acknowledged)
        #expect(try allLines(again).count == Int(acknowledged))
        again.close()
    }
}

/// A tmpfs of a few MiB, so that a disk can be full.
final class SmallFileSystem {
    let path: String
    private let directory = TemporaryDirectory()

    static let isPossible: Bool = {
        (try? SmallFileSystem(bytes: 1 << 20)) != nil
    }()

    init(bytes: Int) throws {
        path = directory.path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        guard mount("none", path, "tmpfs", 0, "size=\(bytes)") == 0 else {
            throw Timeout(description: "mount: \(String(cString: strerror(errno)))")
        }
    }

    func addBallast(bytes: Int) throws -> String {
        let ballast = path + "/ballast"
        try Data(repeating: 1, count: bytes).write(to: URL(fileURLWithPath: ballast))
        return ballast
    }

    /// Also when a test fails with files open in it.
    deinit { umount2(path, Int32(MNT_DETACH)) }
}
