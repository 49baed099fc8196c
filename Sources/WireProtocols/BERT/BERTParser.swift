/// One pass over a term without recursion; makes the flat node list that a `BERTTerm` looks at.
///
/// Memory is bounded by the limit of terms and by the bytes at hand: each node stands for at least one byte of the
/// message, and announced counts are compared with the bytes left, never reserved.
struct BERTParser {
    let base: UnsafeRawPointer
    /// The byte behind the last.
    let end: Int
    var position: Int
    var nodes: UnsafeMutablePointer<BERTNode>
    /// Room for nodes; never more than the limit of terms.
    var capacity: Int
    var count = 0
    /// Containers that are open; room for one more than the limit of nesting.
    let frames: UnsafeMutablePointer<BERTFrame>
    let limits: BERTLimits
    var frameCount = 0
    /// Nesting of the next term: levels of all open containers.
    var depth = 0
    /// Terms that the innermost container still wants.
    var remaining = 1
    /// Hashing that map keys have cost so far.
    var keyWork = 0

    init(
        base: UnsafeRawPointer, end: Int, position: Int, nodes: UnsafeMutablePointer<BERTNode>, capacity: Int,
        frames: UnsafeMutablePointer<BERTFrame>, limits: BERTLimits
    ) {
        (self.base, self.end, self.position) = (base, end, position)
        (self.nodes, self.capacity, self.frames, self.limits) = (nodes, capacity, frames, limits)
    }

    /// Reads one term that ends with the last byte.
    mutating func parse() throws(BERTError) {
        repeat {
            if try parseTerm() {
                remaining &-= 1
                if remaining == 0 { try closeFinished() }
            }
        } while remaining > 0
        guard position == end else { throw fault(.trailingBytes(end - position)) }
    }

    // MARK: Terms

    /// Reads a term without content, or opens a container. True when the term is complete.
    @inline(__always)
    private mutating func parseTerm() throws(BERTError) -> Bool {
        guard position < end else { throw fault(.truncated(needed: 1, left: 0)) }
        let byte = base.load(fromByteOffset: position, as: UInt8.self)
        guard let tag = BERTTag(rawValue: byte) else { throw fault(.unknownTag(byte)) }
        switch tag {
        case .smallInteger: try append(.smallInteger, header: 1, length: 1)
        case .integer: try append(.integer, header: 1, length: 4)
        case .smallBig: try parseBig(try announcedByte(), header: 3)
        case .largeBig: try parseBig(try announced32(), header: 6)
        case .newFloat: try parseFloat()
        case .float: try parseFloatText()
        case .atom: try parseAtom(try announced16(), header: 3)
        case .smallAtom: try parseAtom(try announcedByte(), header: 2)
        case .atomUTF8: try parseUTF8Atom(try announced16(), header: 3)
        case .smallAtomUTF8: try parseUTF8Atom(try announcedByte(), header: 2)
        case .smallTuple: return try open(.tuple, try announcedByte(), header: 2, kind: .plain)
        case .largeTuple: return try open(.tuple, try announced32(), header: 5, kind: .plain)
        case .nil_: try append(.list, header: 1, length: 0)
        case .string: try parseString()
        case .list: return try open(.list, try announced32(), header: 5, kind: .list)
        case .binary: try append(.binary, header: 5, length: try announced32())
        case .bitBinary: try parseBits()
        case .map: return try openMap()
        case .newFun: return try openFun()
        case .newPid, .pid, .newPort, .port, .v4Port, .newerReference, .newReference, .reference, .export:
            try parseOpaque(tag)
        case .compressed: throw refused(tag, "a compressed term can only be a whole message")
        case .atomCacheReference: throw refused(tag, "a reference into an atom cache that messages do not have")
        case .fun: throw refused(tag, "an old kind of fun, which Erlang itself no longer reads")
        case .local: throw refused(tag, "a term that only the node which wrote it can read")
        }
        return true
    }

    /// Adds the node of a term of `length` bytes behind a header, and steps over both.
    @inline(__always)
    mutating func append(
        _ form: BERTNode.Form, header: Int, length: Int, detail: UInt8 = 0
    ) throws(BERTError) {
        guard length <= end &- position &- header else { throw truncated(header &+ length) }
        try push(
            BERTNode(
                offset: UInt32(truncatingIfNeeded: position &+ header), count: UInt32(truncatingIfNeeded: length),
                form: form, detail: detail))
        position &+= header &+ length
    }

    @inline(__always)
    mutating func push(_ node: BERTNode) throws(BERTError) {
        if count == capacity { try grow() }
        nodes[count] = node
        count &+= 1
    }

    @inline(never)
    private mutating func grow() throws(BERTError) {
        guard capacity < limits.terms else { throw fault(.tooManyTerms(limit: limits.terms)) }
        let larger = min(capacity * 2, limits.terms)
        let next = UnsafeMutablePointer<BERTNode>.allocate(capacity: larger)
        next.update(from: nodes, count: count)
        nodes.deallocate()
        (nodes, capacity) = (next, larger)
    }

    // MARK: Containers

