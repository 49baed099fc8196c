import Codecs
import Logging

/// Lines for one sink, after its filter, mask and format.
package struct DeliveryBatch: Sendable {
    /// The lines, each with its newline. Empty when the filter took them all: nothing is delivered then.
    package let bytes: [UInt8]
    /// For each line the offset just behind its newline.
    package let ends: [Int]
    /// The cursor once this batch is delivered: the highest `seq` looked at, filtered lines included.
    package let throughSeq: Int64
    /// `seq` of each line, growing.
    package let seqs: [Int64]

    package init(bytes: [UInt8], ends: [Int], seqs: [Int64], throughSeq: Int64) {
        (self.bytes, self.ends, self.seqs, self.throughSeq) = (bytes, ends, seqs, throughSeq)
    }

    /// Everything in `batch`, without a copy of its bytes.
    package init(_ batch: LineBatch) {
        self.init(
            bytes: batch.bytes, ends: batch.ends, seqs: Array(batch.firstSeq...batch.lastSeq), throughSeq: batch.lastSeq
        )
    }

    package var count: Int { ends.count }

    /// Where line `index` lies in `bytes`, its newline excluded.
    package func range(ofLine index: Int) -> Range<Int> {
        (index == 0 ? 0 : ends[index - 1])..<(ends[index] - 1)
    }
}

/// What became of a batch.
package enum DeliveryOutcome: Sendable, Equatable {
    /// All of it is where it belongs, as durable as this sink can make it; the cursor may follow.
    case delivered
    /// The destination cannot take it now. Lines up to and including `through`, if any, were taken; the rest comes again,
    /// not before `after` where the destination says when it wants to be asked.
    case retry(through: Int64?, reason: String, after: Duration? = nil)
    /// As `retry`, but what is left will never be taken as it is. A single line becomes a dead letter; of several nobody
    /// knows which one it was, so they come again one by one.
    case rejected(through: Int64?, reason: String)
    /// The destination wants nothing more, until somebody looks into it. The cursor stays; nothing is delivered until the
    /// next start or SIGHUP.
    case disabled(reason: String)
    /// There is nobody to deliver to any more (the reader of a pipe has gone). The cursor stays; the pump stops.
    case gone(reason: String)
}

/// A destination. One pump owns it and calls one method at a time, in `seq` order; with a policy of more than one delivery at
/// once, `deliver` of lines of different calls overlap.
///
/// A sink never reorders and never skips. It may block its own thread when `needsThread` says so.
package protocol Sink: AnyObject, Sendable {
    /// Configured name, unique in the tenant.
    var name: String { get }
    /// True for sinks that use blocking system calls: their pump runs on a thread of its own.
    var needsThread: Bool { get }
    /// How lines come: in what portions, how many at once, for how long again. Asked once.
    var policy: DeliveryPolicy { get }
    /// Makes ready. `cursor` is the stored one. Returns the cursor to go on from: never below `cursor`, and above it only
    /// where the destination itself proves that it already holds the lines in between (same `stream`).
    func open(cursor: Int64, stream: UUID128) async throws -> Int64
    /// Ends soon when its task is cancelled.
    func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome
    /// SIGHUP: let go of whatever was opened by name and open it anew before the next delivery.
    func reopen()
    /// After the last delivery.
    func close() async
}

/// A simple sink: everything in order, a batch at a time, tried for ever.
extension Sink {
    package var policy: DeliveryPolicy { DeliveryPolicy() }
}

/// What the runtime gives to a sink that is made.
package struct SinkContext: Sendable {
    /// Configured name, unique in the tenant.
    package let name: String
    package let tenant: String
    /// Speaks for this sink.
    package let logger: Logger
    /// Lines after `seq` as this sink gets them, at most so many lines and bytes but at least one; nil when there are none
    /// yet. For sinks whose readers may ask for what is past. Reads the disk.
    package let history: @Sendable (_ after: Int64, _ maxLines: Int, _ maxBytes: Int) throws -> DeliveryBatch?
    /// `seq` of the oldest and of the newest stored line; the newest is 0, and the oldest above it, while there are none.
    package let extent: @Sendable () -> (first: Int64, last: Int64)
    /// The lines that sources offer for messages to their vendors, from the start of the sources on.
    package let lines: VendorLines

    package init(
        name: String, tenant: String, logger: Logger, lines: VendorLines = VendorLines(),
        history: @escaping @Sendable (_ after: Int64, _ maxLines: Int, _ maxBytes: Int) throws -> DeliveryBatch? = {
            _, _, _ in nil
        },
        extent: @escaping @Sendable () -> (first: Int64, last: Int64) = { (1, 0) }
    ) {
        (self.name, self.tenant, self.logger) = (name, tenant, logger)
        (self.lines, self.history, self.extent) = (lines, history, extent)
    }
}
