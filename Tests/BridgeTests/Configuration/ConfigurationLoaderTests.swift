import CallModel
import Adapters
import Bridge
import BridgeCore
import Foundation
import Sinks
import TestSupport
import Testing

@Suite("Configurations")
struct ConfigurationLoaderTests {
    private func loaded(_ text: String, _ environment: [String: String] = configurationEnvironment) throws
        -> TenantConfiguration
    {
        let outcome = loadYAML(text, environment: environment)
        let mistakes = outcome.diagnostics.map(\.description).joined(separator: "\n")
        return try #require(outcome.configuration, "\(mistakes)")
    }

    private func teleforge(_ keys: String) throws -> TeleforgeConfiguration {
        let source = try #require(try loaded(withSourceKeys(keys)).sources.first)
        return try #require(source.adapter as? TeleforgeConfiguration)
    }

    private func file(_ keys: String) throws -> FileSinkConfiguration {
        let sink = try #require(try loaded(withSinkKeys("name: f\ntype: file\n" + keys)).sinks.first)
        return try #require(sink.destination as? FileSinkConfiguration)
    }

    @Test("Five lines are enough, and the rest has the defaults of the design")
    func defaults() throws {
        let configuration = try loaded(fiveLines)
        #expect(configuration.tenant == "acme")
        let source = try #require(configuration.sources.first)
        #expect(source.name == "cape" && source.vendor == "teleforge" && source.isEnabled && source.tenant == "acme")
        #expect(source.lifecycle == .strict && source.raw == .onUnmapped)
        let sink = try #require(configuration.sinks.first)
        #expect(configuration.sinks.count == 1 && sink.name == "stdout" && sink.type == "stdout" && sink.isEnabled)
        #expect(sink.kinds == nil && sink.sources == nil)
        let store = StoreSettings(
            path: "/home/cti/.local/state/cti-bridge/acme/acme.sqlite", retention: .seconds(2_592_000),
            maximumBytes: 2_147_483_648)
        #expect(configuration.store == store)
        #expect(configuration.log == LogConfiguration(level: .info, format: nil))
    }

    @Test("A Teleforge source has the defaults of the design")
    func teleforgeDefaults() throws {
        let teleforge = try teleforge("")
        #expect(teleforge.server.endpoint == .tcp(host: "pbx.example", port: 6379) && teleforge.server.database == 0)
        #expect(teleforge.server.username == nil && teleforge.server.password == nil)
        #expect(teleforge.lists == [.inbound, .cdr, .campaigns] && teleforge.topics == [])
        #expect(teleforge.prefix == "enigma:notifications" && teleforge.pop == .left)
        #expect(teleforge.delivery == .atLeastOnce && teleforge.commandNames == [:])
        #expect(teleforge.maximumElementBytes == 1_048_576 && teleforge.maximumDepth == 16)
    }

    @Test("A Teleforge source takes every key")
    func teleforgeKeys() throws {
        let teleforge = try teleforge(
            """
            username: 0800123
            password: { env: REDIS_PASSWORD }
            lists: [cdr]
            pubsub: [agents, dialers]
            prefix: other:place
            pop: right
            delivery: at_most_once
            commands: { blmove: x-move, LREM: "+358" }
            limits: { element_bytes: 64KiB, depth: 8 }
            """)
        #expect(teleforge.server.username == "0800123")
        #expect(teleforge.server.password == Secret(Array("correct horse".utf8)))
        #expect(teleforge.lists == [.cdr] && teleforge.topics == [.agents, .dialers])
        #expect(teleforge.prefix == "other:place" && teleforge.pop == .right && teleforge.delivery == .atMostOnce)
        #expect(teleforge.commandNames == [.blmove: "x-move", .lrem: "+358"])
        #expect(teleforge.maximumElementBytes == 65_536 && teleforge.maximumDepth == 8)
    }

    @Test(
        "Redis is named by host or by socket",
        arguments: [
            ("redis://pbx.example", TeleforgeConfiguration.Endpoint.tcp(host: "pbx.example", port: 6379), 0),
            ("redis://10.0.0.1:8001/", .tcp(host: "10.0.0.1", port: 8001), 0),
            ("redis://[fd00::1]:8001/15", .tcp(host: "fd00::1", port: 8001), 15),
            ("REDIS://pbx/3", .tcp(host: "pbx", port: 6379), 3),
            ("unix:///run/redis/redis.sock", .unix(path: "/run/redis/redis.sock"), 0),
            ("unix:///run/redis.sock?db=7", .unix(path: "/run/redis.sock"), 7),
        ])
    func endpoints(url: String, endpoint: TeleforgeConfiguration.Endpoint, database: Int) throws {
        let text = fiveLines.replacing("redis://pbx.example:6379/0", with: url)
        let source = try #require(try loaded(text).sources.first?.adapter as? TeleforgeConfiguration)
        #expect(source.server.endpoint == endpoint && source.server.database == database)
    }

