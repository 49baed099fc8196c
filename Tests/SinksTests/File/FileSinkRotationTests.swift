import BridgeCore
import Codecs
import Glibc
import Sinks
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1)))
struct FileSinkRotationTests {
    private let lineBytes = Int64(line(1).count)

    @Test func `No file gets larger than its size, and no line is split or lost between two`() async throws {
        let rig = try FileRig()
        let sink = try await rig.opened { $0.rotateSizeBytes = lineBytes * 3 }
        #expect(await sink.deliver(delivery(1...4)) == .delivered)
        #expect(await sink.deliver(delivery(5...9)) == .delivered)
        #expect(rig.seqs("lines.jsonl") == [7, 8, 9])
        #expect(rig.seqs("lines.jsonl.1") == [4, 5, 6])
        #expect(rig.seqs("lines.jsonl.2") == [1, 2, 3])
    }

    @Test func `A line larger than the size has a file of its own`() async throws {
        let rig = try FileRig()
        let sink = try await rig.opened { $0.rotateSizeBytes = 100 }
        #expect(await sink.deliver(delivery(1...3)) == .delivered)
        #expect([3, 2, 1] == ["lines.jsonl", "lines.jsonl.1", "lines.jsonl.2"].flatMap { rig.seqs($0) })
    }

    @Test(arguments: [(1, 1), (3, 3), (nil, 9)] as [(Int?, Int)])
    func `So many old files are kept`(keep: Int?, kept: Int) async throws {
        let rig = try FileRig()
        let sink = try await rig.opened { ($0.rotateSizeBytes, $0.keep) = (lineBytes, keep) }
        for seq in 1...9 as ClosedRange<Int64> { #expect(await sink.deliver(delivery(seq...seq)) == .delivered) }
        #expect(await sink.deliver(delivery(10...10)) == .delivered)
        for number in 1...9 {
            #expect(rig.seqs("lines.jsonl.\(number)") == (number <= kept ? [Int64(10 - number)] : []))
        }
    }

    @Test func `Age counts from the first line, also over a restart`() async throws {
        let rig = try FileRig()
        let options: (inout FileSink.Options) -> Void = { $0.rotateAge = .seconds(3600) }
        var sink = try await rig.opened(change: options)
        #expect(await sink.deliver(delivery(1...1)) == .delivered)
        rig.wall.advance(by: .seconds(3000))
        await sink.close()
        sink = try await rig.opened(cursor: 1, change: options)
        #expect(await sink.deliver(delivery(2...2)) == .delivered)
        #expect(rig.seqs("lines.jsonl") == [1, 2])
        rig.wall.advance(by: .seconds(602))
        #expect(await sink.deliver(delivery(3...3)) == .delivered)
        #expect(rig.seqs("lines.jsonl.1") == [1, 2])
        #expect(rig.seqs("lines.jsonl") == [3])
    }

    @Test func `The name follows the wall clock in UTC`() async throws {
        let rig = try FileRig()
        let sink = try await rig.opened("out/%Y/%m-%d/%j-%H%M%S-100%%-%{tenant}")
        #expect(await sink.deliver(delivery(1...1)) == .delivered)
        rig.wall.advance(by: .seconds(86_400 * 350 + 3661))
        #expect(await sink.deliver(delivery(2...2)) == .delivered)
        #expect(rig.seqs("2026/01-15/015-100000-100%-acme") == [1])
        #expect(rig.seqs("2026/12-31/365-110101-100%-acme") == [2])
    }

    @Test func `Delivery goes on behind the last line of the file before: rotated, or of an earlier name`() async throws
    {
        let rig = try FileRig()
        rig.put(line(4) + line(5), "lines.jsonl.1")
        #expect(try await rig.sink().open(cursor: 2, stream: testStream) == 5)

        rig.put(line(6) + line(7) + line(8).dropLast(), "20260103.jsonl")
        #expect(try await rig.sink("out/%Y%m%d.jsonl").open(cursor: 2, stream: testStream) == 7)
        #expect(rig.seqs("20260103.jsonl") == [6, 7])
        #expect(try await rig.sink("out/%Y%m%d%H%M%S.jsonl").open(cursor: 2, stream: testStream) == 2)
    }

    @Test(arguments: [true, false])
    func `A file that logrotate renamed is left, with a signal at once and without within a second`(
        signalled: Bool
    ) async throws {
        let rig = try FileRig()
        let sink = try await rig.opened()
        #expect(await sink.deliver(delivery(1...2)) == .delivered)
        rename(rig.path, rig.path + ".1")
        #expect(await sink.deliver(delivery(3...3)) == .delivered)
        if signalled { sink.reopen() } else { rig.wall.advance(by: .seconds(1)) }
        #expect(await sink.deliver(delivery(4...5)) == .delivered)
        #expect(rig.seqs("lines.jsonl.1") == [1, 2, 3])
        #expect(rig.seqs("lines.jsonl") == [4, 5])
    }

    @Test func `A file that was removed, with its directory, or emptied in place is written again`() async throws {
        let rig = try FileRig()
        let sink = try await rig.opened { $0.rotateSizeBytes = lineBytes * 3 }
        #expect(await sink.deliver(delivery(1...2)) == .delivered)
        unlink(rig.path)
        rmdir(rig.directory.file("out"))
        rig.wall.advance(by: .seconds(1))
        #expect(await sink.deliver(delivery(3...4)) == .delivered)
        #expect(rig.seqs("lines.jsonl") == [3, 4])
        truncate(rig.path, 0)
        rig.wall.advance(by: .seconds(1))
        #expect(await sink.deliver(delivery(5...7)) == .delivered)
        #expect(rig.seqs("lines.jsonl") == [5, 6, 7])
    }
}
