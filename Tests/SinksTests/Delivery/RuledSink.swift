import BridgeCore
import Codecs
import Synchronization

/// A sink for several deliveries at once that answers by a rule, and remembers what it took.
final class RuledSink: Sink {
    let name = "ruled"
    let needsThread = false
    let policy: DeliveryPolicy
    private let rule: Mutex<@Sendable ([Int64]) -> DeliveryOutcome>
    private let state = Mutex<(taken: [Int64], lines: [[UInt8]], calls: Int)>(([], [], 0))

    init(
        concurrency: Int = 4, maximumAge: Duration? = nil, budget: Duration = .seconds(3600),
        _ rule: @escaping @Sendable ([Int64]) -> DeliveryOutcome
    ) {
        policy = DeliveryPolicy(
            concurrency: concurrency, batchLines: 1, maximumAge: maximumAge,
            retries: .init(initial: .milliseconds(100), maximum: .seconds(10), budget: budget))
        self.rule = Mutex(rule)
    }

    var taken: [Int64] { state.withLock { $0.taken } }
    var lines: [[UInt8]] { state.withLock { $0.lines } }
    var calls: Int { state.withLock { $0.calls } }

    func answer(_ rule: @escaping @Sendable ([Int64]) -> DeliveryOutcome) { self.rule.withLock { $0 = rule } }

    func open(cursor: Int64, stream: UUID128) -> Int64 { cursor }
    func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        let outcome = rule.withLock { $0 }(batch.seqs)
        state.withLock { state in
            state.calls += 1
            guard outcome == .delivered else { return }
            state.taken += batch.seqs
            state.lines.append(batch.bytes)
        }
        return outcome
    }
    func reopen() {}
    func close() {}
}
