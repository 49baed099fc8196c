/// A line that a sink did not take, in the table `dead_letters`. Named by its sink and its `seq`.
package struct StoredLetter: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// Waits for an operator.
        case dead
        /// Tried further by itself.
        case parked
        /// Sent on its way again by an operator.
        case retry
    }

    package var sink: String
    package var seq: Int64
    package var state: State
    /// Lines with the same lane are delivered one after the other.
    package var lane: UInt64
    /// From when its budget runs, in µs since 1970.
    package var since: Int64
    package var changedAt: Int64
    /// Failed attempts.
    package var attempts: Int
    package var reason: String
    /// All attempts, in the form of whoever writes letters.
    package var trail: String
    /// As the sink would have got it, without its newline.
    package var line: [UInt8]

    package init(
        sink: String, seq: Int64, state: State, lane: UInt64, since: Int64, changedAt: Int64, attempts: Int,
        reason: String, trail: String, line: [UInt8]
    ) {
        (self.sink, self.seq, self.state, self.lane) = (sink, seq, state, lane)
        (self.since, self.changedAt, self.attempts) = (since, changedAt, attempts)
        (self.reason, self.trail, self.line) = (reason, trail, line)
    }
}

/// Stored lines that a sink is to get again.
package struct StoredReplay: Sendable, Equatable {
    package var id: Int64
    package var sink: String
    /// The lowest `seq` that has not been delivered again.
    package var next: Int64
    package var through: Int64
    /// Only lines of this call.
    package var call: String?

    package init(id: Int64, sink: String, next: Int64, through: Int64, call: String? = nil) {
        (self.id, self.sink, self.next, self.through, self.call) = (id, sink, next, through, call)
    }
}

/// Which letters of a sink are meant.
package enum LetterSelection: Sendable, Equatable {
    case all
    case seqs([Int64])
}

enum LetterChange: Sendable {
    case put(StoredLetter)
    case remove(sink: String, seq: Int64)
    /// Dead letters become `retry`.
    case revive(sink: String, LetterSelection, since: Int64)
    case purge(sink: String, LetterSelection)
    /// The sink is gone: nobody tries its letters further.
    case abandon(sink: String)

    var bytes: Int {
        switch self {
        case .put(let letter): letter.line.count + letter.trail.utf8.count + 200
        case .remove, .revive, .purge, .abandon: 100
        }
    }
}

enum ReplayChange: Sendable {
    case put(StoredReplay)
    case remove(id: Int64)
}
