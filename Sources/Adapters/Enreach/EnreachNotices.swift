import CallModel
import Codecs

/// Notices that come without a time and without an id of their own, by what they say: what is said again a moment later was
/// told by another subscription. Bounded: the older half is forgotten at a time.
struct EnreachNotices {
    /// The same words are something new after this long.
    static let window = Duration.seconds(10)

    private let limit: Int
    private var young: [[String]: Timestamp] = [:]
    private var old: [[String]: Timestamp] = [:]

    init(limit: Int) { self.limit = max(2, limit) }

    var count: Int { young.count + old.count }

    /// What the id of a notice is made of; nil for one that was just told.
    mutating func identity(_ parts: [String], at now: Timestamp) -> CallFact.Identity? {
        if let last = young[parts] ?? old[parts], now < last.advanced(by: Self.window) { return nil }
        if young.count >= limit / 2 { (old, young) = (young, [:]) }
        young[parts] = now
        return .recurring(parts)
    }
}
