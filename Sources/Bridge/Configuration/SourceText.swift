import BridgeCore

/// A file's text as Unicode scalars with line starts counted as libyaml counts them, so that its marks find their place.
struct SourceText {
    private(set) var scalars: [Unicode.Scalar]
    private var lineStarts: [Int] = [0]

    /// Nil when `bytes` is not UTF-8. A byte order mark at the start is dropped.
    init?(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        scalars = Array(text.unicodeScalars)
        if scalars.first == "\u{FEFF}" { scalars.removeFirst() }
        for (index, scalar) in scalars.enumerated() {
            let isBreak = scalar == "\n" || scalar == "\r" && !(index + 1 < scalars.count && scalars[index + 1] == "\n")
            if isBreak { lineStarts.append(index + 1) }
        }
    }

    var string: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// The scalar at `mark` and its index; nil at the end and for places that the text does not have.
    func scalar(at mark: ConfigurationMark) -> (scalar: Unicode.Scalar, index: Int)? {
        guard lineStarts.indices.contains(mark.line - 1), mark.column > 0 else { return nil }
        let index = lineStarts[mark.line - 1] + mark.column - 1
        return scalars.indices.contains(index) ? (scalars[index], index) : nil
    }

    /// The line that holds `mark`, without its end.
    func line(of mark: ConfigurationMark) -> ArraySlice<Unicode.Scalar> {
        guard lineStarts.indices.contains(mark.line - 1) else { return [] }
        return scalars[lineStarts[mark.line - 1]...].prefix { $0 != "\n" && $0 != "\r" }
    }

    func mark(of index: Int) -> ConfigurationMark {
        let line = lineStarts.lastIndex { $0 <= index } ?? 0
        return ConfigurationMark(line: line + 1, column: index - lineStarts[line] + 1)
    }

    mutating func replace(at index: Int, with scalar: Unicode.Scalar) { scalars[index] = scalar }

    /// The first scalar that no configuration needs and that YAML forbids or takes for a line end.
    var firstForbidden: Int? {
        scalars.firstIndex {
            switch $0.value {
            case 0x09, 0x0A, 0x0D, 0x20...0x7E, 0xA0...0x2027, 0x202A...0xD7FF, 0xE000...0xFEFE, 0xFF00...0xFFFD,
                0x10000...0x10FFFF:
                false
            default: true
            }
        }
    }
}
