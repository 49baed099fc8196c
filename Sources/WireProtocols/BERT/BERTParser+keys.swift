/// No key of a map may come twice (OTP refuses such a map, too).
extension BERTParser {
    /// Two keyed 64-bit hashes: peers cannot make two keys meet that are not equal.
    private struct Fingerprint: Comparable {
        var first: UInt64
        var second: UInt64

        static func < (left: Fingerprint, right: Fingerprint) -> Bool {
            (left.first, left.second) < (right.first, right.second)
        }
    }

    /// Keys that are maps are hashed again for each map around them: so many terms for each byte of the message, and a
    /// million that cost no time worth naming.
    private static let workPerByte = 4
    private static let freeWork = 1 << 20

    mutating func checkKeys(of container: Int) throws(BERTError) {
        let pairs = Int(nodes[container].count)
        guard pairs > 1 else { return }
        var prints: [Fingerprint] = []
        var index = container + 1
        for _ in 0..<pairs {
            prints.append(try fingerprint(index))
            index += Int(nodes[index].span)
            index += Int(nodes[index].span)
        }
        prints.sort()
        for (left, right) in zip(prints, prints.dropFirst()) where left == right { throw fault(.duplicateKey) }
    }

    private mutating func fingerprint(_ index: Int) throws(BERTError) -> Fingerprint {
        var first = BERTKeyHasher(salt: 0x6B65_7931)
        var second = BERTKeyHasher(salt: 0x6B65_7932)
        let term = BERTTerm(position: UnsafePointer(nodes + index), node: nodes[index], bytes: base)
        first.combine(term)
        keyWork += first.work
        guard keyWork <= Self.freeWork + Self.workPerByte * end else { throw fault(.keysTooComplex) }
        second.combine(term)
        return Fingerprint(first: first.finish(), second: second.finish())
    }
}

/// Hashes terms so that equal ones (Erlang's `=:=`) give one value, however each of them is spelled.
private struct BERTKeyHasher {
    private enum Mark: UInt8 { case integer, bigInteger, float, atom, tuple, list, improper, binary, bits, map, opaque }

    private let salt: UInt64
    private var hasher = Hasher()
    /// Terms, and elements of strings, so far.
    private(set) var work = 0

    init(salt: UInt64) {
        self.salt = salt
        hasher.combine(salt)
    }

    func finish() -> UInt64 { UInt64(truncatingIfNeeded: hasher.finalize()) }

    /// Recursion here is bounded by the limit of nesting, at most `BERTLimits.maximumDepth`.
    mutating func combine(_ term: BERTTerm) {
        work += 1
        switch term.kind {
        case .integer: combineInteger(term)
        case .float: combine(.float, term.double.map { $0 == 0 ? 0 : $0.bitPattern } ?? 0)
        case .atom: combine(.atom, Array((term.text ?? "").utf8))
        case .tuple: combineElements(.tuple, term)
        case .list: combineList(term)
        case .binary: combine(.binary, term.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
        case .bits: combineBits(term)
        case .map: combineMap(term)
        case .opaque: combineOpaque(term)
        }
    }

    private mutating func combine(_ mark: Mark, _ value: UInt64) {
        hasher.combine(mark.rawValue)
        hasher.combine(value)
    }

    private mutating func combine(_ mark: Mark, _ bytes: UnsafeRawBufferPointer) {
        combine(mark, UInt64(bytes.count))
        hasher.combine(bytes: bytes)
    }

    private mutating func combine(_ mark: Mark, _ bytes: [UInt8]) {
        bytes.withUnsafeBytes { combine(mark, $0) }
    }

    private mutating func combineInteger(_ term: BERTTerm) {
        if let value = term.int64 { return combine(.integer, UInt64(bitPattern: value)) }
        guard let (isNegative, magnitude) = term.bigInteger else { return }
        hasher.combine(isNegative)
        combine(.bigInteger, magnitude)
    }

    private mutating func combineElements(_ mark: Mark, _ term: BERTTerm) {
        combine(mark, UInt64(term.count))
        for element in term.elements { combine(element) }
    }

    private mutating func combineList(_ term: BERTTerm) {
        combineElements(term.tail == nil ? .list : .improper, term)
        if let tail = term.tail { combine(tail) }
    }

    private mutating func combineBits(_ term: BERTTerm) {
        guard let (bytes, count) = term.bits else { return }
        combine(.bits, UInt64(count))
        bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
    }

    /// Pairs in any order are one map, so their hashes are added up.
    private mutating func combineMap(_ term: BERTTerm) {
        combine(.map, UInt64(term.count))
        var sum: UInt64 = 0
        for (key, value) in term.pairs {
            var pair = BERTKeyHasher(salt: salt)
            pair.combine(key)
            pair.combine(value)
            sum &+= pair.finish()
            work += pair.work
        }
        hasher.combine(sum)
    }

    private mutating func combineOpaque(_ term: BERTTerm) {
        hasher.combine(Mark.opaque.rawValue)
        var reader = BERTOpaqueReader(term)
        reader.read()
        for part in reader.parts { combine(.binary, part) }
        for number in reader.numbers { combine(.integer, number) }
        for variable in term.variables { combine(variable) }
    }
}
