/// BERT words (bert-rpc.org, version 1.0): tuples that begin with the atom `bert`, and their plain counterparts.
extension BERTTerm {
    /// Nothing is meant: the atom `undefined`, `{bert,nil}`, or an empty list.
    public var isUnset: Bool { isAtom("undefined") || isEmptyList }

    /// `[]`, or `{bert,nil}`, which encoders of BERT send for it.
    public var isEmptyList: Bool {
        node.form == .list && node.count == 0 || word(of: 2)?.isAtom("nil") ?? false
    }

    /// The atoms `true` and `false`, or `{bert,true}` and `{bert,false}`; nil for anything else.
    public var bool: Bool? {
        let word = node.form == .tuple ? word(of: 2) : self
        guard let word else { return nil }
        return word.isAtom("true") ? true : word.isAtom("false") ? false : nil
    }

    /// `{bert,time,Mega,Seconds,Micro}` in microseconds since 1970; nil for anything else, and for what has no room.
    public var bertTime: Int64? {
        guard let word = word(of: 5), word.isAtom("time") else { return nil }
        let parts = elements.dropFirst(2).compactMap(\.int64)
        guard parts.count == 3 else { return nil }
        let (mega, megaOverflow) = parts[0].multipliedReportingOverflow(by: 1_000_000)
        let (seconds, secondsOverflow) = mega.addingReportingOverflow(parts[1])
        let (micro, microOverflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, sumOverflow) = micro.addingReportingOverflow(parts[2])
        return megaOverflow || secondsOverflow || microOverflow || sumOverflow ? nil : sum
    }

    /// The members of `{bert,dict,[{Key,Value},...]}`, of `{bert,dict,{bert,nil}}`, or of a map; nil for anything else.
    public var dictionary: [(key: BERTTerm, value: BERTTerm)]? {
        if node.form == .map { return Array(pairs) }
        guard let word = word(of: 3), word.isAtom("dict"), let list = self[2] else { return nil }
        if list.isEmptyList { return [] }
        guard list.kind == .list, list.tail == nil else { return nil }
        var members: [(key: BERTTerm, value: BERTTerm)] = []
        for pair in list.elements {
            guard pair.kind == .tuple, pair.count == 2, let key = pair[0], let value = pair[1] else { return nil }
            members.append((key, value))
        }
        return members
    }

    /// The second element of a tuple of `arity` elements that begins with the atom `bert`.
    private func word(of arity: Int) -> BERTTerm? {
        guard node.form == .tuple, node.count == arity, let first = self[0], first.isAtom("bert") else { return nil }
        return self[1]
    }
}
