import WireProtocols

/// Asks a term, and all that it holds, everything that can be asked.
public enum BERTWalk {
    /// Terms, and bytes of strings, inside `term`, itself included.
    public static func count(_ term: BERTTerm) -> Int {
        var count = 1 + touch(term)
        for element in term.elements { count += Self.count(element) }
        for (key, value) in term.pairs { count += Self.count(key) + Self.count(value) }
        if let tail = term.tail { count += Self.count(tail) }
        return count
    }

    /// 0, but the optimiser does not know.
    private static func touch(_ term: BERTTerm) -> Int {
        var sum = term.count
        sum &+= Int(truncatingIfNeeded: term.int64 ?? 1)
        sum &+= term.bigInteger?.magnitude.count ?? 1
        sum &+= term.decimalText?.utf8.count ?? 1
        sum &+= Int(truncatingIfNeeded: term.double?.bitPattern ?? 1)
        sum &+= term.text?.utf8.count ?? 1
        sum &+= term.utf8?.reduce(0) { $0 &+ Int($1) } ?? 1
        sum &+= term.bytes?.count ?? 1
        sum &+= term.bits?.count ?? 1
        sum &+= term.listBytes?.count ?? 1
        sum &+= term.dictionary?.count ?? 1
        sum &+= Int(truncatingIfNeeded: term.bertTime ?? 1)
        let claims = [term.isUnset, term.isEmptyList, term.bool ?? false, term.matches("undefined"), term.matches("é")]
        sum &+= claims.reduce(0) { $0 + ($1 ? 1 : 0) }
        sum &+= term[0]?.count ?? 1
        sum &+= term.opaqueKind == nil ? 0 : 1
        return sum == .min ? 1 : 0
    }
}
