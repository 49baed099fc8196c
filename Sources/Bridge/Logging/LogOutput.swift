import Codecs
import Glibc
import Logging
import Synchronization

/// The times a log needs: wall clock for the lines, monotonic for the rate limit.
package struct LogClock: Sendable {
    var wall: @Sendable () -> Timestamp
    var monotonic: @Sendable () -> Duration

    package init(wall: @escaping @Sendable () -> Timestamp, monotonic: @escaping @Sendable () -> Duration) {
        (self.wall, self.monotonic) = (wall, monotonic)
    }

    package static let system = LogClock(
        wall: {
            let (seconds, nanoseconds) = read(CLOCK_REALTIME)
            return Timestamp(microseconds: seconds * 1_000_000 + nanoseconds / 1000)
        },
        monotonic: {
            let (seconds, nanoseconds) = read(CLOCK_MONOTONIC)
            return .seconds(seconds) + .nanoseconds(nanoseconds)
        })

    /// Both clocks always exist on Linux; a failure would read as the epoch.
    private static func read(_ clock: clockid_t) -> (seconds: Int64, nanoseconds: Int64) {
        var time = timespec()
        guard clock_gettime(clock, &time) == 0 else { return (0, 0) }
        return (Int64(time.tv_sec), Int64(time.tv_nsec))
    }
}

/// Where all loggers of the process write to. Any thread may write; no call waits for the reader of the log.
///
/// Messages of `info` and above are rate limited (`RepeatLimiter`). Their summaries are written with the next line, or by
/// `flush`: no timer runs for them.
package final class LogOutput: Sendable {
    private struct State {
        var limiter: RepeatLimiter
        var stream: LogStream
    }

    private let renderer: LogLineRenderer
    private let clock: LogClock
    private let state: Mutex<State>

    /// - Parameter descriptor: stays open and belongs to the caller; standard error as a rule.
    package convenience init(descriptor: Int32, format: LogFormat, clock: LogClock = .system) {
        self.init(descriptor: descriptor, format: format, clock: clock, limits: RepeatLimiter.Limits())
    }

    init(descriptor: Int32, format: LogFormat, clock: LogClock, limits: RepeatLimiter.Limits) {
        renderer = LogLineRenderer(format: format)
        self.clock = clock
        state = Mutex(State(limiter: RepeatLimiter(limits: limits), stream: LogStream(descriptor: descriptor)))
    }

    /// The log of a service on standard error: `json` if asked for, else whichever text suits its reader.
    package static func standardError(json: Bool) -> LogOutput {
        let journalStream = getenv("JOURNAL_STREAM").map { String(cString: $0) }
        return LogOutput(
            descriptor: STDERR_FILENO,
            format: json ? .json : .text(for: STDERR_FILENO, journalStream: journalStream))
    }

    /// Writes what was held back. At the end of the service, and now and then in a quiet one that has a timer anyway.
    package func flush() {
        let now = clock.wall()
        state.withLock { state in
            for summary in state.limiter.drain() { write(summary, now, &state) }
            state.stream.flush()
        }
    }

    func write(level: Logger.Level, label: String, message: String, metadata: Logger.Metadata) {
        let pairs = metadata.sorted { $0.key < $1.key }
        let now = clock.wall()
        state.withLock { state in
            if level >= .info {
                let kind = RepeatLimiter.Kind(
                    level: level, label: label, message: String(message.prefix(256)), keys: pairs.map(\.key))
                let elapsed = clock.monotonic()
                for summary in state.limiter.summaries(before: kind, now: elapsed) { write(summary, now, &state) }
                guard state.limiter.admits(kind, now: elapsed) else { return }
            }
            let dropped = state.stream.takeDropped()
            if dropped > 0 {
                let report = LogEntry(
                    time: now, level: .warning, label: label,
                    message: "log lines were dropped: whoever reads this log was too slow",
                    metadata: [(key: "lines", value: .stringConvertible(dropped))])
                state.stream.write(renderer.render(report))
            }
            let entry = LogEntry(time: now, level: level, label: label, message: message, metadata: pairs)
            state.stream.write(renderer.render(entry))
        }
    }

    private func write(_ summary: RepeatLimiter.Summary, _ now: Timestamp, _ state: inout State) {
        let entry = LogEntry(
            time: now, level: summary.kind.level, label: summary.kind.label, message: summary.kind.message,
            repeats: summary.count)
        state.stream.write(renderer.render(entry))
    }
}
