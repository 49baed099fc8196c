import Codecs
import Foundation
import GRDB
import Store
import Testing

@Suite struct StoreFilesTests {
    @Test func `directory and files are private`() throws {
        let directory = TemporaryDirectory()
        let store = try openStore(directory)
        defer { store.close() }
        store.append(makeAppend(firstSeq: 1, count: 1))
        try store.flush()
        #expect(permissions(directory.path + "/state") == 0o700)
        for suffix in ["", "-wal", "-shm", ".lock"] { #expect(permissions(directory.file + suffix) == 0o600) }
    }

    @Test func `a store in use is refused with the id of its process, and free after close`() throws {
        let directory = TemporaryDirectory()
        let store = try openStore(directory)
        #expect(throws: StoreError.locked(path: directory.file, pid: getpid())) { try openStore(directory) }
        let text = "\(StoreError.locked(path: directory.file, pid: getpid()))"
        #expect(text.contains("process \(getpid())"))
        store.close()
        try openStore(directory).close()
    }

    @Test func `an empty file becomes a store`() throws {
        let directory = TemporaryDirectory()
        try directory.makeState()
        try Data().write(to: URL(fileURLWithPath: directory.file))
        let notices = Recorder<StoreNotice>()
        let store = try openStore(directory, notices: notices)
        defer { store.close() }
        #expect(store.lastSeq == 0 && notices.all.isEmpty)
    }

    @Test func `the schema of today is left as it is when opened again`() throws {
        let directory = TemporaryDirectory()
        try openStore(directory).close()
        let before = try schema(directory.file)
        try openStore(directory).close()
        #expect(try schema(directory.file) == before)
        #expect(before.contains { $0.contains("CREATE TABLE events") })
    }

    @Test func `a newer schema is refused and left alone`() throws {
        let directory = TemporaryDirectory()
        try openStore(directory).close()
        let queue = try DatabaseQueue(path: directory.file)
        try queue.write { try $0.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('99')") }
        try queue.close()
        #expect(throws: StoreError.newerSchema(path: directory.file)) { try openStore(directory) }
        #expect(FileManager.default.fileExists(atPath: directory.file))
    }

    @Test func `a database of another program is refused and left alone`() throws {
        let directory = TemporaryDirectory()
        try directory.makeState()
        let queue = try DatabaseQueue(path: directory.file)
        try queue.write { try $0.execute(sql: "CREATE TABLE theirs (x)") }
        try queue.close()
        #expect(throws: StoreError.foreign(path: directory.file)) { try openStore(directory) }
        #expect(try schema(directory.file) == ["CREATE TABLE theirs (x)"])
    }

    @Test func `a directory that cannot be made is named`() {
        var configuration = StoreConfiguration(
            path: "/proc/none/events.db", retention: .seconds(1), maxSizeBytes: 1 << 20)
        configuration.now = { 0 }
        #expect {
            try openStore(configuration)
        } throws: { "\($0)".contains("/proc/none") }
    }

    @Test(.enabled(if: sqliteTool != nil, "needs the sqlite3 command line tool"))
    func `sqlite3 by hand reads while the store is open and writing`() throws {
        let directory = TemporaryDirectory()
        let store = try openStore(directory)
        defer { store.close() }
        store.append(makeAppend(firstSeq: 1, count: 42))
        try store.flush()
        #expect(try sqlite(directory.file, "select count(*), max(seq) from events") == "42|42\n")
        #expect(try sqlite(directory.file, "select json_extract(line, '$.seq') from events where seq = 7") == "7\n")
        store.append(makeAppend(firstSeq: 43, count: 1))
        try store.flush()
        #expect(try sqlite(directory.file, "select line from events where seq = 43") == lineText(43) + "\n")
    }

    @Test func `another connection follows lines as they are committed, and finds them by time`() throws {
        let directory = TemporaryDirectory()
        let store = try openStore(directory)
        defer { store.close() }
        store.append(makeAppend(firstSeq: 1, count: 100))
        try store.flush()
        let reader = try StoreReader(path: directory.file)
        defer { reader.close() }
        #expect(try reader.lastSeq() == 100)
        for seq: Int64 in [1, 2, 57, 100] {
            #expect(try reader.firstSeq(receivedAtOrAfter: receivedTime(seq)) == seq)
            #expect(try reader.firstSeq(receivedAtOrAfter: receivedTime(seq) + 1) == seq + 1)
        }
        #expect(try reader.firstSeq(receivedAtOrAfter: 0) == 1)
        #expect(try !reader.waitForLine(after: 100, limit: .zero))
        store.append(makeAppend(firstSeq: 101, count: 5))
        #expect(try reader.waitForLine(after: 100, limit: .seconds(20)))
        var seen: [Int64] = []
        try reader.forEachLine(from: 101) { seq, _, _, _ in
            seen.append(seq)
            return true
        }
        #expect(seen == Array(101...105))
    }

    @Test func `a reader without a file makes none`() {
        let directory = TemporaryDirectory()
        #expect(throws: StoreError.self) { try StoreReader(path: directory.file) }
        #expect(!FileManager.default.fileExists(atPath: directory.path))
    }

    @Test func `a closed store can be read`() throws {
        let directory = TemporaryDirectory()
        let store = try openStore(directory)
        store.append(makeAppend(firstSeq: 1, count: 3))
        store.close()
        let reader = try StoreReader(path: directory.file)
        defer { reader.close() }
        #expect(try reader.lastSeq() == 3)
    }
}

private func permissions(_ path: String) -> Int? {
    (try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]) as? Int
}

private func schema(_ path: String) throws -> [String] {
    let queue = try DatabaseQueue(path: path)
    defer { try? queue.close() }
    return try queue.read {
        try String.fetchAll($0, sql: "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY 1")
    }
}

private let sqliteTool = ["/usr/bin/sqlite3", "/usr/local/bin/sqlite3", "/bin/sqlite3"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }

private func sqlite(_ path: String, _ sql: String) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(sqliteTool))
    process.arguments = [path, sql]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
}
