/// Decides what to remove next. Knows positions and sizes; does no I/O itself.
struct Retention {
    enum Step: Equatable {
        case remove(through: Int64)
        /// Content fits, the file is still too large.
        case shrink
        case nothing
    }

    /// Rows of one removing transaction: short enough that an event arriving meanwhile hardly waits.
    static let stepRows: Int64 = 2000
    static let shrinkPages = 256

    let limitBytes: Int64
    /// Removal by size goes on to here, so that it works in stretches instead of at each commit.
    var lowWaterBytes: Int64 { limitBytes - limitBytes / 16 }
    private(set) var isOverSize = false
    private(set) var isOverflowing = false

    init(limitBytes: Int64) { self.limitBytes = limitBytes }

    /// The next step; `expired` is the newest line past its age, `removable` the newest that nobody needs.
    mutating func next(
        first: Int64, removable: Int64, expired: Int64, usedBytes: Int64, fileBytes: Int64, stepRows: Int64
    ) -> Step {
        isOverSize = usedBytes > (isOverSize ? lowWaterBytes : limitBytes)
        let target = isOverSize ? removable : min(removable, expired)
        if first <= target {
            isOverflowing = false
            return .remove(through: min(target, first + stepRows - 1))
        }
        isOverflowing = isOverSize
        return fileBytes > limitBytes && fileBytes > usedBytes ? .shrink : .nothing
    }
}
