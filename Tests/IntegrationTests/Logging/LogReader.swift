import Bridge
import Codecs
import Foundation
import Logging
import Synchronization
import TestSupport

/// A log whose lines and clock a test holds in its hands.
final class LogReader {
    private let directory: TemporaryDirectory
    private let descriptor: Int32
    private let elapsed: ManualTime
    let output: LogOutput

    /// Monotonic time that moves only when told to.
    final class ManualTime: Sendable {
        private let value = Mutex(Duration.zero)
        var now: Duration { value.withLock { $0 } }
        func advance(_ duration: Duration) { value.withLock { $0 += duration } }
    }

    /// The wall clock stands at 2026-01-15T10:00:17.250Z.
    init(format: LogFormat) throws {
        directory = try TemporaryDirectory()
        descriptor = open(directory.file("log"), O_WRONLY | O_CREAT | O_APPEND, 0o600)
        guard descriptor >= 0 else { throw SystemCallError("open") }
        let elapsed = ManualTime()
        self.elapsed = elapsed
        let clock = LogClock(
            wall: { Timestamp(microseconds: 1_768_471_217_250_000) }, monotonic: { elapsed.now })
        output = LogOutput(descriptor: descriptor, format: format, clock: clock)
    }

    deinit { close(descriptor) }

    func logger(_ label: String = "test", level: Logger.Level = .info) -> Logger {
        Logger(label: label) { StreamLogHandler(label: $0, output: self.output, level: level) }
    }

    func advance(_ duration: Duration) { elapsed.advance(duration) }

    /// The lines written so far.
    var lines: [String] { directory.text("log").components(separatedBy: "\n").dropLast() }
}
