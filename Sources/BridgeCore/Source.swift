import CallModel
import Codecs
import Logging
import NIOCore

/// A vendor connection. Created by its registry entry, confined to the tenant's event loop.
package protocol Source: AnyObject {
    var name: String { get }
    /// On the event loop. Connects, and reconnects for ever, until `stop`.
    func start()
    /// On the event loop. Takes nothing more; what was ingested is still acknowledged if its receipt comes before the link
    /// is closed. The future succeeds when nothing is left to do.
    func stop() -> EventLoopFuture<Void>
}

/// What the runtime gives a source. All members are called on the tenant's event loop only.
package protocol SourceContext: LinkContext {
    var metrics: SourceMetrics { get }
    /// Turns facts into events and lines, and leaves none of them in `facts`. They become durable with the next `commit`.
    func ingest(_ facts: inout [CallFact], receivedAt: Timestamp)
    /// Sends everything ingested so far to the store. `receipt` is called on the event loop after the fsync; never if the
    /// process ends first. While the store cannot write, receipts wait: stop taking from peers that can wait for us.
    func commit(receipt: @escaping () -> Void)
    /// The link as a whole came up (attempt 1, 2, …) or went down; writes `source.connected`, `source.disconnected` and,
    /// when it comes back, `source.gap`. Repeated calls with the same state change nothing.
    func linkUp(attempt: Int)
    func linkDown(reason: String)
    /// As `linkDown(reason:)`, for a link that was last known to be good at `lastGood`; `gap` is what the gap that follows
    /// is called.
    func linkDown(reason: String, lastGood: Timestamp, gap: Gap.Reason)
    /// `metrics.backlog` was set: whoever shows progress may look.
    func backlogChanged()
    /// Durable notes that an acknowledgement depends on, written in the same transaction as the next `commit`.
    /// Replaces the note of the same key; an empty value removes it.
    func setNote(_ key: String, _ value: [UInt8])
    /// The note as it was when the process started.
    func note(_ key: String) -> [UInt8]?
    /// The calls of this source that were open or had ended lately when the process started, for a mapper that goes on with
    /// them.
    var recentCalls: [CallTracker.RecentCall] { get }
    /// Others may say something to the vendor over the source's own connection, see `VendorLine`.
    func offer(_ line: any VendorLine)
}

extension SourceContext {
    package var connects: Counter { metrics.connects }
    package var disconnects: Counter { metrics.disconnects }
    package var status: SourceStatus? { metrics.status }
    package func offer(_ line: any VendorLine) {}
}

extension SourceContext {
    package func linkDown(reason: String, lastGood: Timestamp, gap: Gap.Reason) { linkDown(reason: reason) }
    package var recentCalls: [CallTracker.RecentCall] { [] }
}

extension SourceContext {
    /// As above, for facts that the caller keeps.
    package func ingest(_ facts: [CallFact], receivedAt: Timestamp) {
        var facts = facts
        ingest(&facts, receivedAt: receivedAt)
    }
}
