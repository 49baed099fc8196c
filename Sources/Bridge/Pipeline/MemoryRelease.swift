import CMalloc
import Dispatch
import Synchronization

/// Gives the memory of a backlog back to the system, a moment after its last large batch, and what small ones leave behind
/// now and then.
final class MemoryRelease: Sendable {
    /// Events from which a batch is large.
    private static let largeBatch = 128
    /// Events in small batches after which memory is looked at as well.
    private static let manyEvents = 10_000
    /// From a large batch until what it took goes back: then most of it is free again.
    private static let pause = DispatchTimeInterval.seconds(2)

    private let queue = DispatchQueue(label: "memory")
    private let isDue = Atomic<Bool>(false)
    private let hasMore = Atomic<Bool>(false)
    private let handed = Atomic<Int>(0)
    private let forget: @Sendable () -> Void

    /// `forget` drops what only helps while a backlog passes; called when none has for a while.
    init(forget: @escaping @Sendable () -> Void) { self.forget = forget }

    func batchWasHanded(_ events: Int) {
        guard events >= Self.largeBatch || handed.add(events, ordering: .relaxed).newValue >= Self.manyEvents else {
            return
        }
        handed.store(0, ordering: .relaxed)
        hasMore.store(true, ordering: .relaxed)
        if !isDue.exchange(true, ordering: .relaxed) { schedule() }
    }

    /// Every two seconds while large batches come, and once after the last of them; takes some milliseconds.
    private func schedule() {
        hasMore.store(false, ordering: .relaxed)
        queue.asyncAfter(deadline: .now() + Self.pause) { [self] in
            if hasMore.load(ordering: .relaxed) {
                schedule()
            } else {
                isDue.store(false, ordering: .relaxed)
                forget()
            }
            cti_release_memory()
        }
    }
}
