import BridgeCore
import Bridge
import Adapters
import Codecs
import Glibc
import Testing

@Suite("Values of a configuration")
struct ConfigurationValueTests {
    @Test(
        "A duration is a whole number and a unit",
        arguments: [
            ("500ms", Duration.milliseconds(500)), ("30s", .seconds(30)), ("5m", .seconds(300)),
            ("12h", .seconds(43_200)),
            ("30d", .seconds(2_592_000)), ("0s", .zero), ("106751991167d", .milliseconds(106_751_991_167 * 86_400_000)),
        ])
    func durations(text: String, expected: Duration) { #expect(Quantity.duration(text) == expected) }

    @Test(
        "Anything else is no duration",
        arguments: [
            "", "s", "30", "30 s", "-5s", "1.5h", "1h30m", "5M", "5min", "05s", "106751991168d",
            "99999999999999999999s", "٣s",
        ])
    func noDurations(text: String) { #expect(Quantity.duration(text) == nil) }

    @Test(
        "A size is a whole number and a binary unit",
        arguments: [
            ("512B", 512), ("64KiB", 65_536), ("16MiB", 16_777_216), ("2GiB", 2_147_483_648), ("1TiB", 1 << 40),
        ])
    func sizes(text: String, expected: Int) { #expect(Quantity.size(text) == expected) }

    @Test(
        "Anything else is no size",
        arguments: ["", "B", "64", "64K", "64KB", "64kib", "64 KiB", "1.5GiB", "-1B", "9000000TiB"])
    func noSizes(text: String) { #expect(Quantity.size(text) == nil) }

    @Test("Quantities are written as they are read", arguments: ["500ms", "30s", "90s", "5m", "12h", "30d", "0ms"])
    func durationText(text: String) throws { #expect(Quantity.text(try #require(Quantity.duration(text))) == text) }

    @Test("Sizes are written as they are read", arguments: ["512B", "1023B", "64KiB", "3GiB", "0B"])
    func sizeText(text: String) throws { #expect(Quantity.text(bytes: try #require(Quantity.size(text))) == text) }

    @Test("A GUID is read in either case, and nothing else is one")
    func guids() throws {
        let mark = ConfigurationMark(line: 1, column: 1)
        func read(_ text: String) -> (String?, [ConfigurationDiagnostic]) {
            let reading = ConfigurationReading(
                file: "f", environment: [:], places: Places(tenant: "a", environment: [:]))
            let value = ConfigurationNode(mark: mark, content: .scalar(text, isQuoted: false))
            let root = ConfigurationNode(
                mark: mark, content: .mapping([ConfigurationNode.Entry(key: "id", keyMark: mark, value: value)]))
            let section = ConfigurationSection(root, title: "the file", reading: reading)
            return (section?.guid("id")?.description, reading.diagnostics)
        }
        #expect(read("A1EEB030-ff4b-ea11-ac9c-00155d4fdcf3").0 == "a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3")
        for text in ["", "a1eeb030", "a1eeb030-ff4b-ea11-ac9c-00155d4fdcfg", "{a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3}"] {
            let (guid, diagnostics) = read(text)
            #expect(guid == nil && diagnostics.first?.hint?.contains("with dashes") == true)
        }
    }

    @Test(
        "The nearest word is suggested, and none when none is near",
        arguments: [
            ("passwrd", "password"), ("pasword", "password"), ("Password", "password"), ("uesrname", "username"),
            ("max-size", "max_size"), ("x", nil), ("", nil), ("entirely", nil),
        ])
    func suggestions(word: String, expected: String?) {
        #expect(Suggestion.nearest(to: word, among: ["username", "password", "max_size"]) == expected)
    }

    @Test("Places are systemd's, else XDG's, else below the home")
    func places() {
        let systemd = Places(
            tenant: "acme",
            environment: [
                "STATE_DIRECTORY": "/var/lib/cti-bridge/acme:/var/lib/other",
                "RUNTIME_DIRECTORY": "/run/cti-bridge/acme",
                "CREDENTIALS_DIRECTORY": "/run/credentials/x.service", "HOME": "/root",
            ])
        #expect(systemd.state == "/var/lib/cti-bridge/acme" && systemd.runtime == "/run/cti-bridge/acme")
        #expect(systemd.credentials == "/run/credentials/x.service")
        #expect(systemd.store == "/var/lib/cti-bridge/acme/acme.sqlite")
        let xdg = Places(tenant: "acme", environment: ["XDG_STATE_HOME": "/s/", "XDG_RUNTIME_DIR": "/r", "HOME": "/h"])
        #expect(xdg.state == "/s/cti-bridge/acme" && xdg.runtime == "/r/cti-bridge/acme" && xdg.credentials == nil)
        let home = Places(tenant: "acme", environment: ["XDG_STATE_HOME": "relative", "HOME": "/h"])
        #expect(home.state == "/h/.local/state/cti-bridge/acme" && home.runtime == home.state)
        #expect(Places(tenant: "acme", environment: [:]).state == "/var/lib/cti-bridge/acme")
        #expect(home.resolve("/x") == "/x" && home.resolve("x") == "/h/.local/state/cti-bridge/acme/x")
    }
}

@Suite("Secrets")
struct SecretTests {
    private func password(_ value: String, _ environment: [String: String] = configurationEnvironment) -> (
        Secret?, [ConfigurationDiagnostic]
    ) {
        let outcome = loadYAML(withSourceKeys("password: \(value)"), environment: environment)
        let adapter = outcome.configuration?.sources.first?.adapter as? TeleforgeConfiguration
        return (adapter?.server.password, outcome.diagnostics)
    }

    @Test("A file is read when nobody else can, and its last line end is not part of the secret")
    func file() throws {
        let directory = try SecretDirectory()
        for (index, text) in ["s3cret", "s3cret\n", "s3cret\r\n"].enumerated() {
            let path = try directory.write("key\(index)", text, mode: 0o400)
            #expect(password("{ file: \(path) }").0?.bytes == Array("s3cret".utf8))
        }
    }

    @Test(
        "A file is refused when group or others can touch it",
        arguments: [0o640, 0o604, 0o620, 0o660, 0o644] as [mode_t])
    func readable(mode: mode_t) throws {
        let directory = try SecretDirectory()
        let path = try directory.write("key", "s3cret", mode: mode)
        let (secret, diagnostics) = password("{ file: \(path) }")
        #expect(secret == nil)
        let diagnostic = try #require(diagnostics.first)
        #expect(
            diagnostic.description.hasPrefix(
                "acme.yaml:6:23: error: secret file '\(path)' can be read or written by others"))
        #expect(diagnostic.hint == "chmod 600 \(path)")
        #expect(!diagnostic.description.contains("s3cret"))
    }

    @Test("An empty, a large, and a special file are refused")
    func unusable() throws {
        let directory = try SecretDirectory()
        let empty = try directory.write("empty", "\n", mode: 0o600)
        let large = try directory.write("large", String(repeating: "x", count: 65 * 1024), mode: 0o600)
        #expect(password("{ file: \(empty) }").1.first?.cause.hasSuffix("is empty") == true)
        #expect(password("{ file: \(large) }").1.first?.cause.contains("larger than 64KiB") == true)
        #expect(password("{ file: \(directory.path) }").1.first?.cause.contains("not a regular file") == true)
    }

    @Test("A credential comes from systemd's directory, whatever its group bits; a missing one is a mistake")
    func credential() throws {
        let directory = try SecretDirectory()
        _ = try directory.write("cape-redis", "s3cret\n", mode: 0o440)
        let environment = ["CREDENTIALS_DIRECTORY": directory.path]
        #expect(password("{ credential: cape-redis }", environment).0?.bytes == Array("s3cret".utf8))
        let diagnostic = try #require(password("{ credential: cape }", environment).1.first)
        #expect(diagnostic.cause == "credential 'cape' cannot be read: No such file or directory")
        #expect(diagnostic.hint == "add LoadCredential=cape:PATH to the unit")
    }

    @Test("Nothing that prints a value shows a secret")
    func printing() throws {
        let secret = try #require(password("{ env: REDIS_PASSWORD }").0)
        var dumped = ""
        dump([secret], to: &dumped)
        for text in ["\(secret)", String(reflecting: secret), "\([secret])", "\(Optional(secret) as Any)", dumped] {
            #expect(text.contains("(secret)") && !text.contains("horse") && !text.contains("99"))
        }
    }
}
