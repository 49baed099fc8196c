import Codecs

/// What a text of the configuration may look like.
package struct TextPattern: Sendable {
    /// For "expected …".
    package let expectation: String
    package let matches: @Sendable (String) -> Bool

    package init(_ expectation: String, matches: @escaping @Sendable (String) -> Bool) {
        (self.expectation, self.matches) = (expectation, matches)
    }

    /// `^[a-z0-9][a-z0-9_-]{0,31}$`: names of sources and sinks. They are part of event ids, metrics and file names.
    package static let name = TextPattern("1 to 32 of a-z 0-9 _ -, beginning with a letter or digit") {
        isName($0.utf8, limit: 32, underscore: true)
    }

    /// `^[a-z0-9][a-z0-9-]{0,62}$`: the tenant. It is part of file names.
    package static let tenant = TextPattern("1 to 63 of a-z 0-9 -, beginning with a letter or digit") {
        isName($0.utf8, limit: 63, underscore: false)
    }

    private static func isName(_ text: String.UTF8View, limit: Int, underscore: Bool) -> Bool {
        guard let first = text.first, isLetterOrDigit(first), text.count <= limit else { return false }
        return text.allSatisfy {
            isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || underscore && $0 == UInt8(ascii: "_")
        }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

extension ConfigurationSection {
    /// A scalar as the file spells it.
    package struct Scalar: Sendable {
        package let text: String
        package let isQuoted: Bool
        package let mark: ConfigurationMark
    }

    /// Any scalar. `expected` completes "expected … for 'key'".
    package func scalar(_ key: String, expected: String, required: Bool = false) -> Scalar? {
        value(key, required: required).flatMap { scalar($0, of: key, expected: expected) }
    }

    /// The scalar in `node`, which belongs to `key`.
    package func scalar(_ node: ConfigurationNode, of key: String, expected: String) -> Scalar? {
        guard case .scalar(let text, let isQuoted) = node.content else {
            if node.content != .unusable {
                report("expected \(expected) for '\(key)', found \(node.kind)", at: node.mark)
            }
            return nil
        }
        return Scalar(text: text, isQuoted: isQuoted, mark: node.mark)
    }

    /// One line of text with the spelling of the file. Numbers are texts too.
    package func string(_ key: String, required: Bool = false, matching pattern: TextPattern? = nil) -> String? {
        scalar(key, expected: "a text", required: required).flatMap { text($0, of: key, matching: pattern) }
    }

    /// Scalars, no two with the same text.
    package func scalars(_ key: String, ifEmpty hint: String? = nil) -> [Scalar]? {
        guard let nodes = list(key, ifEmpty: hint) else { return nil }
        var places: [String: ConfigurationMark] = [:]
        return nodes.compactMap { scalar($0, of: key, expected: "a text") }.filter { scalar in
            guard let first = places.updateValue(scalar.mark, forKey: scalar.text) else { return true }
            let repeated = ConfigurationDiagnostic.quoted(scalar.text)
            report("\(repeated) is there twice, first at line \(first.line), column \(first.column)", at: scalar.mark)
            return false
        }
    }

    private func text(_ scalar: Scalar, of key: String, matching pattern: TextPattern?) -> String? {
        guard !scalar.text.isEmpty else {
            report("'\(key)' is empty", at: scalar.mark, hint: "give it a value, or remove the key")
            return nil
        }
        guard !scalar.text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            report("'\(key)' contains a control character", at: scalar.mark, hint: "write it on one line")
            return nil
        }
        if let pattern, !pattern.matches(scalar.text) {
            let found = ConfigurationDiagnostic.quoted(scalar.text)
            report("bad '\(key)': \(found)", at: scalar.mark, hint: "expected \(pattern.expectation)")
            return nil
        }
        return scalar.text
    }

    /// A decimal number without quotes.
    package func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        let expected = "a number from \(range.lowerBound) to \(range.upperBound)"
        guard let scalar = scalar(key, expected: expected) else { return nil }
        let found = ConfigurationDiagnostic.quoted(scalar.text)
        guard let number = Quantity.integer(scalar.text[...]) else {
            report("expected \(expected) for '\(key)', found \(found)", at: scalar.mark, hint: "decimal digits only")
            return nil
        }
        guard !scalar.isQuoted else {
            report("'\(key)' is a number, found text", at: scalar.mark, hint: "write it without quotes: \(number)")
            return nil
        }
        guard range.contains(number) else {
            report("'\(key)' is out of range: \(found)", at: scalar.mark, hint: "expected \(expected)")
            return nil
        }
        return number
    }

    /// `true` or `false`, nothing else that YAML has meant by them.
    package func boolean(_ key: String) -> Bool? {
        guard let scalar = scalar(key, expected: "true or false") else { return nil }
        let found = ConfigurationDiagnostic.quoted(scalar.text)
        switch (scalar.text, scalar.isQuoted) {
        case ("true", false): return true
        case ("false", false): return false
        case ("true", true), ("false", true):
            report(
                "'\(key)' is true or false, found text", at: scalar.mark,
                hint: "write it without quotes: \(scalar.text)")
        default:
            let meaning: [String: String] = [
                "yes": "true", "on": "true", "y": "true", "1": "true", "true": "true",
                "no": "false", "off": "false", "n": "false", "0": "false", "false": "false",
            ]
            let hint = meaning[scalar.text.lowercased()].map { "write '\(key): \($0)'" }
            report("expected true or false for '\(key)', found \(found)", at: scalar.mark, hint: hint)
        }
        return nil
    }

    /// One of the words of `Value`.
    package func enumeration<Value: RawRepresentable<String> & CaseIterable>(
        _ key: String, _ type: Value.Type, required: Bool = false
    ) -> Value? {
        let words = Value.allCases.map(\.rawValue)
        return scalar(key, expected: "one of \(words.joined(separator: ", "))", required: required)
            .flatMap { word($0, of: key, type) }
    }

    /// Some of the words of `Value`, in the order of the file.
    package func enumerations<Value: RawRepresentable<String> & CaseIterable>(
        _ key: String, _ type: Value.Type, ifEmpty hint: String? = nil
    ) -> [Value]? {
        scalars(key, ifEmpty: hint)?.compactMap { word($0, of: key, type) }
    }

    private func word<Value: RawRepresentable<String> & CaseIterable>(
        _ scalar: Scalar, of key: String, _ type: Value.Type
    ) -> Value? {
        if let value = Value(rawValue: scalar.text) { return value }
        let words = Value.allCases.map(\.rawValue)
        let found = ConfigurationDiagnostic.quoted(scalar.text)
        let near = Suggestion.nearest(to: scalar.text, among: words).map { "did you mean '\($0)'?" }
        report(
            "expected one of \(words.joined(separator: ", ")) for '\(key)', found \(found)", at: scalar.mark, hint: near
        )
        return nil
    }

    /// A GUID in its usual 36 characters.
    package func guid(_ key: String, required: Bool = false) -> UUID128? {
        scalar(key, expected: "a GUID", required: required).flatMap { guid($0, of: key) }
    }

    /// The GUID in `scalar`, which belongs to `key`.
    package func guid(_ scalar: Scalar, of key: String) -> UUID128? {
        if let guid = UUID128(scalar.text) { return guid }
        report(
            "expected a GUID for '\(key)', found \(ConfigurationDiagnostic.quoted(scalar.text))", at: scalar.mark,
            hint: "32 hexadecimal digits with dashes: a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3")
        return nil
    }
}
