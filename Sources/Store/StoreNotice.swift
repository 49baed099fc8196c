import Codecs

/// What the operator, or the rest of the service, has to know about the store. Told on the thread where it happened; the
/// receiver must return soon and must not call the store from within.
package enum StoreNotice: Sendable {
    /// A damaged file was moved to `path` at the start; a new one with a new stream has begun. Its events are not lost but
    /// need hands: `sqlite3 FILE .recover`.
    case setAside(path: String, reason: String)
    /// Writing fails. Told once; batches stay queued and are tried again until `recovered`.
    case blocked(StoreError)
    case recovered
    /// The file is damaged; nothing more is written. End the process: the next start sets the file aside.
    case damaged(StoreError)
    /// The size bound is met and what could go is still needed by `holder` (a sink, or "open calls"). Nothing is dropped:
    /// stop taking events in until `overflowEnded`.
    case overflow(holder: String, usedBytes: Int64, limitBytes: Int64)
    case overflowEnded
    /// Long removal of old events: rows done and left in this run, and its pace.
    case retention(removed: Int64, remaining: Int64, rowsPerSecond: Int64)
    /// The write-ahead log is at its limit and cannot be emptied: a reader outside holds on to it, or copying it into the
    /// file fails. It goes on growing.
    case logHeld(bytes: Int64)
}

/// Lines for the store, with what belongs to them in the same transaction.
package struct StoreAppend: Sendable {
    /// JSON objects. They follow the last appended line without a hole.
    package let lines: LineBatch
    /// Microseconds since 1970, one for each line, non-decreasing. Where the wall clock stepped back, the store writes the
    /// highest value so far, so that its column never decreases.
    package let receivedAt: [Int64]
    /// For each line `seq` of the previous line of the same call, 0 for none.
    package let previous: [Int64]
    /// Notes that an acknowledgement depends on. An empty value removes the note.
    package let notes: [(key: String, value: [UInt8])]
    /// Called on the writer's thread once all of this is on the disk; never if the process ends first.
    package let onCommitted: @Sendable () -> Void

    package init(
        lines: LineBatch, receivedAt: [Int64], previous: [Int64], notes: [(key: String, value: [UInt8])] = [],
        onCommitted: @escaping @Sendable () -> Void = {}
    ) {
        // The caller makes all three from the same events, so no input can cause this.
        precondition(receivedAt.count == lines.count && previous.count == lines.count, "one entry for each line")
        (self.lines, self.receivedAt, self.previous) = (lines, receivedAt, previous)
        (self.notes, self.onCommitted) = (notes, onCommitted)
    }
}

/// State of the call tracker as of `seq`, in the tracker's own form.
package struct StoreCheckpoint: Sendable, Equatable {
    package let seq: Int64
    package let data: [UInt8]

    package init(seq: Int64, data: [UInt8]) { (self.seq, self.data) = (seq, data) }
}