    @Test("Words that YAML once read as booleans are texts where texts are expected")
    func offIsText() throws {
        let source = try #require(
            try loaded(withSourceKeys("raw: off\nlifecycle: sparse\nenabled: false\ntenant: no")).sources.first)
        #expect(source.raw == .off && source.lifecycle == .sparse && !source.isEnabled && source.tenant == "no")
    }

    @Test(
        "Numbers keep their spelling",
        arguments: ["0800123456", "+358401234567", "0x1F", "1e3", "1_000", "1.10", "007"])
    func spelling(number: String) throws {
        #expect(try loaded(withSourceKeys("tenant: \(number)")).sources.first?.tenant == number)
        #expect(try loaded(withSourceKeys("tenant: '\(number)'")).sources.first?.tenant == number)
    }

    @Test("A sink chooses kinds by globs, and sources by name")
    func filters() throws {
        let sink = try #require(
            try loaded(
                withSinkKeys(
                    "name: s\ntype: stdout\nevents: [call.ended, call.transfer.*, \"*.status\"]\nsources: [cape]")
            ).sinks.first)
        #expect(
            sink.kinds == [
                "call.ended", "call.transfer.started", "call.transfer.connected", "call.transfer.cancelled",
                "agent.status",
                "queue.status", "callback.list.status", "voicemail.status",
            ])
        #expect(sink.sources == ["cape"])
        let all = try #require(try loaded(withSinkKeys("name: s\ntype: stdout\nevents: [\"*\"]")).sinks.first)
        #expect(all.kinds == nil)
    }

    @Test(
        "A star stands for any characters, dots too",
        arguments: [
            ("*", 47), ("call.*", 24), ("call.transfer.*", 3), ("*.s*d", 3), ("c*.*d*e*", 4), ("**", 47),
            ("call.ended", 1),
        ])
    func globs(glob: String, count: Int) throws {
        let sink = try #require(try loaded(withSinkKeys("name: s\ntype: stdout\nevents: [\"\(glob)\"]")).sinks.first)
        #expect((sink.kinds?.count ?? callEventKinds.count) == count, "\(sink.kinds ?? [])")
    }

    @Test("A file sink takes every key, and its mode keeps the meaning of its digits")
    func fileSink() throws {
        let sink = try file(
            "path: /var/log/cti/%Y/%m-%d-%{tenant}-100%%.jsonl\nrotate: { size: 64MiB, age: 24h, keep: 7 }\nmode: 0600\nsync: never"
        )
        #expect(sink.path.confinedDirectory == "/var/log/cti" && sink.path.isTimed)
        #expect(sink.path.path(tenant: "acme") { "<\($0.rawValue)>" } == "/var/log/cti/<Y>/<m>-<d>-acme-100%.jsonl")
        #expect(sink.rotation?.size == 67_108_864 && sink.rotation?.age == .seconds(86_400) && sink.rotation?.keep == 7)
        #expect(sink.mode == 0o600 && sink.sync == .never)
    }

    @Test("A file sink's defaults: synced, 0640, no rotation")
    func fileSinkDefaults() throws {
        let sink = try file("path: /var/log/cti/events.jsonl")
        #expect(sink.mode == 0o640 && sink.sync == .always && sink.rotation == nil && !sink.path.isTimed)
    }

    @Test("The mode is octal with and without quotes", arguments: ["640", "0640", "\"0640\"", "0o640"])
    func modes(spelling: String) throws {
        #expect(try file("path: /log/x\nmode: \(spelling)").mode == 0o640)
    }

    @Test("A relative path is below the state directory, whatever signs are in its name")
    func relativePath() throws {
        let text = withSinkKeys("name: f\ntype: file\npath: out/%Y.jsonl")
        let sink = try #require(try loaded(text, ["STATE_DIRECTORY": "/var/lib/50%Y"]).sinks.first?.destination)
        let file = try #require(sink as? FileSinkConfiguration)
        #expect(file.path.confinedDirectory == "/var/lib/50%Y/out")
        #expect(file.path.path(tenant: "acme") { _ in "2026" } == "/var/lib/50%Y/out/2026.jsonl")
    }

    @Test("Every example is without mistakes")
    func examples() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let directory = root.appendingPathComponent("Config").path
        let names = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".yaml") }
        #expect(names.count >= 2)
        // What systemd would hand over.
        let credentials = try TemporaryDirectory()
        let secrets = [
            "tokyo-token", "cape-redis", "hel-key", "bus-redis", "admin-ops", "admin-wallboard", "admin-nomsa",
        ]
        for name in secrets { try credentials.write(name, "secret-of-\(name)") }
        try credentials.write("crm-signing", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        let environment = configurationEnvironment.merging(["CREDENTIALS_DIRECTORY": credentials.path]) { $1 }
        for name in names {
            let outcome = ConfigurationLoader.load(
                path: "\(directory)/\(name)", environment: environment, kinds: callEventKinds)
            #expect(outcome.configuration != nil, "\(outcome.diagnostics.map(\.description).joined(separator: "\n"))")
        }
    }

    @Test("Line ends of Windows and a byte order mark are no mistakes")
    func foreignEditors() throws {
        #expect(try loaded("\u{FEFF}" + fiveLines.replacing("\n", with: "\r\n")).tenant == "acme")
        let text = (fiveLines + "colour: x\n").replacing("\n", with: "\r\n")
        #expect(loadYAML(text).diagnostics.first?.line == 6)
    }

    @Test("Bytes that are not UTF-8 are named with their place")
    func notUTF8() throws {
        let bytes = Array("tenant: acme\n# caf".utf8) + [0xE9, 0x0A]
        let found = ConfigurationLoader.load(bytes: bytes, file: "f", environment: [:], kinds: callEventKinds)
            .diagnostics
        #expect(found.map(\.description) == ["f:2:6: error: the file is not UTF-8\n  hint: save it as UTF-8"])
    }

    @Test("A file that is missing, too large, or no file is a diagnostic")
    func unreadable() throws {
        let directory = try SecretDirectory()
        let large = try directory.write(
            "large", String(repeating: "#", count: ConfigurationLoader.maximumBytes + 1), mode: 0o600)
        let causes = ["/nonexistent/x.yaml", directory.path, large].map {
            ConfigurationLoader.load(path: $0, environment: [:], kinds: callEventKinds).diagnostics.map(\.cause)
        }
        #expect(
            causes == [
                ["the file cannot be read: No such file or directory"],
                ["the file cannot be read: it is not a regular file"],
                ["the file cannot be read: it is larger than 1MiB"],
            ])
    }
}
