/// What a term may ask of its reader. Every announced length is compared with the bytes that are left before anything
/// is allocated; these bounds come on top of that.
public struct BERTLimits: Sendable, Equatable {
    /// The deepest nesting that may be asked for, whatever `depth` says: readers of terms recurse this far.
    public static let maximumDepth = 512

    /// Longest message, and longest content of a compressed term, in bytes.
    public var bytes: Int
    /// Deepest nesting. A tuple, list, map or fun is one level, and so is each list that continues another as its tail.
    public var depth: Int
    /// Terms of one message, itself included. One byte of the wire can be a term of 16 bytes in memory.
    public var terms: Int
    /// Longest integer in bytes as the wire spells it: decimal text costs quadratic time.
    public var integerBytes: Int
    /// Whether compressed terms (tag 80) are read. Their size is bounded by `bytes`.
    public var allowsCompressed: Bool

    public init(
        bytes: Int = 16 << 20, depth: Int = 64, terms: Int = 1_000_000, integerBytes: Int = 64,
        allowsCompressed: Bool = false
    ) {
        self.bytes = min(max(bytes, 0), Int(Int32.max))
        self.depth = min(max(depth, 0), Self.maximumDepth)
        self.terms = min(max(terms, 1), Int(Int32.max))
        self.integerBytes = min(max(integerBytes, 8), 1 << 16)
        self.allowsCompressed = allowsCompressed
    }
}
