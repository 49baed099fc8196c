/// One pass over a JSON text without recursion; makes the flat node list of a document.
///
/// Depth is bounded by the limits, memory by the text: at most one node of 16 bytes for each byte of it.
struct JSONParser {
    typealias Node = JSONDocument.Node

    private(set) var nodes: [Node] = []
    private let text: UnsafeRawBufferPointer
    private let limits: JSONLimits
    private var position = 0
    /// Indexes of the arrays and objects that are open.
    private var open: [Int] = []

    init(text: UnsafeRawBufferPointer, limits: JSONLimits) {
        (self.text, self.limits) = (text, limits)
        nodes.reserveCapacity(min(64, text.count / 8 + 4))
    }

    mutating func parse() throws(JSONError) {
        repeat {
            try parseValueStart()
            try closeFinished()
        } while !open.isEmpty
        skipBlanks()
        if position != text.count { throw fault(.trailingBytes) }
    }

    // MARK: Values

    /// Reads one scalar, or opens an array or object and steps to its first value.
    private mutating func parseValueStart() throws(JSONError) {
        while true {
            skipBlanks()
            switch try peek() {
            case UInt8(ascii: "{"):
                try begin(.object)
                if try take(UInt8(ascii: "}")) { return close() }
                try parseName()
            case UInt8(ascii: "["):
                try begin(.array)
                if try take(UInt8(ascii: "]")) { return close() }
            case UInt8(ascii: "\""): return try parseString()
            case UInt8(ascii: "t"): return try parseWord("true", .boolean)
            case UInt8(ascii: "f"): return try parseWord("false", .boolean)
            case UInt8(ascii: "n"): return try parseWord("null", .null)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try parseNumber()
            default: throw fault(.unexpectedByte)
            }
        }
    }

    /// After a value: closes what ends here, or steps over the comma to the next value.
    private mutating func closeFinished() throws(JSONError) {
        while let container = open.last {
            skipBlanks()
            let isObject = nodes[container].kind == .object
            switch try peek() {
            case UInt8(ascii: ","):
                position += 1
                if isObject {
                    skipBlanks()
                    try parseName()
                }
                return
            case UInt8(ascii: "}") where isObject, UInt8(ascii: "]") where !isObject:
                position += 1
                close()
            default: throw fault(.unexpectedByte)
            }
        }
    }

    private mutating func begin(_ kind: JSONValue.Kind) throws(JSONError) {
        guard open.count < limits.depth else { throw fault(.tooDeep) }
        open.append(nodes.count)
        nodes.append(Node(kind: kind, start: Int32(position), end: 0, next: 0))
        position += 1
    }

    private mutating func close() {
        guard let container = open.popLast() else { return }
        nodes[container].end = Int32(position)
        nodes[container].next = Int32(nodes.count)
    }

    private mutating func parseName() throws(JSONError) {
        guard try peek() == UInt8(ascii: "\"") else { throw fault(.unexpectedByte) }
        try parseString()
        skipBlanks()
        guard try peek() == UInt8(ascii: ":") else { throw fault(.unexpectedByte) }
        position += 1
    }

    private mutating func append(_ kind: JSONValue.Kind, from start: Int, to end: Int, escaped: Bool = false) {
        nodes.append(
            Node(
                kind: kind, isEscaped: escaped, start: Int32(start), end: Int32(end), next: Int32(nodes.count + 1)))
    }

    private mutating func parseWord(_ word: StaticString, _ kind: JSONValue.Kind) throws(JSONError) {
        let length = word.utf8CodeUnitCount
        let start = position
        for offset in 0..<length {
            guard start + offset < text.count else { throw JSONError(reason: .unexpectedEnd, offset: text.count) }
            guard text[start + offset] == word.utf8Start[offset] else {
                throw JSONError(reason: .unexpectedByte, offset: start + offset)
            }
        }
        position += length
        append(kind, from: start, to: position)
    }

    private mutating func parseNumber() throws(JSONError) {
        let start = position
        if text[position] == UInt8(ascii: "-") { position += 1 }
        let whole = countDigits()
        guard whole > 0, whole == 1 || text[position - whole] != UInt8(ascii: "0") else { throw fault(.invalidNumber) }
        if position < text.count, text[position] == UInt8(ascii: ".") {
            position += 1
            guard countDigits() > 0 else { throw fault(.invalidNumber) }
        }
        if position < text.count, text[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < text.count, text[position] == UInt8(ascii: "+") || text[position] == UInt8(ascii: "-") {
                position += 1
            }
            guard countDigits() > 0 else { throw fault(.invalidNumber) }
        }
        append(.number, from: start, to: position)
    }

