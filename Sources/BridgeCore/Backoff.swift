/// How long to wait before the next attempt: full jitter under a ceiling that doubles, for ever.
///
/// Pure: the caller brings the random numbers and says when the peer was healthy.
package struct Backoff: Sendable, Equatable {
    private let initial: Duration
    private let maximum: Duration
    private let refusal: Duration
    private let maximumRefusal: Duration
    private var ceiling: Duration
    private var refusalWait: Duration

    /// Attempts without success since the last `reset`.
    package private(set) var failures = 0

    /// The first ceiling is `initial`, the last is `maximum`. After a refusal the wait is `refusal` and a tenth more at
    /// most; it doubles up to `maximumRefusal` (nil: it never does).
    package init(
        initial: Duration, maximum: Duration, refusal: Duration = .seconds(30), maximumRefusal: Duration? = nil
    ) {
        (self.initial, self.maximum, self.refusal) = (initial, maximum, refusal)
        self.maximumRefusal = maximumRefusal ?? refusal
        (ceiling, refusalWait) = (initial, refusal)
    }

    /// The wait before the next attempt, between a tenth of `initial` and the ceiling, which then doubles.
    package mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        failures += 1
        let floor = initial / 10
        let wait = floor + (ceiling - floor) * Double.random(in: 0...1, using: &random)
        ceiling = min(ceiling * 2, maximum)
        return wait
    }

    /// The wait after a peer said no: another attempt at once would be told the same.
    package mutating func nextAfterRefusal(using random: inout some RandomNumberGenerator) -> Duration {
        failures += 1
        let wait = refusalWait + refusalWait * Double.random(in: 0...0.1, using: &random)
        refusalWait = min(refusalWait * 2, maximumRefusal)
        return wait
    }

    /// The peer has been healthy: the next wait is short again.
    package mutating func reset() {
        (ceiling, refusalWait) = (initial, refusal)
        failures = 0
    }
}
