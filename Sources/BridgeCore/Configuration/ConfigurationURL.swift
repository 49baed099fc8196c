/// A URL of the configuration, taken apart. It holds no password: those are secrets and have keys of their own.
package struct ConfigurationURL: Sendable, Equatable {
    /// In lower case.
    package let scheme: String
    /// Without the brackets of an IPv6 address; empty only where the scheme needs no host.
    package let host: String
    package let port: Int?
    /// From the first slash behind the host; may be empty. Nothing is decoded.
    package let path: String
    /// Behind the question mark, without it; nil when there is none.
    package let query: String?

    /// What is wrong with a URL; every case knows its sentence.
    package enum Mistake: Error, Equatable {
        case noScheme
        case unknownScheme(String)
        case password
        case user
        case noHost
        case badHost
        case badPort
        case badCharacter
        case fragment
    }

    /// Reads `text`. A scheme listed in `hostless` may go without a host.
    package init(_ text: String, schemes: [String], hostless: Set<String> = []) throws(Mistake) {
        guard let separator = Self.range(of: "://", in: text) else { throw .noScheme }
        let scheme = text[..<separator.lowerBound].lowercased()
        guard schemes.contains(scheme) else {
            // Only what looks like a scheme may be repeated in a message.
            let isScheme = scheme.utf8.count <= 16 && scheme.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
            throw isScheme ? .unknownScheme(scheme) : .noScheme
        }
        var rest = text[separator.upperBound...]
        if let mark = rest.firstIndex(of: "@"), mark < rest.firstIndex(where: { "/?#".contains($0) }) ?? rest.endIndex {
            throw rest[..<mark].contains(":") ? .password : .user
        }
        guard rest.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .badCharacter }
        guard !rest.contains("#") else { throw .fragment }
        var query: Substring?
        if let mark = rest.firstIndex(of: "?") {
            query = rest[rest.index(after: mark)...]
            rest = rest[..<mark]
        }
        let pathStart = rest.firstIndex(of: "/") ?? rest.endIndex
        let (host, port) = try Self.authority(rest[..<pathStart])
        guard !host.isEmpty || hostless.contains(scheme) else { throw .noHost }
        (self.scheme, self.host, self.port) = (scheme, host, port)
        (self.path, self.query) = (String(rest[pathStart...]), query.map(String.init))
    }

    private static func authority(_ text: Substring) throws(Mistake) -> (host: String, port: Int?) {
        var host = text
        var portText: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw .badHost }
            let behind = text[text.index(after: end)...]
            guard behind.isEmpty || behind.hasPrefix(":") else { throw .badPort }
            host = text[text.index(after: text.startIndex)..<end]
            guard host.contains(":"), host.allSatisfy({ $0.isHexDigit || ":.%".contains($0) }) else { throw .badHost }
            portText = behind.isEmpty ? nil : behind.dropFirst()
        } else {
            if let colon = text.firstIndex(of: ":") {
                host = text[..<colon]
                portText = text[text.index(after: colon)...]
            }
            guard host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }) else {
                throw .badHost
            }
        }
        guard let portText else { return (String(host), nil) }
        guard let port = Quantity.integer(portText), (1...65535).contains(port) else { throw .badPort }
        return (String(host), port)
    }

    private static func range(of needle: String, in text: String) -> Range<String.Index>? {
        var start = text.startIndex
        while start < text.endIndex {
            if text[start...].hasPrefix(needle) { return start..<text.index(start, offsetBy: needle.count) }
            start = text.index(after: start)
        }
        return nil
    }
}

extension ConfigurationSection {
    /// A URL with one of `schemes`. `form` is how it should look, for hints. The value is not repeated in any message,
    /// because a password may be in it.
    package func url(
        _ key: String, schemes: [String], hostless: Set<String> = [], form: String, required: Bool = false
    ) -> ConfigurationURL? {
        guard let scalar = scalar(key, expected: "a URL", required: required) else { return nil }
        do {
            return try ConfigurationURL(scalar.text, schemes: schemes, hostless: hostless)
        } catch {
            let (cause, hint) = Self.sentence(for: error, key: key, schemes: schemes, form: form)
            report(cause, at: scalar.mark, hint: hint)
            return nil
        }
    }

    static func sentence(
        for mistake: ConfigurationURL.Mistake, key: String, schemes: [String], form: String
    ) -> (cause: String, hint: String) {
        switch mistake {
        case .noScheme: ("bad URL for '\(key)': no scheme", "write \(form)")
        case .unknownScheme(let scheme):
            (
                "bad URL for '\(key)': scheme \(ConfigurationDiagnostic.quoted(scheme)) is not known here",
                Suggestion.nearest(to: scheme, among: schemes).map { "did you mean '\($0)'?" } ?? "write \(form)"
            )
        case .password:
            (
                "a password does not belong in the URL of '\(key)'",
                "write password: { credential: NAME }, { file: PATH } or { env: NAME }, and username: for the user"
            )
        case .user: ("a user name does not belong in the URL of '\(key)'", "write username: NAME")
        case .noHost: ("bad URL for '\(key)': no host", "write \(form)")
        case .badHost: ("bad URL for '\(key)': the host is not one", "write \(form), an IPv6 address in brackets")
        case .badPort: ("bad URL for '\(key)': the port is not one", "expected a number from 1 to 65535")
        case .badCharacter:
            ("bad URL for '\(key)': a blank or a character outside ASCII", "visible ASCII characters only")
        case .fragment: ("bad URL for '\(key)': a '#' part has no meaning here", "write \(form)")
        }
    }
}
