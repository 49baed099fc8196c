/// The decimal text of FLOAT_EXT.
enum BERTFloatText {
    /// Bytes before the 0 that ends the text, or nil where these are no number: sign, digits, point (or comma, as in OTP),
    /// digits, and an exponent that may be missing.
    static func length(of text: UnsafeRawBufferPointer) -> Int? {
        var index = 0
        func skipSign() { if index < text.count, text[index] == 0x2B || text[index] == 0x2D { index += 1 } }
        func skipDigits() -> Bool {
            let start = index
            while index < text.count, text[index] &- 0x30 < 10 { index += 1 }
            return index > start
        }
        skipSign()
        guard skipDigits(), index < text.count, text[index] == UInt8(ascii: ".") || text[index] == UInt8(ascii: ",")
        else { return nil }
        index += 1
        guard skipDigits() else { return nil }
        if index < text.count, text[index] | 0x20 == UInt8(ascii: "e") {
            index += 1
            skipSign()
            guard skipDigits() else { return nil }
        }
        guard index < text.count, text[index] == 0 else { return nil }
        return index
    }

    /// The value of a checked text; infinite where it is out of range.
    static func value(_ text: UnsafeRawBufferPointer) -> Double {
        let digits = text.lazy.map { $0 == UInt8(ascii: ",") ? UInt8(ascii: ".") : $0 }
        return Double(String(decoding: digits, as: UTF8.self)) ?? .infinity
    }

    /// The shortest text that reads back as `number`, with digits on both sides of a point. At most 24 bytes.
    static func text(_ number: Double) -> String {
        let parts = "\(number)".split(separator: "e", maxSplits: 1)
        let mantissa = parts[0].contains(".") ? String(parts[0]) : parts[0] + ".0"
        return parts.count == 2 ? "\(mantissa)e\(parts[1])" : mantissa
    }
}
