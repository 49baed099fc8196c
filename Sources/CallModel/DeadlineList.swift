/// Calls that share a time-out, the longest silent first: a doubly linked list through the states themselves, so that
/// moving a call to the end costs no allocation.
struct DeadlineList {
    private(set) var head: Int32 = -1
    private var tail: Int32 = -1

    mutating func append(_ index: Int32, list: Int32, in calls: [CallState]) {
        calls[Int(index)].list = list
        calls[Int(index)].previous = tail
        calls[Int(index)].next = -1
        if tail >= 0 { calls[Int(tail)].next = index } else { head = index }
        tail = index
    }

    mutating func remove(_ index: Int32, in calls: [CallState]) {
        let (previous, next) = (calls[Int(index)].previous, calls[Int(index)].next)
        if previous >= 0 { calls[Int(previous)].next = next } else { head = next }
        if next >= 0 { calls[Int(next)].previous = previous } else { tail = previous }
        calls[Int(index)].list = -1
    }
}
