import CallModel

/// The kind of entity that a GUID names, as the messages of this run tell. Bounded: the older half is forgotten at a time.
struct EnreachKinds {
    private let limit: Int
    private var young: [String: Target.TargetType] = [:]
    private var old: [String: Target.TargetType] = [:]

    init(limit: Int) { self.limit = max(2, limit) }

    var count: Int { young.count + old.count }

    subscript(id: String) -> Target.TargetType? { young[id] ?? old[id] }

    mutating func note(_ id: String, _ kind: Target.TargetType) {
        guard young[id] != kind else { return }
        if young.count >= limit / 2 { (old, young) = (young, [:]) }
        young[id] = kind
    }
}
