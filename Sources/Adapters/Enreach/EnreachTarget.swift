import CallModel

/// Where a call is sent: a GUID, a number, or a list of these in one text whose separator nobody documented.
enum EnreachTarget {
    /// A GUID names a user or a queue; `kind` tells which, where that is known. A text that is neither is kept as a name.
    static func parse(_ text: String, kind: (String) -> Target.TargetType?) -> Target {
        let text = trimmed(text[...])
        if let id = EnreachID.normalized(String(text)), EnreachID.isGUID(id) {
            return Target(kind(id) ?? .unknown, id: id)
        }
        return isNumber(text) ? Target(.number, number: String(text)) : Target(.unknown, name: String(text))
    }

    /// The targets in a text. It is taken apart only where every part is a GUID or a number beyond doubt.
    static func list(_ text: String, kind: (String) -> Target.TargetType?) -> [Target] {
        for separator in [";", ",", "|"] as [Character] where text.contains(separator) {
            let parts = text.split(separator: separator).map { trimmed($0) }.filter { !$0.isEmpty }
            guard parts.count > 1, parts.count <= 64, parts.allSatisfy({ EnreachID.isGUID(String($0)) || isNumber($0) })
            else { continue }
            return parts.map { parse(String($0), kind: kind) }
        }
        return [parse(text, kind: kind)]
    }

    /// Digits as people dial them.
    private static func isNumber(_ text: Substring) -> Bool {
        let digits = text.hasPrefix("+") ? text.dropFirst() : text
        return !digits.isEmpty
            && digits.utf8.allSatisfy { $0 &- 0x30 < 10 || $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "#") }
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }
}
