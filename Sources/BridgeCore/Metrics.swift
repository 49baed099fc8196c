import Codecs
import Synchronization

/// A counter that any thread may raise.
package final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    package init() {}
    package func add(_ count: Int = 1) { value.wrappingAdd(count, ordering: .relaxed) }
    package func set(_ count: Int) { value.store(count, ordering: .relaxed) }
    package var current: Int { value.load(ordering: .relaxed) }
}

/// Counters told apart by a word of a closed set, such as a cause or a vendor's kind of event. From any thread.
package final class CounterFamily: Sendable {
    private let values = Mutex<[String: Int]>([:])
    package init() {}
    package func add(_ word: String, _ count: Int = 1) {
        if count != 0 { values.withLock { $0[word, default: 0] += count } }
    }
    package var current: [String: Int] { values.withLock { $0 } }
}

/// What every source counts. Names follow `ctibridge_source_<name>_total`, labels tenant and source.
package final class SourceMetrics: Sendable {
    /// Vendor messages taken in, understood or not.
    package let received = Counter()
    /// Messages that became `source.unmapped`.
    package let unmapped = Counter()
    /// Messages that were handed back to the vendor as taken.
    package let acknowledged = Counter()
    /// Connection attempts, and links lost.
    package let connects = Counter()
    package let disconnects = Counter()
    /// Acknowledgements that found nothing: another consumer took the element.
    package let stolen = Counter()
    /// Elements waiting at the vendor, as last seen.
    package let backlog = Counter()
    /// 1 while the link is up.
    package let up = Counter()
    /// When the vendor last told something of a call, in seconds since 1970; 0: never.
    package let lastEvent = Counter()
    /// Heartbeats that the peer did not answer in time.
    package let pingsMissed = Counter()
    /// Attempts that the vendor refused, by cause.
    package let refusals = CounterFamily()
    /// Messages by the vendor's kind of event.
    package let events = CounterFamily()
    /// What was passed over, or left out of lines, by reason.
    package let dropped = CounterFamily()
    package init() {}
}

/// What every sink counts.
package final class SinkMetrics: Sendable {
    package let delivered = Counter()
    package let retries = Counter()
    package let cursor = Counter()
    package let up = Counter()
    package init() {}
}
