import BridgeCore
import Glibc

/// A thread of its own for tasks that use blocking system calls: handed to `addTask(executorPreference:)`.
///
/// Jobs run one at a time in the order in which they came. An idle thread sleeps in the kernel and wakes for nothing else.
/// Runs until `shutdown`: what was queued before is still run, what comes later runs on the common pool.
package final class ThreadExecutor: TaskExecutor {
    private let queue = JobQueue()

    /// `name` is shown by `top -H` and `ps -L`, cut to 15 bytes. Throws when the system refuses another thread.
    package init(name: String) throws {
        try DetachedThread.start(name: name) { [self] in
            let executor = asUnownedTaskExecutor()
            while let jobs = queue.take() {
                for job in jobs { job.runSynchronously(on: executor) }
            }
        }
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        guard !queue.put(job) else { return }
        globalConcurrentExecutor.enqueue(ExecutorJob(job))
    }

    /// Lets the thread end once its queue is empty. Does not wait for that. May be called again.
    package func shutdown() { queue.close() }
}

/// Jobs between any thread and the one that runs them.
///
/// Unchecked: `jobs`, `isOpen` and `isWaiting` are touched only while `mutex` is held, the C objects never move.
private final class JobQueue: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var jobs: [UnownedJob] = []
    private var isOpen = true
    private var isWaiting = false

    init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    /// False when the queue is closed: the job is still the caller's.
    func put(_ job: UnownedJob) -> Bool {
        pthread_mutex_lock(mutex)
        guard isOpen else {
            pthread_mutex_unlock(mutex)
            return false
        }
        jobs.append(job)
        let wakes = isWaiting
        isWaiting = false
        pthread_mutex_unlock(mutex)
        // Behind the lock, so that the woken thread does not run into it.
        if wakes { pthread_cond_signal(condition) }
        return true
    }

    /// Waits for jobs; nil once the queue is closed and empty.
    func take() -> [UnownedJob]? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while jobs.isEmpty, isOpen {
            isWaiting = true
            pthread_cond_wait(condition, mutex)
        }
        guard !jobs.isEmpty else { return nil }
        let taken = jobs
        jobs.removeAll()
        return taken
    }

    func close() {
        pthread_mutex_lock(mutex)
        isOpen = false
        pthread_mutex_unlock(mutex)
        pthread_cond_signal(condition)
    }
}
