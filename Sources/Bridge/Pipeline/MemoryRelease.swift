import CMalloc
import Dispatch
import Synchronization

/// Gives the memory of a backlog back to the system, a moment after its last large batch.
final class MemoryRelease: Sendable {
    /// Events from which a batch is large. Lone events never come here.
    private static let largeBatch = 128
    /// From a large batch until what it took goes back: then most of it is free again.
    private static let pause = DispatchTimeInterval.seconds(2)

    private let queue = DispatchQueue(label: "memory")
    private let isDue = Atomic<Bool>(false)

    func batchWasHanded(_ events: Int) {
        guard events >= Self.largeBatch, !isDue.exchange(true, ordering: .relaxed) else { return }
        // Every two seconds at most while large batches come, and once after the last of them; takes some milliseconds.
        queue.asyncAfter(deadline: .now() + Self.pause) { [self] in
            isDue.store(false, ordering: .relaxed)
            cti_release_memory()
        }
    }
}
