import Glibc

/// What a program of the operator's wrote to its standard output: a token, say.
///
/// It gets no input, its standard error is dropped, and it is ended with everything it started when the time is over. Blocks
/// the thread: not for event loops.
package enum ProgramOutput {
    package enum Failure: Error, Equatable, CustomStringConvertible {
        case notStarted(code: Int32)
        case exited(status: Int32)
        case killed(signal: Int32)
        case timedOut(Duration)
        case tooLong(limit: Int)

        /// Completes "the program NAME …".
        package var description: String {
            switch self {
            case .notStarted(let code): "cannot be started: \(String(cString: strerror(code)))"
            case .exited(let status): "ended with status \(status); run it by hand to see why"
            case .killed(let signal): "was ended by signal \(signal)"
            case .timedOut(let limit): "did not end within \(limit)"
            case .tooLong(let limit): "wrote more than \(limit) bytes"
            }
        }
    }

    /// Runs the program at `arguments[0]`, an absolute path, to its end.
    package static func run(
        _ arguments: [String], limit bytes: Int = 64 << 10, within time: Duration = .seconds(15)
    ) throws(Failure) -> [UInt8] {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw .notStarted(code: errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        let process: pid_t
        do {
            defer { close(ends[1]) }
            process = try spawn(arguments, output: ends[1])
        }
        let output: [UInt8]
        let status: Int32
        do {
            output = try read(ends[0], limit: bytes, within: time)
            status = try wait(for: process, within: time)
        } catch {
            // The whole group: a child of a shell would keep running, and hold the pipe.
            kill(-process, SIGKILL)
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            throw error
        }
        try check(status)
        return output
    }

    private static func spawn(_ arguments: [String], output: Int32) throws(Failure) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The service blocks and ignores signals that the program may want.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        argv.append(nil)
        defer { for word in argv { free(word) } }
        var process = pid_t()
        let failure = posix_spawn(&process, arguments.first ?? "", &actions, &attributes, argv, environ)
        guard failure == 0 else { throw .notStarted(code: failure) }
        return process
    }

    private static func read(_ descriptor: Int32, limit: Int, within time: Duration) throws(Failure) -> [UInt8] {
        let end = ContinuousClock.now + time
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let left = end - ContinuousClock.now
            guard left > .zero else { throw .timedOut(time) }
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let milliseconds = left.components.seconds * 1000 + left.components.attoseconds / 1_000_000_000_000_000
            guard poll(&entry, 1, Int32(min(milliseconds + 1, 60_000))) > 0 else { continue }
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw .notStarted(code: errno)
            }
            guard count > 0 else { return output }
            guard output.count + count <= limit else { throw .tooLong(limit: limit) }
            output += chunk[..<count]
        }
    }

    /// The program has closed its output: it has ended, or does so soon.
    private static func wait(for process: pid_t, within time: Duration) throws(Failure) -> Int32 {
        let end = ContinuousClock.now + time
        var status: Int32 = 0
        while true {
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process { return status }
            guard ended == 0 || errno == EINTR else { throw .notStarted(code: errno) }
            guard ContinuousClock.now < end else { throw .timedOut(time) }
            usleep(2000)
        }
    }

    private static func check(_ status: Int32) throws(Failure) {
        let signal = status & 0x7F
        guard signal == 0 else { throw .killed(signal: signal) }
        let code = status >> 8 & 0xFF
        guard code == 0 else { throw .exited(status: code) }
    }
}
