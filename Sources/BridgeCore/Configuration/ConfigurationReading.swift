/// One run over one file: what the sections of the file need from around them, and the mistakes found so far.
///
/// Confined to the function that loads the file.
package final class ConfigurationReading {
    /// The mistakes listed of one file; more are counted.
    package static let maximumDiagnostics = 200

    package let file: String
    /// Variables that `{ env: NAME }` may name, and the directories systemd gives.
    package let environment: [String: String]
    package let places: Places
    private var found: [ConfigurationDiagnostic] = []
    private var omittedCount = 0

    /// `earlier` is a run over the same file whose mistakes are to be listed too.
    package init(
        file: String, environment: [String: String], places: Places, continuing earlier: ConfigurationReading? = nil
    ) {
        (self.file, self.environment, self.places) = (file, environment, places)
        if let earlier { (found, omittedCount) = (earlier.found, earlier.omittedCount) }
    }

    package func report(_ cause: String, at mark: ConfigurationMark, hint: String? = nil) {
        guard found.count < Self.maximumDiagnostics else {
            omittedCount += 1
            return
        }
        found.append(ConfigurationDiagnostic(file: file, mark: mark, cause: cause, hint: hint))
    }

    /// Every mistake, sorted by place; the last one says how many more there are.
    package var diagnostics: [ConfigurationDiagnostic] {
        let sorted = found.enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }.map(\.element)
        guard omittedCount > 0, let last = sorted.last else { return sorted }
        let mark = ConfigurationMark(line: last.line, column: last.column)
        return sorted + [
            ConfigurationDiagnostic(file: file, mark: mark, cause: "\(omittedCount) more mistakes are not listed")
        ]
    }
}
