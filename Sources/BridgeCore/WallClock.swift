import Codecs
import Glibc

/// The system's clock. Everything that is tested takes the time as an argument instead.
package enum WallClock {
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(time)
    }
}

extension Timestamp {
    /// A time of the system's calls, without the part of it below a microsecond.
    package init(_ time: timespec) {
        self.init(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
