import Codecs
import Glibc
import Logging

/// Tells how a long drain goes: a line that renews itself on a terminal, a log line otherwise. Silent for short ones.
final class DrainProgress {
    /// Waiting elements from which a drain is worth telling.
    static let threshold = 10_000
    private static let terminalPause = Duration.seconds(1)
    private static let logPause = Duration.seconds(10)

    private let logger: Logger
    private let isTerminal: Bool
    private var last: (at: Timestamp, taken: Int)?
    private var isLineOpen = false

    init(logger: Logger, isTerminal: Bool = isatty(STDERR_FILENO) == 1) {
        (self.logger, self.isTerminal) = (logger, isTerminal)
    }

    /// After each commit: how many elements wait at the vendor as last seen, and how many were taken in this run.
    func update(waiting: Int, taken: Int, now: Timestamp) {
        guard waiting >= Self.threshold else {
            if last != nil { finish() }
            return
        }
        guard let before = last else {
            last = (now, taken)
            return
        }
        guard now >= before.at.advanced(by: isTerminal ? Self.terminalPause : Self.logPause) else { return }
        let seconds = Double(now.microseconds - before.at.microseconds) / 1_000_000
        let rate = Double(taken - before.taken) / seconds
        last = (now, taken)
        let left = rate > 0 ? Int(Double(waiting) / rate) : nil
        if isTerminal {
            let rest = left.map { ", about \($0) s left" } ?? ""
            Output.write("\r\u{1B}[Kdraining: \(waiting) waiting, \(Int(rate))/s\(rest)", to: STDERR_FILENO)
            isLineOpen = true
        } else {
            logger.info(
                "draining a backlog",
                metadata: [
                    "waiting": "\(waiting)", "per_second": "\(Int(rate))",
                    "seconds_left": "\(left.map(String.init) ?? "unknown")",
                ])
        }
    }

    func finish() {
        last = nil
        guard isLineOpen else { return }
        isLineOpen = false
        Output.write("\r\u{1B}[K", to: STDERR_FILENO)
    }
}
