import BridgeCore
import WireProtocols

/// Reads the keys that say how to come to a hub: either a login, or the hub's URL and a token.
struct EnreachAccessReader {
    let section: ConfigurationSection

    private static let loginKeys = ["login", "api_url", "discovery_url"]
    private static let fixedKeys = ["url", "token", "token_command"]
    private static let hint =
        "either api_url: https://HOST/ and login: { user: NAME, secret_key: { … } }, or url: https://HOST/rte and token: { … }"

    /// Nil only after a report.
    func access() -> EnreachConfiguration.Access? {
        let hasLogin = Self.loginKeys.contains { section.keys.contains($0) }
        let fixed = Self.fixedKeys.filter { section.keys.contains($0) }
        // All of them are asked for, so that none is called unknown.
        let login = login(isWanted: hasLogin)
        let hub = hub(isWanted: !hasLogin && !fixed.isEmpty)
        let token = token(isWanted: !hasLogin && !fixed.isEmpty)
        if hasLogin, let key = fixed.first {
            section.report(
                "'\(key)' beside a login, which leads to hub and token itself", at: section.mark(of: key),
                hint: Self.hint)
            return nil
        }
        guard hasLogin || !fixed.isEmpty else {
            section.report("neither a login nor a hub's URL in \(section.title)", at: section.mark, hint: Self.hint)
            return nil
        }
        if let login { return .login(login) }
        guard let hub, let token else { return nil }
        return .fixed(hub: hub, token: token)
    }

    // MARK: - Login

    private func login(isWanted: Bool) -> EnreachLogin? {
        let place = place(isWanted: isWanted)
        guard section.value("login", required: isWanted) != nil, let login = section.section("login") else {
            return nil
        }
        defer { login.finish() }
        // A colon would end the user name of Basic authentication.
        let user = login.string("user", required: true, matching: Self.userPattern)
        let key = login.secret("secret_key")
        let password = login.secret("password")
        guard login.keys.contains("secret_key") != login.keys.contains("password") else {
            login.report(
                "'login' needs exactly one of secret_key, password", at: login.mark,
                hint: "secret_key: { credential: NAME }, or password: { credential: NAME } to get a key with")
            return nil
        }
        guard let place, let user,
            let credential = key.map({ EnreachLogin.Credential.secretKey($0) })
                ?? password.map({ .password($0) })
        else { return nil }
        return EnreachLogin(user: user, credential: credential, place: place)
    }

    private static let userPattern = TextPattern("a user name without ':', such as api@acme.example") {
        $0.utf8.count <= 256 && !$0.contains(":")
    }

    private func place(isWanted: Bool) -> EnreachLogin.Place? {
        let api = url("api_url", form: "https://HOST/")
        let discovery = url("discovery_url", form: "https://discover.enreachvoice.com/")
        if section.keys.contains("api_url"), section.keys.contains("discovery_url") {
            section.report(
                "'discovery_url' beside 'api_url', which is what a discovery would find",
                at: section.mark(of: "discovery_url"), hint: "remove one of them")
            return nil
        }
        if let api { return .api(api) }
        if let discovery { return .discovery(discovery) }
        if isWanted, !section.keys.contains("api_url"), !section.keys.contains("discovery_url") {
            section.report(
                "'login' needs 'api_url' or 'discovery_url'", at: section.mark(of: "login"),
                hint: "write discovery_url: https://discover.enreachvoice.com/ to have the interface of this user found"
            )
        }
        return nil
    }

    // MARK: - Fixed

    private func hub(isWanted: Bool) -> HTTPURL? {
        url("url", form: "https://HOST/rte", isHub: true, required: isWanted)
    }

    private func token(isWanted: Bool) -> EnreachConfiguration.TokenSource? {
        let secret = section.secretReference("token")
        let command = command()
        guard isWanted else { return nil }
        guard section.keys.contains("token") != section.keys.contains("token_command") else {
            section.report(
                "'url' needs exactly one of token, token_command",
                at: section.mark(of: section.keys.contains("token") ? "token_command" : "url"),
                hint: "write token: { file: PATH }, or token_command: [/usr/local/bin/rte-token]")
            return nil
        }
        return secret.map { .secret($0) } ?? command.map { .command($0) }
    }

    private func command() -> [String]? {
        guard let nodes = section.list("token_command", ifEmpty: "name a program by its absolute path") else {
            return nil
        }
        let words = nodes.compactMap { section.scalar($0, of: "token_command", expected: "a text") }
        guard let program = words.first, words.count == nodes.count else { return nil }
        guard program.text.hasPrefix("/") else {
            section.report(
                "the program of 'token_command' needs an absolute path", at: program.mark, hint: "begin it with /")
            return nil
        }
        if let broken = words.first(where: { $0.text.utf8.contains(0) }) {
            section.report("an argument of 'token_command' contains a NUL", at: broken.mark)
            return nil
        }
        return words.map(\.text)
    }

    /// A URL of https or http; a hub's may be written with wss or ws.
    private func url(_ key: String, form: String, isHub: Bool = false, required: Bool = false) -> HTTPURL? {
        let schemes = isHub ? ["https", "http", "wss", "ws"] : ["https", "http"]
        guard let url = section.url(key, schemes: schemes, form: form, required: required) else { return nil }
        if !isHub, url.query != nil {
            section.report(
                "bad URL for '\(key)': a query has no meaning here", at: section.valueMark(of: key),
                hint: "write \(form)")
            return nil
        }
        let path = url.path.isEmpty ? "/" : url.path
        let made = HTTPURL(
            isSecure: url.scheme == "https" || url.scheme == "wss", host: url.host, port: url.port,
            target: url.query.map { "\(path)?\($0)" } ?? path)
        if made == nil {
            section.report(
                "bad URL for '\(key)': host or path cannot be sent", at: section.valueMark(of: key),
                hint: "write \(form)")
        }
        return made
    }
}
