import Bridge
import BridgeCore
import Codecs
import Testing
import WireProtocols

@testable import Adapters

/// Six lines that are a whole configuration with an Enreach source; more keys of it go to line 7, column 5.
let enreachLines = """
    tenant: acme
    sources:
      - name: hel
        vendor: enreach
        api_url: https://api.example/
        login: { user: api@acme.example, secret_key: { env: REDIS_PASSWORD } }

    """

/// Seven lines with a hub and a token of their own; more keys go to line 8, column 5.
let enreachHubLines = """
    tenant: acme
    sources:
      - name: hel
        vendor: enreach
        url: https://rte.example/rte
        token: { env: BASIX_TOKEN }
        subscriptions: [{ queues: [cbeeb190-ff4b-ea11-ac9c-00155d4fdcf3] }]

    """

private let queueID = "cbeeb190-ff4b-ea11-ac9c-00155d4fdcf3"
private let userID = "a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3"

private func withKeys(_ lines: String, _ keys: String) -> String {
    lines + keys.split(separator: "\n").map { "    \($0)\n" }.joined()
}

extension MistakeRow {
    fileprivate static func login(_ keys: String, _ place: String, _ cause: String, _ hint: String? = nil) -> MistakeRow
    {
        MistakeRow(withKeys(enreachLines, keys), place, cause, hint)
    }

    fileprivate static func hub(_ keys: String, _ place: String, _ cause: String, _ hint: String? = nil) -> MistakeRow {
        MistakeRow(withKeys(enreachHubLines, keys), place, cause, hint)
    }

    /// One of the lines with a login with something else.
    fileprivate static func loginLine(
        _ old: String, _ new: String, _ place: String, _ cause: String, _ hint: String? = nil
    ) -> MistakeRow {
        MistakeRow(enreachLines.replacing(old, with: new), place, cause, hint)
    }

    fileprivate static func hubLine(
        _ old: String, _ new: String, _ place: String, _ cause: String, _ hint: String? = nil
    ) -> MistakeRow {
        MistakeRow(enreachHubLines.replacing(old, with: new), place, cause, hint)
    }

    /// `[ENTRY]` as the list of subscriptions, its first key at 7:23.
    fileprivate static func subscription(
        _ entry: String, _ column: Int, _ cause: String, _ hint: String? = nil
    ) -> MistakeRow {
        login("subscriptions: [\(entry)]", "7:\(column)", cause, hint)
    }
}

extension ConfigurationMistakeTests {
    private static let tokenLine = "    token: { env: BASIX_TOKEN }\n"
    private static let loginLine = "    login: { user: api@acme.example, secret_key: { env: REDIS_PASSWORD } }\n"
    private static let urlLine = "    url: https://rte.example/rte\n"

    static let enreach: [MistakeRow] = enreachAccess + enreachSubscriptions + enreachValues

