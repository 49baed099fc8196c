/// Names of members that are found whatever the case of their ASCII letters, without making a text of what is looked up.
public struct JSONNameTable: Sendable {
    private struct Entry {
        /// In lower case.
        let name: [UInt8]
        let index: Int
    }

    /// By length, first and last byte: mostly one name in a slot.
    private let slots: [[Entry]]

    /// Names that differ in more than the case of their letters. Lookups answer with the place in the list.
    public init(_ names: [String]) {
        var slots = [[Entry]](repeating: [], count: 256)
        for (index, name) in names.enumerated() {
            let bytes = name.utf8.map(Self.folded)
            precondition(!bytes.isEmpty, "a name has a letter at least")
            bytes.withUnsafeBufferPointer { slots[Self.slot(of: $0)].append(Entry(name: bytes, index: index)) }
        }
        self.slots = slots
    }

    /// The name of `member`; nil for one that is not in the list.
    public func index(of member: JSONValue.Member) -> Int? {
        member.value.document.nodes.withUnsafeBufferPointer { nodes in
            index(of: nodes[member.value.index - 1], in: member.value.document)
        }
    }

    /// The name that stands as a text in `value`; nil for anything else.
    public func index(ofText value: JSONValue) -> Int? {
        guard value.kind == .string else { return nil }
        return index(of: value.document.nodes[value.index], in: value.document)
    }

    private func index(of node: JSONDocument.Node, in document: JSONDocument) -> Int? {
        let range = Int(node.start)..<Int(node.end)
        guard !node.isEscaped else {
            return JSONParser.unescape(document.bytes[range]).utf8.withContiguousStorageIfAvailable { find($0) } ?? nil
        }
        return document.bytes.withUnsafeBufferPointer { find(UnsafeBufferPointer(rebasing: $0[range])) }
    }

    private func find(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
        guard !text.isEmpty else { return nil }
        for entry in slots[Self.slot(of: text)] where entry.name.count == text.count {
            if zip(entry.name, text).allSatisfy({ $0 == Self.folded($1) }) { return entry.index }
        }
        return nil
    }

    private static func slot(of text: UnsafeBufferPointer<UInt8>) -> Int {
        let (first, last) = (Int(folded(text[0])), Int(folded(text[text.count - 1])))
        return (text.count &* 37 &+ first &* 5 &+ last) & 0xFF
    }

    @inline(__always)
    private static func folded(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }
}

extension JSONValue {
    /// How many members an object has, names that come twice counted twice; 0 for anything else.
    public var memberCount: Int {
        guard kind == .object else { return 0 }
        return document.nodes.withUnsafeBufferPointer { nodes in
            var count = 0
            var position = index + 1
            let end = Int(nodes[index].next)
            while position < end {
                position = Int(nodes[position + 1].next)
                count += 1
            }
            return count
        }
    }
}
