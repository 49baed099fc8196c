import Adapters
import Bridge
import BridgeCore
import Testing

/// Eight lines that are a whole configuration with a Basix source; more keys of it go to line 9, column 5.
let basixLines = """
    tenant: acme
    sources:
      - name: tokyo
        vendor: basix
        url: wss://pbx.example/basix/api/ws_cti
        domain: test1.example
        token: { env: REDIS_PASSWORD }
        app_name: bridge

    """

func withBasixKeys(_ keys: String) -> String {
    basixLines + keys.split(separator: "\n").map { "    \($0)\n" }.joined()
}

extension MistakeRow {
    fileprivate static func basix(_ keys: String, _ place: String, _ cause: String, _ hint: String? = nil) -> MistakeRow
    {
        MistakeRow(withBasixKeys(keys), place, cause, hint)
    }

    /// One of the eight lines with something else.
    fileprivate static func line(
        _ old: String, _ new: String, _ place: String, _ cause: String, _ hint: String? = nil
    ) -> MistakeRow {
        MistakeRow(basixLines.replacing(old, with: new), place, cause, hint)
    }

    fileprivate static func url(_ url: String, _ cause: String, _ hint: String? = nil) -> MistakeRow {
        .line("wss://pbx.example/basix/api/ws_cti", url, "5:10", cause, hint)
    }
}

extension ConfigurationMistakeTests {
    static let basix: [MistakeRow] = [
        .line("    url: wss://pbx.example/basix/api/ws_cti\n", "", "3:5", "'url' is missing", "add 'url: …'"),
        .line("    domain: test1.example\n", "", "3:5", "'domain' is missing", "add 'domain: …'"),
        .line("    token: { env: REDIS_PASSWORD }\n", "", "3:5", "'token' is missing", "add"),
        .line("    app_name: bridge\n", "", "3:5", "'app_name' is missing", "add 'app_name: …'"),
        .url("https://pbx.example/", "scheme 'https' is not known here", "wss://HOST/basix/api/ws_cti"),
        .url("pbx.example/basix/api/ws_cti", "no scheme", "wss://HOST/basix/api/ws_cti"),
        .url("wss:///basix/api/ws_cti", "no host", "wss://HOST/basix/api/ws_cti"),
        .url("wss://pbx.example:0/", "the port is not one", "1 to 65535"),
        .url("wss://test1.example:hunter2@pbx.example/", "domain and token do not belong in the URL", "domain: NAME"),
        .url(
            "wss://test1.example:hunter2/x@pbx.example/", "domain and token do not belong in the URL", "token: {"),
        .url(
            "wss://pbx.example/basix/api/ws_cti?app_name=x&token=hunter2", "the query is made by the source",
            "app_name, full_events and force as keys"),
        .url("wss://pbx.example/#top", "bad URL for 'url'"),
        .url("[wss://pbx.example/]", "expected a URL for 'url', found a list"),
        .line("test1.example", "\"a:b\"", "6:13", "bad 'domain': 'a:b'", "without ':'"),
        .line("test1.example", "\"a b\"", "6:13", "bad 'domain': 'a b'", "visible ASCII"),
        .line("test1.example", "例.example", "6:13", "bad 'domain'", "visible ASCII"),
        .line(
            "{ env: REDIS_PASSWORD }", "hunter2", "7:12", "'token' is a secret and must not be written", "credential"),
        .line("{ env: REDIS_PASSWORD }", "{ env: EMPTY }", "7:19", "environment variable 'EMPTY' is empty"),
        .line(
            "{ env: REDIS_PASSWORD }", "{ env: TWO_LINES }", "7:12",
            "the token of 'token' contains a control character",
            "one line of text"),
        .line("bridge", "\"my bridge\"", "8:15", "bad 'app_name': 'my bridge'", "without blanks"),
        .line("bridge", String(repeating: "x", count: 65), "8:15", "bad 'app_name'", "1 to 64"),
        .basix("full_events: yes", "9:18", "expected true or false for 'full_events'", "write 'full_events: true'"),
        .basix("force: \"true\"", "9:12", "'force' is true or false, found text", "without quotes: true"),
        .basix("forced: true", "9:5", "unknown key 'forced' in a source", "did you mean 'force'?"),
        .basix("lists: [cdr]", "9:5", "unknown key 'lists' in a source"),
        .basix("watch: { user_extension: \"1001\" }", "9:5", "'watch' without effect", "write full_events: false"),
        .basix(
            "full_events: false\nwatch: {}", "10:12", "'watch' needs exactly one of user_id, user_name",
            "user_extension"),
        .basix(
            "full_events: false\nwatch: { user_id: \"1\", user_name: sato }", "10:12",
            "'watch' needs exactly one of user_id, user_name"),
        .basix("full_events: false\nwatch: sato", "10:12", "expected 'watch' as a mapping", "key: value"),
        .basix("full_events: false\nwatch: { group: x, user_id: \"1\" }", "10:14", "unknown key 'group' in 'watch'"),
        .basix("limits: { message_bytes: 1KiB }", "9:30", "'message_bytes' is out of range", "64KiB"),
        .basix("limits: { message_bytes: 1GiB }", "9:30", "'message_bytes' is out of range", "256MiB"),
        .basix("limits: { depth: 8 }", "9:15", "unknown key 'depth' in 'limits'"),
        .basix(
            "tls: { verify: insecur }", "9:20", "expected one of full, insecure for 'verify'",
            "did you mean 'insecure'?"),
        .basix("tls: { ca: /nonexistent/ca.pem }", "9:16", "tls.ca /nonexistent/ca.pem cannot be read: No such file"),
        MistakeRow(
            withBasixKeys("tls: { server_name: pbx }").replacing("wss:", with: "ws:"), "9:5",
            "'tls' without TLS: the URL begins with ws://", "write wss://"),
        .basix("proxy: https://proxy:3128", "9:12", "scheme 'https' is not known here", "'http'?"),
    ]
}

