/// A growing run of bytes for writers on the hot path: no uniqueness check and no bounds check per byte.
///
/// Not copyable, so that the memory has one owner. Growth doubles, so `n` appended bytes cost O(n).
public struct ByteWriter: ~Copyable {
    // The small members below are inlined into the line writer: calls across the module were a third of its work.
    @usableFromInline var base: UnsafeMutablePointer<UInt8>
    @usableFromInline var capacity: Int
    @usableFromInline var length = 0

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
        var rest = value
        var digits = 1
        while rest >= 10 {
            rest /= 10
            digits &+= 1
        }
        rest = value
        var position = length &+ digits
        repeat {
            position &-= 1
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
            base[position] = UInt8(truncatingIfNeeded: remainder) &+ UInt8(ascii: "0")
            rest = quotient
        } while position > length
        length &+= digits
    }

    /// Room for `added` more bytes, handed out to be filled; all of them count as written.
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
