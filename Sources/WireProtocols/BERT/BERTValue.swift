/// A term of one's own, for the encoder: what a simulator or a test sends. Reading is done with `BERTTerm`.
public indirect enum BERTValue: Sendable {
    case integer(Int64)
    /// Magnitude in little-endian bytes.
    case bigInteger(isNegative: Bool, magnitude: [UInt8])
    /// Finite.
    case float(Double)
    /// At most 255 characters.
    case atom(String)
    case tuple([BERTValue])
    case list([BERTValue])
    case improperList([BERTValue], tail: BERTValue)
    /// A list of small integers, such as the bytes of a text.
    case charlist([UInt8])
    case binary([UInt8])
    /// `count` bits, the unused ones of the last byte 0.
    case bits([UInt8], count: Int)
    /// No key twice.
    case map([(key: BERTValue, value: BERTValue)])

    /// The UTF-8 of `text` as a list of bytes.
    public static func charlist(_ text: String) -> BERTValue { .charlist(Array(text.utf8)) }

    /// The UTF-8 of `text`.
    public static func binary(_ text: String) -> BERTValue { .binary(Array(text.utf8)) }

    /// `{bert,nil}`, as encoders of BERT write an empty list.
    public static var bertNil: BERTValue { .tuple([.atom("bert"), .atom("nil")]) }

    /// A copy of a term; nil where it holds a pid, port, reference or fun.
    public init?(_ term: BERTTerm) {
        switch term.kind {
        case .integer: self = Self.integer(of: term)
        case .float: self = .float(term.double ?? 0)
        case .atom: self = .atom(term.text ?? "")
        case .binary: self = .binary(term.bytes.map { Array($0) } ?? [])
        case .bits: self = term.bits.map { .bits($0.bytes, count: $0.count) } ?? .binary([])
        case .tuple:
            guard let elements = Self.all(term.elements) else { return nil }
            self = .tuple(elements)
        case .list:
            guard let list = Self.list(of: term) else { return nil }
            self = list
        case .map:
            var members: [(key: BERTValue, value: BERTValue)] = []
            for (key, value) in term.pairs {
                guard let key = BERTValue(key), let value = BERTValue(value) else { return nil }
                members.append((key, value))
            }
            self = .map(members)
        case .opaque: return nil
        }
    }

    private static func integer(of term: BERTTerm) -> BERTValue {
        if let value = term.int64 { return .integer(value) }
        guard let (isNegative, magnitude) = term.bigInteger else { return .integer(0) }
        return .bigInteger(isNegative: isNegative, magnitude: Array(magnitude))
    }

    private static func list(of term: BERTTerm) -> BERTValue? {
        guard let elements = all(term.elements) else { return nil }
        guard let tail = term.tail else { return .list(elements) }
        return BERTValue(tail).map { .improperList(elements, tail: $0) }
    }

    private static func all(_ terms: BERTTerm.Elements) -> [BERTValue]? {
        var values: [BERTValue] = []
        values.reserveCapacity(terms.count)
        for term in terms {
            guard let value = BERTValue(term) else { return nil }
            values.append(value)
        }
        return values
    }
}
