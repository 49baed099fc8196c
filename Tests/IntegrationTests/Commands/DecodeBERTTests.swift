import Foundation
import TestSupport
import Testing

/// `cti-bridge decode bert` as a shell sees it.
@Suite struct DecodeBERTTests {
    private let directory: TemporaryDirectory
    private let binary: String

    init() throws {
        (directory, binary) = (try TemporaryDirectory(), try DaemonProcess.binary())
    }

    /// Runs it with `input`; the shell joins the process to its input.
    private func decode(
        _ arguments: String, _ input: [UInt8]
    ) async throws -> (exit: ChildProcess.Exit, output: String, errors: String) {
        try Data(input).write(to: URL(fileURLWithPath: directory.file("input")))
        let child = try ChildProcess(
            "/bin/sh", ["-c", "exec \(binary) decode bert \(arguments) < \(directory.file("input"))"],
            output: .file(directory.file("output")), errors: .file(directory.file("errors")))
        let exit = try await child.wait { directory.text("errors") }
        return (exit, directory.text("output"), directory.text("errors"))
    }

    private static let ok: [UInt8] = [131, 104, 2, 100, 0, 2, 111, 107, 97, 1]
    private static let okLine = #"{"tuple":[{"atom":"ok"},{"int":"1"}]}"# + "\n"

    private static func framed(_ bytes: [UInt8]) -> [UInt8] { [0, 0, 0, UInt8(bytes.count)] + bytes }

    @Test func `One term is one line`() async throws {
        let (exit, output, errors) = try await decode("", Self.ok)
        #expect(exit == .code(0))
        #expect(output == Self.okLine)
        #expect(errors.isEmpty)
    }

    @Test(
        arguments: [
            ([], "no bytes where a term is due at byte 0"), ([131, 97], "the term ends too early"),
            (ok + [0], "1 more bytes after the term"), ([123, 125], "this is no BERT"),
        ] as [([UInt8], String)])
    func `What is no term is explained on standard error`(_ input: [UInt8], _ reason: String) async throws {
        let (exit, output, errors) = try await decode("", input)
        #expect(exit == .code(1))
        #expect(output.isEmpty)
        #expect(errors.hasPrefix("cti-bridge: standard input: "))
        #expect(errors.contains(reason))
    }

    @Test func `Frames are lines, and a broken one does not stop those behind it`() async throws {
        let input = Self.framed(Self.ok) + Self.framed([131, 1]) + Self.framed([]) + Self.framed(Self.ok)
        let (exit, output, errors) = try await decode("--frames", input)
        #expect(exit == .code(1))
        #expect(output == Self.okLine + Self.okLine)
        #expect(errors.split(separator: "\n").map { $0.prefix(19) } == ["cti-bridge: frame 2", "cti-bridge: frame 3"])
        let whole = try await decode("--frames", [])
        #expect(whole.exit == .code(0))
    }

    @Test func `A frame that is cut, and one that is too long, are told`() async throws {
        let cut = try await decode("--frames", Self.framed(Self.ok) + [0, 0, 0, 9, 131])
        #expect(cut.exit == .code(1))
        #expect(cut.output == Self.okLine)
        #expect(cut.errors.contains("in the middle of frame 2, 8 bytes are missing"))
        let long = [2, 0, 0, 0] + [UInt8](repeating: 7, count: 2 << 24)
        let left = try await decode("--frames", long + Self.framed(Self.ok))
        #expect(left.exit == .code(1))
        #expect(left.errors.contains("frame 1: 33554432 bytes announced"))
        #expect(left.output.hasSuffix(Self.okLine))
    }

    @Test func `Limits can be loosened where they are asked for`() async throws {
        let long: [UInt8] = [131, 110, 65, 0] + [UInt8](repeating: 0, count: 64) + [1]
        let refused = try await decode("", long)
        #expect(refused.exit == .code(1))
        #expect(refused.errors.contains("--integer-bytes raises the limit"))
        #expect(try await decode("--integer-bytes 65", long).output.hasPrefix(#"{"int":"134078"#))
        #expect(try await decode("--integer-bytes 7", long).exit == .code(64))
        // {1, 2}, deflated by hand: a stored block.
        let content: [UInt8] = [104, 2, 97, 1, 97, 2]
        let stream: [UInt8] = [0x78, 0x01, 1, 6, 0, 0xF9, 0xFF] + content + [0x04, 0xCB, 0x01, 0x30]
        let compressed: [UInt8] = [131, 80, 0, 0, 0, 6] + stream
        let closed = try await decode("", compressed)
        #expect(closed.errors.contains("--compressed reads it"))
        #expect(
            try await decode("--compressed", compressed).output.hasSuffix(
                #"{"tuple":[{"int":"1"},{"int":"2"}]}"# + "\n"))
    }
}
