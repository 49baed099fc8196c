import BridgeCore
import Codecs
import Glibc
import Sinks
import TestSupport
import Testing

/// A directory, a wall clock, and file sinks on them.
struct FileRig {
    let directory: TemporaryDirectory
    let wall = SettableWallClock()

    init() throws { directory = try TemporaryDirectory() }

    var path: String { directory.file("out/lines.jsonl") }

    func sink(_ name: String = "out/lines.jsonl", _ change: (inout FileSink.Options) -> Void = { _ in }) throws
        -> FileSink
    {
        var options = FileSink.Options(path: try FilePathTemplate(directory.file(name)), tenant: "acme")
        change(&options)
        return try FileSink(name: "file", options: options, now: { [wall] in wall.now })
    }

    func opened(
        _ name: String = "out/lines.jsonl", cursor: Int64 = 0, change: (inout FileSink.Options) -> Void = { _ in }
    ) async throws -> FileSink {
        let sink = try sink(name, change)
        _ = try await sink.open(cursor: cursor, stream: testStream)
        return sink
    }

    /// Puts a file where the sink will write.
    func put(_ bytes: [UInt8], _ name: String = "lines.jsonl") {
        mkdir(directory.file("out"), 0o750)
        write(bytes, toFile: directory.file("out/\(name)"))
    }

    func seqs(_ name: String) -> [Int64] { SinksTests.seqs(inFile: directory.file("out/\(name)")) }

    func mode(_ name: String) -> mode_t {
        var status = stat()
        return lstat(directory.file(name), &status) == 0 ? status.st_mode & 0o777 : 0
    }
}

@Suite(.timeLimit(.minutes(2)))
struct FileSinkTests {
    @Test func `Directories and file are made with their modes, whatever the umask`() async throws {
        let rig = try FileRig()
        let sink = try await rig.opened("out/%{tenant}/%Y/lines.jsonl") { $0.mode = 0o664 }
        #expect(await sink.deliver(delivery(1...2)) == .delivered)
        #expect(rig.mode("out") == 0o750)
        #expect(rig.mode("out/acme/2026") == 0o750)
        #expect(rig.mode("out/acme/2026/lines.jsonl") == 0o664)
        _ = try await rig.opened()
        #expect(rig.mode("out/lines.jsonl") == 0o640)
    }

    @Test(arguments: [0, 1, 12, 60, 200, 300])
    func `A torn last line is cut off, and delivery goes on behind the last whole one`(torn: Int) async throws {
        let rig = try FileRig()
        rig.put(line(1) + line(2) + line(3) + line(4).prefix(torn))
        let sink = try rig.sink()
        #expect(try await sink.open(cursor: 1, stream: testStream) == 3)
        #expect(await sink.deliver(delivery(4...5)) == .delivered)
        #expect(rig.seqs("lines.jsonl") == [1, 2, 3, 4, 5])
    }

    @Test func `A torn first line, zeros, and a torn line of many blocks are cut off too`() async throws {
        let long = line(2, text: String(repeating: "z", count: 900_000))
        for (content, kept) in [
            (Array(line(1).dropLast()), [] as [Int64]), (line(1) + [UInt8](repeating: 0, count: 5000), [1]),
            (line(1) + long.dropLast(), [1]), (line(1) + long, [1, 2]),
        ] {
            let rig = try FileRig()
            rig.put(content)
            let sink = try rig.sink()
            #expect(try await sink.open(cursor: 0, stream: testStream) == kept.last ?? 0)
            #expect(rig.seqs("lines.jsonl") == kept)
        }
    }

    @Test func `Text that is not ours is never cut, it gets its newline`() async throws {
        let rig = try FileRig()
        rig.put(Array("notes of the operator".utf8))
        let sink = try await rig.opened(cursor: 4)
        #expect(await sink.deliver(delivery(5...5)) == .delivered)
        #expect(bytes(ofFile: rig.path) == Array("notes of the operator\n".utf8) + line(5))
    }

    @Test(arguments: [(0, 7), (7, 7), (9, 9)] as [(Int64, Int64)])
    func `The last line of our stream says where to go on, never below the cursor`(cursor: Int64, start: Int64)
        async throws
    {
        let rig = try FileRig()
        rig.put(line(6) + line(7))
        let sink = try rig.sink()
        #expect(try await sink.open(cursor: cursor, stream: testStream) == start)
        let other = UUID128(high: 1, low: 2)
        #expect(try await sink.open(cursor: cursor, stream: other) == cursor)
    }

    @Test func `A second writer of one file is refused`() async throws {
        let rig = try FileRig()
        let first = try await rig.opened()
        let second = try rig.sink()
        await #expect(throws: FileSinkError.self) { try await second.open(cursor: 0, stream: testStream) }
        await first.close()
        #expect(try await second.open(cursor: 0, stream: testStream) == 0)
    }

    @Test func `A full disk keeps whole lines, and delivery goes on when there is room`() async throws {
        guard let disk = try await TinyFileSystem.mount(kilobytes: 64) else { return }
        let path = disk.directory.file("lines.jsonl")
        let options = FileSink.Options(path: try FilePathTemplate(path), tenant: "acme")
        let sink = try FileSink(name: "file", options: options, now: { noon })
        _ = try await sink.open(cursor: 0, stream: testStream)
        try disk.fill(leaving: 12)
        guard case .retry(let through, let reason, _) = await sink.deliver(delivery(1...100)) else {
            Issue.record("a full disk took everything")
            return
        }
        #expect(reason.contains("No space left"))
        let taken = try #require(through)
        #expect(seqs(inFile: path) == Array(1...taken))
        #expect(await sink.deliver(delivery((taken + 1)...100)) == .retry(through: nil, reason: reason))
        #expect(seqs(inFile: path) == Array(1...taken), "an attempt in vain leaves nothing behind")
        try disk.release()
        #expect(await sink.deliver(delivery((taken + 1)...100)) == .delivered)
        #expect(seqs(inFile: path) == Array(1...100))
    }

    @Test func `A directory that cannot be made is a sentence and is tried again`() async throws {
        let rig = try FileRig()
        try rig.directory.write("out", "a file in the way")
        let sink = try rig.sink()
        await #expect(throws: FileSinkError.self) { try await sink.open(cursor: 0, stream: testStream) }
        guard case .retry(nil, let reason, _) = await sink.deliver(delivery(1...1)) else {
            Issue.record("delivered into nothing")
            return
        }
        #expect(reason.contains("/out: Not a directory"))
        unlink(rig.directory.file("out"))
        #expect(await sink.deliver(delivery(1...1)) == .delivered)
        #expect(rig.seqs("lines.jsonl") == [1])
    }
}
