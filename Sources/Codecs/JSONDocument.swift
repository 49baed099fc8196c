/// What a JSON text may ask of its reader.
public struct JSONLimits: Sendable, Equatable {
    /// Longest text in bytes; at most `Int32.max`.
    public var bytes: Int
    /// Deepest nesting; a bare scalar is depth 0.
    public var depth: Int

    public init(bytes: Int = 1 << 20, depth: Int = 16) {
        (self.bytes, self.depth) = (min(bytes, Int(Int32.max)), depth)
    }
}

/// Why a text is no JSON (RFC 8259), and at which byte.
public struct JSONError: Error, Equatable, Sendable {
    public enum Reason: String, Sendable {
        case tooLong = "text longer than the limit"
        case tooDeep = "nested deeper than the limit"
        case unexpectedEnd = "text ends too early"
        case unexpectedByte = "unexpected byte"
        case invalidNumber = "malformed number"
        case invalidEscape = "malformed escape in a string"
        case controlCharacter = "control character in a string"
        case invalidUTF8 = "ill-formed UTF-8"
        case trailingBytes = "bytes after the value"
    }

    public let reason: Reason
    /// Bytes before the fault.
    public let offset: Int
}

extension JSONError: CustomStringConvertible {
    public var description: String { "\(reason.rawValue) at byte \(offset)" }
}

/// A parsed JSON text: its bytes, and one flat list of nodes over them. Immutable, so that values can be handed on.
public final class JSONDocument: Sendable {
    struct Node {
        var kind: JSONValue.Kind
        /// A string with escapes, or an object member's name.
        var isEscaped = false
        /// First byte and the byte after the last; strings without their quotes.
        var start: Int32
        var end: Int32
        /// Index of the node after this one and all inside it.
        var next: Int32
    }

    let bytes: [UInt8]
    let nodes: [Node]

    /// Parses a whole text: strict grammar, well-formed UTF-8, no recursion.
    public init(_ text: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        guard text.count <= limits.bytes else { throw JSONError(reason: .tooLong, offset: limits.bytes) }
        var parser = JSONParser(text: text, limits: limits)
        try parser.parse()
        bytes = Array(text)
        nodes = parser.nodes
    }

    public convenience init(_ text: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        let result = text.withUnsafeBytes { buffer in
            Result<JSONDocument, JSONError> { () throws(JSONError) in try JSONDocument(buffer, limits: limits) }
        }
        let parsed = try result.get()
        self.init(bytes: parsed.bytes, nodes: parsed.nodes)
    }

    private init(bytes: [UInt8], nodes: [Node]) {
        (self.bytes, self.nodes) = (bytes, nodes)
    }

    public var root: JSONValue { JSONValue(document: self, index: 0) }
}

extension JSONDocument.Node: Sendable {}

/// One value inside a document.
public struct JSONValue: Sendable {
    public enum Kind: UInt8, Sendable { case null, boolean, number, string, array, object }

    /// One member of an object; its name stands in the node before its value.
    public struct Member: Sendable {
        public let value: JSONValue

        private var nameNode: JSONDocument.Node { value.document.nodes[value.index - 1] }

        /// Made anew at each call.
        public var name: String { value.text(of: nameNode) }

        /// Bytes of the name without its quotes, escapes resolved.
        public var nameLength: Int {
            let node = nameNode
            return node.isEscaped ? name.utf8.count : Int(node.end - node.start)
        }

        public func isNamed(_ name: StaticString) -> Bool { value.matches(nameNode, name) }

        /// As `isNamed`, whatever the case of ASCII letters.
        public func isNamed(ignoringCase name: StaticString) -> Bool {
            value.matches(nameNode, ignoringCase: name)
        }
    }

    let document: JSONDocument
    let index: Int

    private var node: JSONDocument.Node { document.nodes[index] }

    public var kind: Kind { node.kind }
    public var isNull: Bool { kind == .null }

    /// The text of a string, escapes resolved; a lone surrogate becomes U+FFFD.
    public var string: String? { kind == .string ? text(of: node) : nil }

    /// The spelling of a number.
    public var numberText: String? { kind == .number ? text(of: node) : nil }

    public var bool: Bool? { kind == .boolean ? document.bytes[Int(node.start)] == UInt8(ascii: "t") : nil }

