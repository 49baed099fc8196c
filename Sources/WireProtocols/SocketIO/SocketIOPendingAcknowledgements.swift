import NIOCore

/// What became of an emit.
public enum SocketIOEmission: Equatable, Sendable {
    case sent
    /// It is out; the acknowledgement, or that there was none, will be told with this number.
    case awaits(acknowledgement: UInt64)
    case notConnected
    case tooManyUnacknowledged
    /// Longer than the peer takes.
    case tooLarge
}

/// Emits that wait for their acknowledgement, each as long as all others. Numbers begin at 0, as the reference client's do.
struct SocketIOPendingAcknowledgements: Sendable {
    private let limit: Int
    private(set) var nextNumber = 0 as UInt64
    private var waiting: Set<UInt64> = []
    /// In the order of their deadlines; those that were answered are skipped.
    private var deadlines = CircularBuffer<(number: UInt64, deadline: NIODeadline)>()

    init(limit: Int) { self.limit = limit }

    var hasRoom: Bool { waiting.count < limit }

    mutating func add(until deadline: NIODeadline) -> UInt64 {
        defer { nextNumber += 1 }
        waiting.insert(nextNumber)
        deadlines.append((nextNumber, deadline))
        return nextNumber
    }

    /// False where it is not waited for.
    mutating func remove(_ number: UInt64) -> Bool {
        guard waiting.remove(number) != nil else { return false }
        dropAnswered()
        return true
    }

    var nextDeadline: NIODeadline? { deadlines.first?.deadline }

    mutating func expired(now: NIODeadline) -> [UInt64] {
        var numbers: [UInt64] = []
        while let first = deadlines.first, first.deadline <= now {
            deadlines.removeFirst()
            if waiting.remove(first.number) != nil { numbers.append(first.number) }
        }
        dropAnswered()
        return numbers
    }

    /// All that wait, in their order.
    mutating func removeAll() -> [UInt64] {
        defer { (waiting, deadlines) = ([], []) }
        return waiting.sorted()
    }

    /// The first of the queue always waits still; answered ones behind it are bounded by the deadline.
    private mutating func dropAnswered() {
        while let first = deadlines.first, !waiting.contains(first.number) { deadlines.removeFirst() }
    }
}

/// Names of namespaces.
enum SocketIONamespace {
    /// `/cti?token=x` is answered as `/cti` (protocol 4).
    static func withoutQuery(_ namespace: String) -> String {
        namespace.utf8.contains(UInt8(ascii: "?")) ? String(namespace.prefix { $0 != "?" }) : namespace
    }
}
