/// Why a test cannot go on: a condition that did not come true in time, say, and what the world looked like then.
public struct TestFailure: Error, CustomStringConvertible {
    public let description: String
    public init(description: String) { self.description = description }
}

/// Waits until `condition` holds, looking every few milliseconds; throws with `state` once `limit` has passed.
///
/// For tests with real processes only: everything else takes its time from an argument.
public func eventually(
    _ claim: String, within limit: Duration = .seconds(30), state: () -> String = { "" },
    condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    while try await !condition() {
        guard clock.now < deadline else {
            let seen = state()
            throw TestFailure(description: "not within \(limit): \(claim)" + (seen.isEmpty ? "" : "; \(seen)"))
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// Says on standard output why a test or a part of it does not run here.
public func printSkip(_ reason: String) {
    print("skipped: \(reason)")
}
