import BridgeCore
import Sinks
import TestSupport
import Testing
import Transport

/// Where the sink connects, and whom it believes.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct WebhookReachTests {
    private func trust(in authority: TestAuthority) -> TLSClientConfiguration.Trust {
        .certificates(.bytes(Array(authority.certificate.utf8)))
    }

    private func reason(_ outcome: DeliveryOutcome) -> String {
        if case .retry(nil, let reason, nil) = outcome { reason } else { "no retry: \(outcome)" }
    }

    @Test func `A private authority is trusted where it is named, and nowhere else`() async throws {
        let authority = try TestAuthority()
        guard let receiver = try await WebhookReceiver.start(tls: try authority.issue()) else { return }
        func attempt(_ trust: TLSClientConfiguration.Trust, url: String) async throws -> DeliveryOutcome {
            let sink = try sink(url) { $0.client.tls = TLSClientConfiguration(trust: trust) }
            let outcome = await deliver(sink, 1...1)
            await sink.close()
            return outcome
        }
        #expect(try await attempt(trust(in: authority), url: receiver.url) == .delivered)
        #expect(reason(try await attempt(.system, url: receiver.url)).hasPrefix("tls: "))
        let other = try TestAuthority("Another Root")
        #expect(
            reason(try await attempt(trust(in: other), url: receiver.url)).hasPrefix("tls: "))
        let plain = receiver.url.replacing("https://", with: "http://")
        #expect(reason(try await attempt(.system, url: plain)).hasPrefix("request: "))
        #expect(receiver.requests.count == 1)
    }

    @Test func `A certificate for another name is refused`() async throws {
        let authority = try TestAuthority()
        guard let receiver = try await WebhookReceiver.start(tls: try authority.issue(names: ["DNS:crm.test"])) else {
            return
        }
        let tls = TLSClientConfiguration(trust: trust(in: authority))
        let strict = try sink(receiver.url) { $0.client.tls = tls }
        #expect(reason(await deliver(strict, 1...1)).hasPrefix("tls: "))
        await strict.close()
        let told = try sink(receiver.url) {
            $0.client.tls = tls
            $0.client.tls.serverName = "crm.test"
        }
        #expect(await deliver(told, 1...1) == .delivered)
        await told.close()
    }

    @Test(arguments: [false, true]) func `A proxy leads to a host that it alone knows`(isSecure: Bool) async throws {
        let authority = try TestAuthority()
        let identity = isSecure ? try authority.issue(names: ["DNS:crm.invalid"]) : nil
        guard let receiver = try await WebhookReceiver.start(tls: identity),
            let proxy = try await WebhookReceiver.start()
        else { return }
        let url = "\(isSecure ? "https" : "http")://crm.invalid:8443/hooks"
        let sink = try sink(url) {
            $0.client.tls = TLSClientConfiguration(trust: trust(in: authority))
            $0.client.proxy = ProxyConfiguration(
                host: "127.0.0.1", port: Int(proxy.port),
                credentials: ProxyCredentials(username: "u", password: Array("p".utf8)))
        }
        try proxy.plan(#"{"proxy_status":407}"#)
        #expect(reason(await deliver(sink, 1...1)).hasPrefix("proxy: "))
        try proxy.plan(#"{"tunnel":\#(receiver.port)}"#)
        #expect(await deliver(sink, 1...1) == .delivered)
        #expect(await deliver(sink, 2...2) == .delivered)
        #expect(proxy.requests.map(\.path) == ["crm.invalid:8443", "crm.invalid:8443"])
        #expect(proxy.requests.allSatisfy { $0.headers["proxy-authorization"] == "Basic dTpw" })
        #expect(receiver.requests.map(\.path) == ["/hooks", "/hooks"])
        #expect(receiver.requests.allSatisfy { $0.headers["proxy-authorization"] == nil })
        await sink.close()
    }

    /// Every spelling of this machine that a resolver understands.
    @Test(arguments: [
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "0",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:0]",
    ])
    func `It connects to no address that the configuration does not permit, whatever it is called`(
        host: String
    ) async throws {
        guard let receiver = try await WebhookReceiver.start() else { return }
        let url = "http://\(host):\(receiver.port)/hooks"
        let sink = try sink(url) { $0.client.addresses = AddressPolicy([.public, .private]) }
        let refused = reason(await deliver(sink, 1...1))
        #expect(
            refused.contains("where the configuration lets nothing connect to") || refused.hasPrefix("resolve: "),
            "\(refused)")
        #expect(receiver.requests.isEmpty)
        await sink.close()
    }

    @Test(arguments: ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
    func `It connects where the configuration permits it`(host: String) async throws {
        guard let receiver = try await WebhookReceiver.start() else { return }
        let sink = try sink("http://\(host):\(receiver.port)/hooks") {
            $0.client.addresses = AddressPolicy([.public, .loopback])
        }
        #expect(await deliver(sink, 1...1) == .delivered)
        await sink.close()
    }
}
