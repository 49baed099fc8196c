/// Pids, ports, references and funs: bounds and structure are checked, and nothing is made of them.
extension BERTParser {
    private static let referenceWords = 5
    private static let freeVariables = 255
    /// Where a creation has one byte, Erlang uses two bits of it.
    private static let shortCreations: UInt8 = 4
    /// The first word of a reference has 18 bits in the old spellings.
    private static let shortReferences: UInt32 = 1 << 18

    mutating func parseOpaque(_ tag: BERTTag) throws(BERTError) {
        let start = position
        let form: BERTNode.Form
        switch tag {
        case .newPid: form = try parseNumbered(.pid, numbers: 8, creation: 4)
        case .pid: form = try parseNumbered(.pid, numbers: 8, creation: 1)
        case .newPort: form = try parseNumbered(.port, numbers: 4, creation: 4)
        case .port: form = try parseNumbered(.port, numbers: 4, creation: 1)
        case .v4Port: form = try parseNumbered(.port, numbers: 8, creation: 4)
        case .reference: form = try parseOldReference()
        case .newReference: form = try parseReference(creation: 1)
        case .newerReference: form = try parseReference(creation: 4)
        default: form = try parseExport()
        }
        try push(
            BERTNode(
                offset: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: position - start),
                form: form))
    }

    /// A node's name, numbers and the node's creation.
    private mutating func parseNumbered(
        _ form: BERTNode.Form, numbers: Int, creation: Int
    ) throws(BERTError) -> BERTNode.Form {
        position += 1
        try skipAtom()
        try skip(numbers)
        try skipCreation(creation)
        return form
    }

    private mutating func parseOldReference() throws(BERTError) -> BERTNode.Form {
        position += 1
        try skipAtom()
        try skipShortReference()
        try skipCreation(1)
        return .reference
    }

    private mutating func parseReference(creation: Int) throws(BERTError) -> BERTNode.Form {
        let words = try announced16()
        guard words <= Self.referenceWords else { throw fault(.referenceTooLong(words: words)) }
        position += 3
        try skipAtom()
        try skipCreation(creation)
        if creation == 1, words > 0 {
            try skipShortReference()
            try skip(4 * (words - 1))
        } else {
            try skip(4 * words)
        }
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

    /// A fun with its creator and free variables, which are terms: read like a container's, and shown to nobody. Like OTP,
    /// this goes by what is there; the announced size only must not lead behind the message.
    mutating func openFun() throws(BERTError) -> Bool {
        let start = position
        let size = try announced32()
        guard size <= end - position - 1 else { throw fault(.funSize(announced: size, left: end - position - 1)) }
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

    private mutating func skipCreation(_ length: Int) throws(BERTError) {
        try skip(length)
        guard length > 1 || base.load(fromByteOffset: position - 1, as: UInt8.self) < Self.shortCreations else {
            throw fault(.opaqueOutOfRange)
        }
    }

    private mutating func skipShortReference() throws(BERTError) {
        try skip(4)
        let word = UInt32(bigEndian: base.loadUnaligned(fromByteOffset: position - 4, as: UInt32.self))
        guard word < Self.shortReferences else { throw fault(.opaqueOutOfRange) }
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

    /// Steps over an integer of at most 60 bits, which is what OTP calls small. Lists of no elements may stand before it:
    /// they are what follows them.
    private mutating func skipSmallInteger() throws(BERTError) -> Int64 {
        while position < end, base.load(fromByteOffset: position, as: UInt8.self) == BERTTag.list.rawValue {
            guard try announced32() == 0 else { throw fault(.notSmallInteger) }
            position += 5
        }
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
