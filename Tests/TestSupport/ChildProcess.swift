import Foundation
import Synchronization

/// A process started by a test. Killed and reaped with its last owner.
public final class ChildProcess: Sendable {
    /// How it ended.
    public enum Exit: Equatable, Sendable {
        case code(Int32)
        case signal(Int32)
    }

    /// Where one of its streams goes.
    public enum Stream: Sendable {
        case null
        /// Appended to; made when absent.
        case file(String)
        /// A descriptor of this process, which stays open here.
        case descriptor(Int32)
    }

    public let pid: pid_t
    public let name: String
    private let exit: Mutex<Exit?>

    /// Starts `executable` (found on `PATH` if it has no slash). `environment` is added to that of the test.
    public init(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], output: Stream = .null,
        errors: Stream = .null
    ) throws {
        name = executable.split(separator: "/").last.map(String.init) ?? executable
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        Self.attach(&actions, 1, output)
        Self.attach(&actions, 2, errors)
        // Test runners may ignore or block signals, which children would inherit.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        var argv = ([executable] + arguments).map { strdup($0) } + [nil]
        var envp = merged.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var child: pid_t = 0
        let result = posix_spawnp(&child, executable, &actions, &attributes, &argv, &envp)
        guard result == 0 else { throw SystemCallError("starting \(executable)", code: result) }
        pid = child
        exit = Mutex(nil)
    }

    deinit {
        guard exit.withLock({ $0 }) == nil else { return }
        kill(pid, SIGKILL)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    /// Sends `number`; does nothing once the process was reaped.
    public func signal(_ number: Int32) {
        exit.withLock { if $0 == nil { kill(pid, number) } }
    }

    /// How it ended, nil while it runs.
    public func ended() -> Exit? {
        exit.withLock { exit in
            if let exit { return exit }
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
            let signal = status & 0x7F
            exit = signal == 0 ? .code((status >> 8) & 0xFF) : .signal(signal)
            return exit
        }
    }

    /// Waits for the end; throws with `state` after `limit`.
    public func wait(within limit: Duration = .seconds(30), state: () -> String = { "" }) async throws -> Exit {
        var result: Exit?
        try await eventually("\(name) (pid \(pid)) ends", within: limit, state: state) {
            result = ended()
            return result != nil
        }
        return result ?? .code(-1)
    }

    /// Runs a command to its end.
    public static func run(_ executable: String, _ arguments: [String]) async throws -> (exit: Exit, output: String) {
        let directory = try TemporaryDirectory()
        let file = Stream.file(directory.file("output"))
        let child = try ChildProcess(executable, arguments, output: file, errors: file)
        let exit = try await child.wait(within: .seconds(60))
        return (exit, directory.text("output"))
    }

    private static func attach(_ actions: inout posix_spawn_file_actions_t, _ target: Int32, _ stream: Stream) {
        switch stream {
        case .null: posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_WRONLY, 0)
        case .file(let path):
            posix_spawn_file_actions_addopen(&actions, target, path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        case .descriptor(let descriptor): posix_spawn_file_actions_adddup2(&actions, descriptor, target)
        }
    }

    /// The path of `tool` on `PATH`, or in the places of system tools; nil when it is not installed.
    public static func find(_ tool: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        return (path.split(separator: ":").map(String.init) + ["/usr/bin", "/usr/sbin", "/bin", "/sbin"])
            .map { "\($0)/\(tool)" }.first { access($0, X_OK) == 0 }
    }
}
