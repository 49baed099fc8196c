/// Takes a pid, port, reference or fun apart again, the same for each of its spellings. Only for comparing map keys: its
/// bounds were checked when it was parsed.
struct BERTOpaqueReader {
    /// Names of nodes, modules and functions as UTF-8, and what identifies a fun.
    private(set) var parts: [[UInt8]] = []
    private(set) var numbers: [UInt64] = []
    private let bytes: UnsafeRawPointer
    private let form: BERTNode.Form
    private var position: Int

    init(_ term: BERTTerm) {
        (bytes, form, position) = (term.base, term.node.form, Int(term.node.offset))
    }

    mutating func read() {
        let tag = BERTTag(rawValue: UInt8(take(1)))
        numbers.append(UInt64(form.rawValue))
        switch tag {
        case .newPid: readNumbered(4, 4, 4)
        case .pid: readNumbered(4, 4, 1)
        case .newPort: readNumbered(4, 4)
        case .port: readNumbered(4, 1)
        case .v4Port: readNumbered(8, 4)
        case .reference:
            readAtom()
            let word = take(4)
            numbers += [take(1), word]
        case .newReference: readReference(creation: 1)
        case .newerReference: readReference(creation: 4)
        case .export:
            readAtom()
            readAtom()
            readInteger()
        default: readFun()
        }
    }

    private mutating func readNumbered(_ lengths: Int...) {
        readAtom()
        for length in lengths { numbers.append(take(length)) }
    }

    private mutating func readReference(creation: Int) {
        let words = Int(take(2))
        readAtom()
        numbers.append(take(creation))
        for _ in 0..<words { numbers.append(take(4)) }
    }

    private mutating func readFun() {
        position += 4
        parts.append(takeBytes(1 + 16 + 4))
        position += 4
        readAtom()
        readInteger()
        readInteger()
    }

    private mutating func readAtom() {
        let tag = BERTTag(rawValue: UInt8(take(1)))
        let isShort = tag == .smallAtom || tag == .smallAtomUTF8
        let text = takeBytes(Int(take(isShort ? 1 : 2)))
        let isLatin1 = tag == .atom || tag == .smallAtom
        parts.append(isLatin1 ? Array(BERTTerm.latin1(text).utf8) : text)
    }

    /// An integer of at most 60 bits.
    private mutating func readInteger() {
        while bytes.load(fromByteOffset: position, as: UInt8.self) == BERTTag.list.rawValue { position += 5 }
        switch BERTTag(rawValue: UInt8(take(1))) {
        case .smallInteger: numbers.append(take(1))
        case .integer: numbers.append(UInt64(bitPattern: Int64(Int32(truncatingIfNeeded: take(4)))))
        case .smallBig: readBig(Int(take(1)))
        default: readBig(Int(take(4)))
        }
    }

    private mutating func readBig(_ length: Int) {
        let isNegative = take(1) != 0
        var value: UInt64 = 0
        for byte in takeBytes(length).reversed() { value = value << 8 | UInt64(byte) }
        numbers.append(isNegative ? 0 &- value : value)
    }

    /// The next bytes as an unsigned number, big-endian.
    private mutating func take(_ length: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in 0..<length {
            value = value << 8 | UInt64(bytes.load(fromByteOffset: position + index, as: UInt8.self))
        }
        position += length
        return value
    }

    private mutating func takeBytes(_ length: Int) -> [UInt8] {
        defer { position += length }
        return Array(UnsafeRawBufferPointer(start: bytes + position, count: length))
    }
}
