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
