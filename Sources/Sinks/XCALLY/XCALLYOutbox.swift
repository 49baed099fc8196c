import Codecs

/// Messages that wait for the connection: few and young. A page that shows what happens now is not to be told what happened
/// an hour ago.
struct XCALLYOutbox {
    struct Entry: Equatable {
        let message: XCALLYRules.Message
        /// When the event that it tells of was received.
        let receivedAt: Timestamp
    }

    /// What was given up.
    struct Dropped: Equatable {
        /// For younger ones.
        var overflowed = 0
        /// They had grown too old.
        var stale = 0

        var count: Int { overflowed + stale }
    }

    private let limit: Int
    private let age: Duration
    /// Oldest first, from `start`.
    private var entries: [Entry] = []
    private var start = 0
    private(set) var dropped = Dropped()

    init(limit: Int, age: Duration) { (self.limit, self.age) = (max(1, limit), age) }

    var count: Int { entries.count - start }

    /// Adds a message, unless it is too old already. The oldest makes room.
    mutating func add(_ entry: Entry, now: Timestamp) {
        guard isFresh(entry, now) else { return dropped.stale += 1 }
        if count >= limit {
            start += 1
            dropped.overflowed += 1
        }
        entries.append(entry)
        compact()
    }

    /// The next message to send; those that have grown too old are passed over.
    mutating func next(now: Timestamp) -> Entry? {
        while start < entries.count {
            let entry = entries[start]
            guard !isFresh(entry, now) else { return entry }
            start += 1
            dropped.stale += 1
        }
        compact()
        return nil
    }

    /// The message that `next` gave is on its way, or will never be.
    mutating func removeFirst() {
        guard start < entries.count else { return }
        start += 1
        compact()
    }

    private func isFresh(_ entry: Entry, _ now: Timestamp) -> Bool { entry.receivedAt.advanced(by: age) >= now }

    private mutating func compact() {
        guard start == entries.count || start > 64 else { return }
        entries.removeFirst(start)
        start = 0
    }
}
