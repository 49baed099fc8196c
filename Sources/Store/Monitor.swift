import Glibc

/// Nanoseconds of the monotonic clock.
struct MonotonicTime: Comparable {
    var nanoseconds: Int64

    static var now: MonotonicTime {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    static func < (left: MonotonicTime, right: MonotonicTime) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Saturates, so that "for ever" as a duration stays for ever.
    static func + (time: MonotonicTime, duration: Duration) -> MonotonicTime {
        let (product, tooLong) = duration.microseconds.multipliedReportingOverflow(by: 1000)
        let (sum, tooLate) = time.nanoseconds.addingReportingOverflow(product)
        return MonotonicTime(nanoseconds: tooLong || tooLate ? .max : sum)
    }
}

/// Values under a mutex, with one condition to wait on: what the writer's thread and its callers share.
///
/// `@unchecked Sendable`: `value` is touched only in `withLock` and `wait`, both of which hold the mutex.
final class Monitor<Value>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value

    init(_ value: sending Value) {
        self.value = value
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return try body(&value)
    }

    /// Wakes every waiter.
    func signal() { pthread_cond_broadcast(condition) }

    /// Runs `body` again after each signal until it gives a result. `deadline` names how long it may wait before the next
    /// run, nil for ever.
    func wait<Result>(
        deadline: (inout Value) -> MonotonicTime?, until body: (inout Value) -> Result?
    ) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            if let deadline = deadline(&value) {
                var time = timespec()
                time.tv_sec = Int(deadline.nanoseconds / 1_000_000_000)
                time.tv_nsec = Int(deadline.nanoseconds % 1_000_000_000)
                pthread_cond_timedwait(condition, mutex, &time)
            } else {
                pthread_cond_wait(condition, mutex)
            }
        }
    }
}
