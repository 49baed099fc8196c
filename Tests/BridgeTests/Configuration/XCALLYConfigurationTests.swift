import Adapters
import Bridge
import BridgeCore
import TestSupport
import Testing

/// Five lines that are a whole configuration with an XCALLY source; more keys of it go to line 6, column 5.
let xcallyLines = """
    tenant: acme
    sources:
      - name: rome
        vendor: xcally
        url: http://shuttle.example:8888

    """

func withXCALLYKeys(_ keys: String) -> String {
    xcallyLines + keys.split(separator: "\n").map { "    \($0)\n" }.joined()
}

extension MistakeRow {
    fileprivate static func xcally(
        _ keys: String, _ place: String, _ cause: String, _ hint: String? = nil
    ) -> MistakeRow { MistakeRow(withXCALLYKeys(keys), place, cause, hint) }

    /// The same without `url`, so that keys begin at line 5.
    fileprivate static func listener(
        _ keys: String, _ place: String, _ cause: String, _ hint: String? = nil
    ) -> MistakeRow {
        let text = withXCALLYKeys(keys).replacing("    url: http://shuttle.example:8888\n", with: "")
        return MistakeRow(text, place, cause, hint)
    }

    fileprivate static func url(_ url: String, _ cause: String, _ hint: String? = nil) -> MistakeRow {
        MistakeRow(xcallyLines.replacing("http://shuttle.example:8888", with: url), "5:10", cause, hint)
    }
}

extension ConfigurationMistakeTests {
    static let xcally: [MistakeRow] = [
        .listener("", "3:5", "'url' is missing in a source", "add 'url: …'"),
        .url("shuttle.example:8888", "no scheme", "write http://HOST:PORT or https://HOST:PORT"),
        .url("redis://shuttle.example", "scheme 'redis' is not known here", "http://HOST:PORT"),
        .url("http://shuttle.example:98888", "the port is not one", "1 to 65535"),
        .url("http://bridge:hunter2@shuttle.example", "credentials do not belong in the URL", "token: { credential"),
        .url("http://shuttle.example/?token=hunter2", "the query has a key of its own", "query: { NAME: VALUE }"),
        .url("http://shuttle.example/cti", "it has a path", "namespace: /NAME"),
        .xcally("protocol: eio5", "6:15", "expected one of auto, eio3, eio4 for 'protocol'", "did you mean 'eio3'?"),
        .xcally("protocol: 3", "6:15", "expected one of auto, eio3, eio4 for 'protocol', found '3'"),
        .xcally("path: socket.io", "6:11", "bad 'path': 'socket.io'", "/socket.io/"),
        .xcally("path: /socket.io/?x=1", "6:11", "bad 'path'", "visible ASCII"),
        .xcally("namespace: cti", "6:16", "bad 'namespace': 'cti'", "/cti"),
        .xcally("namespace: \"/a,b\"", "6:16", "bad 'namespace': '/a,b'", "without , and ?"),
        .xcally("query: { EIO: 3 }", "6:14", "bad name in 'query': 'EIO'", "the protocol itself does not use"),
        .xcally("query: { transport: polling }", "6:14", "bad name in 'query': 'transport'"),
        .xcally("query: [a]", "6:12", "expected 'query' as a mapping"),
        .xcally("query: { a: [b] }", "6:17", "expected a text for 'a', found a list"),
        .xcally("query: { a: { env: EMPTY } }", "6:24", "environment variable 'EMPTY' is empty"),
        .xcally("headers: { Host: other }", "6:16", "bad name in 'headers': 'Host'", "the handshake itself"),
        .xcally("headers: { Sec-WebSocket-Key: x }", "6:16", "bad name in 'headers'"),
        .xcally("headers: { \"a b\": x }", "6:16", "bad name in 'headers': 'a b'"),
        .xcally(
            "headers: { X-Key: { env: TWO_LINES } }", "6:23", "the secret of 'X-Key' contains a control character",
            "one line"),
        .xcally(
            "protocol: eio3\nauth: { user: a }", "7:5", "'auth' without effect: Engine.IO 3 has no such payload",
            "protocol: auto"),
        .xcally("token: hunter2", "6:12", "'token' is a secret and must not be written", "credential"),
        .xcally("token: { env: TWO_LINES }", "6:12", "the secret of 'token' contains a control character"),
        .xcally("tls: { verify: insecure }", "6:5", "'tls' without TLS: the URL begins with http://", "write https://"),
        .xcally("transfer_grace: 2h", "6:21", "'transfer_grace' is out of range", "100ms to 1h"),
        .xcally("transfer_grace: 5", "6:21", "expected a duration for 'transfer_grace'", "5m"),
        .xcally("ring_limit: 1s", "6:17", "'ring_limit' is out of range", "10s to 1d"),
        .xcally("limits: { message_bytes: 1KiB }", "6:30", "'message_bytes' is out of range", "16KiB"),
        .xcally("limits: { depth: 100 }", "6:22", "'depth' is out of range", "4 to 64"),
        .xcally("limits: { width: 1 }", "6:15", "unknown key 'width' in 'limits'"),
        .xcally("app_name: x", "6:5", "unknown key 'app_name' in a source"),
        .xcally("listen: 8888", "5:5", "'url' and 'listen' exclude each other", "remove one of them"),
        .listener("listen: example.org:8888", "5:13", "expected a port or ADDRESS:PORT for 'listen'", "0.0.0.0:8888"),
        .listener("listen: 0", "5:13", "expected a port or ADDRESS:PORT for 'listen'"),
        .listener("listen: 127.0.0.1:98888", "5:13", "expected a port or ADDRESS:PORT"),
        .listener("listen: 0.0.0.0:8888", "5:5", "'listen' beyond this machine without a token", "add token:"),
        .listener("listen: \"[::]:8888\"", "5:5", "'listen' beyond this machine without a token", "127.0.0.1:8888"),
        .listener(
            "listen: 8888\ntoken: { env: REDIS_PASSWORD }", "6:12", "the secret of 'token' is no token",
            "visible ASCII without blanks"),
        .listener("listen: 8888\nnamespace: /cti", "6:5", "unknown key 'namespace' in a source"),
        .listener(
            "listen: 8888\ntls: { verify: insecure }", "6:5", "'tls' of a listener needs cert and key",
            "{ cert: PATH, key: PATH }"),
    ]
}

