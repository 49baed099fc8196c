import Bridge
import BridgeCore
import NIOCore
import Sinks
import Testing
import Transport
import WireProtocols

/// The keys that all sinks have, and those of each type beyond stdout and file.
@Suite struct SinkConfigurationTests {
    private func sink(_ keys: String) throws -> SinkConfiguration {
        let outcome = loadYAML(withSinkKeys(keys), environment: Self.environment)
        return try #require(outcome.configuration?.sinks.first, "\(outcome.diagnostics)")
    }

    private static let environment = configurationEnvironment.merging([
        "KEY": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "OLD": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    ]) { $1 }

    private static let webhook = "name: a\ntype: webhook\nurl: https://crm.example/x?y\n"

    @Test func `What a sink says of its delivery takes the place of what its type would do`() throws {
        let kept = try sink(Self.webhook).delivery.applied(
            to: DeliveryPolicy(maximumAge: .seconds(300), retries: .remote))
        #expect(kept == DeliveryPolicy(maximumAge: .seconds(300), retries: .remote))
        let delivery = try sink(
            Self.webhook + "max_age: 30s\nrate: 50\nretry: { initial: 1s, maximum: 5m, budget: 7d }"
        ).delivery
        #expect(
            delivery.applied(to: DeliveryPolicy())
                == DeliveryPolicy(
                    rate: 50, maximumAge: .seconds(30),
                    retries: .init(initial: .seconds(1), maximum: .seconds(300), budget: .seconds(7 * 86_400))))
        let none = try sink(Self.webhook + "max_age: none\nretry: { budget: none }").delivery
        let applied = none.applied(to: DeliveryPolicy(maximumAge: .seconds(300), retries: .remote))
        #expect(applied.maximumAge == nil && applied.retries.budget == nil)
        #expect(applied.retries.initial == .milliseconds(500))
    }

    @Test func `Criteria, mask and format are read`() throws {
        let sink = try sink(
            """
            name: a
            type: stdout
            events: ["call.*"]
            queues: [sales, "10001111"]
            agents: ["1001"]
            directions: [inbound]
            origins: [live, snapshot]
            except: { events: [call.updated], sources: [cape], origins: [synthetic] }
            mask: { numbers: last4, names: drop, contacts: hmac, secret: { env: KEY } }
            format: cloudevents
            type_prefix: com.acme.
            """)
        #expect(
            sink.wanted
                == LineCriteria(
                    queues: ["sales", "10001111"], agents: ["1001"], directions: ["inbound"],
                    origins: ["live", "snapshot"]))
        #expect(
            sink.except == LineCriteria(kinds: ["call.updated"], sources: ["cape"], origins: ["synthetic"]))
        #expect(!sink.transform.isIdentity)
        #expect(try self.sink("name: a\ntype: stdout").transform.isIdentity)
    }

    @Test func `A webhook has its keys`() throws {
        let usual = try #require(try sink(Self.webhook).destination as? WebhookSinkConfiguration)
        #expect(usual.url == HTTPURL("https://crm.example/x?y"))
        #expect(usual.signature == nil && usual.headers.fields.isEmpty && usual.addresses == nil)
        #expect(usual.timeout == .seconds(15) && usual.concurrency == 8 && usual.batch == 1 && !usual.formatsLines)
        #expect(usual.form == .line(contentType: "application/json"))
        let full = try #require(
            try sink(
                Self.webhook + """
                    secret: { env: KEY }
                    previous_secret: { env: OLD }
                    headers: { X-Api-Key: { env: REDIS_PASSWORD }, X-Site: cape }
                    addresses: [public, 192.0.2.0/24]
                    timeout: 5s
                    concurrency: 2
                    format: cloudevents
                    mode: binary
                    """
            ).destination as? WebhookSinkConfiguration)
        #expect(full.signature?.keys.count == 2)
        #expect(full.headers.first("X-Api-Key") == "correct horse" && full.headers.first("X-Site") == "cape")
        #expect(full.addresses?.rules.count == 2)
        #expect(full.form == .cloudEventFields(typePrefix: "io.cti-bridge.") && full.formatsLines)
        let batch = try #require(
            try sink(Self.webhook + "batch: 10\nformat: cloudevents").destination as? WebhookSinkConfiguration)
        #expect(batch.form == .array(contentType: "application/cloudevents-batch+json"))
    }

    @Test func `A redis sink has its keys`() throws {
        let usual = try #require(try sink(Self.redis + "stream: cti:events").destination as? RedisSinkConfiguration)
        #expect(usual.server == RedisSettings(endpoint: .tcp(host: "bus.example", port: 6379), database: 2))
        #expect(usual.destination == .stream(try LineTemplate("cti:events"), .init(.length(100_000))))
        #expect(usual.format == .json && usual.formatsLines && usual.proxy == nil)
        #expect(usual.batch == 200 && usual.timeout == .seconds(15) && usual.maximumKeys == 10_000)
        let full = try #require(
            try sink(
                """
                name: a
                type: redis
                redis: rediss://bus.example:6380/0
                tls: { server_name: bus }
                username: bridge
                password: { env: REDIS_PASSWORD }
                proxy: http://proxy.example:3128
                stream: "cti:{tenant}:{queue}"
                keep: 7d
                trim: exact
                batch: 50
                timeout: 2s
                max_keys: 100
                format: cloudevents
                type_prefix: com.acme.
                """
            ).destination as? RedisSinkConfiguration)
        #expect(
            full.destination
                == .stream(try LineTemplate("cti:{tenant}:{queue}"), .init(.age(.seconds(7 * 86_400)), isExact: true)))
        #expect(full.format == .cloudEvents(typePrefix: "com.acme."))
        #expect(full.server.tls?.serverName == "bus" && full.server.username == "bridge" && full.proxy != nil)
        #expect(full.batch == 50 && full.timeout == .seconds(2) && full.maximumKeys == 100)
        func destination(_ keys: String) throws -> RedisSink.Destination? {
            (try sink(Self.redis + keys).destination as? RedisSinkConfiguration)?.destination
        }
        #expect(try destination("stream: s\nmax_length: none") == .stream(try LineTemplate("s"), nil))
        #expect(
            try destination("stream: s\nmax_length: 5\ntrim: exact")
                == .stream(try LineTemplate("s"), .init(.length(5), isExact: true)))
        #expect(try destination("list: q") == .list(try LineTemplate("q"), .right, length: nil))
        #expect(
            try destination("list: q\npush: left\nmax_length: 9") == .list(try LineTemplate("q"), .left, length: 9))
        #expect(try destination("channel: cti:{agent}") == .channel(try LineTemplate("cti:{agent}")))
    }

    private static let redis = "name: a\ntype: redis\nredis: redis://bus.example/2\n"

    private static let redisRows: [MistakeRow] = [
        .sink("name: a\ntype: redis\nstream: s", "7:5", "'redis' is missing in a sink", "redis: …"),
        .sink("name: a\ntype: redis\nredis: redis://u:hunter2@x/\nstream: s", "9:12", "password does not belong"),
        .sink(
            "name: a\ntype: redis\nredis: unix:///run/r.sock\nproxy: http://p:3128\nstream: s", "10:5", "no proxy leads"
        ),
        .sink(redis + "username: x\nstream: s", "10:5", "'username' without 'password'", "credential:"),
        .sink(redis + "batch: 5", "7:5", "none of 'stream', 'list' and 'channel'", "stream: cti:events"),
        .sink(redis + "stream: s\nlist: q", "11:5", "'stream' and 'list' in one sink", "two sinks"),
        .sink(redis + "stream: \"{queue}\"", "10:13", "bad 'stream': it does not begin with text", "cti:{queue}"),
        .sink(redis + "list: \"q:{number}\"", "10:11", "unknown placeholder {number}", "{tenant}, {source}"),
        .sink(redis + "stream: s\nkeep: 1d\nmax_length: 5", "11:5", "trims by one of them", "remove one"),
        .sink(redis + "stream: s\nmax_length: none\ntrim: exact", "12:5", "'trim' has no meaning with"),
        .sink(
            redis + "stream: s\nmax_length: many", "11:17", "expected a number from 1 to 1000000000 for 'max_length'"),
        .sink(redis + "stream: s\npush: left", "11:5", "'push' has no meaning for a stream"),
        .sink(redis + "list: q\nkeep: 1d", "11:5", "'keep' has no meaning for a list"),
        .sink(redis + "channel: c\nmax_length: 5", "11:5", "'max_length' has no meaning for a channel"),
        .sink(redis + "stream: s\nmax_keys: 5", "11:5", "'max_keys' has no meaning here: the name has no placeholders"),
        .sink(redis + "channel: \"c:{queue}\"\nmax_keys: 5", "11:5", "channels are not kept"),
        .sink(redis + "stream: s\nbatch: 1001", "11:12", "'batch' is out of range: '1001'"),
    ]

    @Test func `A program has its keys`() throws {
        let usual = try #require(
            try sink("name: a\ntype: exec\ncommand: [cat]").destination as? ExecSinkConfiguration)
        #expect(usual.command == ["cat"] && !usual.acknowledges && usual.batch == 1)
        #expect(usual.timeout == .seconds(60) && usual.stopTimeout == .seconds(5))
        let full = try #require(
            try sink(
                """
                name: a
                type: exec
                command: [/bin/sh, -c, "cat > x y", ""]
                acknowledge: true
                batch: 20
                timeout: 2m
                stop_timeout: 30s
                """
            ).destination as? ExecSinkConfiguration)
        #expect(full.command == ["/bin/sh", "-c", "cat > x y", ""] && full.acknowledges && full.batch == 20)
        #expect(full.timeout == .seconds(120) && full.stopTimeout == .seconds(30))
    }

    private static let programs: [MistakeRow] = [
        .sink("name: a\ntype: exec", "7:5", "'command' is missing in a sink", "command: …"),
        .sink("name: a\ntype: exec\ncommand: []", "9:14", "'command' is an empty list", "command: [PROGRAM"),
        .sink("name: a\ntype: exec\ncommand: cat -u", "9:14", "expected a list for 'command'", "in brackets"),
        .sink(
            "name: a\ntype: exec\ncommand: [bin/x]", "9:15", "the program of 'command' is 'bin/x'", "an absolute path"),
        .sink("name: a\ntype: exec\ncommand: [\"\"]", "9:15", "the program of 'command' is ''", "an absolute path"),
        .sink("name: a\ntype: exec\ncommand: [cat -u]", "9:15", "no shell reads 'command'", "each word by itself"),
        .sink("name: a\ntype: exec\ncommand: [cat, \"a\\0b\"]", "9:20", "a word of 'command' contains a NUL"),
        .sink("name: a\ntype: exec\ncommand: [cat, [u]]", "9:20", "expected a text for 'command'"),
        .sink(
            "name: a\ntype: exec\ncommand: [cat]\nbatch: 5", "10:5", "'batch' has no meaning without",
            "acknowledge: true"),
        .sink("name: a\ntype: exec\ncommand: [cat]\ntimeout: 1ms", "10:14", "'timeout' is out of range: '1ms'"),
    ]

    @Test func `A socket has its keys`() throws {
        let usual = try #require(
            try sink("name: a\ntype: socket\nlisten: 8795").destination as? SocketSinkConfiguration)
        guard case .listen(let options) = usual.direction else { throw MissingCase() }
        #expect(options.place == .tcp(host: "127.0.0.1", port: 8795) && options.token == nil && options.identity == nil)
        #expect(options.readers == 100 && options.bufferBytes == 1 << 20 && options.mode == 0o660)
        #expect(usual.exclusiveResource == "'127.0.0.1:8795'")
        let full = try #require(
            try sink(
                "name: a\ntype: socket\nlisten: unix:///run/x\nmode: \"0600\"\nreaders: 5\nbuffer: 64KiB\ntoken: { env: KEY }"
            ).destination as? SocketSinkConfiguration)
        guard case .listen(let unix) = full.direction else { throw MissingCase() }
        #expect(unix.place == .unix(path: "/run/x") && unix.mode == 0o600 && unix.readers == 5)
        #expect(unix.bufferBytes == 64 << 10 && unix.token != nil)
        let client = try #require(
            try sink("name: a\ntype: socket\nconnect: '[::1]:9'\ntimeout: 5s\ntls: { server_name: x }").destination
                as? SocketSinkConfiguration)
        guard case .connect(let connecting) = client.direction else { throw MissingCase() }
        #expect(connecting.endpoint.address == .tcp(host: "::1", port: 9) && connecting.timeout == .seconds(5))
        #expect(connecting.endpoint.tls?.serverName == "x" && client.exclusiveResource == nil)
    }

    private struct MissingCase: Error {}

    private static let sockets: [MistakeRow] = [
        .sink("name: a\ntype: socket", "7:5", "a socket needs exactly one of listen, connect", "listen: PORT"),
        .sink("name: a\ntype: socket\nlisten: 1\nconnect: x:1", "7:5", "exactly one of listen, connect"),
        .sink("name: a\ntype: socket\nlisten: x.example:1", "9:13", "expected a port or ADDRESS:PORT", "0.0.0.0:8888"),
        .sink("name: a\ntype: socket\nlisten: 0.0.0.0:1", "9:5", "beyond this machine without a token", "credential"),
        .sink(
            "name: a\ntype: socket\nlisten: unix://run/x", "9:13", "a socket needs an absolute path", "three slashes"),
        .sink(
            "name: a\ntype: socket\nlisten: unix:///\(String(repeating: "x", count: 107))", "9:13",
            "the socket's path is longer than 107 bytes"),
        .sink("name: a\ntype: socket\nlisten: 1\nmode: \"0660\"", "10:5", "'mode' is for the file of a unix socket"),
        .sink("name: a\ntype: socket\nlisten: unix:///x\nmode: \"0666\"", "10:11", "expected one of 0600, 0660"),
        .sink("name: a\ntype: socket\nlisten: 1\ntimeout: 5s", "10:5", "'timeout' has no meaning with 'listen'"),
        .sink("name: a\ntype: socket\nconnect: x:1\nreaders: 5", "10:5", "'readers' has no meaning with 'connect'"),
        .sink("name: a\ntype: socket\nconnect: x", "9:14", "expected unix:///PATH or HOST:PORT", "events.example:8795"),
        .sink(
            "name: a\ntype: socket\nlisten: 1\ntoken: { env: REDIS_PASSWORD }", "10:12", "is no token", "without blanks"
        ),
        .sink(
            "name: a\ntype: socket\nconnect: unix:///x\ntls: { server_name: x }", "10:5", "a unix socket speaks no TLS"),
        .sink(
            "name: a\ntype: socket\nlisten: 1\ntls: { server_name: x }", "10:5", "needs cert and key, and nothing else"),
    ]

    private static let common: [MistakeRow] = [
        .sink("name: a\ntype: stdout\nqueues: []", "9:13", "'queues' is an empty list", "all queues"),
        .sink("name: a\ntype: stdout\ndirections: [inbond]", "9:18", "found 'inbond'", "did you mean 'inbound'?"),
        .sink("name: a\ntype: stdout\norigins: [fake]", "9:15", "expected one of live, snapshot, synthetic"),
        .sink(
            "name: a\ntype: stdout\nexcept: { event: [call.ended] }", "9:15", "unknown key 'event' in 'except'",
            "'events'?"),
        .sink("name: a\ntype: stdout\nmax_age: never", "9:14", "expected a duration for 'max_age', found 'never'"),
        .sink("name: a\ntype: stdout\nrate: 0", "9:11", "'rate' is out of range: '0'"),
        .sink("name: a\ntype: stdout\nretry: { budget: 0s }", "9:22", "'budget' is out of range: '0s'"),
        .sink(
            "name: a\ntype: stdout\nretry: { initial: 5s, maximum: 1s }", "9:23", "'initial' is longer than 'maximum'"),
        .sink("name: a\ntype: stdout\nmask: { numbers: hash }", "9:22", "expected one of drop, last4, hmac"),
        .sink("name: a\ntype: stdout\nmask: { numbers: hmac }", "9:11", "'hmac' needs a secret", "secret: {"),
        .sink(
            "name: a\ntype: stdout\nmask: { names: drop, secret: { env: REDIS_PASSWORD } }", "9:26",
            "no meaning without 'hmac'"),
        .sink("name: a\ntype: stdout\nmask: {}", "9:11", "'mask' hides nothing", "numbers: last4"),
        .sink("name: a\ntype: stdout\nformat: xml", "9:13", "expected one of json, cloudevents for 'format'"),
        .sink(
            "name: a\ntype: stdout\ntype_prefix: com.acme.", "9:5", "'type_prefix' has no meaning without",
            "format: cloudevents"),
        .sink(
            "name: a\ntype: stdout\nformat: cloudevents\ntype_prefix: com", "10:18", "bad 'type_prefix': 'com'",
            "com.example."),
    ]

    private static let webhooks: [MistakeRow] = [
        .sink("name: a\ntype: webhook", "7:5", "'url' is missing in a sink", "url: …"),
        .sink("name: a\ntype: webhook\nurl: crm.example", "9:10", "bad URL for 'url': no scheme", "https://HOST"),
        .sink("name: a\ntype: webhook\nurl: https://u:hunter2@x/", "9:10", "a password does not belong in the URL"),
        .sink(
            webhook + "secret: { env: REDIS_PASSWORD }", "10:13", "'secret' is no key of Standard Webhooks",
            "openssl rand"),
        .sink(webhook + "headers: { Host: x }", "10:16", "the field 'Host' is set by the sink itself"),
        .sink(webhook + "headers: { \"X Y\": x }", "10:16", "'X Y' cannot be sent as a header field"),
        .sink(webhook + "headers: { X-Key: { env: TWO_LINES } }", "10:16", "'X-Key' cannot be sent as a header field"),
        .sink(webhook + "addresses: [privat]", "10:17", "bad 'addresses': 'privat'", "192.0.2.0/24"),
        .sink(
            webhook + "addresses: [public]\nproxy: http://p:3128", "10:5", "'addresses' cannot be kept behind a proxy"),
        .sink(webhook + "mode: binary", "10:5", "'mode' has no meaning without 'format: cloudevents'"),
        .sink(webhook + "format: cloudevents\nmode: binary\nbatch: 5", "12:5", "binary mode carries one event"),
        .sink(
            "name: a\ntype: webhook\nurl: http://x/\ntls: { server_name: y }", "10:5", "'tls' without TLS", "https://"),
        .sink(webhook + "concurrency: 65", "10:18", "'concurrency' is out of range: '65'"),
    ]

    @Test(arguments: common + webhooks + redisRows + programs + sockets)
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