    private static let enreachAccess: [MistakeRow] = [
        .loginLine(
            "    api_url: https://api.example/\n" + loginLine, "", "3:5", "neither a login nor a hub's URL",
            "either api_url"),
        .loginLine(loginLine, "", "3:5", "'login' is missing", "add 'login: …'"),
        .loginLine(
            "    api_url: https://api.example/\n", "", "5:5", "'login' needs 'api_url' or 'discovery_url'",
            "discover.enreachvoice.com"),
        .login(
            "discovery_url: https://discover.example/", "7:5", "'discovery_url' beside 'api_url'", "remove one of them"),
        .login("url: https://rte.example/rte", "7:5", "'url' beside a login", "either api_url"),
        .login("token: { env: BASIX_TOKEN }", "7:5", "'token' beside a login", "either api_url"),
        .login("token_command: [/bin/token]", "7:5", "'token_command' beside a login", "either api_url"),
        .loginLine("https://api.example/", "api.example", "5:14", "bad URL for 'api_url': no scheme", "https://HOST/"),
        .loginLine("https://api.example/", "wss://api.example/", "5:14", "scheme 'wss' is not known here"),
        .loginLine("https://api.example/", "https://api.example/?a=hunter2", "5:14", "a query has no meaning here"),
        .loginLine("https://api.example/", "https://u:hunter2@api.example/", "5:14", "a password does not belong"),
        .loginLine(
            "secret_key: { env: REDIS_PASSWORD }", "", "6:12", "'login' needs exactly one of secret_key, password"),
        .loginLine(
            "secret_key: { env: REDIS_PASSWORD }",
            "secret_key: { env: REDIS_PASSWORD }, password: { env: BASIX_TOKEN }", "6:12",
            "'login' needs exactly one of secret_key, password", "credential"),
        .loginLine("{ env: REDIS_PASSWORD }", "hunter2", "6:50", "'secret_key' is a secret and must not be written"),
        .loginLine("{ env: REDIS_PASSWORD }", "{ env: EMPTY }", "6:57", "environment variable 'EMPTY' is empty"),
        .loginLine("user: api@acme.example, ", "", "6:12", "'user' is missing in 'login'", "add 'user: …'"),
        .loginLine("api@acme.example", "\"a:b\"", "6:20", "bad 'user': 'a:b'", "without ':'"),
        .loginLine("{ user:", "{ usr: x, user:", "6:14", "unknown key 'usr' in 'login'", "'user'?"),
        .loginLine(
            "{ user: api@acme.example, secret_key: { env: REDIS_PASSWORD } }", "api@acme.example", "6:12",
            "expected 'login' as a mapping"),
        .hubLine(tokenLine, "", "5:5", "'url' needs exactly one of token, token_command", "token_command: ["),
        .hub(
            "token_command: [/bin/token]", "8:5", "'url' needs exactly one of token, token_command", "token: { file"),
        .hubLine(urlLine, "", "3:5", "'url' is missing", "add 'url: …'"),
        .hubLine("https://rte.example/rte", "ftp://rte.example/rte", "5:10", "scheme 'ftp' is not known here"),
        .hubLine("https://rte.example/rte", "https:///rte", "5:10", "no host", "https://HOST/rte"),
        .hubLine("{ env: BASIX_TOKEN }", "hunter2", "6:12", "'token' is a secret and must not be written", "env"),
        .hubLine(tokenLine, "    token_command: []\n", "6:20", "'token_command' is an empty list", "absolute path"),
        .hubLine(
            tokenLine, "    token_command: [token]\n", "6:21", "the program of 'token_command' needs an absolute path",
            "begin it with /"),
        .hubLine(tokenLine, "    token_command: /bin/token\n", "6:20", "expected a list for 'token_command'", "[ … ]"),
        .hubLine(
            "    subscriptions: [{ queues: [\(queueID)] }]\n", "", "3:5", "'subscriptions' is missing in a source",
            "without a login nobody can tell"),
        MistakeRow(
            withKeys(enreachHubLines, "tls: { server_name: rte }").replacing("https:", with: "http:"), "8:5",
            "'tls' without TLS: the URL begins with http://", "write https://"),
        MistakeRow(
            withKeys(enreachLines, "tls: { server_name: rte }").replacing("https:", with: "http:"), "7:5",
            "'tls' without TLS: the URL begins with http://"),
    ]

