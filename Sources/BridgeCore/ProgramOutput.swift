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
        let (process, source) = try spawn(arguments)
        defer { close(source) }
        let output: [UInt8]
        let exit: ProgramExit
        do {
            output = try read(source, limit: bytes, within: time)
            exit = try wait(for: process, within: time)
        } catch {
            // The whole group: a child of a shell would keep running, and hold the pipe.
            kill(-process, SIGKILL)
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0, errno == EINTR {}
            throw error
        }
        switch exit {
        case .status(0): return output
        case .status(let status): throw .exited(status: status)
        case .signal(let signal): throw .killed(signal: signal)
        case .unknown: throw .notStarted(code: ECHILD)
        }
    }

    /// The process, and where its output is read.
    private static func spawn(_ arguments: [String]) throws(Failure) -> (process: pid_t, source: Int32) {
        do throws(ProgramSpawn.Failure) {
            let (source, target) = try ProgramSpawn.pipe()
            defer { close(target) }
            do throws(ProgramSpawn.Failure) {
                return (try ProgramSpawn.start(arguments, output: .descriptor(target)), source)
            } catch {
                close(source)
                throw error
            }
        } catch {
            throw .notStarted(code: error.code)
        }
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
    private static func wait(for process: pid_t, within time: Duration) throws(Failure) -> ProgramExit {
        let end = ContinuousClock.now + time
        while true {
            if let exit = ProgramExit.reap(process) { return exit }
            guard ContinuousClock.now < end else { throw .timedOut(time) }
            usleep(2000)
        }
    }
}
