import Foundation
import TestSupport
import Testing

/// The tools of the fault tests do what those rely on.
@Suite struct TestSupportTests {
    @Test(.timeLimit(.minutes(1)))
    func `A durable server killed with -9 still has every element that it confirmed`() async throws {
        guard let redis = try await RedisServer.start(durable: true) else { return }
        var elements = TeleforgeElements(seed: 1)
        let sent = (0..<1200).map { _ in elements.inbound().json }
        try redis.client().push("list", sent)
        try await redis.kill()
        try await redis.start()
        let client = try redis.client()
        #expect(try client("LRANGE", "list", "0", "-1") == .array(sent.map { .text($0) }))
        #expect(try client("LLEN", "none") == .integer(0))
        #expect(try client("LPOP", "none") == .null)
        if case .error(let text) = try client("GET", "list") { #expect(text.hasPrefix("WRONGTYPE")) }
    }

    @Test(.timeLimit(.minutes(1)))
    func `A tiny file system refuses to grow when filled, and takes bytes again when freed`() async throws {
        guard let disk = try await TinyFileSystem.mount(kilobytes: 1024) else { return }
        let file = URL(fileURLWithPath: "\(disk.path)/file")
        try disk.fill(leaving: 64)
        #expect((0...64 * 1024).contains(disk.free()))
        #expect(throws: (any Error).self) { try Data(repeating: 1, count: 256 * 1024).write(to: file) }
        try disk.release()
        try Data(repeating: 1, count: 256 * 1024).write(to: file)
    }

    @Test(.timeLimit(.minutes(1)))
    func `A child's end is told as code or signal, and its output is kept`() async throws {
        #expect(try await ChildProcess.run("sh", ["-c", "echo out; echo err >&2; exit 3"]) == (.code(3), "out\nerr\n"))
        let sleeper = try ChildProcess("sleep", ["60"])
        #expect(sleeper.ended() == nil)
        sleeper.signal(SIGKILL)
        #expect(try await sleeper.wait() == .signal(SIGKILL))
        await #expect(throws: TestFailure.self) {
            try await eventually("never", within: .milliseconds(20)) { false }
        }
        #expect(throws: SystemCallError.self) { try ChildProcess("/nowhere/program", []) }
    }
}
