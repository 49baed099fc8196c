import Codecs
import Logging

/// Lines for one sink, after its filter.
package struct DeliveryBatch: Sendable {
    /// The lines, each with its newline. Empty when the filter took them all: nothing is delivered then.
    package let bytes: [UInt8]
    /// For each line the offset just behind its newline.
    package let ends: [Int]
    /// The cursor once this batch is delivered: the highest `seq` looked at, filtered lines included.
    package let throughSeq: Int64
    /// `seq` of each line.
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
}

/// What became of a batch.
package enum DeliveryOutcome: Sendable, Equatable {
    /// All of it is where it belongs, as durable as this sink can make it; the cursor may follow.
    case delivered
    /// The destination cannot take it now. Lines up to and including `through`, if any, were taken; the rest comes again.
    case retry(through: Int64?, reason: String)
    /// There is nobody to deliver to any more (the reader of a pipe has gone). The cursor stays; the pump stops.
    case gone(reason: String)
}

/// A destination. One pump owns it and calls one method at a time, in `seq` order.
///
/// A sink never reorders and never skips. It may block its own thread when `needsThread` says so.
package protocol Sink: AnyObject, Sendable {
    /// Configured name, unique in the tenant.
    var name: String { get }
    /// True for sinks that use blocking system calls: their pump runs on a thread of its own.
    var needsThread: Bool { get }
    /// Makes ready. `cursor` is the stored one. Returns the cursor to go on from: never below `cursor`, and above it only
    /// where the destination itself proves that it already holds the lines in between (same `stream`).
    func open(cursor: Int64, stream: UUID128) async throws -> Int64
    func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome
    /// SIGHUP: let go of whatever was opened by name and open it anew before the next delivery.
    func reopen()
    /// After the last delivery.
    func close() async
}

/// What the runtime gives to a sink that is made.
package struct SinkContext: Sendable {
    /// Configured name, unique in the tenant.
    package let name: String
    package let tenant: String
    /// Speaks for this sink.
    package let logger: Logger
    /// The lines that sources offer for messages to their vendors, from the start of the sources on.
    package let lines: VendorLines

    package init(name: String, tenant: String, logger: Logger, lines: VendorLines = VendorLines()) {
        (self.name, self.tenant, self.logger, self.lines) = (name, tenant, logger, lines)
    }
}
