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

/// What last went wrong, and when.
package struct ComponentFailure: Sendable, Equatable {
    package let reason: String
    package let at: Timestamp

    package init(reason: String, at: Timestamp) { (self.reason, self.at) = (reason, at) }
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
    /// What the source is at.
    package let status = SourceStatus()
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

/// What a source is at, for those who show it on other threads. Holds no secret and no phone number.
package final class SourceStatus: Sendable {
    /// From bad to good.
    package enum Phase: String, Sendable, CaseIterable {
        /// Not started, or stopped.
        case stopped
        /// Between two attempts.
        case waiting
        /// An attempt is under way.
        case connecting
        /// Connected, and not yet of use: subscriptions are being restored, say.
        case restoring
        case up

        fileprivate var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    package struct Link: Sendable, Equatable {
        package var phase = Phase.stopped
        /// Since the connection was last of use.
        package var attempts = 0

        package init() {}
    }

    package struct Failure: Sendable, Equatable {
        /// Stage and cause, from a bounded set of words: fit for a label.
        package var kind: String
        /// One sentence with advice.
        package var text: String
        package var at: Timestamp

        package init(kind: String, text: String, at: Timestamp) { (self.kind, self.text, self.at) = (kind, text, at) }
    }

    /// Of a source that asks for its events one by one.
    package struct Subscriptions: Sendable, Equatable {
        package var wanted: Int
        package var held: Int
        package var refused: Int

        package init(wanted: Int, held: Int, refused: Int) {
            (self.wanted, self.held, self.refused) = (wanted, held, refused)
        }
    }

    package struct Value: Sendable, Equatable {
        /// Most sources have one.
        package var links: [String: Link] = [:]
        /// Kept when the connection is well again.
        package var lastFailure: Failure?
        /// When the vendor was last heard of, be it by a ping.
        package var lastHeard: Timestamp?
        package var subscriptions: Subscriptions?
        /// When the token that let us in ends, where that is known.
        package var tokenExpiresAt: Timestamp?

        /// That of the link that is worst off.
        package var phase: Phase { links.values.map(\.phase).min { $0.rank < $1.rank } ?? .stopped }
        package var attempts: Int { links.values.map(\.attempts).max() ?? 0 }
    }

    private let value = Mutex(Value())

    package init() {}

    package var current: Value { value.withLock { $0 } }
    package func update(_ change: (inout Value) -> Void) { value.withLock { change(&$0) } }
}

/// What every sink counts, and how it is. Names follow `ctibridge_sink_<name>`, labels tenant and sink.
package final class SinkMetrics: Sendable {
    package enum State: String, Sendable, CaseIterable {
        case up
        /// It cannot be opened, or does not take lines now.
        case waiting
        /// The destination wants nothing more.
        case disabled
        /// Nobody is left to deliver to.
        case gone
        case stopped
    }

    /// Lines that arrived.
    package let delivered = Counter()
    /// Deliveries begun.
    package let attempts = Counter()
    /// Deliveries that failed, and other things that were tried again.
    package let retries = Counter()
    /// Live events that had grown too old.
    package let skipped = Counter()
    /// Lines that became dead letters in this run.
    package let deadLetters = Counter()
    /// Lines that are kept as letters and tried further.
    package let parked = Counter()
    /// Lines in memory, on their way or waiting.
    package let held = Counter()
    package let cursor = Counter()
    package let up = Counter()
    private let condition = Mutex<(state: State, last: ComponentFailure?)>((.waiting, nil))

    package init() {}

    package var state: State { condition.withLock { $0.state } }
    /// The last failure, also when it has passed.
    package var lastFailure: ComponentFailure? { condition.withLock { $0.last } }

    package func set(state: State) { condition.withLock { $0.state = state } }
    package func set(lastError reason: String, at time: Timestamp) {
        condition.withLock { $0.last = ComponentFailure(reason: reason, at: time) }
    }
}
