import Bridge
import BridgeCore
import Codecs
import Glibc
import TestSupport
import Testing

@testable import Sinks

/// The listening sink with real sockets and a store in memory.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct SocketListeningSinkTests {
    private let directory: TemporaryDirectory
    private let log = RecordingLog()
    private let feed: ScriptedFeed

    init() throws { (directory, feed) = (try TemporaryDirectory(), ScriptedFeed()) }

    private var path: String { directory.file("events.sock") }

    private func sink(
        _ place: SocketPlace? = nil, _ change: (inout SocketListeningSink.Options) -> Void = { _ in }
    ) async throws -> SocketListeningSink {
        var options = SocketListeningSink.Options(place ?? .unix(path: path))
        change(&options)
        let feed = feed.feed
        let context = SinkContext(
            name: "local", tenant: "acme", logger: log.logger,
            history: { after, lines, bytes in try feed.next(after, lines, bytes).map { DeliveryBatch($0) } })
        let sink = SocketListeningSink(options, context: context)
        _ = try await sink.open(cursor: feed.cursor(), stream: testStream)
        return sink
    }

    /// Stores so many lines more and delivers them, as the pump does.
    private func commit(_ count: Int64, to sink: SocketListeningSink) async throws {
        feed.commit(count)
        while let batch = try feed.feed.next(feed.cursor, 100, 64 << 10) {
            #expect(await sink.deliver(DeliveryBatch(batch)) == .delivered)
            try feed.feed.advance(batch.lastSeq)
        }
    }

    private func expect(_ peer: SocketPeer, _ seqs: [Int64]) async throws {
        try await eventually("\(seqs.count) lines", state: { "\(peer.text.suffix(600)) \(log.all.suffix(5))" }) {
            peer.eventSeqs.count >= seqs.count
        }
        #expect(peer.eventSeqs == seqs)
    }

    private func expect(_ peer: SocketPeer, notice: String) async throws {
        try await eventually("it is told and closed", state: { peer.text }) {
            peer.read()
            return peer.isAtEnd
        }
        #expect(peer.notice == notice)
    }

    // MARK: - Lines

    @Test func `A reader gets the lines from when it connected, and those before by its request`() async throws {
        let sink = try await sink()
        try await commit(5, to: sink)
        let (plain, resuming) = (try SocketPeer(unix: path), try SocketPeer(unix: path))
        resuming.say("?since=2\n")
        // Let in before the next line, so that it is theirs.
        try await eventually("both are there") { log.has("readers=2") }
        try await commit(3, to: sink)
        try await expect(plain, [6, 7, 8])
        try await expect(resuming, [3, 4, 5, 6, 7, 8])
        try await commit(2, to: sink)
        try await expect(plain, [6, 7, 8, 9, 10])
        try await expect(resuming, Array(3...10))
        await sink.close()
        try await eventually("both are at their ends") {
            plain.read()
            resuming.read()
            return plain.isAtEnd && resuming.isAtEnd
        }
        #expect(access(path, F_OK) != 0, "the file is removed")
    }

    @Test(arguments: [
        ("?since=0\n", Array<Int64>(1...6)), ("since=0\r\n", Array(1...6)), ("?since=5&stream=\(testStream)\n", [6]),
        ("?since=5&stream=0192f0c4-8a00-7000-8000-0000000000ff\n", Array(1...6)), ("?since=9999\n", [6]), ("\n", [6]),
        ("?since=9007199254740992\n", [6]),
    ])
    func `Each request begins where it says`(request: String, seqs: [Int64]) async throws {
        let sink = try await sink()
        try await commit(5, to: sink)
        let peer = try SocketPeer(unix: path)
        peer.say(request)
        // As `nc` does when its input ends.
        peer.finishSaying()
        try await eventually("it is there") { log.has("a reader is connected") }
        // Requests for what is not there are settled by a look into the store.
        try await Task.sleep(for: .milliseconds(300))
        try await commit(1, to: sink)
        try await expect(peer, seqs)
        await sink.close()
    }

    @Test func `Resuming while lines come makes neither a hole nor a repeat`() async throws {
        let sink = try await sink(.tcp(host: "127.0.0.1", port: 0))
        try await commit(2000, to: sink)
        let peers = try (0..<20).map { number in
            let peer = try SocketPeer(port: sink.port)
            peer.say("?since=\(number * 100)\n")
            return peer
        }
        for _ in 0..<40 {
            try await commit(25, to: sink)
            for peer in peers { peer.read() }
        }
        for (number, peer) in peers.enumerated() { try await expect(peer, Array((Int64(number) * 100 + 1)...3000)) }
        await sink.close()
    }

    @Test func `A hundred readers get the same, and one more is refused`() async throws {
        let sink = try await sink()
        let peers = try (0..<100).map { _ in try SocketPeer(unix: path) }
        try await eventually("all are there") { log.has("readers=100}") }
        try await expect(
            try SocketPeer(unix: path), notice: #"{"notice":"refused","reason":"there are 100 readers already"}"#)
        try await commit(300, to: sink)
        for peer in peers { try await expect(peer, Array(1...300)) }
        await sink.close()
    }

    @Test func `Nobody is waited for`() async throws {
        let sink = try await sink()
        try await commit(50, to: sink)
        #expect(feed.cursor == 50)
        await sink.close()
    }

    // MARK: - Slow readers

    @Test func `A slow reader is dropped with a notice and goes on from there, the others see nothing of it`()
        async throws
    {
        let sink = try await sink(.tcp(host: "127.0.0.1", port: 0)) { $0.bufferBytes = 64 << 10 }
        let (slow, quick) = (try SocketPeer(port: sink.port, receiveBytes: 4096), try SocketPeer(port: sink.port))
        for peer in [slow, quick] { peer.say("\n") }
        try await eventually("both are there") { log.has("readers=2}") }
        try await Task.sleep(for: .milliseconds(50))
        var count: Int64 = 0
        while !log.has("a reader is too slow"), count < 200_000 {
            try await commit(50, to: sink)
            count += 50
            try await eventually("the other has it all") { quick.eventSeqs.last == count }
        }
        #expect(log.has("a reader is too slow and is dropped"))
        try await eventually("it is closed") {
            slow.read()
            return slow.isAtEnd
        }
        let last = try #require(slow.eventSeqs.last)
        #expect(slow.eventSeqs == Array(1...last) && last < count)
        #expect(slow.notice == #"{"notice":"dropped","reason":"slow reader","seq":\#(last)}"#)
        let again = try SocketPeer(port: sink.port)
        again.say("?since=\(last)\n")
        try await expect(again, Array((last + 1)...count))
        #expect(quick.eventSeqs == Array(1...count))
        await sink.close()
    }

    // MARK: - Rubbish, tokens

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", "a request is ?since=SEQ, with &token=… and &stream=… where needed"),
        ("?since=-1\n", "since= takes the seq of a line"), ("?since=\n", "since= takes the seq of a line"),
        ("?since=99999999999999999999\n", "since= takes the seq of a line"),
        ("?stream=x\n", "stream= takes the stream of a line"),
        (String(repeating: "x", count: 5000), "a request has at most 1024 bytes"),
        ("?since=1\n?since=2\n", "a reader sends one request"),
    ])
    func `Anything but one request is refused`(text: String, reason: String) async throws {
        let sink = try await sink()
        let peer = try SocketPeer(unix: path)
        peer.say(text)
        try await expect(peer, notice: #"{"notice":"refused","reason":"\#(reason)"}"#)
        await sink.close()
    }

    @Test func `With a token nothing is told to who does not know it`() async throws {
        let sink = try await sink { $0.token = Secret(Array("right".utf8)) }
        try await commit(3, to: sink)
        let (wrong, right) = (try SocketPeer(unix: path), try SocketPeer(unix: path))
        wrong.say("?since=0&token=wrong\n")
        right.say("?since=1&token=right\n")
        try await expect(right, [2, 3])
        try await expect(wrong, notice: #"{"notice":"refused","reason":"the token is wrong"}"#)
        let none = try SocketPeer(unix: path)
        none.say("\n")
        try await expect(none, notice: #"{"notice":"refused","reason":"the token is wrong"}"#)
        #expect(wrong.eventSeqs.isEmpty && none.eventSeqs.isEmpty)
        await sink.close()
    }

    // MARK: - The place

    @Test func `A socket left over is replaced, one in use and anything else is not`() async throws {
        let first = try await sink { $0.mode = 0o600 }
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
        await #expect(throws: SocketSinkError.self) { _ = try await sink() }
        // As after a crash: the file is there and nobody listens.
        rename(path, directory.file("moved"))
        await first.close()
        rename(directory.file("moved"), path)
        #expect(access(path, F_OK) == 0)
        let second = try await sink()
        let peer = try SocketPeer(unix: path)
        peer.say("?since=0\n")
        try await commit(1, to: second)
        try await expect(peer, [1])
        await second.close()
        try directory.write("events.sock", "a file of somebody's")
        await #expect(throws: SocketSinkError.self) { _ = try await sink() }
        #expect(directory.text("events.sock") == "a file of somebody's")
    }

    @Test func `A port in use is told`() async throws {
        let first = try await sink(.tcp(host: "127.0.0.1", port: 0))
        do {
            _ = try await sink(.tcp(host: "127.0.0.1", port: first.port))
            Issue.record("opened")
        } catch {
            #expect("\(error)" == "cannot listen on 127.0.0.1:\(first.port): Address already in use")
        }
        await first.close()
    }
}
