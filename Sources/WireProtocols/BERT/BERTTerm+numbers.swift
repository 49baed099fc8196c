/// Integers and floats.
extension BERTTerm {
    /// The value of an integer that fits; nil for anything else.
    @inlinable public var int64: Int64? {
        switch node.form {
        case .smallInteger: return Int64(base.load(fromByteOffset: Int(node.offset), as: UInt8.self))
        case .integer:
            return Int64(Int32(bigEndian: base.loadUnaligned(fromByteOffset: Int(node.offset), as: Int32.self)))
        case .bigInteger: return bigInt64
        case .float, .floatText, .atom, .latin1Atom, .tuple, .list, .string, .binary, .bits, .map, .pid, .port,
            .reference, .export, .fun:
            return nil
        }
    }

    @usableFromInline var bigInt64: Int64? {
        let bytes = magnitude
        guard bytes.count <= 8 else { return nil }
        var value: UInt64 = 0
        for byte in bytes.reversed() { value = value << 8 | UInt64(byte) }
        if node.detail == 0 { return Int64(exactly: value) }
        return value <= 1 << 63 ? Int64(truncatingIfNeeded: 0 &- value) : nil
    }

    /// Sign and magnitude (little-endian, no zero bytes on top) of an integer that `int64` has no room for; nil for
    /// anything else.
    public var bigInteger: (isNegative: Bool, magnitude: UnsafeRawBufferPointer)? {
        guard node.form == .bigInteger, int64 == nil else { return nil }
        return (node.detail == 1, magnitude)
    }

    /// The decimal digits of an integer of any size; nil for anything else. Quadratic in the limit of integer bytes.
    public var decimalText: String? {
        if let value = int64 { return String(value) }
        guard let (isNegative, magnitude) = bigInteger else { return nil }
        return (isNegative ? "-" : "") + BERTDecimal.text(magnitude)
    }

    /// The value of a float; nil for anything else, also for an integer.
    public var double: Double? {
        switch node.form {
        case .float:
            Double(bitPattern: UInt64(bigEndian: base.loadUnaligned(fromByteOffset: Int(node.offset), as: UInt64.self)))
        case .floatText: BERTFloatText.value(content)
        case .smallInteger, .integer, .bigInteger, .atom, .latin1Atom, .tuple, .list, .string, .binary, .bits, .map,
            .pid, .port, .reference, .export, .fun:
            nil
        }
    }

    private var magnitude: UnsafeRawBufferPointer {
        var bytes = content
        while let last = bytes.last, last == 0 { bytes = UnsafeRawBufferPointer(rebasing: bytes.dropLast()) }
        return bytes
    }
}

enum BERTDecimal {
    /// The decimal digits of a number given in little-endian bytes.
    static func text(_ magnitude: UnsafeRawBufferPointer) -> String {
        let chunk: UInt64 = 1_000_000_000
        var words: [UInt32] = []
        for start in stride(from: 0, to: magnitude.count, by: 4) {
            let end = min(start + 4, magnitude.count)
            words.append(magnitude[start..<end].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        }
        var groups: [String] = []
        while let top = words.last {
            guard top != 0 else {
                words.removeLast()
                continue
            }
            var rest: UInt64 = 0
            for index in words.indices.reversed() {
                let value = rest << 32 | UInt64(words[index])
                words[index] = UInt32(truncatingIfNeeded: value / chunk)
                rest = value % chunk
            }
            let digits = String(rest)
            let isFirst = words.allSatisfy { $0 == 0 }
            groups.append(isFirst ? digits : String(repeating: "0", count: 9 - digits.count) + digits)
        }
        return groups.isEmpty ? "0" : groups.reversed().joined()
    }
}
