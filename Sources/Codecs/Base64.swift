/// Base64 with padding (RFC 4648, section 4).
public enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The text of `bytes`: four characters for each three bytes begun.
    public static func encode(_ bytes: some Collection<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var held: UInt32 = 0
        var heldBytes = 0
        for byte in bytes {
            held = held << 8 | UInt32(byte)
            heldBytes += 1
            guard heldBytes == 3 else { continue }
            emit(held, digits: 4, into: &text)
            (held, heldBytes) = (0, 0)
        }
        if heldBytes > 0 {
            emit(held << (8 * UInt32(3 - heldBytes)), digits: heldBytes + 1, into: &text)
            for _ in heldBytes..<3 { text.append(UInt8(ascii: "=")) }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes of `text`, or nil where it is not canonical Base64 with padding.
    public static func decode(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 4 == 0 else { return nil }
        let padding = digits.suffix(2).filter { $0 == UInt8(ascii: "=") }.count
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 4 * 3)
        var held: UInt32 = 0
        for (index, digit) in digits.enumerated() {
            let isPadding = index >= digits.count - padding
            guard let value = isPadding ? 0 : value(of: digit) else { return nil }
            held = held << 6 | value
            guard index % 4 == 3 else { continue }
            bytes.append(contentsOf: [UInt8(held >> 16 & 0xFF), UInt8(held >> 8 & 0xFF), UInt8(held & 0xFF)])
            held = 0
        }
        bytes.removeLast(min(padding, bytes.count))
        return encode(bytes) == text ? bytes : nil
    }

    private static func emit(_ group: UInt32, digits: Int, into text: inout [UInt8]) {
        for index in 0..<digits { text.append(alphabet[Int(group >> (18 - 6 * UInt32(index)) & 0x3F)]) }
    }

    private static func value(of digit: UInt8) -> UInt32? {
        switch digit {
        case 0x41...0x5A: UInt32(digit - 0x41)
        case 0x61...0x7A: UInt32(digit - 0x61 + 26)
        case 0x30...0x39: UInt32(digit - 0x30 + 52)
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
