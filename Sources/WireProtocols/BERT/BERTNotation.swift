import Codecs

/// The JSON notation of terms: one object for each term, named after what it is.
///
/// `{"int":"<decimal>"}`, `{"float":"<16 hex digits>"}`, `{"atom":"<text>"}`, `{"bin":"<hex>"}`,
/// `{"bits":"<hex>","nbits":n}`, `{"tuple":[...]}`, `{"list":[...]}` (`"tail"` beside it where it is improper),
/// `{"charlist":"<hex>"}` for a list of bytes, `{"map":[[key,value],...]}`, `{"opaque":"pid|port|ref|fun"}`.
/// Bytes beyond 4096 are named by `bin_md5` or `charlist_md5` and `size`.
extension ByteWriter {
    private static let printedBytes = 4096

    /// Appends `term` in the notation. Recursion is bounded by `BERTLimits.maximumDepth`.
    public mutating func append(bertNotation term: BERTTerm) {
        switch term.kind {
        case .integer: appendMember("int", quoted: term.decimalText ?? "")
        case .float: appendMember("float", quoted: Hex.text(Self.bigEndian(term.double ?? 0)))
        case .atom: appendMember("atom", quoted: term.text ?? "")
        case .tuple: appendList("tuple", term.elements)
        case .list: appendList(term)
        case .binary: appendBytes("bin", term.bytes ?? UnsafeRawBufferPointer(start: nil, count: 0))
        case .bits: appendBits(term)
        case .map: appendMap(term)
        case .opaque: appendMember("opaque", quoted: term.opaqueKind?.rawValue ?? "")
        }
    }

    private mutating func appendName(_ name: StaticString) {
        append("{\"")
        append(name)
        append("\":")
    }

    private mutating func appendMember(_ name: StaticString, quoted text: String) {
        appendName(name)
        append(jsonString: text)
        append(UInt8(ascii: "}"))
    }

    private mutating func appendElements(_ terms: BERTTerm.Elements) {
        append(UInt8(ascii: "["))
        for (index, term) in terms.enumerated() {
            if index > 0 { append(UInt8(ascii: ",")) }
            append(bertNotation: term)
        }
        append(UInt8(ascii: "]"))
    }

    private mutating func appendList(_ name: StaticString, _ terms: BERTTerm.Elements) {
        appendName(name)
        appendElements(terms)
        append(UInt8(ascii: "}"))
    }

    private mutating func appendList(_ term: BERTTerm) {
        if let bytes = term.listBytes { return bytes.withUnsafeBytes { appendBytes("charlist", $0) } }
        guard let tail = term.tail else { return appendList("list", term.elements) }
        appendName("list")
        appendElements(term.elements)
        append(",\"tail\":")
        append(bertNotation: tail)
        append(UInt8(ascii: "}"))
    }

    private mutating func appendBytes(_ name: StaticString, _ bytes: UnsafeRawBufferPointer) {
        append("{\"")
        append(name)
        guard bytes.count > Self.printedBytes, let digest = Digest.md5(bytes) else {
            append("\":\"")
            append(utf8: Hex.text(Array(bytes)))
            return append("\"}")
        }
        append("_md5\":\"")
        append(utf8: Hex.text(digest))
        append("\",\"size\":")
        append(decimal: Int64(bytes.count))
        append(UInt8(ascii: "}"))
    }

    private mutating func appendBits(_ term: BERTTerm) {
        guard let (bytes, count) = term.bits else { return }
        append("{\"bits\":\"")
        append(utf8: Hex.text(bytes))
        append("\",\"nbits\":")
        append(decimal: Int64(count))
        append(UInt8(ascii: "}"))
    }

    private mutating func appendMap(_ term: BERTTerm) {
        append("{\"map\":[")
        for (index, (key, value)) in term.pairs.enumerated() {
            append(index > 0 ? ",[" : "[")
            append(bertNotation: key)
            append(UInt8(ascii: ","))
            append(bertNotation: value)
            append(UInt8(ascii: "]"))
        }
        append("]}")
    }

    private static func bigEndian(_ number: Double) -> [UInt8] {
        withUnsafeBytes(of: number.bitPattern.bigEndian) { Array($0) }
    }
}
