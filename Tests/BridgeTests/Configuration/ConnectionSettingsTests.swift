import Adapters
import Bridge
import BridgeCore
import TestSupport
import Testing

/// The keys `tls` and `proxy` of a source.
@Suite("Settings of connections")
struct ConnectionSettingsTests {
    private let directory: TemporaryDirectory
    private let root: TestAuthority
    private let identity: TestIdentity

    init() throws {
        (directory, root) = (try TemporaryDirectory(), try TestAuthority())
        identity = try root.issue()
        try directory.write("ca.pem", root.certificate)
        try directory.write("cert.pem", identity.certificates)
        try directory.write("key.pem", identity.key)
    }

    private func path(_ name: String) -> String { directory.file(name) }

    private func load(_ keys: String, _ environment: [String: String] = [:]) -> ConfigurationLoader.Outcome {
        let text = withSourceKeys(keys).replacing("redis://pbx", with: "rediss://pbx")
        return loadYAML(text, environment: configurationEnvironment.merging(environment) { $1 })
    }

    private func settings(_ outcome: ConfigurationLoader.Outcome) throws -> TLSSettings {
        let found = outcome.diagnostics.map(\.description).joined(separator: "\n")
        let source = try #require(outcome.configuration?.sources.first, "\(found)")
        return try #require((source.adapter as? TeleforgeConfiguration)?.server.tls)
    }

    @Test("rediss:// alone trusts the system's authorities and checks everything")
    func defaults() throws {
        #expect(try settings(load("")) == TLSSettings())
        let plain = try #require(loadYAML(fiveLines).configuration?.sources.first)
        #expect((plain.adapter as? TeleforgeConfiguration)?.server.tls == nil && plain.proxy == nil)
    }

    @Test("Every key of tls is taken")
    func everyKey() throws {
        let settings = try settings(
            load(
                """
                tls: { ca: \(path("ca.pem")), cert: \(path("cert.pem")), key: \(path("key.pem")), server_name: "fd00::1", \
                verify: insecure }
                """))
        #expect(
            settings
                == TLSSettings(
                    ca: path("ca.pem"),
                    identity: TLSSettings.Identity(certificate: path("cert.pem"), key: .file(path("key.pem"))),
                    serverName: "fd00::1", verification: .insecure))
    }

    @Test("A key may be a secret, which nothing prints")
    func secretKey() throws {
        let settings = try settings(
            load("tls: { cert: \(path("cert.pem")), key: { env: TLS_KEY } }", ["TLS_KEY": identity.key]))
        guard case .secret(let secret) = settings.identity?.key else {
            Issue.record("\(settings)")
            return
        }
        #expect(String(decoding: secret.bytes, as: UTF8.self) == identity.key)
        #expect(!"\(settings)".contains("PRIVATE KEY"))
    }

    @Test("A key that belongs to another certificate, or has a passphrase, is named where it is")
    func unusableKeys() throws {
        try directory.write("other.pem", try root.issue().key)
        try directory.write("locked.pem", try TestAuthority.encrypted(identity.key))
        for (name, cause) in [
            ("other.pem", "tls.key \(path("other.pem")) does not belong to tls.cert \(path("cert.pem"))"),
            ("locked.pem", "tls.key \(path("locked.pem")) has a passphrase"),
            ("ca.pem", "tls.key \(path("ca.pem")) holds no private key in PEM form"),
        ] {
            let diagnostics = load("tls:\n  cert: \(path("cert.pem"))\n  key: \(path(name))").diagnostics
            #expect(diagnostics.count == 1)
            let diagnostic = try #require(diagnostics.first)
            #expect(
                diagnostic.line == 8 && diagnostic.column == 12 && diagnostic.cause.hasPrefix(cause), "\(diagnostic)")
        }
    }

    @Test("A proxy is a URL, or a section with credentials")
    func proxies() throws {
        let short = try #require(load("proxy: http://[fd00::1]:3128/").configuration?.sources.first?.proxy)
        #expect(short == ProxySettings(host: "fd00::1", port: 3128))
        let long = try #require(
            load("proxy: { url: http://proxy:3128, username: 0800, password: { env: REDIS_PASSWORD } }").configuration?
                .sources.first?.proxy)
        let password = Secret(Array("correct horse".utf8))
        #expect(long == ProxySettings(host: "proxy", port: 3128, username: "0800", password: password))
        #expect(!"\(long)".contains("horse"))
    }

    @Test("No proxy leads to a unix socket")
    func unixSocket() throws {
        let text = withSourceKeys("proxy: http://proxy:3128")
            .replacing("redis://pbx.example:6379/0", with: "unix:///run/redis.sock")
        #expect(loadYAML(text).diagnostics.map(\.cause) == ["no proxy leads to a unix socket"])
    }
}
