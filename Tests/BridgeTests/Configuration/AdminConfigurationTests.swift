import Bridge
import BridgeCore
import Sinks
import Testing

@Suite("The section admin, and feeds")
struct AdminConfigurationTests {
    private static let token = "{ name: ops, token: { env: ADMIN_TOKEN } }"

    private func admin(_ keys: String, feed: Bool = true) throws -> AdminConfiguration {
        let text = fiveLines + (feed ? "sinks: [ { name: live, type: feed } ]\n" : "") + "admin: { \(keys) }\n"
        let outcome = loadYAML(text)
        return try #require(outcome.configuration?.admin, "\(outcome.diagnostics.map(\.description))")
    }

    @Test func `Without it nothing listens`() {
        #expect(loadYAML(fiveLines).configuration?.admin == nil)
        #expect(loadYAML(fiveLines).configuration != nil)
    }

    @Test func `It listens on loopback where nothing else is said`() throws {
        let admin = try admin("listen: 8790", feed: false)
        #expect(admin.listen == ListenAddress(host: "127.0.0.1", port: 8790) && admin.listen.isLoopback)
        #expect(admin.tokens.isEmpty && admin.origins.isEmpty && admin.maximumReaders == 1000 && admin.identity == nil)
        #expect(try self.admin("listen: localhost:99", feed: false).listen.description == "127.0.0.1:99")
        #expect(try self.admin("listen: '[::1]:99'", feed: false).listen.description == "[::1]:99")
        #expect(try self.admin("max_readers: 5", feed: false).listen.port == 8790)
    }

    @Test func `Tokens, scopes and origins are read`() throws {
        let admin = try admin(
            """
            listen: 0.0.0.0:8790, max_readers: 20, origins: [https://wall.example, "http://localhost:3000"], tokens: [
              \(Self.token),
              { name: nomsa, token: { env: WALL_TOKEN }, scope: { agents: ["1001"], queues: [sales], sources: [cape], feeds: [live] } } ]
            """)
        #expect(admin.tokens.map(\.name) == ["ops", "nomsa"])
        #expect(admin.tokens[0].scope == nil)
        #expect(
            admin.tokens[1].scope
                == AdminConfiguration.Scope(
                    feeds: ["live"], lines: LineCriteria(sources: ["cape"], queues: ["sales"], agents: ["1001"])))
        #expect(admin.origins == ["https://wall.example", "http://localhost:3000"] && admin.maximumReaders == 20)
    }

    /// The keys of `admin`, beginning at 7:10 behind a feed called `live`.
    private static func row(_ keys: String, _ column: Int, _ cause: String, _ hint: String? = nil) -> MistakeRow {
        MistakeRow(
            fiveLines + "sinks: [ { name: live, type: feed } ]\nadmin: { \(keys) }\n", "7:\(column)", cause, hint)
    }

    private static let mistakes: [MistakeRow] = [
        .sink("name: live\ntype: feed", "8:11", "a sink with type 'feed' needs 'admin'", "admin: { listen"),
        MistakeRow(
            fiveLines + "sinks: [ { name: live, type: feed } ]\nadmin: { listen: 8790 }\n", "6:30",
            "no token of 'admin' lets anybody read 'live'", "add tokens"),
        MistakeRow(
            fiveLines
                + "sinks: [ { name: live, type: feed }, { name: wall, type: feed } ]\nadmin: { tokens: [ { name: a, token: { env: ADMIN_TOKEN }, scope: { feeds: [wall] } } ] }\n",
            "6:30", "no token of 'admin' lets anybody read 'live'", "to the feeds of a token's scope"),
        MistakeRow(
            fiveLines + "admin: { listen: 0.0.0.0:8790 }\n", "6:10", "'listen' beyond this machine without tokens",
            "or write listen: 8790"),
        MistakeRow(fiveLines + "admin: { listen: example.com:80 }\n", "6:18", "expected a port or ADDRESS:PORT"),
        MistakeRow(fiveLines + "admin: { listen: 127.0.0.1:0 }\n", "6:18", "expected a port or ADDRESS:PORT"),
        MistakeRow(fiveLines + "admin: { tokens: [] }\n", "6:18", "'tokens' is an empty list", "/health alone"),
        row("tokens: [ \(token) ], lisen: 1", 66, "unknown key 'lisen' in 'admin'", "'listen'?"),
        row("tokens: [ { name: a, token: hunter2 } ]", 38, "'token' is a secret and must not be written"),
        row(
            "tokens: [ { name: a, token: { env: BASIX_TOKEN } } ]", 38, "the secret of 'token' is no token",
            "visible ASCII"),
        row("tokens: [ { name: a } ]", 20, "'token' is missing in a token"),
        row("tokens: [ { token: { env: ADMIN_TOKEN } } ]", 20, "'name' is missing in a token"),
        row(
            "tokens: [ \(token), { name: ops, token: { env: WALL_TOKEN } } ]", 72, "the name 'ops' is taken",
            "of tokens"),
        row(
            "tokens: [ \(token), { name: b, token: { env: ADMIN_TOKEN } } ]", 82, "token 'b' is the same as 'ops'",
            "openssl rand"),
        row(
            "tokens: [ { name: a, token: { env: ADMIN_TOKEN }, scope: {} } ]", 67, "'scope' limits nothing",
            "agents: [ID]"),
        row(
            "tokens: [ { name: a, token: { env: ADMIN_TOKEN }, scope: { agents: [] } } ]", 77,
            "'agents' is an empty list"),
        row(
            "tokens: [ \(token), { name: b, token: { env: WALL_TOKEN }, scope: { feeds: [live2] } } ]", 120,
            "there is no feed 'live2'", "'live'?"),
        row(
            "tokens: [ \(token), { name: b, token: { env: WALL_TOKEN }, scope: { sources: [cap] } } ]", 122,
            "there is no source 'cap'", "'cape'?"),
        row(
            "tokens: [ \(token) ], origins: [https://x.example/]", 76, "'https://x.example/' is no origin",
            "without a slash"),
        row("tokens: [ \(token) ], origins: [x.example]", 76, "'x.example' is no origin"),
        row(
            "tokens: [ \(token) ], origins: [\"https://X.example\"]", 76, "'https://X.example' is no origin",
            "lower case"),
        row("tokens: [ \(token) ], origins: [\"https://x.example:443\"]", 76, "is no origin"),
        row("tokens: [ \(token) ], max_readers: 0", 79, "'max_readers' is out of range: '0'"),
        row(
            "tokens: [ \(token) ], tls: { ca: /etc/ssl/certs/ca-certificates.crt }", 66,
            "'tls' of a listener needs cert and key"),
    ]

    @Test(arguments: mistakes)
    func `Each mistake is named with its place, its cause and what to do`(row: MistakeRow) throws {
        let diagnostics = loadYAML(row.text).diagnostics
        let found = diagnostics.map(\.description).joined(separator: "\n")
        #expect(diagnostics.count == 1, "\(found)")
        let diagnostic = try #require(diagnostics.first)
        #expect(diagnostic.cause.contains(row.cause), "\(found)")
        #expect(diagnostic.description.hasPrefix("acme.yaml:\(row.place): error: "), "\(found)")
        if let hint = row.hint { #expect(diagnostic.hint?.contains(hint) == true, "\(found)") }
        #expect(!found.contains("hunter2"))
    }
}