    /// Opens a container of `elements` terms, or adds it whole where it holds none. A list waits for its tail in any case.
    @inline(__always)
    mutating func open(
        _ form: BERTNode.Form, _ elements: Int, header: Int, kind: BERTFrame.Kind
    ) throws(BERTError) -> Bool {
        guard elements <= end &- position &- header else { throw truncated(header &+ elements) }
        try push(
            BERTNode(
                offset: UInt32(truncatingIfNeeded: position), count: UInt32(truncatingIfNeeded: elements), form: form))
        if elements == 0, kind != .list {
            position &+= header
            return true
        }
        guard depth < limits.depth else { throw fault(.tooDeep(limit: limits.depth)) }
        position &+= header
        frames[frameCount] = BERTFrame(
            container: UInt32(truncatingIfNeeded: count &- 1), outerRemaining: UInt32(truncatingIfNeeded: remaining),
            levels: 1, kind: kind)
        frameCount &+= 1
        depth &+= 1
        remaining = elements
        if elements == 0 {
            remaining = 1
            return true
        }
        return false
    }

    private mutating func openMap() throws(BERTError) -> Bool {
        let pairs = try announced32()
        guard 2 * pairs <= end - position - 5 else { throw truncated(5 + 2 * pairs) }
        let isComplete = try open(.map, 2 * pairs, header: 5, kind: .map)
        nodes[count - 1].count = UInt32(truncatingIfNeeded: pairs)
        return isComplete
    }

    /// After the last term that a container wants: closes it and what it completes, or goes on with a list's tail.
    private mutating func closeFinished() throws(BERTError) {
        while frameCount > 0 {
            let frame = frames[frameCount &- 1]
            let container = Int(frame.container)
            switch frame.kind {
            case .plain: break
            case .map: try checkKeys(of: container)
            case .list: if try !parseTail(of: container) { return }
            }
            nodes[container].span = UInt32(truncatingIfNeeded: count &- container)
            leave()
            remaining &-= 1
            if remaining > 0 { return }
        }
    }

    private mutating func leave() {
        frameCount &-= 1
        depth &-= Int(frames[frameCount].levels)
        remaining = Int(frames[frameCount].outerRemaining)
    }

    /// Reads what stands in the place of a list's tail. False when more terms are to come: of a list that continues this
    /// one, of an improper tail, or the term itself that a list of no elements stands for.
    private mutating func parseTail(of container: Int) throws(BERTError) -> Bool {
        while true {
            guard position < end else { throw fault(.truncated(needed: 1, left: 0)) }
            switch base.load(fromByteOffset: position, as: UInt8.self) {
            case BERTTag.nil_.rawValue:
                position &+= 1
                return true
            case BERTTag.string.rawValue:
                try continueWithString(container)
                return true
            case BERTTag.list.rawValue:
                if try continueWithList(container) { return false }
            default:
                if nodes[container].count == 0 {
                    count &-= 1
                    leave()
                } else {
                    nodes[container].detail = 1
                    frames[frameCount &- 1].kind = .plain
                    remaining = 1
                }
                return false
            }
        }
    }

    /// True when that list has elements, which now are this list's.
    private mutating func continueWithList(_ container: Int) throws(BERTError) -> Bool {
        let elements = try announced32()
        guard elements <= end - position - 5 else { throw truncated(5 + elements) }
        guard depth < limits.depth else { throw fault(.tooDeep(limit: limits.depth)) }
        depth += 1
        frames[frameCount - 1].levels += 1
        position += 5
        nodes[container].count += UInt32(truncatingIfNeeded: elements)
        remaining = elements
        return elements > 0
    }

    private mutating func continueWithString(_ container: Int) throws(BERTError) {
        let length = try announced16()
        guard length <= end - position - 3 else { throw truncated(3 + length) }
        position += 3
        if nodes[container].count == 0, length > 0 {
            nodes[container].form = .string
            nodes[container].offset = UInt32(truncatingIfNeeded: position)
            nodes[container].count = UInt32(truncatingIfNeeded: length)
        } else {
            for index in 0..<length {
                try push(BERTNode(offset: UInt32(truncatingIfNeeded: position + index), count: 1, form: .smallInteger))
            }
            nodes[container].count += UInt32(truncatingIfNeeded: length)
        }
        position += length
    }

    // MARK: Bytes

    /// The length or count that follows a tag.
    @inline(__always)
    mutating func announcedByte() throws(BERTError) -> Int {
        guard end &- position >= 2 else { throw truncated(2) }
        return Int(base.load(fromByteOffset: position &+ 1, as: UInt8.self))
    }

    @inline(__always)
    mutating func announced16() throws(BERTError) -> Int {
        guard end &- position >= 3 else { throw truncated(3) }
        return Int(UInt16(bigEndian: base.loadUnaligned(fromByteOffset: position &+ 1, as: UInt16.self)))
    }

    @inline(__always)
    mutating func announced32() throws(BERTError) -> Int {
        guard end &- position >= 5 else { throw truncated(5) }
        return Int(UInt32(bigEndian: base.loadUnaligned(fromByteOffset: position &+ 1, as: UInt32.self)))
    }

    @inline(never)
    func fault(_ reason: BERTError.Reason) -> BERTError { BERTError(reason, offset: position) }

    /// The term at `position` needs `length` bytes, its tag included.
    @inline(never)
    func truncated(_ length: Int) -> BERTError { fault(.truncated(needed: length, left: end - position)) }

    private func refused(_ tag: BERTTag, _ why: String) -> BERTError {
        fault(.refusedTag(tag.rawValue, why: why))
    }
}
