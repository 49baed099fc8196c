import Foundation

/// `cti-bridge simulate` of a vendor that listens, as a process.
public struct SimulatorProcess: Sendable {
    public let child: ChildProcess
    /// What it tells, on loopback.
    public let port: Int

    /// Starts it and waits until it listens. `port` 0: any free one.
    public init(
        _ vendor: String, _ arguments: [String], port: Int = 0, binary: String, directory: TemporaryDirectory,
        output: ChildProcess.Stream = .null
    ) async throws {
        let log = "simulator.\(UInt64.random(in: 0 ... .max)).err"
        child = try ChildProcess(
            binary, ["simulate", vendor, "--port", "\(port)"] + arguments, output: output,
            errors: .file(directory.file(log)))
        var found: Int?
        try await eventually("the simulator listens", state: { directory.text(log) }) {
            let words = directory.text(log).components(separatedBy: "127.0.0.1:")
            found = words.count > 1 ? Int(words[1].prefix { $0.isNumber }) : nil
            return found != nil
        }
        self.port = found ?? 0
    }
}
