/// At most so many deliveries a second, with those of one second at once where none came before.
struct DeliveryRate {
    private let perSecond: Int
    private var tokens: Double
    private var updated = Duration.zero

    init(perSecond: Int) { (self.perSecond, tokens) = (perSecond, Double(perSecond)) }

    /// When the next delivery may begin: now, or later.
    mutating func nextStart(at now: Duration) -> Duration {
        refill(now)
        guard tokens < 1 else { return now }
        // A microsecond more than it takes: rounding must not lead to a wait of nothing.
        return now + .seconds((1 - tokens) / Double(perSecond)) + .microseconds(1)
    }

    mutating func take(at now: Duration) {
        refill(now)
        tokens -= 1
    }

    private mutating func refill(_ now: Duration) {
        let passed = (now - updated) / .seconds(1)
        tokens = min(Double(perSecond), tokens + max(0, passed) * Double(perSecond))
        updated = now
    }
}
