/// One term of a decoded message: a view into the decoder's nodes and the message's bytes, valid until the decoder is
/// called again and while the bytes are. Never store it.
///
/// Accessors answer for what the term *means*, not for how the wire spelled it: a list is a list whether it came as
/// STRING_EXT, LIST_EXT or a chain of these.
public struct BERTTerm {
    public enum Kind: Sendable, Equatable {
        case integer, float, atom, tuple, list, binary
        /// A bit string whose last byte is not a whole one.
        case bits
        case map
        /// A pid, port, reference or fun: there is nothing to be done with it here.
        case opaque
    }

    public enum OpaqueKind: String, Sendable { case pid, port, reference = "ref", fun }

    /// Where its node stands; the nodes of what it holds follow. Of an element of a string: anywhere.
    @usableFromInline let position: UnsafePointer<BERTNode>
    @usableFromInline let node: BERTNode
    @usableFromInline let base: UnsafeRawPointer

    @inlinable
    init(position: UnsafePointer<BERTNode>, node: BERTNode, bytes: UnsafeRawPointer) {
        (self.position, self.node, base) = (position, node, bytes)
    }

    @inlinable public var kind: Kind {
        switch node.form {
        case .smallInteger, .integer, .bigInteger: .integer
        case .float, .floatText: .float
        case .atom, .latin1Atom: .atom
        case .tuple: .tuple
        case .list, .string: .list
        case .binary: .binary
        case .bits: .bits
        case .map: .map
        case .pid, .port, .reference, .export, .fun: .opaque
        }
    }

    public var opaqueKind: OpaqueKind? {
        switch node.form {
        case .pid: .pid
        case .port: .port
        case .reference: .reference
        case .export, .fun: .fun
        case .smallInteger, .integer, .bigInteger, .float, .floatText, .atom, .latin1Atom, .tuple, .list, .string,
            .binary, .bits, .map:
            nil
        }
    }

    /// Elements of a tuple or list (its tail not counted), pairs of a map; 0 for anything else.
    @inlinable public var count: Int {
        switch node.form {
        case .tuple, .list, .string, .map: Int(node.count)
        case .smallInteger, .integer, .bigInteger, .float, .floatText, .atom, .latin1Atom, .binary, .bits, .pid, .port,
            .reference, .export, .fun:
            0
        }
    }

    /// The bytes of a binary, nil for anything else.
    @inlinable public var bytes: UnsafeRawBufferPointer? { node.form == .binary ? content : nil }

    /// The elements of a proper list that is not empty and holds small integers (0 to 255) only; nil for anything else.
    public var listBytes: [UInt8]? {
        guard kind == .list, count > 0, tail == nil else { return nil }
        if node.form == .string { return Array(content) }
        var bytes: [UInt8] = []
        for element in elements {
            guard let byte = element.int64.flatMap(UInt8.init(exactly:)) else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    /// The bytes of a bit string, unused bits of the last one 0, and how many bits they hold.
    public var bits: (bytes: [UInt8], count: Int)? {
        guard node.form == .bits else { return nil }
        var bytes = Array(content)
        bytes[bytes.count - 1] &= ~(0xFF >> node.detail)
        return (bytes, (bytes.count - 1) * 8 + Int(node.detail))
    }

    /// `count` bytes at the node's offset.
    @inlinable var content: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + Int(node.offset), count: Int(node.count))
    }
}
