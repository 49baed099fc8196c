import Synchronization

/// Wakes one waiting task, from any thread; a wake-up without a waiter is kept for the next wait, several become one.
final class WakeSignal: Sendable {
    private enum State {
        /// Nothing came since the last wait.
        case idle
        /// Something came: the next wait returns at once.
        case raised
        /// A task waits.
        case waiting(CheckedContinuation<Void, Never>)
    }

    private let state = Mutex(State.idle)

    func raise() {
        let waiter = state.withLock { state in
            guard case .waiting(let waiter) = state else {
                state = .raised
                return nil as CheckedContinuation<Void, Never>?
            }
            state = .idle
            return waiter
        }
        waiter?.resume()
    }

    /// Returns after the next `raise`, or one since the last wait, or when the task is cancelled. One task at a time.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let passes = state.withLock { state in
                    if case .raised = state {
                        state = .idle
                        return true
                    }
                    state = .waiting(continuation)
                    return false
                }
                if passes { continuation.resume() }
            }
        } onCancel: {
            raise()
        }
    }
}

/// The request to end, with its limit: raised once, seen by everyone who waits now or later.
final class StopSignal: Sendable {
    private struct State {
        var limit: Duration?
        var waiters: [Int: CheckedContinuation<Duration?, Never>] = [:]
        var lastWaiter = 0
    }

    private let state = Mutex(State())

    var isRaised: Bool { state.withLock { $0.limit != nil } }

    func raise(_ limit: Duration) {
        let waiters = state.withLock { state in
            guard state.limit == nil else { return [] as [CheckedContinuation<Duration?, Never>] }
            state.limit = limit
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(returning: limit) }
    }

    /// The limit once raised; nil when the waiting task is cancelled before.
    func wait() async -> Duration? {
        let number = state.withLock { state in
            state.lastWaiter += 1
            return state.lastWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer = state.withLock { state -> Duration?? in
                    if state.limit != nil || Task.isCancelled { return .some(state.limit) }
                    state.waiters[number] = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: number) }?.resume(returning: nil)
        }
    }
}
