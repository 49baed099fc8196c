import CMalloc
import Glibc

/// Starts another program: the one place that says what a child of ours is given.
///
/// It leads a process group of its own, has every signal at its default and none blocked, and of our descriptors only its three
/// streams. Its environment is ours, without what systemd tells this process alone (sd_notify(3)).
package enum ProgramSpawn {
    /// Where one of its streams comes from or goes to.
    package enum Stream: Sendable {
        case null
        /// That of this process.
        case inherited
        /// Stays open here.
        case descriptor(Int32)
    }

    /// The system would not start it, or had no pipe for it.
    package struct Failure: Error, Equatable, CustomStringConvertible {
        package let code: Int32
        package var description: String { "cannot be started: \(String(cString: strerror(code)))" }
    }

    /// Starts the program `arguments[0]`, a path, or a name that is looked for in `PATH`. `adding` is added to the environment.
    /// The caller reaps it.
    package static func start(
        _ arguments: [String], input: Stream = .null, output: Stream = .null, errors: Stream = .null,
        adding: [String: String] = [:]
    ) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        attach(&actions, STDIN_FILENO, input)
        attach(&actions, STDOUT_FILENO, output)
        attach(&actions, STDERR_FILENO, errors)
        // Libraries open descriptors that every program would inherit.
        guard cti_spawn_close_from(&actions, STDERR_FILENO + 1) == 0 else { throw Failure(code: ENOMEM) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The service blocks and ignores signals that the program may want.
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment(adding: adding).map { strdup($0) } + [nil]
        defer { for text in argv + variables { free(text) } }
        var process = pid_t()
        let failure = posix_spawnp(&process, arguments.first ?? "", &actions, &attributes, &argv, &variables)
        guard failure == 0 else { throw Failure(code: failure) }
        return process
    }

    /// A pipe whose ends no other program inherits, and that are none of the three streams.
    package static func pipe() throws(Failure) -> (readEnd: Int32, writeEnd: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw Failure(code: errno) }
        for index in ends.indices {
            _ = fcntl(ends[index], F_SETFD, FD_CLOEXEC)
            guard ends[index] <= STDERR_FILENO else { continue }
            let higher = fcntl(ends[index], F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
            let code = errno
            close(ends[index])
            ends[index] = higher
            guard higher >= 0 else {
                close(ends[1 - index])
                throw Failure(code: code)
            }
        }
        return (ends[0], ends[1])
    }

    private static func attach(_ actions: inout posix_spawn_file_actions_t, _ target: Int32, _ stream: Stream) {
        switch stream {
        case .inherited: break
        case .null:
            let mode = target == STDIN_FILENO ? O_RDONLY : O_WRONLY
            posix_spawn_file_actions_addopen(&actions, target, "/dev/null", mode, 0)
        case .descriptor(let descriptor): posix_spawn_file_actions_adddup2(&actions, descriptor, target)
        }
    }

    private static let ours = ["NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS"]

    private static func environment(adding: [String: String]) -> [String] {
        var variables: [String] = []
        var next = environ
        while let text = next.pointee {
            let variable = String(cString: text)
            let name = String(variable.prefix { $0 != "=" })
            if !ours.contains(name), adding[name] == nil { variables.append(variable) }
            next += 1
        }
        return variables + adding.map { "\($0)=\($1)" }
    }
}

/// How a program ended.
package enum ProgramExit: Sendable, Equatable, CustomStringConvertible {
    case status(Int32)
    case signal(Int32)
    /// Somebody else was told, as where SIGCHLD is ignored.
    case unknown

    /// From what `waitpid` gives.
    package init(waitStatus: Int32) {
        let signal = waitStatus & 0x7F
        self = signal == 0 ? .status(waitStatus >> 8 & 0xFF) : .signal(signal)
    }

    /// Completes "the program …".
    package var description: String {
        switch self {
        case .status(let status): "ended with status \(status)"
        case .signal(let signal): "was ended by signal \(signal)"
        case .unknown: "ended, and the system does not say how"
        }
    }

    /// Blocks until `process`, a child of ours, has ended. It is still to be reaped: its number stays taken.
    package static func await(_ process: pid_t) {
        var information = siginfo_t()
        while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) < 0, errno == EINTR {}
    }

    /// Reaps `process` if it has ended.
    package static func reap(_ process: pid_t) -> ProgramExit? {
        var status: Int32 = 0
        while true {
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process { return ProgramExit(waitStatus: status) }
            guard ended < 0 else { return nil }
            guard errno == EINTR else { return .unknown }
        }
    }
}
