import BridgeCore

/// The keys of a source with `vendor: basix`.
package struct BasixConfiguration: AdapterConfiguration {
    package static let vendor = "basix"

    /// Whose channels are watched where not all are.
    package enum WatchedBy: String, Sendable, CaseIterable {
        case id = "user_id"
        case name = "user_name"
        case label = "user_label"
        case `extension` = "user_extension"
        case did = "user_did"
        case email = "user_email"
    }

    package let host: String
    package let port: Int
    package let path: String
    /// nil: plain WebSocket.
    package let tls: TLSSettings?
    package let domain: String
    package let token: Secret
    package let appName: String
    package let hasFullEvents: Bool
    /// At the server's limit an older connection of the same name is closed for this one.
    package let force: Bool
    package let watch: (by: WatchedBy, value: String)?
    package let maximumMessageBytes: Int

    /// What a file with nothing but the required keys means, where no other value is given.
    package init(
        host: String, port: Int, path: String = Self.usualPath, tls: TLSSettings? = nil, domain: String, token: Secret,
        appName: String, hasFullEvents: Bool = true, force: Bool = true, watch: (by: WatchedBy, value: String)? = nil,
        maximumMessageBytes: Int = 16 << 20
    ) {
        (self.host, self.port, self.path, self.tls) = (host, port, path, tls)
        (self.domain, self.token, self.appName) = (domain, token, appName)
        (self.hasFullEvents, self.force, self.watch) = (hasFullEvents, force, watch)
        self.maximumMessageBytes = maximumMessageBytes
    }

    package static let usualPath = "/basix/api/ws_cti"
    private static let form = "wss://HOST/basix/api/ws_cti"

    package init?(_ section: ConfigurationSection) {
        let url = Self.url(section)
        let tls = section.tls("tls")
        let domain = section.string("domain", required: true, matching: Self.domainPattern)
        let token = Self.token(section)
        let appName = section.string("app_name", required: true, matching: Self.namePattern)
        hasFullEvents = section.boolean("full_events") ?? true
        force = section.boolean("force") ?? true
        watch = section.section("watch").flatMap(Self.watch)
        let limits = section.section("limits")
        maximumMessageBytes = limits?.size("message_bytes", in: 64 << 10...256 << 20) ?? 16 << 20
        limits?.finish()
        if section.keys.contains("watch"), hasFullEvents {
            section.report(
                "'watch' without effect: with 'full_events' the whole PBX is watched", at: section.mark(of: "watch"),
                hint: "write full_events: false, or remove 'watch'")
        }
        if let url, url.scheme == "ws", section.keys.contains("tls") {
            section.report(
                "'tls' without TLS: the URL begins with ws://", at: section.mark(of: "tls"),
                hint: "write wss://, or remove 'tls'")
        }
        guard let url, let domain, let token, let appName else { return nil }
        (host, port) = (url.host, url.port ?? (url.scheme == "wss" ? 443 : 80))
        path = url.path.isEmpty || url.path == "/" ? Self.usualPath : url.path
        self.tls = url.scheme == "wss" ? tls ?? TLSSettings() : nil
        (self.domain, self.token, self.appName) = (domain, token, appName)
    }

    /// A colon would end the user name of Basic authentication.
    private static let domainPattern = TextPattern("a domain such as test1.example: visible ASCII without ':'") {
        $0.utf8.count <= 253 && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ":") }
    }

    private static let namePattern = TextPattern("1 to 64 visible ASCII characters without blanks") {
        $0.utf8.count <= 64 && $0.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    /// What the URL of the vendor's sample holds besides has keys of its own here.
    private static func url(_ section: ConfigurationSection) -> ConfigurationURL? {
        guard let scalar = section.scalar("url", expected: "a URL", required: true) else { return nil }
        let rest = scalar.text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).last ?? ""
        // A token may hold a slash, behind which the host would seem to end.
        guard !rest.prefix(while: { $0 != "?" }).contains("@") else {
            section.report(
                "domain and token do not belong in the URL", at: scalar.mark,
                hint: "write \(form), domain: NAME and token: { credential: NAME }")
            return nil
        }
        guard let url = section.url("url", schemes: ["wss", "ws"], form: form, required: true) else { return nil }
        guard url.query == nil else {
            section.report(
                "bad URL for 'url': the query is made by the source", at: scalar.mark,
                hint: "write \(form), and app_name, full_events and force as keys")
            return nil
        }
        return url
    }

    private static func token(_ section: ConfigurationSection) -> Secret? {
        guard let token = section.secret("token", required: true) else { return nil }
        guard token.bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            section.report(
                "the token of 'token' contains a control character", at: section.valueMark(of: "token"),
                hint: "one line of text, without a line end but the last")
            return nil
        }
        return token
    }

    private static func watch(_ section: ConfigurationSection) -> (by: WatchedBy, value: String)? {
        let given = WatchedBy.allCases.compactMap { by in section.string(by.rawValue).map { (by: by, value: $0) } }
        section.finish()
        guard given.count == 1 else {
            section.report(
                "'watch' needs exactly one of \(WatchedBy.allCases.map(\.rawValue).joined(separator: ", "))",
                at: section.mark, hint: "such as watch: { user_extension: \"1001\" }")
            return nil
        }
        return given[0]
    }
}