@Suite("Values of a Basix source")
struct BasixConfigurationTests {
    private func basix(_ text: String) throws -> BasixConfiguration {
        let outcome = loadYAML(text)
        let configuration = try #require(
            outcome.configuration, "\(outcome.diagnostics.map(\.description).joined(separator: "\n"))")
        return try #require(configuration.sources.first?.adapter as? BasixConfiguration)
    }

    @Test("The required keys are enough; TLS, the whole PBX and force are the default")
    func defaults() throws {
        let basix = try basix(basixLines)
        #expect(basix.host == "pbx.example" && basix.port == 443 && basix.path == "/basix/api/ws_cti")
        #expect(basix.tls != nil && basix.domain == "test1.example" && basix.appName == "bridge")
        #expect(basix.token == Secret(Array("correct horse".utf8)))
        #expect(basix.hasFullEvents && basix.force && basix.watch == nil && basix.maximumMessageBytes == 16 << 20)
    }

    @Test("Each key is taken")
    func keys() throws {
        let text = """
            full_events: false
            force: false
            watch: { user_extension: "1001" }
            limits: { message_bytes: 1MiB }
            tls: { server_name: pbx.internal }
            """
        let basix = try basix(
            withBasixKeys(text).replacing("pbx.example/basix/api/ws_cti", with: "[2001:db8::1]:8443/other"))
        #expect(basix.host == "2001:db8::1" && basix.port == 8443 && basix.path == "/other")
        #expect(!basix.hasFullEvents && !basix.force && basix.maximumMessageBytes == 1 << 20)
        #expect(basix.watch?.by == .extension && basix.watch?.value == "1001")
        #expect(basix.tls?.serverName == "pbx.internal")
    }

    @Test(
        "A URL without path gets the vendor's, without port the scheme's",
        arguments: [
            ("wss://pbx.example", 443, "/basix/api/ws_cti"), ("wss://pbx.example/", 443, "/basix/api/ws_cti"),
            ("ws://pbx.example", 80, "/basix/api/ws_cti"), ("ws://pbx.example:9797/x/y", 9797, "/x/y"),
        ])
    func urls(_ url: String, _ port: Int, _ path: String) throws {
        let basix = try basix(basixLines.replacing("wss://pbx.example/basix/api/ws_cti", with: url))
        #expect(basix.port == port && basix.path == path && (basix.tls != nil) == url.hasPrefix("wss"))
    }

    @Test("Each way of naming who is watched is taken", arguments: BasixConfiguration.WatchedBy.allCases)
    func watched(_ by: BasixConfiguration.WatchedBy) throws {
        let basix = try basix(withBasixKeys("full_events: false\nwatch: { \(by.rawValue): \"値\" }"))
        #expect(basix.watch?.by == by && basix.watch?.value == "値")
    }
}
