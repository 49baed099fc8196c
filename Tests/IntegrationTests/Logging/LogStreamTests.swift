import Bridge
import Foundation
import Logging
import TestSupport
import Testing

@Suite struct LogStreamTests {
    /// A pipe, its reading end not waiting.
    private final class Pipe {
        let reading: Int32
        let writing: Int32
        init() throws {
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { throw SystemCallError("pipe") }
            (reading, writing) = (ends[0], ends[1])
            _ = fcntl(reading, F_SETFL, O_NONBLOCK)
        }
        func closeReading() { close(reading) }
        func read() -> String {
            var result: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65_536)
            while case let count = Foundation.read(reading, &chunk, chunk.count), count > 0 {
                result += chunk[..<count]
            }
            return String(decoding: result, as: UTF8.self)
        }
    }

    init() { signal(SIGPIPE, SIG_IGN) }

    private func logger(_ descriptor: Int32) -> (Logger, LogOutput) {
        let output = LogOutput(descriptor: descriptor, format: .journal)
        return (Logger(label: "test") { StreamLogHandler(label: $0, output: output, level: .trace) }, output)
    }

    @Test func `A reader that does not read never holds the writer up, and learns how much it missed`() throws {
        let pipe = try Pipe()
        let (logger, output) = logger(pipe.writing)
        let padding = String(repeating: "x", count: 900)
        for number in 0..<1000 { logger.debug("line \(number) \(padding)") }
        var text = pipe.read()
        // What had waited in the daemon follows once there is room.
        while case _ = output.flush(), case let more = pipe.read(), !more.isEmpty { text += more }
        logger.debug("after")
        text += pipe.read()
        let lines = text.split(separator: "\n")
        let passed = lines.count - 2
        #expect(passed > 60 && passed < 1000)
        #expect(lines.prefix(passed).enumerated().allSatisfy { $1.hasPrefix("<7>line \($0) ") })
        #expect(lines[passed].contains("dropped") && lines[passed].hasSuffix("lines=\(1000 - passed)"))
        #expect(lines[passed + 1] == "<7>after")
        pipe.closeReading()
        close(pipe.writing)
    }

    @Test func `A reader that has gone is no fault`() throws {
        let pipe = try Pipe()
        let (logger, output) = logger(pipe.writing)
        pipe.closeReading()
        for _ in 0..<10 { logger.debug("nobody") }
        output.flush()
        close(pipe.writing)
    }

    @Test func `A descriptor that is not open is no fault`() {
        let (logger, _) = logger(-1)
        logger.error("nobody")
    }

    @Test func `A full disk costs lines, not the service`() throws {
        let full = open("/dev/full", O_WRONLY)
        try #require(full >= 0)
        let (logger, output) = logger(full)
        for _ in 0..<10 { logger.debug("lost") }
        output.flush()
        close(full)
    }

    @Test func `A socket is written without waiting, as the journal is one`() throws {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let (logger, _) = logger(ends[0])
        for number in 0..<5000 { logger.debug("line \(number) \(String(repeating: "x", count: 200))") }
        var chunk = [UInt8](repeating: 0, count: 64)
        #expect(recv(ends[1], &chunk, chunk.count, 0) == 64)
        #expect(String(decoding: chunk, as: UTF8.self).hasPrefix("<7>line 0 xxx"))
        for end in ends { close(end) }
    }

    @Test func `Standard error is taken for the journal only if it is the very stream that was named`() throws {
        let directory = try TemporaryDirectory()
        let descriptor = open(directory.file("log"), O_WRONLY | O_CREAT, 0o600)
        defer { close(descriptor) }
        var status = stat()
        try #require(fstat(descriptor, &status) == 0)
        #expect(LogFormat.text(for: descriptor, journalStream: "\(status.st_dev):\(status.st_ino)") == .journal)
        #expect(LogFormat.text(for: descriptor, journalStream: "\(status.st_dev):\(status.st_ino + 1)") == .text)
        for other in [nil, "", "1", "a:b", "1:2:3", ":"] {
            #expect(LogFormat.text(for: descriptor, journalStream: other) == .text)
        }
    }
}
