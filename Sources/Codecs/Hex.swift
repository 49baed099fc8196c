/// Hexadecimal digits, lower case.
public enum Hex {
    /// The digit for the low four bits of `value`.
    @inline(__always)
    public static func digit(_ value: UInt8) -> UInt8 {
        let nibble = value & 0x0F
        return nibble < 10 ? 0x30 &+ nibble : 0x57 &+ nibble
    }

    /// The eight digits of `word` at once, the first in the highest byte.
    @inline(__always)
    static func digits(_ word: UInt32) -> UInt64 {
        var spread = UInt64(word)
        spread = spread << 16 & 0xFFFF_0000_0000 | spread & 0xFFFF
        spread = spread << 8 & 0x00FF_0000_00FF_0000 | spread & 0x0000_00FF_0000_00FF
        spread = spread << 4 & 0x0F00_0F00_0F00_0F00 | spread & 0x000F_000F_000F_000F
        // Ten and more carry into the high half of their byte when six is added.
        let letters = (spread &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return spread &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
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