    /// Nothing between the quotes of a string; false for anything else.
    public var isEmpty: Bool { node.start == node.end }

    /// The bytes of the value as they stood in the text; strings without their quotes.
    public var source: ArraySlice<UInt8> { document.bytes[Int(node.start)..<Int(node.end)] }

    /// The member called `name`; of several the last. nil where there is none or this is no object.
    public subscript(name: StaticString) -> JSONValue? {
        guard kind == .object else { return nil }
        var found: JSONValue?
        forEachMember { nameNode, value in
            if matches(nameNode, name) { found = value }
        }
        return found
    }

    /// As the subscript, whatever the case of ASCII letters in the name.
    public func member(ignoringCase name: StaticString) -> JSONValue? {
        guard kind == .object else { return nil }
        var found: JSONValue?
        forEachMember { nameNode, value in
            if matches(nameNode, ignoringCase: name) { found = value }
        }
        return found
    }

    /// The element at `position` of an array, found by stepping over those before it; nil where there is none.
    public subscript(position: Int) -> JSONValue? {
        guard kind == .array, position >= 0 else { return nil }
        let end = Int(node.next)
        var (index, left) = (index + 1, position)
        while index < end {
            if left == 0 { return JSONValue(document: document, index: index) }
            index = Int(document.nodes[index].next)
            left -= 1
        }
        return nil
    }

    /// Whether this is a string of these characters, whatever the case of ASCII letters.
    public func isString(ignoringCase text: StaticString) -> Bool {
        kind == .string && matches(node, ignoringCase: text)
    }

    /// Calls `body` with each member in its order, and makes no list of them.
    public func forEachMember(_ body: (Member) -> Void) {
        forEachMember { body(Member(value: $1)) }
    }

    /// Members in their order, names that come twice included.
    public var members: [Member] {
        var list: [Member] = []
        list.reserveCapacity(min(16, (Int(node.next) - index) / 2))
        forEachMember { list.append(Member(value: $1)) }
        return list
    }

    /// Elements of an array, empty for anything else.
    public var elements: [JSONValue] {
        guard kind == .array else { return [] }
        var list: [JSONValue] = []
        var position = index + 1
        while position < Int(node.next) {
            list.append(JSONValue(document: document, index: position))
            position = Int(document.nodes[position].next)
        }
        return list
    }

    private func forEachMember(_ body: (JSONDocument.Node, JSONValue) -> Void) {
        guard kind == .object else { return }
        var position = index + 1
        let end = Int(node.next)
        while position < end {
            let value = JSONValue(document: document, index: position + 1)
            body(document.nodes[position], value)
            position = Int(document.nodes[position + 1].next)
        }
    }

    fileprivate func matches(_ node: JSONDocument.Node, _ name: StaticString) -> Bool {
        if node.isEscaped { return text(of: node) == name.description }
        let length = Int(node.end - node.start)
        guard length == name.utf8CodeUnitCount else { return false }
        return document.bytes.withUnsafeBufferPointer { bytes in
            for offset in 0..<length where bytes[Int(node.start) + offset] != name.utf8Start[offset] { return false }
            return true
        }
    }

    fileprivate func matches(_ node: JSONDocument.Node, ignoringCase name: StaticString) -> Bool {
        if node.isEscaped { return Self.equal(Array(text(of: node).utf8)[...], name) }
        return Self.equal(document.bytes[Int(node.start)..<Int(node.end)], name)
    }

    private static func equal(_ bytes: ArraySlice<UInt8>, _ name: StaticString) -> Bool {
        guard bytes.count == name.utf8CodeUnitCount else { return false }
        return bytes.withUnsafeBufferPointer { bytes in
            for offset in 0..<bytes.count {
                let (left, right) = (bytes[offset], name.utf8Start[offset])
                if left == right { continue }
                guard left ^ right == 0x20, (0x61...0x7A).contains(left | 0x20) else { return false }
            }
            return true
        }
    }

    fileprivate func text(of node: JSONDocument.Node) -> String {
        let slice = document.bytes[Int(node.start)..<Int(node.end)]
        guard node.isEscaped else { return String(decoding: slice, as: UTF8.self) }
        return JSONParser.unescape(slice)
    }
}