@Suite("Values of an XCALLY source")
struct XCALLYConfigurationTests {
    private func xcally(_ text: String) throws -> XCALLYConfiguration {
        let outcome = loadYAML(text)
        let configuration = try #require(
            outcome.configuration, "\(outcome.diagnostics.map(\.description).joined(separator: "\n"))")
        return try #require(configuration.sources.first?.adapter as? XCALLYConfiguration)
    }

    private func settings(_ text: String) throws -> SocketIOSettings {
        guard case .connect(let settings) = try xcally(text).link else {
            throw TestFailure(description: "it does not connect")
        }
        return settings
    }

    private func listener(_ keys: String) throws -> XCALLYListener {
        let text = withXCALLYKeys(keys).replacing("    url: http://shuttle.example:8888\n", with: "")
        guard case .listen(let listener) = try xcally(text).link else {
            throw TestFailure(description: "it does not listen")
        }
        return listener
    }

    @Test("The URL is enough")
    func defaults() throws {
        let configuration = try xcally(xcallyLines)
        #expect(configuration.maximumMessageBytes == 1 << 20 && configuration.maximumDepth == 16)
        #expect(configuration.transferGrace == .seconds(5) && configuration.ringLimit == .seconds(900))
        #expect(try settings(xcallyLines) == SocketIOSettings(host: "shuttle.example", port: 8888))
    }

    @Test("Each key is taken")
    func keys() throws {
        let text = """
            protocol: eio4
            path: /realtime
            namespace: /cti
            query: { tenant: "007", key: { env: REDIS_PASSWORD } }
            headers: { X-Key: abc }
            auth: { user: bridge, password: { env: BASIX_TOKEN } }
            token: { env: REDIS_PASSWORD }
            tls: { server_name: shuttle.internal }
            transfer_grace: 12s
            ring_limit: 1h
            limits: { message_bytes: 64KiB, depth: 8 }
            """
        let secret = Secret(Array("correct horse".utf8))
        let yaml = withXCALLYKeys(text).replacing("http://shuttle.example:8888", with: "wss://[2001:db8::1]")
        #expect(
            try settings(yaml)
                == SocketIOSettings(
                    host: "2001:db8::1", port: 443, tls: TLSSettings(serverName: "shuttle.internal"), version: .eio4,
                    path: "/realtime/", namespace: "/cti",
                    query: [.init("tenant", Secret(Array("007".utf8))), .init("key", secret)],
                    headers: [.init("X-Key", Secret(Array("abc".utf8)))],
                    auth: [.init("user", Secret(Array("bridge".utf8))), .init("password", secret)], token: secret))
        #expect(try settings(yaml).endpoint == "https://[2001:db8::1]:443/cti")
        let configuration = try xcally(yaml)
        #expect(configuration.transferGrace == .seconds(12) && configuration.ringLimit == .seconds(3600))
        #expect(configuration.maximumMessageBytes == 64 << 10 && configuration.maximumDepth == 8)
        #expect(!"\(try settings(yaml))".contains("horse"))
    }

    @Test(
        "Each scheme has its port, and TLS where it says so",
        arguments: [
            ("http://a", 80, false), ("https://a/", 443, true), ("ws://a:9888", 9888, false), ("wss://a", 443, true),
        ])
    func schemes(_ url: String, _ port: Int, _ isSecure: Bool) throws {
        let settings = try settings(xcallyLines.replacing("http://shuttle.example:8888", with: url))
        #expect(settings.host == "a" && settings.port == port && (settings.tls != nil) == isSecure)
    }

    @Test(
        "A listener stays on this machine unless told otherwise",
        arguments: [
            ("8888", "127.0.0.1", 8888), ("localhost:8888", "127.0.0.1", 8888), ("127.0.0.2:1", "127.0.0.2", 1),
            ("\"[::1]:8888\"", "::1", 8888), ("10.0.0.1:8888", "10.0.0.1", 8888),
        ])
    func listeners(_ text: String, _ host: String, _ port: Int) throws {
        let listener = try listener("listen: \(text)\ntoken: { env: SHUTTLE_TOKEN }\npath: /cti")
        #expect(listener.host == host && listener.port == port && listener.path == "/cti/")
        #expect(listener.token == Secret(Array("correct-horse".utf8)) && listener.identity == nil)
    }
}
