import Bridge
import BridgeCore
import Codecs
import Glibc
import Sinks
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(2)))
struct StdoutSinkTests {
    private func opened(_ descriptor: Int32) async throws -> StdoutSink {
        let sink = try StdoutSink(name: "lines", descriptor: descriptor)
        #expect(try await sink.open(cursor: 0, stream: testStream) == 0)
        return sink
    }

    @Test func `A reader that has closed its end ends the delivery`() async throws {
        let pipe = TestPipe()
        let sink = try await opened(pipe.writeEnd)
        #expect(await sink.deliver(delivery(1...3)) == .delivered)
        pipe.closeReader()
        #expect(await sink.deliver(delivery(4...5)) == .gone(reason: "the reader has closed its end"))
    }

    /// Delivers on a thread of its own, as the pump does, while `body` runs.
    private func delivering(
        _ batch: DeliveryBatch, to descriptor: Int32,
        while body: (inout TaskGroup<DeliveryOutcome>) async throws -> Void
    ) async throws -> DeliveryOutcome? {
        let sink = try await opened(descriptor)
        let thread = try ThreadExecutor(name: "stdout test")
        defer { thread.shutdown() }
        return await withTaskGroup(of: DeliveryOutcome.self) { group in
            group.addTask(executorPreference: thread) { await sink.deliver(batch) }
            do {
                try await body(&group)
            } catch {
                Issue.record(error)
                group.cancelAll()
            }
            return await group.next()
        }
    }

    @Test func `A reader that closes its end is noticed while it is waited for`() async throws {
        let pipe = TestPipe()
        let outcome = try await delivering(delivery(1...500), to: pipe.writeEnd) { _ in
            try await eventually("the pipe is full") { pipe.isFull }
            pipe.closeReader()
        }
        #expect(outcome == .gone(reason: "the reader has closed its end"))
    }

    @Test(arguments: [false, true])
    func `A slow reader gets every byte, also through a non-blocking descriptor`(nonBlocking: Bool) async throws {
        let pipe = TestPipe()
        if nonBlocking { _ = fcntl(pipe.writeEnd, F_SETFL, O_NONBLOCK) }
        let batch = delivery(1...600) { line($0, text: String(repeating: "é", count: Int($0 * 7 % 5000))) }
        var received: [UInt8] = []
        let outcome = try await delivering(batch, to: pipe.writeEnd) { _ in
            try await eventually("all is read") {
                received += readAvailable(pipe.readEnd)
                return received.count >= batch.bytes.count
            }
        }
        #expect(outcome == .delivered)
        #expect(received == batch.bytes)
    }

    @Test func `A stop interrupts the wait for the reader`() async throws {
        let pipe = TestPipe()
        let long = line(1, text: String(repeating: "y", count: 100_000))
        let outcome = try await delivering(delivery(1...1) { _ in long }, to: pipe.writeEnd) { group in
            try await eventually("the pipe is full") { pipe.isFull }
            group.cancelAll()
        }
        #expect(outcome == .retry(through: nil, reason: "stopped while the reader did not read"))
        let first = readAvailable(pipe.readEnd)
        #expect(first.count < long.count && first == Array(long.prefix(first.count)))
    }

    @Test func `A short write to a full disk is completed later, without a repeat`() async throws {
        guard let disk = try await TinyFileSystem.mount(kilobytes: 64) else { return }
        let path = disk.directory.file("redirected")
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        try disk.fill(leaving: 12)
        let sink = try await opened(descriptor)
        guard case .retry(let through, let reason, _) = await sink.deliver(delivery(1...100)) else {
            Issue.record("a full disk took everything")
            return
        }
        #expect(reason.contains("No space left"))
        let taken = try #require(through)
        #expect(seqs(inFile: path) == Array(1...taken) + [-1], "the last line is torn")
        try disk.release()
        #expect(await sink.deliver(delivery((taken + 1)...100)) == .delivered)
        #expect(seqs(inFile: path) == Array(1...100))
    }

    @Test func `A socket is written like a pipe, and its end is noticed`() async throws {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { close(ends[0]) }
        let sink = try await opened(ends[0])
        #expect(await sink.deliver(delivery(1...20)) == .delivered)
        #expect(seqs(in: readAvailable(ends[1])) == Array(1...20))
        close(ends[1])
        #expect(await sink.deliver(delivery(21...21)) == .gone(reason: "the reader has closed its end"))
    }

    @Test func `A descriptor that is not open is refused`() async throws {
        let sink = try StdoutSink(name: "lines", descriptor: 9999)
        await #expect(throws: StdoutSinkError.self) { try await sink.open(cursor: 0, stream: testStream) }
    }
}
