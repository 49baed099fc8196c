/// A UUID as two machine words (RFC 9562); written in lower case with dashes.
public struct UUID128: Hashable, Sendable, Comparable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        (self.high, self.low) = (high, low)
    }

    /// Version 5: the first 128 bits of SHA-1 over the namespace and `name`, with version and variant set.
    public init(namespace: UUID128, name: UnsafeRawBufferPointer) {
        var writer = ByteWriter(capacity: name.count + 16)
        writer.append(rawBytes: namespace)
        writer.append(name)
        self = writer.withBytes { UUID128(namespaceAndName: $0) }
    }

    /// Version 5, for names that already lie behind the 16 bytes of their namespace.
    public init(namespaceAndName bytes: UnsafeRawBufferPointer) {
        let (high, low) = Digest.sha1Prefix(bytes)
        self.init(
            high: high & 0xFFFF_FFFF_FFFF_0FFF | 0x5000, low: low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }

    /// Version 7: milliseconds since 1970, then 74 bits of `random`.
    public init(milliseconds: UInt64, random: (UInt64, UInt64)) {
        self.init(
            high: milliseconds << 16 | 0x7000 | random.0 & 0x0FFF,
            low: random.1 & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
    }

    /// Reads the 36 characters of the usual text form, either case; nil for anything else.
    public init?(_ text: some Collection<UInt8>) {
        guard text.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var digits = 0
        for (position, byte) in text.enumerated() {
            if position == 8 || position == 13 || position == 18 || position == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            guard let value = Hex.value(byte) else { return nil }
            if digits < 16 { words.0 = words.0 << 4 | UInt64(value) } else { words.1 = words.1 << 4 | UInt64(value) }
            digits += 1
        }
        self.init(high: words.0, low: words.1)
    }

    public init?(_ text: String) { self.init(text.utf8) }

    public static func < (left: UUID128, right: UUID128) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension UUID128: CustomStringConvertible {
    public var description: String {
        var writer = ByteWriter(capacity: 64)
        writer.append(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}

extension ByteWriter {
    /// Appends the 16 bytes of `id` (RFC 9562, section 4).
    public mutating func append(rawBytes id: UUID128) {
        withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian)) { append($0) }
    }

    /// Appends the 36 characters of `id`.
    public mutating func append(_ id: UUID128) {
        appendUninitialized(36) { out in
            let out = UnsafeMutableRawPointer(out)
            let words = (
                Hex.digits(UInt32(truncatingIfNeeded: id.high >> 32)), Hex.digits(UInt32(truncatingIfNeeded: id.high)),
                Hex.digits(UInt32(truncatingIfNeeded: id.low >> 32)), Hex.digits(UInt32(truncatingIfNeeded: id.low))
            )
            func put(_ half: UInt64, at position: Int) {
                out.storeBytes(of: UInt32(truncatingIfNeeded: half).bigEndian, toByteOffset: position, as: UInt32.self)
            }
            out.storeBytes(of: words.0.bigEndian, as: UInt64.self)
            put(words.1 >> 32, at: 9)
            put(words.1, at: 14)
            put(words.2 >> 32, at: 19)
            put(words.2, at: 24)
            out.storeBytes(of: words.3.bigEndian, toByteOffset: 28, as: UInt64.self)
            let dash = UInt8(ascii: "-")
            out.storeBytes(of: dash, toByteOffset: 8, as: UInt8.self)
            out.storeBytes(of: dash, toByteOffset: 13, as: UInt8.self)
            out.storeBytes(of: dash, toByteOffset: 18, as: UInt8.self)
            out.storeBytes(of: dash, toByteOffset: 23, as: UInt8.self)
        }
    }
}