    private static let enreachSubscriptions: [MistakeRow] = [
        .login("subscriptions: []", "7:20", "'subscriptions' is an empty list", "remove it for everything"),
        .login("subscriptions: all", "7:20", "expected a list for 'subscriptions', found a plain value"),
        .subscription("all", 21, "expected a subscription as a mapping"),
        .subscription("{ events: all }", 21, "a subscription to nothing", "queues: all"),
        .subscription("{ queue: all, users: all }", 23, "unknown key 'queue' in a subscription", "'queues'?"),
        .subscription(
            "{ queues: any }", 31, "expected 'all' or a list of GUIDs for 'queues', found 'any'", "queues: all"),
        .subscription("{ queues: [] }", 31, "'queues' is an empty list", "at least one GUID"),
        .subscription("{ queues: [Support] }", 32, "expected a GUID for 'queues', found 'Support'", "hexadecimal"),
        .subscription("{ users: [\(userID), \(userID)] }", 69, "is there twice, first at line 7"),
        .subscription(
            "{ users: [\(userID), \(userID.uppercased())] }", 69, "is there twice, in other letters"),
        .subscription(
            "{ call_lists: [00000000-0000-0000-0000-000000000000] }", 36, "is the GUID of nobody"),
        .subscription("{ queues: all, events: some }", 44, "expected a list for 'events'"),
        .subscription("{ queues: all, events: [] }", 44, "'events' is an empty list", "events: all"),
        .subscription(
            "{ queues: all, events: [QueueCallArrived] }", 45, "unknown event 'QueueCallArrived'",
            "'QueueCallInArrived'?"
        ),
        .subscription(
            "{ queues: all, events: [Nonsense] }", 45, "unknown event 'Nonsense'", "events: all takes whatever"),
        .subscription(
            "{ queues: all, events: [QueueStatus, UserStatus] }", 58, "'UserStatus' is an event of users",
            "add 'users: …'"),
        .subscription(
            "{ users: all, events: [CallbackChanged] }", 44, "'CallbackChanged' is an event of call_lists"),
        .subscription(
            "{ queues: all, events: [QueueStatus, queuestatus] }", 58, "'queuestatus' is there twice, in other letters"),
        .hubLine(
            "[\(queueID)]", "all", "7:31", "'queues: all' needs 'login'", "list the GUIDs"),
    ]

    private static let enreachValues: [MistakeRow] = [
        .login("token_in: url", "7:15", "expected one of header, query for 'token_in'"),
        .login("negotiate: no", "7:16", "expected true or false for 'negotiate'", "negotiate: false"),
        .login("ping_interval: 15", "7:20", "expected a duration for 'ping_interval'", "30s"),
        .login("ping_interval: 500ms", "7:20", "'ping_interval' is out of range", "1s to 5m"),
        .login("server_timeout: 1h", "7:21", "'server_timeout' is out of range"),
        .login("server_timeout: 10s", "7:5", "'server_timeout' is shorter than 'ping_interval'", "twice"),
        .login("ping_interval: 1m", "7:5", "'server_timeout' is shorter than 'ping_interval'", "twice"),
        .login("handshake_timeout: 0s", "7:24", "'handshake_timeout' is out of range"),
        .login("invoke_timeout: 1d", "7:21", "'invoke_timeout' is out of range"),
        .login("max_backoff: 2h", "7:18", "'max_backoff' is out of range"),
        .login("backoff_max: 60s", "7:5", "unknown key 'backoff_max'"),
        .login("subscribe_batch: 0", "7:22", "'subscribe_batch' is out of range", "1 to 10000"),
        .login("enumerate_interval: 1s", "7:25", "'enumerate_interval' is out of range"),
        .login("retry_refused: 1s", "7:20", "'retry_refused' is out of range"),
        .login("time_zone: Europe/Helsinki", "7:16", "bad 'time_zone': 'Europe/Helsinki'", "utc, an offset"),
        .login("time_zone: \"+25:00\"", "7:16", "bad 'time_zone': '+25:00'"),
        .login("limits: { record_bytes: 1KiB }", "7:29", "'record_bytes' is out of range", "32KiB"),
        .login("limits: { depth: 3 }", "7:15", "unknown key 'depth' in 'limits'"),
        .login("limit: { record_bytes: 1MiB }", "7:5", "unknown key 'limit' in a source", "'limits'?"),
        .login("lists: [cdr]", "7:5", "unknown key 'lists' in a source"),
    ]
}

