import Foundation
import Synchronization

/// The built `cti-bridge` as a process, and what it wrote.
public final class DaemonProcess: Sendable {
    /// `CTI_BRIDGE_BINARY`, else the binary built beside this test. A test without the daemon is no test: throws.
    public static func binary() throws -> String {
        if let given = ProcessInfo.processInfo.environment["CTI_BRIDGE_BINARY"], !given.isEmpty { return given }
        var places: [String] = []
        // The test runner is the bundle itself or a tool of the toolchain that was given the bundle's path.
        let candidates = [(try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""]
        for candidate in candidates + CommandLine.arguments where candidate.contains("/") {
            let directory = URL(fileURLWithPath: candidate).deletingLastPathComponent().path
            places.append("\(directory)/cti-bridge")
        }
        if let found = places.first(where: { access($0, X_OK) == 0 }) { return found }
        throw TestFailure(description: "no cti-bridge in \(places); build it or name one in CTI_BRIDGE_BINARY")
    }

    private let directory: TemporaryDirectory
    private let arguments: [String]
    private let environment: [String: String]
    private let output: ChildProcess.Stream
    private let process: Mutex<ChildProcess>

    /// Name of its standard error in `directory`, appended to over restarts.
    public static let errorsName = "daemon.err"
    /// Name of its standard output in `directory`, unless given another place.
    public static let outputName = "daemon.out"

    /// Starts the daemon with state and runtime directories inside `directory`.
    public init(
        binary: String, _ arguments: [String], directory: TemporaryDirectory, environment: [String: String] = [:],
        output: ChildProcess.Stream? = nil
    ) throws {
        self.directory = directory
        self.arguments = [binary] + arguments
        self.output = output ?? .file(directory.file(Self.outputName))
        self.environment = [
            "XDG_STATE_HOME": directory.file("state"), "XDG_RUNTIME_DIR": directory.file("run"),
            "XDG_CONFIG_HOME": directory.file("config"), "HOME": directory.path, "NOTIFY_SOCKET": "",
        ].merging(environment) { $1 }
        for name in ["state", "run", "config"] {
            try FileManager.default.createDirectory(
                atPath: directory.file(name), withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        }
        process = Mutex(try Self.spawn(self.arguments, self.environment, self.output, directory))
    }

    public var child: ChildProcess { process.withLock { $0 } }
    public var isRunning: Bool { child.ended() == nil }
    /// What it logged, over all restarts.
    public var errors: String { directory.text(Self.errorsName) }

    /// The end of the log and whether it runs: for messages of failed tests.
    public var state: String {
        let ended = child.ended().map { "ended: \($0)" } ?? "running"
        return "daemon \(ended); its log ends:\n" + errors.split(separator: "\n").suffix(12).joined(separator: "\n")
    }

    /// Starts it again after it ended.
    public func restart() throws {
        let next = try Self.spawn(arguments, environment, output, directory)
        process.withLock { $0 = next }
    }

    /// `kill -9`, and waits for the end.
    public func kill() async throws {
        child.signal(SIGKILL)
        _ = try await child.wait(state: { state })
    }

    /// SIGTERM, and waits for the end.
    public func terminate(within limit: Duration = .seconds(60)) async throws -> ChildProcess.Exit {
        child.signal(SIGTERM)
        return try await child.wait(within: limit, state: { state })
    }

    private static func spawn(
        _ arguments: [String], _ environment: [String: String], _ output: ChildProcess.Stream,
        _ directory: TemporaryDirectory
    ) throws -> ChildProcess {
        try ChildProcess(
            arguments[0], Array(arguments.dropFirst()), environment: environment, output: output,
            errors: .file(directory.file(errorsName)))
    }
}
