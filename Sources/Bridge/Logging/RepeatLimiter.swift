import Logging

/// Lets the first few of equal messages through and counts the rest, so that a recurring fault cannot fill the log.
///
/// Messages are equal when level, label, text and the set of metadata keys are; values may differ. A window begins with
/// the first message of its kind; when it is over, what it held back is told once. The table is bounded: the kind whose
/// window began first makes room, and is told early. No clock inside: the time is an argument, and never runs backwards.
struct RepeatLimiter {
    struct Limits {
        /// Messages of a kind that pass in one window.
        var burst = 5
        var window = Duration.seconds(10)
        /// Kinds remembered.
        var kinds = 256
    }

    struct Kind: Hashable {
        var level: Logger.Level
        var label: String
        /// Its first 256 characters at most.
        var message: String
        var keys: [String]
    }

    /// What was held back of one kind.
    struct Summary: Equatable {
        var kind: Kind
        var count: Int
    }

    private struct Window {
        var start: Duration
        var passed = 1
        var heldBack = 0
    }

    private let limits: Limits
    private var windows: [Kind: Window] = [:]
    /// When the first window ends that has held something back.
    private var nextEnd: Duration?

    init(limits: Limits = Limits()) {
        self.limits = limits
    }

    /// Whether a message may pass now. Ask `summaries` first: they belong before it.
    mutating func admits(_ kind: Kind, now: Duration) -> Bool {
        guard var window = windows[kind], now - window.start < limits.window else {
            windows[kind] = Window(start: now)
            return true
        }
        let passes = window.passed < limits.burst
        if passes {
            window.passed += 1
        } else {
            window.heldBack += 1
            let end = window.start + limits.window
            nextEnd = min(nextEnd ?? end, end)
        }
        windows[kind] = window
        return passes
    }

    /// Summaries that are due: of windows that are over, and of the oldest one if `kind` needs its place.
    mutating func summaries(before kind: Kind, now: Duration) -> [Summary] {
        var due: [Summary] = []
        let isFull = windows[kind] == nil && windows.count >= limits.kinds
        if isFull || nextEnd.map({ $0 <= now }) == true { due = take(begunBy: now - limits.window) }
        if isFull, windows.count >= limits.kinds, let oldest = windows.values.lazy.map(\.start).min() {
            due += take(begunBy: oldest)
        }
        return due
    }

    /// Everything held back so far, for the end of the service.
    mutating func drain() -> [Summary] { take(begunBy: nil) }

    /// Forgets the windows that began at `moment` or before, all of them without one; summaries in a fixed order.
    private mutating func take(begunBy moment: Duration?) -> [Summary] {
        let due = windows.filter { window in moment.map { window.value.start <= $0 } ?? true }
        for kind in due.keys { windows[kind] = nil }
        nextEnd = windows.values.lazy.filter { $0.heldBack > 0 }.map(\.start).min().map { $0 + limits.window }
        return due.filter { $0.value.heldBack > 0 }
            .sorted { ($0.value.start, $0.key.message) < ($1.value.start, $1.key.message) }
            .map { Summary(kind: $0.key, count: $0.value.heldBack) }
    }
}
