import CHiredis

/// One value of a reply: a view into the reader's memory, valid until the reader is called again. Never store it.
public struct RESPReply {
    public enum Kind: Sendable, Equatable {
        /// A bulk string.
        case string
        /// A simple string, such as `OK`.
        case status
        case error
        case integer
        /// An absent string or array.
        case null
        case array
    }

    let nodes: UnsafeBufferPointer<cti_resp_node>
    let arena: UnsafeRawPointer?
    let index: Int

    public var kind: Kind {
        switch UInt32(bitPattern: nodes[index].type) {
        case CTI_RESP_STRING.rawValue: .string
        case CTI_RESP_STATUS.rawValue: .status
        case CTI_RESP_ERROR.rawValue: .error
        case CTI_RESP_INTEGER.rawValue: .integer
        case CTI_RESP_ARRAY.rawValue: .array
        default: .null
        }
    }

    /// The bytes of a string, status or error; nil for anything else.
    public var bytes: UnsafeRawBufferPointer? {
        switch kind {
        case .string, .status, .error:
            UnsafeRawBufferPointer(start: arena.map { $0 + nodes[index].offset }, count: nodes[index].length)
        case .integer, .null, .array: nil
        }
    }

    /// `bytes` as text, malformed UTF-8 repaired.
    public var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    public var integer: Int64? { kind == .integer ? nodes[index].value : nil }

    /// The elements of an array; nil for anything else.
    public var elements: Elements? {
        guard kind == .array else { return nil }
        return Elements(reply: self)
    }

    /// The index of the node behind this value and everything inside it.
    fileprivate var end: Int {
        guard kind == .array else { return index + 1 }
        var next = index + 1
        for _ in 0..<nodes[index].value { next = RESPReply(nodes: nodes, arena: arena, index: next).end }
        return next
    }

    /// An array's elements in the order of the wire, one pass without allocation.
    public struct Elements: Sequence, IteratorProtocol {
        private let array: RESPReply
        private var position: Int
        private var remaining: Int

        public let count: Int

        fileprivate init(reply: RESPReply) {
            array = reply
            position = reply.index + 1
            count = Int(reply.nodes[reply.index].value)
            remaining = count
        }

        public mutating func next() -> RESPReply? {
            guard remaining > 0 else { return nil }
            remaining -= 1
            let element = RESPReply(nodes: array.nodes, arena: array.arena, index: position)
            position = element.end
            return element
        }

        /// Element `index` of an array that holds no arrays, which is where all its elements follow each other; nil when
        /// there is none or an array is in the way.
        public func flat(_ index: Int) -> RESPReply? {
            guard index >= 0, index < count, array.index + 1 + count <= array.nodes.count else { return nil }
            let element = RESPReply(nodes: array.nodes, arena: array.arena, index: array.index + 1 + index)
            return element.kind == .array ? nil : element
        }
    }
}
