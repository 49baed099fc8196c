/// Text: atoms, binaries and charlists alike (a server may send any of them for one field).
extension BERTTerm {
    /// The text of an atom, a binary or a charlist; nil for anything else, and for the empty list, which means unset.
    ///
    /// Bytes are UTF-8; what is broken in them becomes U+FFFD. A list with a number above 255 is code points.
    public var text: String? {
        switch node.form {
        case .atom, .binary, .string: String(decoding: content, as: UTF8.self)
        case .latin1Atom: Self.latin1(content)
        case .list: listText
        case .smallInteger, .integer, .bigInteger, .float, .floatText, .tuple, .bits, .map, .pid, .port, .reference,
            .export, .fun:
            nil
        }
    }

    /// The bytes that `text` is made from, where they stand in one piece and are meant as UTF-8: of a binary, a charlist
    /// that came as STRING_EXT, an atom. nil says nothing about `text`.
    @inlinable public var utf8: UnsafeRawBufferPointer? {
        switch node.form {
        case .atom, .binary, .string: content
        case .smallInteger, .integer, .bigInteger, .float, .floatText, .latin1Atom, .tuple, .list, .bits, .map, .pid,
            .port, .reference, .export, .fun:
            nil
        }
    }

    /// Whether the text of an atom, binary or charlist is `name`, compared by bytes.
    public func matches(_ name: StaticString) -> Bool {
        switch node.form {
        case .atom, .binary, .string: return contentEquals(name)
        case .list: return node.count > 0 && listText == name.description
        case .latin1Atom: return Self.latin1(content) == name.description
        case .smallInteger, .integer, .bigInteger, .float, .floatText, .tuple, .bits, .map, .pid, .port, .reference,
            .export, .fun:
            return false
        }
    }

    /// Whether this is the atom `name`.
    @inlinable
    public func isAtom(_ name: StaticString) -> Bool { node.form == .atom && contentEquals(name) }

    @inlinable
    func contentEquals(_ name: StaticString) -> Bool {
        let count = Int(node.count)
        guard count == name.utf8CodeUnitCount else { return false }
        let bytes = base + Int(node.offset)
        for index in 0..<count where bytes.load(fromByteOffset: index, as: UInt8.self) != name.utf8Start[index] {
            return false
        }
        return true
    }

    private var listText: String? {
        guard node.count > 0, node.detail == 0 else { return nil }
        var numbers: [UInt32] = []
        numbers.reserveCapacity(Int(node.count))
        for element in elements {
            guard let number = element.int64.flatMap(UInt32.init(exactly:)) else { return nil }
            numbers.append(number)
        }
        if numbers.allSatisfy({ $0 < 256 }) {
            return String(decoding: numbers.lazy.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
        }
        var text = ""
        for number in numbers { text.unicodeScalars.append(Unicode.Scalar(number) ?? "\u{FFFD}") }
        return text
    }

    static func latin1(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes { text.unicodeScalars.append(Unicode.Scalar(byte)) }
        return text
    }
}
