import BridgeCore
import Logging

/// Text inside log lines: values made plain, and escaped so that they can neither end a line nor move a cursor.
enum LogText {
    enum Style {
        case text, json
    }

    /// `value` as text. Phone numbers (`LoggedPhoneNumber`, and whatever stands under the key `phone`) only if `reveal`.
    static func plain(_ value: Logger.MetadataValue, key: String, reveal: Bool) -> String {
        if key == "phone", !reveal { return "(phone number)" }
        switch value {
        case .string(let text): return text
        case .stringConvertible(let value as LoggedPhoneNumber): return reveal ? value.number : value.description
        case .stringConvertible(let value): return value.description
        case .array(let values):
            return "[" + values.map { plain($0, key: "", reveal: reveal) }.joined(separator: ", ") + "]"
        case .dictionary(let values):
            let pairs = values.sorted { $0.key < $1.key }
                .map { "\($0.key): \(plain($0.value, key: $0.key, reveal: reveal))" }
            return "{" + pairs.joined(separator: ", ") + "}"
        }
    }

    /// The value of a `key=value` pair: in quotes where a reader could not see its end otherwise.
    static func quoted(_ text: String, limit: Int) -> [UInt8] {
        let isBare = !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 && $0 != 0x3D && $0 != 0x5C }
        guard !isBare else { return escaped(text, for: .text, limit: limit) }
        var result: [UInt8] = [UInt8(ascii: "\"")]
        for byte in escaped(text, for: .json, limit: limit) { result.append(byte) }
        result.append(UInt8(ascii: "\""))
        return result
    }

    /// `text` without control characters and line separators, at most `limit` bytes; what was cut off shows as `…`.
    static func escaped(_ text: String, for style: Style, limit: Int) -> [UInt8] {
        var result: [UInt8] = []
        let room = limit - 3
        for scalar in text.unicodeScalars {
            let start = result.count
            append(scalar, style, to: &result)
            if result.count > room {
                result.removeSubrange(start...)
                return result + Array("…".utf8)
            }
        }
        return result
    }

    private static func append(_ scalar: Unicode.Scalar, _ style: Style, to result: inout [UInt8]) {
        switch scalar.value {
        case 0x0A: result += [0x5C, UInt8(ascii: "n")]
        case 0x0D: result += [0x5C, UInt8(ascii: "r")]
        case 0x09: result += [0x5C, UInt8(ascii: "t")]
        case 0x22 where style == .json, 0x5C where style == .json: result += [0x5C, UInt8(scalar.value)]
        case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069:
            // Control characters, line separators, and the marks that turn the direction of what follows.
            let digits = String(scalar.value, radix: 16)
            result += Array(("\\u" + String(repeating: "0", count: 4 - digits.count) + digits).utf8)
        default:
            result += Array(String(scalar).utf8)
        }
    }
}
