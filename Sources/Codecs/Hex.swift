/// Hexadecimal digits, lower case.
public enum Hex {
    /// The digit for the low four bits of `value`.
    @inline(__always)
    static func digit(_ value: UInt8) -> UInt8 {
        let nibble = value & 0x0F
        return nibble < 10 ? 0x30 &+ nibble : 0x57 &+ nibble
    }

    /// 0 to 15, or nil for a byte that is no hexadecimal digit.
    @inline(__always)
    public static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit &- 0x30
        case 0x61...0x66: digit &- 0x57
        case 0x41...0x46: digit &- 0x37
        default: nil
        }
    }

    /// `bytes` as text, two digits each.
    public static func text(_ bytes: [UInt8]) -> String {
        String(unsafeUninitializedCapacity: bytes.count * 2) { buffer in
            for (index, byte) in bytes.enumerated() {
                buffer[index * 2] = digit(byte >> 4)
                buffer[index * 2 + 1] = digit(byte)
            }
            return bytes.count * 2
        }
    }
}
