/// JSON text as this project writes it: no blanks, `/` and non-ASCII bare, only `"`, `\` and U+0000 to U+001F escaped
/// (RFC 8259, section 7).
extension ByteWriter {
    /// Appends `text` in quotes.
    public mutating func append(jsonString text: String) {
        append(UInt8(ascii: "\""))
        if text.utf8.withContiguousStorageIfAvailable({ appendEscaped(UnsafeRawBufferPointer($0)) }) == nil {
            Array(text.utf8).withUnsafeBytes { appendEscaped($0) }
        }
        append(UInt8(ascii: "\""))
    }

    private mutating func appendEscaped(_ bytes: UnsafeRawBufferPointer) {
        var clean = 0
        for index in 0..<bytes.count {
            let byte = bytes[index]
            guard byte < 0x20 || byte == 0x22 || byte == 0x5C else { continue }
            append(UnsafeRawBufferPointer(rebasing: bytes[clean..<index]))
            append(escaped: byte)
            clean = index &+ 1
        }
        append(UnsafeRawBufferPointer(rebasing: bytes[clean...]))
    }

    private mutating func append(escaped byte: UInt8) {
        switch byte {
        case 0x22: append("\\\"")
        case 0x5C: append("\\\\")
        case 0x08: append("\\b")
        case 0x0C: append("\\f")
        case 0x0A: append("\\n")
        case 0x0D: append("\\r")
        case 0x09: append("\\t")
        default:
            append("\\u00")
            append(Hex.digit(byte >> 4))
            append(Hex.digit(byte & 0x0F))
        }
    }

    /// Appends a parsed value again as compact JSON, members in their order, numbers as they were spelled.
    public mutating func append(json value: JSONValue) {
        switch value.kind {
        case .null: append("null")
        case .boolean: append(value.bool == true ? "true" : "false")
        case .number: append(utf8: value.numberText ?? "0")
        case .string: append(jsonString: value.string ?? "")
        case .array: appendList(value.elements, open: "[", close: "]") { $0.append(json: $1) }
        case .object:
            appendList(value.members, open: "{", close: "}") {
                $0.append(jsonString: $1.name)
                $0.append(UInt8(ascii: ":"))
                $0.append(json: $1.value)
            }
        }
    }

    /// Appends a parsed value in canonical form: members sorted by the bytes of their names, no blanks. A name that
    /// comes twice keeps its last value, as everywhere in this project.
    public mutating func append(canonicalJSON value: JSONValue) {
        switch value.kind {
        case .array: appendList(value.elements, open: "[", close: "]") { $0.append(canonicalJSON: $1) }
        case .object:
            // By bytes: two names that Swift's == holds for one may be two in JSON (RFC 8259, section 8.3).
            var last: [[UInt8]: JSONValue.Member] = [:]
            for member in value.members { last[Array(member.name.utf8)] = member }
            let sorted = last.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            appendList(sorted, open: "{", close: "}") {
                $0.append(jsonString: $1.value.name)
                $0.append(UInt8(ascii: ":"))
                $0.append(canonicalJSON: $1.value.value)
            }
        case .null, .boolean, .number, .string: append(json: value)
        }
    }

    private mutating func appendList<Items: Sequence>(
        _ items: Items, open: StaticString, close: StaticString, _ write: (inout ByteWriter, Items.Element) -> Void
    ) {
        append(open)
        var first = true
        for item in items {
            if !first { append(UInt8(ascii: ",")) }
            first = false
            write(&self, item)
        }
        append(close)
    }
}
