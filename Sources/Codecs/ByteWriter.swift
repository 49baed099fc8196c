/// A growing run of bytes for writers on the hot path: no uniqueness check and no bounds check per byte.
///
/// Not copyable, so that the memory has one owner. Growth doubles, so `n` appended bytes cost O(n).
public struct ByteWriter: ~Copyable {
    // The small members below are inlined into the line writer: calls across the module were a third of its work.
    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    @usableFromInline var length = 0
    /// The date that was written last, see `append(_: Timestamp)`.
    var lastDate: (days: Int64, text: (UInt64, UInt16))?

    /// Bytes written so far.
    @inlinable public var count: Int { length }

    public init(capacity: Int = 4096) {
        self.capacity = max(capacity, 64)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    /// The byte written last; 0 where there is none.
    @inlinable public var last: UInt8 { length == 0 ? 0 : base[length &- 1] }

    /// Forgets the content and keeps the memory, unless that is larger than `keeping` bytes.
    public mutating func removeAll(keeping limit: Int = 1 << 20) {
        length = 0
        guard capacity > limit else { return }
        base.deallocate()
        capacity = 4096
        base = .allocate(capacity: capacity)
    }

    /// Cuts back to the first `shorter` bytes.
    public mutating func truncate(to shorter: Int) {
        precondition(shorter >= 0 && shorter <= length, "a writer can only be cut back to what it holds")
        length = shorter
    }

    @inlinable
    public mutating func append(_ byte: UInt8) {
        reserve(1)
        base[length] = byte
        length &+= 1
    }

    @inlinable
    public mutating func append(_ text: StaticString) {
        let added = text.utf8CodeUnitCount
        reserve(added)
        (base + length).update(from: text.utf8Start, count: added)
        length &+= added
    }

    @inlinable
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        UnsafeMutableRawPointer(base + length).copyMemory(from: source, byteCount: bytes.count)
        length &+= bytes.count
    }

    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    /// Appends the UTF-8 of `text` as it is.
    public mutating func append(utf8 text: String) {
        if text.utf8.withContiguousStorageIfAvailable({ append(UnsafeRawBufferPointer($0)) }) == nil {
            for byte in text.utf8 { append(byte) }
        }
    }

    /// Appends the decimal digits of `value`.
    public mutating func append(decimal value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        append(decimal: value.magnitude)
    }

    /// Appends the decimal digits of `value`.
    public mutating func append(decimal value: UInt64) {
        reserve(20)
        var digits = 1
        var bound: UInt64 = 10
        while digits < 20, value >= bound {
            digits &+= 1
            if digits < 20 { bound &*= 10 }
        }
        var rest = value
        var end = base + length + digits
        while rest >= 100 {
            let pair = Int(truncatingIfNeeded: rest % 100)
            rest /= 100
            end -= 2
            DecimalPairs.write(pair, to: end)
        }
        if rest >= 10 {
            DecimalPairs.write(Int(truncatingIfNeeded: rest), to: end - 2)
        } else {
            (end - 1).pointee = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest)
        }
        length &+= digits
    }

    /// Room for `added` more bytes, handed out to be filled; all of them count as written.
    @inlinable
    public mutating func appendUninitialized(_ added: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        reserve(added)
        fill(base + length)
        length &+= added
    }

    public func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: base, count: length))
    }

    /// A copy of what was written.
    public var bytes: [UInt8] { Array(UnsafeBufferPointer(start: base, count: length)) }

    @inlinable
    mutating func reserve(_ more: Int) {
        if length &+ more > capacity { grow(more) }
    }

    @inline(never)
    @usableFromInline
    mutating func grow(_ more: Int) {
        let larger = max(capacity * 2, length + more)
        let next = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        next.update(from: base, count: length)
        base.deallocate()
        base = next
        capacity = larger
    }
}

/// The decimal numbers 00 to 99 as pairs of digits.
enum DecimalPairs {
    private static let text: StaticString = """
        00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899
        """

    /// `value` is below 100.
    @inline(__always)
    static func write(_ value: Int, to out: UnsafeMutablePointer<UInt8>) {
        let digits = text.utf8Start + 2 &* value
        out[0] = digits[0]
        out[1] = digits[1]
    }
}
