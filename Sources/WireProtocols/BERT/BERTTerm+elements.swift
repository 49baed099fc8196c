/// What containers hold.
extension BERTTerm {
    /// The elements of a tuple or list in their order, one pass without allocation; none for anything else.
    @inlinable public var elements: Elements {
        switch node.form {
        case .tuple, .list: Elements(first: position + 1, string: nil, count: Int(node.count), base: base)
        case .string: Elements(first: position, string: node.offset, count: Int(node.count), base: base)
        case .smallInteger, .integer, .bigInteger, .float, .floatText, .atom, .latin1Atom, .binary, .bits, .map, .pid,
            .port, .reference, .export, .fun:
            Elements(first: position, string: nil, count: 0, base: base)
        }
    }

    /// Element `index` of a tuple or list; nil where there is none. Walks over the elements before it.
    public subscript(_ index: Int) -> BERTTerm? {
        guard index >= 0, index < count else { return nil }
        var elements = elements
        for _ in 0..<index { elements.step() }
        return elements.next()
    }

    /// What stands behind the elements of an improper list; nil for every other term.
    public var tail: BERTTerm? {
        guard node.form == .list, node.detail == 1 else { return nil }
        var elements = Elements(first: position + 1, string: nil, count: Int(node.count) + 1, base: base)
        for _ in 0..<node.count { elements.step() }
        return elements.next()
    }

    /// The pairs of a map in the order of the wire; none for anything else.
    public var pairs: Pairs {
        let count = node.form == .map ? Int(node.count) : 0
        return Pairs(terms: Elements(first: position + 1, string: nil, count: 2 * count, base: base))
    }

    /// Creator and free variables of a fun.
    var variables: Elements {
        Elements(first: position + 1, string: nil, count: node.form == .fun ? Int(node.count) : 0, base: base)
    }

    public struct Elements: Sequence, IteratorProtocol {
        @usableFromInline var position: UnsafePointer<BERTNode>
        /// Offset of the next byte, where the elements are those of a string.
        @usableFromInline var string: UInt32?
        @usableFromInline let base: UnsafeRawPointer
        @usableFromInline var remaining: Int

        @inlinable
        init(first: UnsafePointer<BERTNode>, string: UInt32?, count: Int, base: UnsafeRawPointer) {
            (position, self.string, remaining, self.base) = (first, string, count, base)
        }

        /// Elements to come.
        @inlinable public var count: Int { remaining }

        @inlinable public var underestimatedCount: Int { remaining }

        @inlinable
        public mutating func next() -> BERTTerm? {
            guard remaining > 0 else { return nil }
            let node = string.map { BERTNode(offset: $0, count: 1, form: .smallInteger) } ?? position.pointee
            defer { step() }
            return BERTTerm(position: position, node: node, bytes: base)
        }

        /// Leaves out the next element, which must be there.
        @inlinable
        mutating func step() {
            remaining &-= 1
            if let offset = string { string = offset &+ 1 } else { position += Int(position.pointee.span) }
        }
    }

    public struct Pairs: Sequence, IteratorProtocol {
        private var terms: Elements

        init(terms: Elements) { self.terms = terms }

        public var underestimatedCount: Int { terms.count / 2 }

        public mutating func next() -> (key: BERTTerm, value: BERTTerm)? {
            guard let key = terms.next(), let value = terms.next() else { return nil }
            return (key, value)
        }
    }
}
