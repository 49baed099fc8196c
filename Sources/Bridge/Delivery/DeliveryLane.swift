import BridgeCore
import NIOCore

/// Items that are delivered one after the other.
struct DeliveryLane {
    enum Phase: Equatable {
        /// In a queue for its turn.
        case queued
        /// Its first items are on their way; what is left in `items` waits behind them.
        case flying
        /// Its first item failed where others got through; it is tried again at this time.
        case waiting(until: Duration)
    }

    var items = CircularBuffer<DeliveryItem>(initialCapacity: 2)
    var phase = Phase.queued
    /// While its first item fails.
    var backoff: Backoff?
    /// Its lines are kept in the table of dead letters, and so are those that follow until it is empty.
    var isParked = false

    mutating func putBack(_ returned: [DeliveryItem]) {
        for item in returned.reversed() { items.prepend(item) }
    }

    /// Takes those out for which `isOver` is true, and hands them to `each`.
    mutating func remove(where isOver: (DeliveryItem) -> Bool, _ each: (DeliveryItem) -> Void) {
        guard items.contains(where: isOver) else { return }
        var kept = CircularBuffer<DeliveryItem>(initialCapacity: items.count)
        for item in items {
            if isOver(item) { each(item) } else { kept.append(item) }
        }
        items = kept
    }
}