    private mutating func countDigits() -> Int {
        let start = position
        while position < text.count, text[position] &- 0x30 < 10 { position += 1 }
        return position - start
    }

    // MARK: Strings

    private mutating func parseString() throws(JSONError) {
        position += 1
        let start = position
        var escaped = false
        while true {
            guard position < text.count else { throw fault(.unexpectedEnd) }
            let byte = text[position]
            switch byte {
            case UInt8(ascii: "\""):
                append(.string, from: start, to: position, escaped: escaped)
                position += 1
                return
            case UInt8(ascii: "\\"):
                escaped = true
                try skipEscape()
            case 0x20..<0x80: position += 1
            case 0x80...: try skipMultibyte(byte)
            default: throw fault(.controlCharacter)
            }
        }
    }

    private mutating func skipEscape() throws(JSONError) {
        guard position + 1 < text.count else { throw JSONError(reason: .unexpectedEnd, offset: text.count) }
        switch text[position + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        case UInt8(ascii: "u"):
            guard position + 5 < text.count else { throw JSONError(reason: .unexpectedEnd, offset: text.count) }
            for offset in 2..<6 where Hex.value(text[position + offset]) == nil { throw fault(.invalidEscape) }
            position += 6
        default: throw fault(.invalidEscape)
        }
    }

    /// Steps over one well-formed sequence of two to four bytes (RFC 3629, section 4).
    private mutating func skipMultibyte(_ lead: UInt8) throws(JSONError) {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        case 0xF1...0xF3: length = 4
        default: throw fault(.invalidUTF8)
        }
        guard position + length <= text.count, second.contains(text[position + 1]) else { throw fault(.invalidUTF8) }
        for offset in 2..<max(length, 2) where text[position + offset] & 0xC0 != 0x80 { throw fault(.invalidUTF8) }
        position += length
    }

    /// The text of a string whose escapes were already checked.
    static func unescape(_ slice: ArraySlice<UInt8>) -> String {
        var units: [UInt16] = []
        var text = ""
        var index = slice.startIndex
        var plain = index
        func hex(_ at: Int) -> UInt16 {
            slice[at..<at + 4].reduce(0) { $0 << 4 | UInt16(Hex.value($1) ?? 0) }
        }
        while index < slice.endIndex {
            guard slice[index] == UInt8(ascii: "\\") else {
                index += 1
                continue
            }
            text += String(decoding: slice[plain..<index], as: UTF8.self)
            units.removeAll(keepingCapacity: true)
            // Neighbouring \u escapes are read together, so that surrogate pairs meet.
            while index + 5 < slice.endIndex, slice[index] == UInt8(ascii: "\\"), slice[index + 1] == UInt8(ascii: "u")
            {
                units.append(hex(index + 2))
                index += 6
            }
            if units.isEmpty {
                text.unicodeScalars.append(simpleEscape(slice[index + 1]))
                index += 2
            } else {
                text += String(decoding: units, as: UTF16.self)
            }
            plain = index
        }
        return text + String(decoding: slice[plain...], as: UTF8.self)
    }

    private static func simpleEscape(_ letter: UInt8) -> Unicode.Scalar {
        switch letter {
        case UInt8(ascii: "b"): "\u{08}"
        case UInt8(ascii: "f"): "\u{0C}"
        case UInt8(ascii: "n"): "\n"
        case UInt8(ascii: "r"): "\r"
        case UInt8(ascii: "t"): "\t"
        default: Unicode.Scalar(letter)
        }
    }

    // MARK: Bytes

    private mutating func skipBlanks() {
        while position < text.count {
            switch text[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return
            }
        }
    }

    private func peek() throws(JSONError) -> UInt8 {
        guard position < text.count else { throw fault(.unexpectedEnd) }
        return text[position]
    }

    /// Skips blanks, and then `byte` if it comes next.
    private mutating func take(_ byte: UInt8) throws(JSONError) -> Bool {
        skipBlanks()
        guard try peek() == byte else { return false }
        position += 1
        return true
    }

    private func fault(_ reason: JSONError.Reason) -> JSONError { JSONError(reason: reason, offset: position) }
}
