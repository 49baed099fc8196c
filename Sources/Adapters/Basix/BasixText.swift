import WireProtocols

/// Text of the wire. A PBX cuts names at a number of bytes, and its data base holds what others typed: nothing here fails.
enum BasixText {
    /// UTF-8 with repairs: a byte that fits nowhere becomes U+FFFD, and so does a character that is cut off at the end.
    static func repaired(_ bytes: UnsafeRawBufferPointer) -> String {
        String(validating: bytes.bindMemory(to: UInt8.self), as: UTF8.self) ?? repairedSlowly(bytes)
    }

    static func repaired(_ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { repaired($0) } }

    private static func repairedSlowly(_ bytes: UnsafeRawBufferPointer) -> String {
        var text = ""
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var consumed = 0
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let scalar):
                consumed += scalar.count
                text.unicodeScalars.append(Unicode.UTF8.decode(scalar))
            case .error(let length):
                consumed += length
                let isCutOff = consumed == bytes.count
                for _ in 0..<(isCutOff ? 1 : length) { text.unicodeScalars.append("\u{FFFD}") }
            case .emptyInput: return text
            }
        }
    }

    /// `%XX` resolved; a broken escape stays as it is. In query notation (`plusIsBlank`) `+` is a blank.
    static func percentDecoded(_ bytes: ArraySlice<UInt8>, plusIsBlank: Bool) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            if byte == UInt8(ascii: "%"), index + 2 < bytes.endIndex, let high = hexValue(bytes[index + 1]),
                let low = hexValue(bytes[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(plusIsBlank && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                index += 1
            }
        }
        return repaired(decoded)
    }

    /// The opposite, for a simulated PBX: everything but letters, digits and `-._` is escaped.
    static func percentEncoded(_ text: String, blankIsPlus: Bool) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: " ") where blankIsPlus: encoded.append("+")
            default: encoded += "%" + hexDigit(byte >> 4) + hexDigit(byte & 15)
            }
        }
        return encoded
    }

    private static func hexDigit(_ value: UInt8) -> String { String(value, radix: 16, uppercase: true) }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension BERTTerm {
    /// The text of an atom, a binary or a charlist, repaired; nil for anything else.
    var repairedText: String? { utf8.map { BasixText.repaired($0) } ?? text }

    /// A text, or the digits of an integer: ids come as either.
    var identifier: String? {
        if let number = int64 { return String(number) }
        guard let text = kind == .integer ? decimalText : repairedText, !text.isEmpty else { return nil }
        return bool == nil ? text : nil
    }

    /// Whether `repairedText` is `text`, without making it where that can be avoided.
    func hasText(_ text: String) -> Bool {
        guard let bytes = utf8 else { return self.text == text }
        var text = text
        let isSame = text.withUTF8 { UnsafeRawBufferPointer($0).elementsEqual(bytes) }
        return isSame || (text.unicodeScalars.contains("\u{FFFD}") && BasixText.repaired(bytes) == text)
    }
}
