/// A place in a configuration file; lines and columns count from 1, columns in Unicode scalars.
package struct ConfigurationMark: Sendable, Hashable, Comparable {
    package let line: Int
    package let column: Int

    package init(line: Int, column: Int) { (self.line, self.column) = (line, column) }

    package static func < (left: ConfigurationMark, right: ConfigurationMark) -> Bool {
        (left.line, left.column) < (right.line, right.column)
    }
}

/// One mistake in a configuration file: where it is, what is wrong, and what to do about it where that is known.
///
/// Holds no secret and no control character: whatever of the file's text is repeated in it is made printable.
package struct ConfigurationDiagnostic: Error, Sendable, Equatable {
    package let file: String
    package let line: Int
    package let column: Int
    package let cause: String
    package let hint: String?

    package init(file: String, mark: ConfigurationMark, cause: String, hint: String? = nil) {
        self.file = Self.printable(file)
        (line, column) = (mark.line, mark.column)
        self.cause = Self.printable(cause)
        self.hint = hint.map(Self.printable)
    }

    /// Text from the file as it may be repeated in a cause or hint: in quotes, at most 60 characters of it.
    package static func quoted(_ text: String) -> String {
        text.unicodeScalars.count > 60 ? "'\(String(text.unicodeScalars.prefix(60)))…'" : "'\(text)'"
    }

    /// Terminals act upon control and direction characters, so they are spelled out.
    private static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension ConfigurationDiagnostic: CustomStringConvertible {
    /// `FILE:LINE:COLUMN: error: cause`, and the hint, if there is one, on a second line.
    package var description: String {
        let first = "\(file):\(line):\(column): error: \(cause)"
        return hint.map { "\(first)\n  hint: \($0)" } ?? first
    }
}
