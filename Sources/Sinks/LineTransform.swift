import Codecs

/// What happens to a line on its way to one sink, after the filter: the mark of a replay, the mask, the format.
package struct LineTransform: Sendable {
    private let mask: LineMask?
    private let format: LineFormat

    package init(mask: LineMask? = nil, format: LineFormat = .json) { (self.mask, self.format) = (mask, format) }

    /// Lines pass as they are.
    package var isIdentity: Bool { mask == nil && format == .json }

    /// Appends what becomes of `line` (without its newline), and a newline.
    package func append(_ line: UnsafeRawBufferPointer, isReplay: Bool, to out: inout ByteWriter) {
        var scratch = ByteWriter(capacity: line.count + 64)
        if isReplay {
            ReplayMark.append(line, to: &scratch)
            let marked = scratch.bytes
            scratch.removeAll()
            marked.withUnsafeBytes { mask($0, &scratch, &out) }
        } else {
            mask(line, &scratch, &out)
        }
        out.append(UInt8(ascii: "\n"))
    }

    private func mask(_ line: UnsafeRawBufferPointer, _ scratch: inout ByteWriter, _ out: inout ByteWriter) {
        guard let mask else { return format.append(line, to: &out) }
        guard format != .json else { return mask.append(line, to: &out) }
        mask.append(line, to: &scratch)
        scratch.withBytes { format.append($0, to: &out) }
    }
}

/// `"replayed":true` at its place in the order of members: behind everything but `raw`.
enum ReplayMark {
    static func append(_ line: UnsafeRawBufferPointer, to out: inout ByteWriter) {
        var place: Int?
        var isMarked = false
        let end = LineMembers.forEach(in: line) { name, _ in
            if LineMembers.equals(line, name, "raw") { place = name.lowerBound - 1 }
            isMarked = isMarked || LineMembers.equals(line, name, "replayed")
            return true
        }
        guard let end, !isMarked else { return out.append(line) }
        // Before the comma of `raw`, or before the brace.
        let behind = place.map { $0 - 1 } ?? end - 1
        out.append(UnsafeRawBufferPointer(rebasing: line[..<behind]))
        out.append(#","replayed":true"#)
        out.append(UnsafeRawBufferPointer(rebasing: line[behind...]))
    }
}
