/// Reads one mapping of a configuration file. Every method that does not find what it was asked for reports that and
/// answers nil, so that one run finds all mistakes; `finish` reports the keys that nobody asked for.
///
/// An answer of nil therefore means: not there, or reported. Whoever builds a value from a section with mistakes uses any
/// stand-in he likes, because a file with a mistake is never used.
package final class ConfigurationSection {
    /// Where the mapping begins.
    package let mark: ConfigurationMark
    package let reading: ConfigurationReading
    /// What the section is, for messages: "the file", "a source".
    package let title: String
    private let entries: [String: ConfigurationNode.Entry]
    private let order: [String]
    private var asked: [String] = []
    private var refused: Set<String> = []

    /// Nil, and reported, when `node` is no mapping.
    package init?(_ node: ConfigurationNode, title: String, reading: ConfigurationReading) {
        guard case .mapping(let entries) = node.content else {
            if node.content == .unusable { return nil }
            reading.report(
                "expected \(title) as a mapping, found \(node.kind)", at: node.mark, hint: "write 'key: value' pairs")
            return nil
        }
        (mark, self.title, self.reading) = (node.mark, title, reading)
        self.entries = Dictionary(entries.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        order = entries.map(\.key)
    }

    /// The keys of the mapping in the order of the file, for mappings whose keys are data.
    package var keys: [String] { order }

    /// Where `key` is, or where it would have to be.
    package func mark(of key: String) -> ConfigurationMark { entries[key]?.keyMark ?? mark }

    /// Where the value of `key` is, or where it would have to be.
    package func valueMark(of key: String) -> ConfigurationMark { entries[key]?.value.mark ?? mark }

    package func report(_ cause: String, at mark: ConfigurationMark, hint: String? = nil) {
        reading.report(cause, at: mark, hint: hint)
    }

    /// The value of `key`, whatever it is. A key without a value is a mistake.
    package func value(_ key: String, required: Bool = false) -> ConfigurationNode? {
        if !asked.contains(key) { asked.append(key) }
        guard let entry = entries[key] else {
            if required { report("'\(key)' is missing in \(title)", at: mark, hint: "add '\(key): …'") }
            return nil
        }
        guard entry.value.content != .unusable else { return nil }
        guard entry.value.content != .null else {
            report("'\(key)' has no value", at: entry.keyMark, hint: "give it one, or remove the key")
            return nil
        }
        return entry.value
    }

    /// A mapping inside this one.
    package func section(_ key: String) -> ConfigurationSection? {
        guard let node = value(key) else { return nil }
        return ConfigurationSection(node, title: "'\(key)'", reading: reading)
    }

    /// A list of mappings.
    package func sections(
        _ key: String, title: String, required: Bool = false, ifEmpty hint: String? = nil
    ) -> [ConfigurationSection]? {
        list(key, required: required, ifEmpty: hint)?.compactMap {
            ConfigurationSection($0, title: title, reading: reading)
        }
    }

    /// A list of anything. With `hint`, an empty one is a mistake.
    package func list(_ key: String, required: Bool = false, ifEmpty hint: String? = nil) -> [ConfigurationNode]? {
        guard let node = value(key, required: required) else { return nil }
        guard case .sequence(let elements) = node.content else {
            let hint = node.kind == "a plain value" ? "write it in brackets: [ … ]" : "write one '- …' line per element"
            report("expected a list for '\(key)', found \(node.kind)", at: node.mark, hint: hint)
            return nil
        }
        if elements.isEmpty, let hint { report("'\(key)' is an empty list", at: node.mark, hint: hint) }
        return elements
    }

    /// Says that `key` is known but cannot be used, if it is there.
    package func refuse(_ key: String, _ cause: String, hint: String? = nil) {
        refused.insert(key)
        guard let entry = entries[key] else { return }
        report(cause, at: entry.keyMark, hint: hint)
    }

    /// Reports every key that was not asked for. To be called last, once.
    package func finish() {
        for key in order where !asked.contains(key) && !refused.contains(key) {
            report(
                "unknown key \(ConfigurationDiagnostic.quoted(key)) in \(title)", at: mark(of: key),
                hint: Suggestion.hint(for: key, among: asked))
        }
    }
}
