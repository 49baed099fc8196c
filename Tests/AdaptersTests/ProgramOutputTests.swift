import BridgeCore
import Foundation
import TestSupport
import Testing

/// A token command and its like.
@Suite struct ProgramOutputTests {
    private static func shell(_ script: String) -> [String] { ["/bin/sh", "-c", script] }

    @Test("What it wrote comes back whole, and its errors do not")
    func output() throws {
        let output = try ProgramOutput.run(Self.shell("echo token; echo noise >&2"))
        #expect(output == Array("token\n".utf8))
        #expect(try ProgramOutput.run(Self.shell("cat")).isEmpty, "it gets no input")
    }

    @Test(
        "Each way to fail has a name",
        arguments: [
            (["/no/such/program"], ProgramOutput.Failure.notStarted(code: 2)),
            (shell("exit 3"), .exited(status: 3)), (shell("kill -TERM $$"), .killed(signal: 15)),
            (shell("while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done"), .tooLong(limit: 1000)),
        ])
    func failures(arguments: [String], failure: ProgramOutput.Failure) {
        #expect(throws: failure) { try ProgramOutput.run(arguments, limit: 1000) }
    }

    @Test("When its time is over it is ended with all that it started")
    func time() throws {
        let directory = try TemporaryDirectory()
        let limit = Duration.milliseconds(200)
        #expect(throws: ProgramOutput.Failure.timedOut(limit)) {
            try ProgramOutput.run(
                Self.shell("sleep 600 & echo $! > \(directory.file("pid")); wait"), within: limit)
        }
        let pid = try #require(Int32(directory.text("pid").filter(\.isNumber)))
        var isGone = false
        for _ in 0..<1000 where !isGone {
            // Reaped by whoever adopts it.
            let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            isGone = status.map { $0.contains(") Z ") } ?? true
            if !isGone { usleep(5000) }
        }
        #expect(isGone)
    }

    @Test("A program that closes its output and stays is not waited for")
    func closedOutput() {
        let limit = Duration.milliseconds(200)
        #expect(throws: ProgramOutput.Failure.timedOut(limit)) {
            try ProgramOutput.run(Self.shell("exec >&-; sleep 600"), within: limit)
        }
    }
}
