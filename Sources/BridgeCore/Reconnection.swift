import NIOCore

/// When to connect again: random waits under a ceiling that doubles, slow ones after refusals, quick ones again once a
/// connection has been healthy.
///
/// Pure: time and random numbers come as arguments.
package struct Reconnection: Sendable {
    /// Attempts since the connection was last of use, the one under way included.
    package private(set) var attempts = 0

    private let healthyAfter: Duration
    private var backoff: Backoff
    private var connectedAt: NIODeadline?

    /// A connection that lived for `healthyAfter` shows that its peer is well.
    package init(
        backoff: Backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(60), maximumRefusal: .seconds(120)),
        healthyAfter: Duration = .seconds(30)
    ) {
        (self.backoff, self.healthyAfter) = (backoff, healthyAfter)
    }

    package var isConnected: Bool { connectedAt != nil }

    package mutating func attempted() { attempts += 1 }

    package mutating func connected(at now: NIODeadline) { connectedAt = now }

    /// The connection does what it is for: the count of attempts begins anew.
    package mutating func becameUseful() { attempts = 0 }

    /// The connection is gone, or did not come up. Returns the wait before the next attempt.
    package mutating func lost(
        isRefusal: Bool, at now: NIODeadline, using random: inout some RandomNumberGenerator
    ) -> Duration {
        if let connectedAt, now - connectedAt >= TimeAmount(healthyAfter) { backoff.reset() }
        connectedAt = nil
        return isRefusal ? backoff.nextAfterRefusal(using: &random) : backoff.next(using: &random)
    }
}
