/// JSON text as this project writes it: no blanks, `/` and non-ASCII bare, only `"`, `\` and U+0000 to U+001F escaped
/// (RFC 8259, section 7).
extension ByteWriter {
    /// Appends `text`, without its first `skipped` bytes, in quotes.
    public mutating func append(jsonString text: String, skipping skipped: Int = 0) {
        let done: Void? = text.utf8.withContiguousStorageIfAvailable {
            appendQuoted(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer($0)[min(skipped, $0.count)...]))
        }
        if done == nil { Array(text.utf8.dropFirst(skipped)).withUnsafeBytes { appendQuoted($0) } }
    }

    private mutating func appendQuoted(_ bytes: UnsafeRawBufferPointer) {
        let clean = Self.firstToEscape(in: bytes, from: 0)
        appendUninitialized(clean &+ 1) { out in
            out.pointee = UInt8(ascii: "\"")
            if let source = bytes.baseAddress {
                UnsafeMutableRawPointer(out + 1).copyMemory(from: source, byteCount: clean)
            }
        }
        if clean < bytes.count { appendEscaped(bytes, from: clean) }
        append(UInt8(ascii: "\""))
    }

    /// `start` is a byte that has to be escaped.
    private mutating func appendEscaped(_ bytes: UnsafeRawBufferPointer, from start: Int) {
        var dirty = start
        while dirty < bytes.count {
            append(escaped: bytes[dirty])
            let next = Self.firstToEscape(in: bytes, from: dirty &+ 1)
            append(UnsafeRawBufferPointer(rebasing: bytes[(dirty &+ 1)..<next]))
            dirty = next
        }
    }

    /// Where the first byte from `start` on stands that may not stand bare in a string; the count where there is none.
    private static func firstToEscape(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        let ones: UInt64 = 0x0101_0101_0101_0101
        let (blanks, tops) = (ones &* 0x20, ones &* 0x80)
        let (quote, slash) = (ones &* 0x22, ones &* 0x5C)
        // Eight at a time: a byte below 0x20, or one that becomes zero under the mask of `"` or `\`, borrows into its top bit.
        while index &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let (quotes, slashes) = (word ^ quote, word ^ slash)
            let below = (word &- blanks) & ~word
            let equal = ((quotes &- ones) & ~quotes) | ((slashes &- ones) & ~slashes)
            let hits = (below | equal) & tops
            // Borrows only go upwards, so the lowest hit is a true one.
            if hits != 0 { return index &+ hits.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < bytes.count {
            let byte = bytes[index]
            if byte < 0x20 || byte == 0x22 || byte == 0x5C { return index }
            index &+= 1
        }
        return index
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
    /// comes twice keeps its last value, as everywhere in this project. With `foldingNames` names count and are written in
    /// lower case.
    public mutating func append(canonicalJSON value: JSONValue, foldingNames: Bool = false) {
        switch value.kind {
        case .array:
            appendList(value.elements, open: "[", close: "]") {
                $0.append(canonicalJSON: $1, foldingNames: foldingNames)
            }
        case .object:
            // By bytes: two names that Swift's == holds for one may be two in JSON (RFC 8259, section 8.3).
            var last: [[UInt8]: (name: String, value: JSONValue)] = [:]
            for member in value.members {
                let name = foldingNames ? member.name.lowercased() : member.name
                last[Array(name.utf8)] = (name, member.value)
            }
            let sorted = last.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            appendList(sorted, open: "{", close: "}") {
                $0.append(jsonString: $1.value.name)
                $0.append(UInt8(ascii: ":"))
                $0.append(canonicalJSON: $1.value.value, foldingNames: foldingNames)
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