@Suite("Values of an Enreach source")
struct EnreachConfigurationTests {
    private func enreach(_ text: String) throws -> EnreachConfiguration {
        let outcome = loadYAML(text)
        let configuration = try #require(
            outcome.configuration, "\(outcome.diagnostics.map(\.description).joined(separator: "\n"))")
        return try #require(configuration.sources.first?.adapter as? EnreachConfiguration)
    }

    private let secret = Secret(Array("correct horse".utf8))

    @Test("A login is enough: everything of every kind is subscribed, times are what a hub does by default")
    func defaults() throws {
        let enreach = try enreach(enreachLines)
        guard case .login(let login) = enreach.access, case .api(let url) = login.place else {
            Issue.record("\(enreach.access)")
            return
        }
        #expect(login.user == "api@acme.example" && login.credential == .secretKey(secret))
        #expect(url.isSecure && url.host == "api.example" && url.port == 443 && url.target == "/")
        #expect(enreach.subscriptions == EnreachSubscription.everything && enreach.subscriptions.count == 3)
        #expect(enreach.tokenPlace == .header && enreach.negotiates && enreach.timeZone == .utc)
        #expect(enreach.connection == EnreachConfiguration.Connection())
        #expect(enreach.connection.pingInterval == .seconds(15) && enreach.connection.serverTimeout == .seconds(30))
        #expect(enreach.tls == TLSSettings())
    }

    @Test("A discovery in place of the interface, a password in place of the key")
    func discovery() throws {
        let enreach = try enreach(
            enreachLines.replacing("api_url: https://api.example/", with: "discovery_url: http://127.0.0.1:8080/x")
                .replacing("secret_key", with: "password"))
        guard case .login(let login) = enreach.access, case .discovery(let url) = login.place else {
            Issue.record("\(enreach.access)")
            return
        }
        #expect(login.credential == .password(secret))
        #expect(!url.isSecure && url.host == "127.0.0.1" && url.port == 8080 && url.target == "/x")
    }

    @Test(
        "A hub's URL in any of its spellings",
        arguments: [
            ("https://rte.example/rte", true, 443, "/rte"), ("wss://rte.example/rte?x=1", true, 443, "/rte?x=1"),
            ("http://rte.example", false, 80, "/"), ("ws://rte.example:5000/a/b", false, 5000, "/a/b"),
        ])
    func hubs(_ url: String, _ isSecure: Bool, _ port: Int, _ target: String) throws {
        let enreach = try enreach(enreachHubLines.replacing("https://rte.example/rte", with: url))
        guard case .fixed(let hub, .secret(let token)) = enreach.access else {
            Issue.record("\(enreach.access)")
            return
        }
        #expect(hub.isSecure == isSecure && hub.host == "rte.example" && hub.port == port && hub.target == target)
        #expect(token.value == secret && !token.isRenewable)
    }

    @Test("A token may come from a program, with its arguments")
    func command() throws {
        let enreach = try enreach(
            enreachHubLines.replacing(
                "token: { env: BASIX_TOKEN }", with: "token_command: [/usr/local/bin/token, --for, \"rte 1\", \"\"]"))
        guard case .fixed(_, .command(let words)) = enreach.access else {
            Issue.record("\(enreach.access)")
            return
        }
        #expect(words == ["/usr/local/bin/token", "--for", "rte 1", ""])
    }

    @Test("A token in a file is read anew when it is asked for, and never shown")
    func tokenFile() throws {
        let directory = try SecretDirectory()
        let path = try directory.write("token", "first\n", mode: 0o600)
        let enreach = try enreach(enreachHubLines.replacing("{ env: BASIX_TOKEN }", with: "{ file: \(path) }"))
        guard case .fixed(_, .secret(let token)) = enreach.access else {
            Issue.record("\(enreach.access)")
            return
        }
        #expect(token.value == Secret(Array("first".utf8)) && token.isRenewable)
        try directory.replace("token", "second\r\n")
        let renewed = try token.read()
        #expect(renewed == Secret(Array("second".utf8)))
        #expect(!"\(enreach)".contains("first") && !"\(renewed)".contains("second"))
        try directory.replace("token", "\n")
        #expect(throws: SecretReference.Failure.empty) { try token.read() }
        try directory.replace("token", "third", mode: 0o644)
        #expect(throws: SecretReference.Failure.openToOthers) { try token.read() }
        try directory.remove("token")
        #expect(throws: SecretReference.Failure.unreadable(.system(2))) { try token.read() }
    }

    @Test("Each key is taken")
    func keys() throws {
        let text = """
            token_in: query
            negotiate: false
            ping_interval: 10s
            server_timeout: 25s
            handshake_timeout: 5s
            invoke_timeout: 1m
            max_backoff: 2m
            subscribe_batch: 100
            enumerate_interval: 1h
            retry_refused: 30m
            time_zone: "-03:30"
            limits: { record_bytes: 1MiB }
            tls: { server_name: rte.internal }
            """
        let enreach = try enreach(withKeys(enreachLines, text))
        #expect(enreach.tokenPlace == .query && !enreach.negotiates)
        #expect(enreach.timeZone == .offset(minutes: -210) && enreach.tls.serverName == "rte.internal")
        var expected = EnreachConfiguration.Connection()
        (expected.pingInterval, expected.serverTimeout) = (.seconds(10), .seconds(25))
        (expected.handshakeTimeout, expected.invokeTimeout) = (.seconds(5), .seconds(60))
        (expected.maximumBackoff, expected.subscribeBatch) = (.seconds(120), 100)
        (expected.enumerationInterval, expected.refusedRetry) = (.seconds(3600), .seconds(1800))
        expected.maximumRecordBytes = 1 << 20
        #expect(enreach.connection == expected)
    }

    @Test(
        "Each kind of entity in an entry is a subscription; events are spelled as the vendor does, each with its kind")
    func subscriptions() throws {
        let text = """
            subscriptions:
              - { queues: [\(queueID.uppercased())], users: all, events: [usercallincoming, QueueCallInArrived, usersetting] }
              - { call_lists: all, events: all }
              - { users: [\(userID)], queues: all, events: [UserStatus] }
            """
        let lines = text.split(separator: "\n").map { "    \($0)\n" }.joined()
        let (queue, user) = (try #require(UUID128(queueID)), try #require(UUID128(userID)))
        #expect(
            try enreach(enreachLines + lines).subscriptions == [
                .init(kind: .queue, entities: .listed([queue]), events: .listed(["QueueCallInArrived"])),
                .init(kind: .user, entities: .all, events: .listed(["UserCallInComing", "UserSetting"])),
                .init(kind: .callList, entities: .all, events: .all),
                .init(kind: .user, entities: .listed([user]), events: .listed(["UserStatus"])),
            ])
    }

    @Test("Every event of the vendor may be listed, in any case, and belongs to a kind of entity")
    func events() {
        #expect(EnreachEvent.knownNames.count == 52 && EnreachEvent.allCases.count == 41)
        for name in EnreachEvent.knownNames {
            #expect(
                EnreachEvent.knownName(name.lowercased()) == name && EnreachEvent.knownName(name.uppercased()) == name)
            #expect(EnreachEntity.Kind(ofEvent: name) != nil, "\(name)")
        }
        #expect(EnreachEvent.knownName("UserCallIn") == nil)
    }

    @Test(
        "A time zone is utc, an offset, or unknown",
        arguments: [
            ("utc", EnreachTimeZone.utc), ("unknown", .unknown), ("+00:00", .utc), ("+02:00", .offset(minutes: 120)),
            ("-03:30", .offset(minutes: -210)), ("+14:00", .offset(minutes: 840)), ("UTC", nil), ("+2:00", nil),
            ("+02:60", nil), ("+15:00", nil), ("02:00", nil), ("+0200", nil), ("+02:0x", nil), ("", nil),
        ] as [(String, EnreachTimeZone?)])
    func timeZones(_ text: String, _ zone: EnreachTimeZone?) { #expect(EnreachTimeZone(text) == zone) }
}
