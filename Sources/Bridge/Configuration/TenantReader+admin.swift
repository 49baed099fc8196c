import BridgeCore
import Sinks

/// The section `admin`.
extension TenantReader {
    func admin(_ root: ConfigurationSection, sourceNames: Set<String>) -> AdminConfiguration? {
        guard let section = root.section("admin") else { return nil }
        let listen = section.listenAddress("listen") ?? ListenAddress(host: "127.0.0.1", port: 8790)
        let identity = section.listenerIdentity("tls")
        let tokens = tokens(section, sourceNames: sourceNames, feeds: feedNames(root))
        let origins = section.scalars("origins", ifEmpty: "remove it where no browser reads feeds") ?? []
        let readers = section.integer("max_readers", in: 1...10_000) ?? 1000
        section.finish()
        if !listen.isLoopback, !section.keys.contains("tokens") {
            section.report(
                "'listen' beyond this machine without tokens", at: section.mark(of: "listen"),
                hint: "add tokens: [ { name: …, token: { credential: NAME } } ], or write listen: \(listen.port)")
        }
        return AdminConfiguration(
            listen: listen, identity: identity, tokens: tokens, origins: origins.compactMap { origin($0, in: section) },
            maximumReaders: readers)
    }

    /// A feed that nobody can read is a mistake.
    func checkFeed(
        _ sink: SinkConfiguration, admin: AdminConfiguration?, hasAdmin: Bool, in section: ConfigurationSection
    ) {
        guard sink.isEnabled, sink.isServedByAdmin else { return }
        let mark = section.valueMark(of: "type")
        guard let admin else {
            guard !hasAdmin else { return }
            return section.report(
                "a sink with type '\(sink.type)' needs 'admin', which serves its readers", at: mark,
                hint: "add admin: { listen: 127.0.0.1:8790, tokens: [ { name: …, token: { credential: NAME } } ] }")
        }
        guard !admin.opens(feed: sink.name) else { return }
        section.report(
            "no token of 'admin' lets anybody read '\(sink.name)'", at: mark,
            hint: admin.tokens.isEmpty
                ? "add tokens: [ { name: …, token: { credential: NAME } } ] to 'admin'"
                : "add '\(sink.name)' to the feeds of a token's scope")
    }

    // MARK: - Tokens

    private func tokens(
        _ section: ConfigurationSection, sourceNames: Set<String>, feeds: [String]
    ) -> [AdminConfiguration.Token] {
        let hint = "remove it: then /health alone answers"
        var names: [String: ConfigurationMark] = [:]
        var secrets: [(secret: Secret, name: String)] = []
        return (section.sections("tokens", title: "a token", ifEmpty: hint) ?? []).map { section in
            let name = uniqueName(section, names: &names, what: "tokens")
            let secret = section.bearerToken("token", required: true)
            let scope = section.section("scope").map { self.scope($0, sourceNames: sourceNames, feeds: feeds) }
            section.finish()
            guard let name, let secret else {
                // A stand-in, so that no further mistake follows from this one.
                return AdminConfiguration.Token(name: "", secret: SecretReference(Secret([])), scope: scope)
            }
            if let other = secrets.first(where: { $0.secret == secret.value }) {
                section.report(
                    "token '\(name)' is the same as '\(other.name)'", at: section.valueMark(of: "token"),
                    hint: "give each reader a token of his own: openssl rand -hex 32")
            }
            secrets.append((secret.value, name))
            return AdminConfiguration.Token(name: name, secret: secret, scope: scope)
        }
    }

    private func scope(
        _ section: ConfigurationSection, sourceNames: Set<String>, feeds: [String]
    ) -> AdminConfiguration.Scope {
        let named = section.scalars("feeds", ifEmpty: "remove it for all feeds") ?? []
        for name in named where !feeds.contains(name.text) {
            section.report(
                "there is no feed \(ConfigurationDiagnostic.quoted(name.text))", at: name.mark,
                hint: feeds.isEmpty ? "add a sink with type: feed" : Suggestion.hint(for: name.text, among: feeds))
        }
        let lines = LineCriteria(
            sources: sources(section, sourceNames: sourceNames) ?? [],
            queues: section.scalars("queues", ifEmpty: "remove it for all queues")?.map(\.text) ?? [],
            agents: section.scalars("agents", ifEmpty: "remove it for all agents")?.map(\.text) ?? [])
        section.finish()
        if section.keys.isEmpty {
            section.report(
                "'scope' limits nothing", at: section.mark,
                hint: "write scope: { agents: [ID] }, or remove it for a token that opens everything")
        }
        return AdminConfiguration.Scope(feeds: named.map(\.text), lines: lines)
    }

    /// Names of the sinks that have readers, be there other mistakes in them.
    private func feedNames(_ root: ConfigurationSection) -> [String] {
        guard let node = root.value("sinks"), case .sequence(let sinks) = node.content else { return [] }
        return sinks.compactMap { sink in
            guard case .mapping(let entries) = sink.content else { return nil }
            func text(_ key: String) -> String? {
                guard case .scalar(let text, _) = entries.first(where: { $0.key == key })?.value.content else {
                    return nil
                }
                return text
            }
            return text("type").flatMap(SinkRegistry.sink)?.isServedByAdmin == true ? text("name") : nil
        }
    }

    // MARK: - Origins

    /// As browsers send it: scheme and host in lower case, a port that is not the usual one, no path.
    private func origin(_ scalar: ConfigurationSection.Scalar, in section: ConfigurationSection) -> String? {
        if scalar.text == "*" { return "*" }
        let url = try? ConfigurationURL(scalar.text, schemes: ["https", "http"])
        let isOrigin =
            url.map { $0.path.isEmpty && $0.query == nil && scalar.text == scalar.text.lowercased() } ?? false
        guard isOrigin, let url, url.port != (url.scheme == "https" ? 443 : 80) else {
            section.report(
                "\(ConfigurationDiagnostic.quoted(scalar.text)) is no origin", at: scalar.mark,
                hint: "write it as browsers do: https://HOST[:PORT] in lower case, without a slash at the end")
            return nil
        }
        return scalar.text
    }
}
