/// Why a message is no term, or none that is read here, and at which byte.
public struct BERTError: Error, Equatable, Sendable {
    public enum Reason: Equatable, Sendable {
        case empty
        /// The first byte is not 131.
        case notVersioned(found: UInt8)
        /// What is announced needs more bytes than follow.
        case truncated(needed: Int, left: Int)
        case unknownTag(UInt8)
        /// A tag that is defined, but not where it stands or not for messages.
        case refusedTag(UInt8, why: String)
        case trailingBytes(Int)
        /// An atom of more than 255 characters.
        case atomTooLong(Int)
        case atomNotUTF8
        case floatNotFinite
        case floatNotNumber
        case bitCount(UInt8)
        case duplicateKey
        case notAtom(tag: UInt8)
        case notSmallInteger
        case referenceTooLong(words: Int)
        case funTooLarge(variables: Int)
        case funSize(announced: Int, left: Int)
        case opaqueOutOfRange
        case inflating(String)
        /// A compressed term whose claimed size differs from what it holds.
        case inflatedSize(claimed: Int)

        case tooLong(limitBytes: Int)
        case tooDeep(limit: Int)
        case tooManyTerms(limit: Int)
        case integerTooLong(bytes: Int, limitBytes: Int)
        case keysTooComplex
        case compressed
    }

    public let reason: Reason
    /// Bytes before the fault, in the message or, with `isInflated`, in the content of its compressed term.
    public let offset: Int
    public var isInflated = false

    init(_ reason: Reason, offset: Int) {
        (self.reason, self.offset) = (reason, offset)
    }

    /// True where the message may well be a term, and one of our limits refuses it.
    public var isLimit: Bool {
        switch reason {
        case .tooLong, .tooDeep, .tooManyTerms, .integerTooLong, .keysTooComplex, .compressed: true
        case .empty, .notVersioned, .truncated, .unknownTag, .refusedTag, .trailingBytes, .atomTooLong, .atomNotUTF8,
            .floatNotFinite, .floatNotNumber, .bitCount, .duplicateKey, .notAtom, .notSmallInteger, .referenceTooLong,
            .funTooLarge, .funSize, .opaqueOutOfRange, .inflating, .inflatedSize:
            false
        }
    }
}

extension BERTError: CustomStringConvertible {
    public var description: String { "\(reason) at byte \(offset)" + (isInflated ? " of the inflated term" : "") }
}

extension BERTError.Reason: CustomStringConvertible {
    public var description: String {
        switch self {
        case .empty: "no bytes where a term is due"
        case .notVersioned(let found): "a term begins with byte 131, not with \(found): this is no BERT"
        case .truncated(let needed, let left): "the term ends too early: \(needed) more bytes announced, \(left) there"
        case .unknownTag(let tag): "tag \(tag) is none of the External Term Format"
        case .refusedTag(let tag, let why): "tag \(tag) is refused: \(why)"
        case .trailingBytes(let count): "\(count) more bytes after the term; a message is one term"
        case .atomTooLong(let count): "an atom of \(count) characters; 255 are the most"
        case .atomNotUTF8: "an atom that is no UTF-8"
        case .floatNotFinite: "a float that is infinite or not a number"
        case .floatNotNumber: "the text of a float is no number"
        case .bitCount(let count): "\(count) bits in the last byte of a bit string; 1 to 8 are possible"
        case .duplicateKey: "a map has one key twice"
        case .notAtom(let tag): "tag \(tag) where an atom is due"
        case .notSmallInteger: "no small integer where one is due"
        case .referenceTooLong(let words): "a reference of \(words) words; 5 are the most"
        case .funTooLarge(let variables): "a fun of \(variables) free variables; 255 are the most"
        case .funSize(let size, let left): "a fun of \(size) bytes is announced, and \(left) are there"
        case .opaqueOutOfRange: "a pid, port or reference with a number that none can have"
        case .inflating(let text): "a compressed term cannot be inflated: \(text)"
        case .inflatedSize(let claimed): "a compressed term does not hold the \(claimed) bytes that it claims"
        case .tooLong(let limit): "longer than the limit of \(limit) bytes"
        case .tooDeep(let limit): "nested deeper than the limit of \(limit) levels"
        case .tooManyTerms(let limit): "more than the limit of \(limit) terms in one message"
        case .integerTooLong(let bytes, let limit): "an integer of \(bytes) bytes; the limit is \(limit)"
        case .keysTooComplex: "maps inside the keys of maps, over and over: comparing the keys would take too long"
        case .compressed: "a compressed term, and these are not allowed here"
        }
    }
}
