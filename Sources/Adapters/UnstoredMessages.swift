/// Messages that a source has handed in and the store has not yet written. A source whose peer waits for no
/// acknowledgement stops reading at a limit, and goes on once half of that is stored: so the peer's socket fills, not
/// our memory.
package struct UnstoredMessages {
    private let limit: Int
    private var count = 0
    /// Nothing is to be read.
    package private(set) var isSuspended = false

    package init(limit: Int = 4096) { self.limit = limit }

    /// True when reading has to stop now.
    package mutating func handedIn(_ messages: Int) -> Bool {
        count += messages
        guard !isSuspended, count >= limit else { return false }
        isSuspended = true
        return true
    }

    /// True when reading goes on now.
    package mutating func stored(_ messages: Int) -> Bool {
        count -= messages
        guard isSuspended, count <= limit / 2 else { return false }
        isSuspended = false
        return true
    }

    /// A new connection reads, whatever the old one did; what was handed in is still counted.
    package mutating func linkLost() { isSuspended = false }
}
