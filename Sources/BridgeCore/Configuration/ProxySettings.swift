/// An HTTP proxy that a source connects through: `http://HOST:PORT`, or a section with `url`, `username`, `password`.
package struct ProxySettings: Sendable, Equatable {
    package let host: String
    package let port: Int
    /// Only ever together with a password.
    package let username: String?
    package let password: Secret?

    package init(host: String, port: Int, username: String? = nil, password: Secret? = nil) {
        (self.host, self.port, self.username, self.password) = (host, port, username, password)
    }
}

extension ConfigurationSection {
    /// A proxy. Nil: there is none, or it was reported.
    package func proxy(_ key: String) -> ProxySettings? {
        guard let node = value(key) else { return nil }
        guard case .mapping = node.content else {
            return proxyURL(key).map { ProxySettings(host: $0.host, port: $0.port) }
        }
        guard let section = section(key) else { return nil }
        let target = section.proxyURL("url", required: true)
        let username = section.string("username", matching: Self.proxyUserPattern)
        let password = section.secret("password")
        section.finish()
        let keys = section.keys
        if keys.contains("username") != keys.contains("password") {
            let (found, missing) =
                keys.contains("username")
                ? ("username", "password: { credential: NAME }") : ("password", "username: NAME")
            section.report(
                "'\(found)' alone is no credentials", at: section.mark(of: found), hint: "add \(missing)")
        }
        return target.map { ProxySettings(host: $0.host, port: $0.port, username: username, password: password) }
    }

    private static let proxyUserPattern = TextPattern("a user name without ':'") { !$0.contains(":") }

    private func proxyURL(_ key: String, required: Bool = false) -> (host: String, port: Int)? {
        let form = "http://HOST:PORT"
        guard let scalar = scalar(key, expected: "a URL", required: required) else { return nil }
        do {
            let url = try ConfigurationURL(scalar.text, schemes: ["http"])
            guard let port = url.port else {
                report("the proxy needs a port", at: scalar.mark, hint: "write \(form)")
                return nil
            }
            guard url.path.isEmpty || url.path == "/", url.query == nil else {
                report("a proxy has no path", at: scalar.mark, hint: "write \(form)")
                return nil
            }
            return (url.host, port)
        } catch .password, .user {
            report(
                "credentials do not belong in the URL of a proxy", at: scalar.mark,
                hint: "write proxy: { url: \(form), username: NAME, password: { credential: NAME } }")
        } catch {
            let (cause, hint) = Self.sentence(for: error, key: key, schemes: ["http"], form: form)
            report(cause, at: scalar.mark, hint: hint)
        }
        return nil
    }
}
