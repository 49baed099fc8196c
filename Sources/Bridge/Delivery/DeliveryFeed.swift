import Codecs
import Store

/// The side of the store that one sink sees.
package struct DeliveryFeed: Sendable {
    /// The stored lines from `after + 1` on, or nil when there are none yet. May read the disk.
    package let next: @Sendable (_ after: Int64, _ maxLines: Int, _ maxBytes: Int) throws -> LineBatch?
    /// The stored cursor of this sink.
    package let cursor: @Sendable () throws -> Int64
    /// Moves the cursor. May be written with a later commit: a cursor may lag its deliveries.
    package let advance: @Sendable (Int64) throws -> Void
    /// `seq` of the newest committed line.
    package let lastSeq: @Sendable () -> Int64
    /// Calls the given closure after each commit, from the thread that committed; it never blocks. What comes back ends that.
    package let subscribe: @Sendable (@escaping @Sendable () -> Void) -> @Sendable () -> Void
    /// The stream that the lines belong to.
    package let stream: UUID128
    package let ledger: any DeliveryLedger

    package init(
        stream: UUID128,
        next: @escaping @Sendable (_ after: Int64, _ maxLines: Int, _ maxBytes: Int) throws -> LineBatch?,
        cursor: @escaping @Sendable () throws -> Int64,
        advance: @escaping @Sendable (Int64) throws -> Void,
        lastSeq: @escaping @Sendable () -> Int64,
        subscribe: @escaping @Sendable (@escaping @Sendable () -> Void) -> @Sendable () -> Void,
        ledger: any DeliveryLedger
    ) {
        (self.stream, self.next, self.cursor, self.advance) = (stream, next, cursor, advance)
        (self.lastSeq, self.subscribe, self.ledger) = (lastSeq, subscribe, ledger)
    }

    /// The store as one sink sees it. A sink that the store has not met yet begins with the oldest stored line.
    package init(store: Store, sink: String) {
        self.init(
            stream: store.stream,
            next: { try store.next(after: $0, maxLines: $1, maxBytes: $2) },
            cursor: { store.cursor(of: sink) ?? 0 },
            advance: { store.advance(sink: sink, to: $0) },
            lastSeq: { store.lastSeq },
            subscribe: { wake in
                let registration = store.onCommit { _ in wake() }
                return { registration.cancel() }
            },
            ledger: StoreLedger(store: store, sink: sink))
    }
}

/// What is durable of one sink beyond its cursor. What is written here is on the disk no later than a cursor moved afterwards.
package protocol DeliveryLedger: Sendable {
    /// From when budgets run, if the sink was failing when it was last heard of.
    var trialSince: Timestamp? { get }
    func noteTrial(since: Timestamp?)
    /// Stored letters with a `seq` above `after`, oldest first.
    func letters(_ state: StoredLetter.State, after: Int64, limit: Int) throws -> [StoredLetter]
    /// `sink` of the letter is filled in.
    func put(_ letter: StoredLetter)
    func removeLetter(_ seq: Int64)
    /// Bytes handed in that are not on the disk yet.
    var queuedBytes: Int { get }
    func replays() throws -> [StoredReplay]
    func put(_ replay: StoredReplay)
    func removeReplay(_ id: Int64)
}

struct StoreLedger: DeliveryLedger {
    let store: Store
    let sink: String

    var trialSince: Timestamp? { store.trialSince(of: sink).map { Timestamp(microseconds: $0) } }
    func noteTrial(since: Timestamp?) { store.setTrial(since: since?.microseconds, of: sink) }
    func letters(_ state: StoredLetter.State, after: Int64, limit: Int) throws -> [StoredLetter] {
        try store.letters(of: sink, state: state, after: after, limit: limit)
    }
    func put(_ letter: StoredLetter) {
        var letter = letter
        letter.sink = sink
        store.put(letter)
    }
    func removeLetter(_ seq: Int64) { store.removeLetter(of: sink, seq: seq) }
    var queuedBytes: Int { store.queuedLetterBytes }
    func replays() throws -> [StoredReplay] { try store.replays(of: sink) }
    func put(_ replay: StoredReplay) { store.put(replay) }
    func removeReplay(_ id: Int64) { store.removeReplay(id) }
}
