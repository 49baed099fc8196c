/// How lines are taken to a sink: set by its type, and by its configuration where that says something.
package struct DeliveryPolicy: Sendable, Equatable {
    /// Attempts after a failure: random waits under a ceiling that doubles from `initial` to `maximum`.
    package struct Retries: Sendable, Equatable {
        package var initial: Duration
        package var maximum: Duration
        /// From the receipt of a line until it becomes a dead letter while it is refused. Nil: tried for ever.
        package var budget: Duration?

        package init(initial: Duration, maximum: Duration, budget: Duration?) {
            (self.initial, self.maximum, self.budget) = (initial, maximum, budget)
        }

        /// For what is on this machine: asked often, and for ever.
        package static let local = Retries(initial: .milliseconds(50), maximum: .seconds(5), budget: nil)
        /// For a peer across the network.
        package static let remote = Retries(
            initial: .milliseconds(500), maximum: .seconds(60), budget: .seconds(3 * 86_400))
    }

    /// Deliveries under way at once. With more than one, lines of different calls overtake each other; those of one call
    /// never do. With 1 everything goes in `seq` order.
    package var concurrency: Int
    /// A delivery takes so many lines at most, and so many bytes, but at least one line.
    package var batchLines: Int
    package var batchBytes: Int
    /// Deliveries a second, at most. Nil: no limit.
    package var rate: Int?
    /// From the receipt of a live event (ringing, answered, presence) until it is no longer worth delivering. Nil: never.
    package var maximumAge: Duration?
    package var retries: Retries

    package init(
        concurrency: Int = 1, batchLines: Int = 1000, batchBytes: Int = 1 << 20, rate: Int? = nil,
        maximumAge: Duration? = nil, retries: Retries = .local
    ) {
        (self.concurrency, self.batchLines, self.batchBytes) = (concurrency, batchLines, batchBytes)
        (self.rate, self.maximumAge, self.retries) = (rate, maximumAge, retries)
    }

    /// Lines are looked at one by one: for the call they belong to, for their age, or for what becomes of each of them.
    package var isPerLine: Bool { concurrency > 1 || maximumAge != nil || retries.budget != nil }
}
