import CallModel
import Codecs

/// Notices that come without a time and without an id of their own, by what they say. Bounded: the older half is forgotten
/// at a time.
struct EnreachNotices {
    /// When it was last told anew, and under which id.
    private struct Last {
        let at: Timestamp
        let parts: [String]
    }

    private let limit: Int
    private var young: [[String]: Last] = [:]
    private var old: [[String]: Last] = [:]

    init(limit: Int) { self.limit = max(2, limit) }

    var count: Int { young.count + old.count }

    /// What the id of a notice is made of. The same words again within the window are the same notice, told once more;
    /// after it they are another.
    mutating func identity(_ parts: [String], at now: Timestamp) -> CallFact.Identity {
        let last = young[parts] ?? old[parts]
        if let last, now < last.at.advanced(by: EnreachMapper.noticeWindow) { return .parts(last.parts) }
        if young.count >= limit / 2 { (old, young) = (young, [:]) }
        let told = last == nil ? parts : parts + [String(now.microseconds)]
        young[parts] = Last(at: now, parts: told)
        return .parts(told)
    }
}
