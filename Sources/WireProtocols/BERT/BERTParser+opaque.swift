/// Pids, ports, references and funs: bounds and structure are checked, and nothing is made of them.
extension BERTParser {
    private static let referenceWords = 5
    private static let freeVariables = 255

    mutating func parseOpaque(_ tag: BERTTag) throws(BERTError) {
        let start = position
        let form: BERTNode.Form
        switch tag {
        case .newPid: form = try parseNumbered(.pid, id: 4, rest: 8)
        case .pid: form = try parseNumbered(.pid, id: 4, rest: 5)
        case .newPort: form = try parseNumbered(.port, id: 4, rest: 4)
        case .port: form = try parseNumbered(.port, id: 4, rest: 1)
        case .v4Port: form = try parseNumbered(.port, id: 8, rest: 4)
        case .reference: form = try parseNumbered(.reference, id: 4, rest: 1)
        case .newReference: form = try parseReference(creation: 1)
        case .newerReference: form = try parseReference(creation: 4)
        default: form = try parseExport()
        }
        try push(
            BERTNode(
                offset: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: position - start),
                form: form))
    }

    /// A node's name and two runs of bytes.
    private mutating func parseNumbered(
        _ form: BERTNode.Form, id: Int, rest: Int
    ) throws(BERTError) -> BERTNode.Form {
        position += 1
        try skipAtom()
        try skip(id + rest)
        return form
    }

    private mutating func parseReference(creation: Int) throws(BERTError) -> BERTNode.Form {
        let words = try announced16()
        guard words <= Self.referenceWords else { throw fault(.referenceTooLong(words: words)) }
        position += 3
        try skipAtom()
        try skip(creation + 4 * words)
        return .reference
    }

    /// module:function/arity.
    private mutating func parseExport() throws(BERTError) -> BERTNode.Form {
        position += 1
        try skipAtom()
        try skipAtom()
        guard try skipSmallInteger() >= 0 else { throw fault(.notSmallInteger) }
        return .export
    }

    /// A fun with its creator and free variables, which are terms: read like a container's, and shown to nobody.
    mutating func openFun() throws(BERTError) -> Bool {
        let start = position
        let size = try announced32()
        guard size <= end - position - 1 else { throw truncated(1 + size) }
        // Size, arity, 16 bytes that identify the code, index, count of free variables.
        let header = 1 + 4 + 1 + 16 + 4 + 4
        guard header <= end - position else { throw truncated(header) }
        let variables = Int(
            UInt32(bigEndian: base.loadUnaligned(fromByteOffset: position + header - 4, as: UInt32.self)))
        guard variables <= Self.freeVariables else { throw fault(.funTooLarge(variables: variables)) }
        position += header
        try skipAtom()
        _ = try skipSmallInteger()
        _ = try skipSmallInteger()
        let isComplete = try open(.fun, 1 + variables, header: 0, kind: .plain)
        nodes[count - 1].offset = UInt32(truncatingIfNeeded: start)
        return isComplete
    }

    // MARK: Parts that are no terms of their own

    private mutating func skip(_ bytes: Int) throws(BERTError) {
        guard bytes <= end - position else { throw truncated(bytes) }
        position += bytes
    }

    /// Steps over an atom: checked like any other, and its node taken back.
    private mutating func skipAtom() throws(BERTError) {
        guard position < end else { throw truncated(1) }
        let byte = base.load(fromByteOffset: position, as: UInt8.self)
        switch BERTTag(rawValue: byte) {
        case .atom: try parseAtom(try announced16(), header: 3)
        case .smallAtom: try parseAtom(try announcedByte(), header: 2)
        case .atomUTF8: try parseUTF8Atom(try announced16(), header: 3)
        case .smallAtomUTF8: try parseUTF8Atom(try announcedByte(), header: 2)
        default: throw fault(.notAtom(tag: byte))
        }
        count -= 1
    }

    /// Steps over an integer of at most 60 bits, which is what OTP calls small.
    private mutating func skipSmallInteger() throws(BERTError) -> Int64 {
        guard position < end else { throw truncated(1) }
        switch BERTTag(rawValue: base.load(fromByteOffset: position, as: UInt8.self)) {
        case .smallInteger: try append(.smallInteger, header: 1, length: 1)
        case .integer: try append(.integer, header: 1, length: 4)
        case .smallBig: try parseBig(try announcedByte(), header: 3)
        case .largeBig: try parseBig(try announced32(), header: 6)
        default: throw fault(.notSmallInteger)
        }
        count -= 1
        let term = BERTTerm(position: UnsafePointer(nodes + count), node: nodes[count], bytes: base)
        guard let value = term.int64, value >= -(1 << 59), value < 1 << 59 else { throw fault(.notSmallInteger) }
        return value
    }
}
