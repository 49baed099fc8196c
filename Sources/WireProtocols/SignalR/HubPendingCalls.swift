import NIOCore

/// Names an invocation of a `HubClientSession` until its completion.
public struct HubCallID: Hashable, Comparable, Sendable {
    let number: UInt64

    public static func < (left: HubCallID, right: HubCallID) -> Bool { left.number < right.number }
}

extension HubCallID: CustomStringConvertible {
    /// As the wire names it.
    public var description: String { "\(number)" }
}

/// Invocations that wait for their completion, each with its time.
struct HubPendingCalls {
    private struct Call {
        let deadline: NIODeadline
        let limit: TimeAmount
    }

    private var calls: [HubCallID: Call] = [:]
    private var count: UInt64 = 0
    /// Not later than the first deadline; recalculated when it is reached.
    private(set) var nextDeadline: NIODeadline?

    var pending: Int { calls.count }

    /// What the next call is going to be named.
    var nextID: HubCallID { HubCallID(number: count + 1) }

    mutating func add(limit: TimeAmount, now: NIODeadline) -> HubCallID {
        let id = nextID
        count += 1
        let deadline = now + limit
        calls[id] = Call(deadline: deadline, limit: limit)
        nextDeadline = min(nextDeadline ?? deadline, deadline)
        return id
    }

    /// The call that a completion names; nil where none of that name waits.
    mutating func remove(named text: String) -> HubCallID? {
        // Only the spelling that was sent is an answer.
        guard let number = UInt64(text), "\(number)" == text else { return nil }
        let id = HubCallID(number: number)
        guard calls.removeValue(forKey: id) != nil else { return nil }
        if calls.isEmpty { nextDeadline = nil }
        return id
    }

    /// Takes out what is overdue, oldest first.
    mutating func removeOverdue(now: NIODeadline) -> [(HubCallID, HubCallError)] {
        guard let nextDeadline, nextDeadline <= now else { return [] }
        let overdue = calls.filter { $0.value.deadline <= now }
        for id in overdue.keys { calls[id] = nil }
        self.nextDeadline = calls.values.map(\.deadline).min()
        return overdue.sorted { $0.key < $1.key }.map { ($0.key, .timedOut(within: $0.value.limit)) }
    }

    /// Takes out all, oldest first.
    mutating func removeAll() -> [HubCallID] {
        defer { (calls, nextDeadline) = ([:], nil) }
        return calls.keys.sorted()
    }
}
