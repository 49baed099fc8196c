/// A growing run of bytes for writers on the hot path: no uniqueness check and no bounds check per byte.
///
/// Not copyable, so that the memory has one owner. Growth doubles, so `n` appended bytes cost O(n).
public struct ByteWriter: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// Bytes written so far.
    public private(set) var count = 0

    public init(capacity: Int = 4096) {
        self.capacity = max(capacity, 64)
        base = .allocate(capacity: self.capacity)
    }

    deinit { base.deallocate() }

    /// The byte written last; 0 where there is none.
    public var last: UInt8 { count == 0 ? 0 : base[count &- 1] }

    /// Forgets the content and keeps the memory, unless that is larger than `keeping` bytes.
    public mutating func removeAll(keeping limit: Int = 1 << 20) {
        count = 0
        guard capacity > limit else { return }
        base.deallocate()
        capacity = 4096
        base = .allocate(capacity: capacity)
    }

    /// Cuts back to the first `length` bytes.
    public mutating func truncate(to length: Int) {
        precondition(length >= 0 && length <= count, "a writer can only be cut back to what it holds")
        count = length
    }

    public mutating func append(_ byte: UInt8) {
        reserve(1)
        base[count] = byte
        count &+= 1
    }

    public mutating func append(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        reserve(length)
        (base + count).update(from: text.utf8Start, count: length)
        count &+= length
    }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        UnsafeMutableRawPointer(base + count).copyMemory(from: source, byteCount: bytes.count)
        count &+= bytes.count
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
        var position = count &+ digits
        repeat {
            position &-= 1
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
            base[position] = UInt8(truncatingIfNeeded: remainder) &+ UInt8(ascii: "0")
            rest = quotient
        } while position > count
        count &+= digits
    }

    /// Room for `count` more bytes, handed out to be filled; all of them count as written.
    public mutating func appendUninitialized(_ length: Int, _ fill: (UnsafeMutablePointer<UInt8>) -> Void) {
        reserve(length)
        fill(base + count)
        count &+= length
    }

    public func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: base, count: count))
    }

    /// A copy of what was written.
    public var bytes: [UInt8] { Array(UnsafeBufferPointer(start: base, count: count)) }

    @inline(__always)
    private mutating func reserve(_ more: Int) {
        if count &+ more > capacity { grow(more) }
    }

    @inline(never)
    private mutating func grow(_ more: Int) {
        let larger = max(capacity * 2, count + more)
        let next = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
        next.update(from: base, count: count)
        base.deallocate()
        base = next
        capacity = larger
    }
}
