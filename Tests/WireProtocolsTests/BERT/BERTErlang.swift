import Foundation
import TestSupport

/// The Erlang of this machine as the judge of the decoder.
enum BERTErlang {
    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("erlang_terms.escript").path

    /// The lines that the script writes for `arguments`, to which the output file is added. nil, with the reason printed,
    /// where there is no Erlang.
    static func lines(_ arguments: [String], in directory: TemporaryDirectory) async throws -> [Substring]? {
        guard ChildProcess.find("escript") != nil else {
            printSkip("no Erlang to compare with (Debian package erlang-base)")
            return nil
        }
        let (output, log) = (directory.file("lines"), ChildProcess.Stream.file(directory.file("log")))
        let child = try ChildProcess("escript", [script] + arguments + [output], output: log, errors: log)
        let exit = try await child.wait(within: .seconds(900)) { directory.text("log") }
        guard exit == .code(0) else { throw TestFailure(description: "escript: \(exit): \(directory.text("log"))") }
        return directory.text("lines").split(separator: "\n")
    }
}

extension [UInt8] {
    /// The bytes that pairs of hexadecimal digits stand for.
    init(hex text: some StringProtocol) {
        let digits = Array(text.utf8).map { $0 < 0x3A ? $0 &- 0x30 : $0 &- 0x57 }
        self = stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
