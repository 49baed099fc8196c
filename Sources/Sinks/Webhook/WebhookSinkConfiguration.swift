import BridgeCore
import NIOCore
import Transport
import WireProtocols

/// The keys of a sink with `type: webhook`.
package struct WebhookSinkConfiguration: SinkTypeConfiguration {
    package static let type = "webhook"

    /// How CloudEvents travel over HTTP.
    package enum Mode: String, Sendable, CaseIterable {
        /// The whole CloudEvent is the body.
        case structured
        /// Its attributes are header fields, the event is the body.
        case binary
    }

    package let url: HTTPURL
    package let signature: WebhookSignature?
    package let headers: HTTPHeaders
    package let tls: TLSSettings?
    package let proxy: ProxySettings?
    package let addresses: AddressPolicy?
    package let timeout: Duration
    package let concurrency: Int
    /// Lines in one request; 1: no array.
    package let batch: Int
    package let form: WebhookMessage.Form

    package var formatsLines: Bool { if case .cloudEventFields = form { true } else { false } }

    package init?(_ section: ConfigurationSection) {
        let url = Self.url(section)
        signature = Self.signature(section)
        headers = section.section("headers").map(Self.headers) ?? [:]
        tls = section.tls("tls")
        proxy = section.proxy("proxy")
        addresses = Self.addresses(section)
        timeout = section.duration("timeout", in: .milliseconds(100)...(.seconds(600))) ?? .seconds(15)
        concurrency = section.integer("concurrency", in: 1...64) ?? 8
        batch = section.integer("batch", in: 1...1000) ?? 1
        form = Self.form(section, batch: batch)
        Self.check(section, isSecure: url?.isSecure ?? true)
        guard let url else { return nil }
        self.url = url
    }

    private static func check(_ section: ConfigurationSection, isSecure: Bool) {
        if !isSecure, section.keys.contains("tls") {
            section.report(
                "'tls' without TLS: the URL begins with http://", at: section.mark(of: "tls"),
                hint: "write https://…, or remove 'tls'")
        }
        if section.keys.contains("proxy"), section.keys.contains("addresses") {
            section.report(
                "'addresses' cannot be kept behind a proxy, which resolves the host itself",
                at: section.mark(of: "addresses"), hint: "confine the proxy, or remove one of the two")
        }
    }

    private static func url(_ section: ConfigurationSection) -> HTTPURL? {
        let form = "https://HOST[:PORT][/PATH]"
        guard let url = section.url("url", schemes: ["https", "http"], form: form, required: true) else { return nil }
        let target = (url.path.isEmpty ? "/" : url.path) + (url.query.map { "?\($0)" } ?? "")
        let made = HTTPURL(isSecure: url.scheme == "https", host: url.host, port: url.port, target: target)
        if made == nil {
            section.report("bad URL for 'url'", at: section.valueMark(of: "url"), hint: "write \(form)")
        }
        return made
    }

    private static func signature(_ section: ConfigurationSection) -> WebhookSignature? {
        let names = ["secret", "previous_secret"]
        var keys: [WebhookSignature.Key] = []
        for name in names {
            guard let secret = section.secret(name) else { continue }
            guard let key = WebhookSignature.Key(secret) else {
                section.report(
                    "'\(name)' is no key of Standard Webhooks", at: section.valueMark(of: name),
                    hint: "it is whsec_ and the Base64 of 24 to 64 random bytes: "
                        + "(printf whsec_; openssl rand -base64 32) > FILE")
                continue
            }
            keys.append(key)
        }
        if section.keys.contains("previous_secret"), !section.keys.contains("secret") {
            section.report(
                "'previous_secret' without 'secret'", at: section.mark(of: "previous_secret"),
                hint: "call it 'secret'")
        }
        return keys.isEmpty ? nil : WebhookSignature(keys: keys)
    }

    /// Names are data; values are texts or secrets.
    private static func headers(_ section: ConfigurationSection) -> HTTPHeaders {
        var headers: HTTPHeaders = [:]
        for name in section.keys {
            guard let node = section.value(name) else { continue }
            let value: String?
            if case .mapping = node.content {
                value = section.secret(name).map { String(decoding: $0.bytes, as: UTF8.self) }
            } else {
                value = section.string(name)
            }
            guard let value else { continue }
            if reserved.contains(where: { $0 == name.lowercased() }) {
                section.report(
                    "the field \(ConfigurationDiagnostic.quoted(name)) is set by the sink itself",
                    at: section.mark(of: name), hint: "remove it")
                continue
            }
            do {
                try HTTPHeadWriter.check([name: value])
                headers.add(name, value)
            } catch {
                section.report(
                    "\(ConfigurationDiagnostic.quoted(name)) cannot be sent as a header field",
                    at: section.mark(of: name),
                    hint: "letters, digits and dashes in its name, no control characters in its value")
            }
        }
        return headers
    }

    private static let reserved = [
        "host", "content-length", "transfer-encoding", "connection", "content-type", "webhook-id", "webhook-timestamp",
        "webhook-signature",
    ]

    private static func addresses(_ section: ConfigurationSection) -> AddressPolicy? {
        guard let scalars = section.scalars("addresses", ifEmpty: "remove it for all addresses") else { return nil }
        return AddressPolicy(
            scalars.compactMap { scalar -> AddressPolicy.Rule? in
                switch scalar.text {
                case "public": return .public
                case "private": return .private
                case "loopback": return .loopback
                default:
                    if let network = AddressNetwork(scalar.text) { return .network(network) }
                    section.report(
                        "bad 'addresses': \(ConfigurationDiagnostic.quoted(scalar.text))", at: scalar.mark,
                        hint: "expected public, private, loopback, an address, or a network such as 192.0.2.0/24")
                    return nil
                }
            })
    }

    private static func form(_ section: ConfigurationSection, batch: Int) -> WebhookMessage.Form {
        let mode = section.enumeration("mode", Mode.self)
        var isCloudEvents = false
        if let node = section.value("format"), case .scalar("cloudevents", _) = node.content { isCloudEvents = true }
        guard isCloudEvents else {
            if mode != nil {
                section.report(
                    "'mode' has no meaning without 'format: cloudevents'", at: section.mark(of: "mode"),
                    hint: "add format: cloudevents, or remove it")
            }
            return batch > 1 ? .array(contentType: "application/json") : .line(contentType: "application/json")
        }
        guard mode == .binary else {
            return batch > 1
                ? .array(contentType: "application/cloudevents-batch+json")
                : .line(contentType: "application/cloudevents+json")
        }
        if batch > 1 {
            section.report(
                "binary mode carries one event, not a batch", at: section.mark(of: "batch"),
                hint: "remove 'batch', or write mode: structured")
        }
        return .cloudEventFields(typePrefix: section.string("type_prefix") ?? CloudEvent.usualTypePrefix)
    }
}

extension WebhookSinkConfiguration {
    package func makeSink(_ context: SinkContext) throws -> any Sink {
        var options = WebhookSink.Options(url: url, form: form)
        options.signature = signature
        options.headers = headers
        options.concurrency = concurrency
        options.batchLines = batch
        options.client = HTTPClientConfiguration(
            tls: tls.map { TLSClientConfiguration($0) } ?? TLSClientConfiguration(),
            proxy: proxy.map { ProxyConfiguration($0) })
        options.client.addresses = addresses
        options.client.headTimeout = TimeAmount(timeout)
        options.client.bodyTimeout = TimeAmount(timeout)
        return WebhookSink(name: context.name, options: options)
    }
}
