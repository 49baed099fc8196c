import NIOCore

/// Bytes of a peer, cut at newlines.
///
/// Holds at most `limit` bytes: a longer line is cut off there, and what follows up to its newline is passed over.
package struct LineSplitter {
    package struct Line: Sendable, Equatable {
        /// Without its newline, and without a carriage return before that.
        package let bytes: [UInt8]
        package let isCut: Bool

        package init(_ bytes: [UInt8], isCut: Bool = false) { (self.bytes, self.isCut) = (bytes, isCut) }

        package var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    private let limit: Int
    private var held: [UInt8] = []
    /// The line that has begun is longer than the limit.
    package private(set) var isOverlong = false

    package init(limit: Int) { self.limit = limit }

    /// The lines that end in `bytes`.
    package mutating func receive(_ bytes: ByteBuffer) -> [Line] {
        var lines: [Line] = []
        var rest = bytes.readableBytesView[...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            keep(rest[..<newline])
            lines.append(take())
            rest = rest[(newline + 1)...]
        }
        keep(rest)
        return lines
    }

    /// What came behind the last newline; nil when nothing did.
    package mutating func finish() -> Line? { held.isEmpty ? nil : take() }

    private mutating func keep(_ part: ByteBufferView) {
        let room = limit - held.count
        held.append(contentsOf: part.prefix(room))
        if part.count > room { isOverlong = true }
    }

    private mutating func take() -> Line {
        defer { (held, isOverlong) = ([], false) }
        if !isOverlong, held.last == UInt8(ascii: "\r") { held.removeLast() }
        return Line(held, isCut: isOverlong)
    }
}
