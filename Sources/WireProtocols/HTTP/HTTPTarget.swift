import Codecs

/// Request targets: percent-encoding of queries (RFC 3986, section 2).
public enum HTTPTarget {
    /// `path` as it is, then the query with names and values encoded. A query that `path` has already is continued.
    public static func make(path: String, query: [(name: String, value: String)]) -> String {
        var text = path.isEmpty ? "/" : path
        var separator = text.contains("?") ? "&" : "?"
        for (name, value) in query {
            text += "\(separator)\(encode(name))=\(encode(value))"
            separator = "&"
        }
        return text
    }

    /// Everything but letters, digits and `-._~` becomes a percent sign and two digits per byte of UTF-8.
    public static func encode(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += "%" + Hex.text([byte]).uppercased()
            }
        }
        return encoded
    }

    /// The text of an encoded name or value, `+` being a blank; nil for a broken escape or bytes that are no UTF-8.
    public static func decode(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(0x20)
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(Hex.value), let low = rest.popFirst().flatMap(Hex.value)
                else { return nil }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
