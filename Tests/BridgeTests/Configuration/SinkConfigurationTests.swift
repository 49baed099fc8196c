import Bridge
import BridgeCore
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

    @Test(arguments: common + webhooks)
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
