/// How a Socket.IO server is reached and greeted: the keys that every component shares that connects to one.
package struct SocketIOSettings: Sendable, Equatable {
    /// Engine.IO 3 is Socket.IO 1 and 2, Engine.IO 4 is Socket.IO 3 and 4.
    package enum Version: String, Sendable, CaseIterable {
        /// Whatever the server speaks.
        case auto
        case eio3
        case eio4
    }

    /// A name and its value, which may be a secret.
    package struct Field: Sendable, Equatable {
        package let name: String
        package let value: Secret

        package init(_ name: String, _ value: Secret) { (self.name, self.value) = (name, value) }
    }

    package let host: String
    package let port: Int
    /// nil: in the clear.
    package let tls: TLSSettings?
    package let version: Version
    /// With a slash at its end.
    package let path: String
    package let namespace: String
    /// Added to the query of every request.
    package let query: [Field]
    package let headers: [Field]
    /// Members of the object that joins the namespace; Engine.IO 4 only.
    package let auth: [Field]
    /// Sent as `token` in the query and in the joining object.
    package let token: Secret?

    package static let usualPath = "/socket.io/"
    package static let form = "http://HOST:PORT or https://HOST:PORT"

    package init(
        host: String, port: Int, tls: TLSSettings? = nil, version: Version = .auto, path: String = Self.usualPath,
        namespace: String = "/", query: [Field] = [], headers: [Field] = [], auth: [Field] = [], token: Secret? = nil
    ) {
        (self.host, self.port, self.tls, self.version) = (host, port, tls, version)
        (self.path, self.namespace, self.query, self.headers) = (path, namespace, query, headers)
        (self.auth, self.token) = (auth, token)
    }

    /// Reads the keys `url`, `protocol`, `path`, `namespace`, `query`, `headers`, `auth`, `token` and `tls` of `section`.
    /// Nil only after a report.
    package init?(_ section: ConfigurationSection) {
        let url = Self.url(section)
        let tls = section.tls("tls")
        version = section.enumeration("protocol", Version.self) ?? .auto
        path = Self.path(section)
        namespace = section.string("namespace", matching: Self.namespacePattern) ?? "/"
        query = section.fields("query", names: Self.queryNames)
        headers = section.fields("headers", names: Self.headerNames)
        auth = section.fields("auth", names: Self.authNames)
        token = section.lineSecret("token")
        if let url, !Self.speaksTLS(url), section.keys.contains("tls") {
            section.report(
                "'tls' without TLS: the URL begins with \(url.scheme)://", at: section.mark(of: "tls"),
                hint: "write https://, or remove 'tls'")
        }
        if version == .eio3, !auth.isEmpty {
            section.report(
                "'auth' without effect: Engine.IO 3 has no such payload", at: section.mark(of: "auth"),
                hint: "write query: or headers: in its place, or protocol: auto")
        }
        guard let url else { return nil }
        (host, port) = (url.host, url.port ?? (Self.speaksTLS(url) ? 443 : 80))
        self.tls = Self.speaksTLS(url) ? tls ?? TLSSettings() : nil
    }

    /// The URL without secrets.
    package var endpoint: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return "\(tls == nil ? "http" : "https")://\(name):\(port)\(namespace == "/" ? "" : namespace)"
    }

    /// Reads `path`, with a slash at its end as servers want it.
    package static func path(_ section: ConfigurationSection) -> String {
        guard let path = section.string("path", matching: pathPattern) else { return usualPath }
        return path.hasSuffix("/") ? path : path + "/"
    }

    private static func speaksTLS(_ url: ConfigurationURL) -> Bool { url.scheme == "https" || url.scheme == "wss" }

    /// What a Socket.IO URL may hold besides has keys of its own here: a path there would be a namespace.
    private static func url(_ section: ConfigurationSection) -> ConfigurationURL? {
        guard let scalar = section.scalar("url", expected: "a URL", required: true) else { return nil }
        let rest = scalar.text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).last ?? ""
        guard !rest.prefix(while: { $0 != "?" }).contains("@") else {
            section.report(
                "credentials do not belong in the URL", at: scalar.mark,
                hint: "write \(form), and token: { credential: NAME }, headers: or auth:")
            return nil
        }
        let schemes = ["https", "http", "wss", "ws"]
        guard let url = section.url("url", schemes: schemes, form: form, required: true) else { return nil }
        guard url.query == nil else {
            section.report(
                "bad URL for 'url': the query has a key of its own", at: scalar.mark,
                hint: "write \(form), and query: { NAME: VALUE }")
            return nil
        }
        guard url.path.isEmpty || url.path == "/" else {
            section.report(
                "bad URL for 'url': it has a path", at: scalar.mark,
                hint:
                    "write \(form); where the server listens elsewhere than at \(usualPath) path: PATH, for a namespace "
                    + "namespace: /NAME")
            return nil
        }
        return url
    }

    private static let pathPattern = TextPattern("a path such as /socket.io/, in visible ASCII") {
        $0.hasPrefix("/") && $0.utf8.count <= 1024
            && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    }

    private static let namespacePattern = TextPattern("a namespace such as /cti, in visible ASCII without , and ?") {
        $0.hasPrefix("/") && $0.utf8.count <= 256
            && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "?") }
    }

    private static let queryNames = TextPattern("a name that the protocol itself does not use") {
        !["EIO", "transport", "sid", "b64", "t", "j"].contains($0) && $0.utf8.count <= 256
    }

    private static let headerNames = TextPattern("the name of an HTTP field that the handshake itself does not use") {
        let name = $0.lowercased()
        let isToken = name.utf8.allSatisfy { byte in
            (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
        let isOurs = ["host", "connection", "upgrade", "content-length", "transfer-encoding"].contains(name)
        return isToken && !isOurs && !name.hasPrefix("sec-websocket-") && name.utf8.count <= 256
    }

    private static let authNames = TextPattern("a name of at most 256 bytes") { $0.utf8.count <= 256 }
}

extension ConfigurationSection {
    /// A secret of one line.
    package func lineSecret(_ key: String) -> Secret? {
        guard let secret = secret(key) else { return nil }
        guard secret.bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            report(
                "the secret of '\(key)' contains a control character", at: valueMark(of: key),
                hint: "one line of text, without a line end but the last")
            return nil
        }
        return secret
    }

    /// A mapping of names to texts or secrets.
    fileprivate func fields(_ key: String, names: TextPattern) -> [SocketIOSettings.Field] {
        guard let section = section(key) else { return [] }
        return section.keys.compactMap { name in
            guard !name.isEmpty, names.matches(name) else {
                section.report(
                    "bad name in '\(key)': \(ConfigurationDiagnostic.quoted(name))", at: section.mark(of: name),
                    hint: "expected \(names.expectation)")
                return nil
            }
            var value: Secret?
            if let node = section.value(name), case .mapping = node.content {
                value = section.lineSecret(name)
            } else {
                value = section.string(name).map { Secret(Array($0.utf8)) }
            }
            return value.map { SocketIOSettings.Field(name, $0) }
        }
    }
}
