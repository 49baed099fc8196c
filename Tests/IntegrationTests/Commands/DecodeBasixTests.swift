import Foundation
import TestSupport
import Testing

/// `cti-bridge decode basix` as a shell sees it.
@Suite struct DecodeBasixTests {
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../WireProtocolsTests/BERT/Fixtures").standardized.path

    private let directory: TemporaryDirectory
    private let binary: String

    init() throws {
        (directory, binary) = (try TemporaryDirectory(), try DaemonProcess.binary())
    }

    private func decode(
        _ arguments: String, file: String
    ) async throws -> (exit: ChildProcess.Exit, output: String, errors: String) {
        let run = UInt64.random(in: 0 ... .max)
        let child = try ChildProcess(
            "/bin/sh", ["-c", "exec \(binary) decode basix \(arguments) < \(file)"],
            output: .file(directory.file("output.\(run)")), errors: .file(directory.file("errors.\(run)")))
        let exit = try await child.wait { directory.text("errors.\(run)") }
        return (exit, directory.text("output.\(run)"), directory.text("errors.\(run)"))
    }

    @Test(arguments: ["group-call-park", "limit", "reconnect-before", "reconnect-after"])
    func `A recorded session becomes a line for each message`(_ session: String) async throws {
        let file = "\(Self.fixtures)/session-\(session)"
        let (exit, output, errors) = try await decode("--frames", file: "\(file).bertseq")
        #expect(exit == .code(0))
        #expect(errors.isEmpty)
        let wanted = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: "\(file).json")))
                as? [String: Any])
        let lines = try output.split(separator: "\n").map { try JSONSerialization.jsonObject(with: Data($0.utf8)) }
        #expect(lines as NSArray == (wanted["messages"] as? [Any] ?? []) as NSArray)
    }

    @Test func `A frame that is no message is told, and the next ones follow`() async throws {
        var bytes = Data([0, 0, 0, 2, 131, 1])
        bytes.append(try Data(contentsOf: URL(fileURLWithPath: "\(Self.fixtures)/session-limit.bertseq")))
        try bytes.write(to: URL(fileURLWithPath: directory.file("input")))
        let (exit, output, errors) = try await decode("--frames", file: directory.file("input"))
        #expect(exit == .code(1))
        #expect(errors.hasPrefix("cti-bridge: frame 1: "))
        let alone = try await decode("--frames", file: "\(Self.fixtures)/session-limit.bertseq")
        #expect(output == alone.output && !output.isEmpty)
    }

    @Test func `Without --frames it says what to say`() async throws {
        let (exit, _, errors) = try await decode("", file: "/dev/null")
        #expect(exit == .code(64))
        #expect(errors.contains("--frames"))
    }
}
