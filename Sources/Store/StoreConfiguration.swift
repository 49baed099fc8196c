import Glibc

/// Where a tenant's events are kept, for how long, and in how much space.
package struct StoreConfiguration: Sendable {
    /// The database file. Its directory is made (mode 0700) when it is missing; `-wal`, `-shm` and `.lock` lie beside it.
    package var path: String
    /// Events older than this go, once every sink has them.
    package var retention: Duration
    /// Bound of database and write-ahead log together. Met by removing the oldest events that nobody needs any more.
    package var maxSizeBytes: Int64
    /// Memory for the most recent committed lines, from which sinks that keep up are served.
    package var windowBytes: Int = 2 << 20
    /// How long a cursor or a checkpoint waits for an event to ride along with before it is written by itself.
    package var sideWriteDelay: Duration = .seconds(1)
    /// Wall clock in microseconds since 1970; only retention looks at it.
    package var now: @Sendable () -> Int64 = StoreConfiguration.wallClock

    package init(path: String, retention: Duration, maxSizeBytes: Int64) {
        (self.path, self.retention, self.maxSizeBytes) = (path, retention, maxSizeBytes)
    }

    /// Pages of a new file. Measured with 650-byte lines, log and file together: 4, 8 and 16 KiB pages write 11, 15 and 23 KB
    /// for a lone event (15, 23 and 40 with a cursor), and 16 KiB pages take a backlog in about a tenth faster. A PBX host
    /// on flash has lone events all day.
    static let pageSizeBytes: Int64 = 4096

    /// The write-ahead log is emptied before it grows past this, unless a foreign reader holds on to it.
    var logLimitBytes: Int64 { max(512 << 10, min(32 << 20, maxSizeBytes / 8)) }

    /// About as much as one transaction may write, so that the log stays within its bound.
    var transactionBytes: Int64 { logLimitBytes / 4 }

    /// What the database file itself may take; the rest of the bound is for what comes in until retention looks again.
    var fileLimitBytes: Int64 { max(maxSizeBytes - logLimitBytes - maxSizeBytes / 16, 256 << 10) }

    private static let wallClock: @Sendable () -> Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}

extension Duration {
    /// Whole microseconds, rounded down; the largest value when they do not fit.
    var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow else { return .max }
        let (sum, tooLarge) = product.addingReportingOverflow(attoseconds / 1_000_000_000_000)
        return tooLarge ? .max : sum
    }
}
