import BridgeCore
import Codecs
import NIOCore
import Sinks
import TestSupport
import Testing
import Transport
import WireProtocols

/// The sink against an independent HTTP server.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct WebhookSinkTests {
    private func sink(_ url: String, _ change: (inout WebhookSink.Options) -> Void = { _ in }) throws -> WebhookSink {
        var options = WebhookSink.Options(url: try #require(HTTPURL(url)))
        change(&options)
        return WebhookSink(name: "crm", options: options)
    }

    private func deliver(_ sink: WebhookSink, _ seqs: ClosedRange<Int64>) async -> DeliveryOutcome {
        await sink.deliver(delivery(seqs) { callLine($0) })
    }

    @Test func `The reference verifier takes every delivery, and nothing that was altered`() async throws {
        guard let python = PythonPeer.interpreter("webhooks") else { return }
        let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
        let old = "whsec_" + Base64.encode(Array(repeating: 7, count: 32))
        guard let receiver = try await WebhookReceiver.start(interpreter: python, secret: secret) else { return }
        let keys = try [old, secret].map { try #require(WebhookSignature.Key(Secret(Array($0.utf8)))) }
        for (form, ordered) in [
            (WebhookMessage.Form.line(contentType: "application/json"), keys.reversed()),
            (.array(contentType: "application/json"), keys), (.cloudEventFields(typePrefix: "com.acme."), keys),
        ] {
            let sink = try sink(receiver.url) {
                $0.form = form
                $0.signature = WebhookSignature(keys: Array(ordered))
                $0.headers = ["X-Api-Key": "k"]
            }
            for seq in 1...10 as ClosedRange<Int64> { #expect(await deliver(sink, seq...seq) == .delivered) }
            await sink.close()
        }
        let requests = receiver.requests
        #expect(requests.count == 30)
        #expect(requests.allSatisfy { $0.isVerified == true })
        #expect(requests.allSatisfy { $0.isAlteredVerified == false && $0.isWrongSecretVerified == false })
        #expect(requests.allSatisfy { $0.path == "/hooks/cti?key=1" && $0.headers["x-api-key"] == "k" })
        #expect(Set(requests.map(\.client)).count == 3, "a connection serves many requests")
    }

    @Test func `An attempt that is repeated has the same id and body`() async throws {
        guard let receiver = try await WebhookReceiver.start() else { return }
        let sink = try sink(receiver.url)
        try receiver.plan(#"{"then":[500,0]}"#)
        guard case .retry(nil, let reason, nil) = await deliver(sink, 1...1) else {
            Issue.record("no retry")
            return
        }
        #expect(reason.contains("HTTP 500"))
        // The kept connection is closed without an answer: the request goes out again on a new one, at once.
        #expect(await deliver(sink, 1...1) == .delivered)
        #expect(receiver.requests.count == 3)
        #expect(Set(receiver.requests.map(\.id)).count == 1 && Set(receiver.requests.map(\.body)).count == 1)
        await sink.close()
    }

    @Test func `A redirect is not followed, a redirecting receiver is asked again`() async throws {
        guard let receiver = try await WebhookReceiver.start(), let other = try await WebhookReceiver.start() else {
            return
        }
        try receiver.plan(#"{"status":307,"headers":{"Location":"\#(other.url)"}}"#)
        let sink = try sink(receiver.url)
        guard case .retry(nil, let reason, nil) = await deliver(sink, 1...1) else {
            Issue.record("no retry")
            return
        }
        #expect(reason.contains("not followed"))
        #expect(other.requests.isEmpty && receiver.requests.count == 1)
        await sink.close()
    }

    @Test func `A server that says nothing is given up, and one that has gone is told by its words`() async throws {
        guard let receiver = try await WebhookReceiver.start() else { return }
        try receiver.plan(#"{"delay":30}"#)
        let sink = try sink(receiver.url) { $0.client.headTimeout = .milliseconds(200) }
        guard case .retry(nil, let reason, nil) = await deliver(sink, 1...1) else {
            Issue.record("no retry")
            return
        }
        #expect(reason.contains("no answer within"))
        try await receiver.kill()
        guard case .retry(nil, let refused, nil) = await deliver(sink, 1...1) else {
            Issue.record("no retry")
            return
        }
        #expect(refused.contains("refused"))
        await sink.close()
    }

    @Test func `A cancelled delivery ends at once, and the next one works`() async throws {
        guard let receiver = try await WebhookReceiver.start() else { return }
        try receiver.plan(#"{"delay":60}"#)
        let sink = try sink(receiver.url) { $0.client.headTimeout = .seconds(60) }
        await withTaskGroup(of: DeliveryOutcome.self) { group in
            group.addTask { await sink.deliver(delivery(1...1)) }
            try? await eventually("the request has arrived") { !receiver.requests.isEmpty }
            group.cancelAll()
            guard case .retry = await group.next() else {
                Issue.record("no retry")
                return
            }
        }
        try receiver.plan("{}")
        #expect(await deliver(sink, 2...2) == .delivered)
        await sink.close()
    }

    @Test func `Deliveries go side by side, each on a connection of its own`() async throws {
        guard let receiver = try await WebhookReceiver.start() else { return }
        try receiver.plan(#"{"delay":0.2}"#)
        let sink = try sink(receiver.url)
        await withTaskGroup(of: DeliveryOutcome.self) { group in
            for seq in 1...4 as ClosedRange<Int64> { group.addTask { await sink.deliver(delivery(seq...seq)) } }
            for await outcome in group { #expect(outcome == .delivered) }
        }
        #expect(Set(receiver.requests.map(\.client)).count == 4)
        await sink.close()
    }

    @Test func `It connects to no address that the configuration does not permit`() async throws {
        guard let receiver = try await WebhookReceiver.start() else { return }
        let sink = try sink(receiver.url) { $0.client.addresses = AddressPolicy([.public]) }
        guard case .retry(nil, let reason, nil) = await deliver(sink, 1...1) else {
            Issue.record("no retry")
            return
        }
        #expect(reason.contains("127.0.0.1 is 127.0.0.1, where the configuration lets nothing connect to"))
        #expect(receiver.requests.isEmpty)
        await sink.close()
        let local = try self.sink(receiver.url) { $0.client.addresses = AddressPolicy([.public, .loopback]) }
        #expect(await deliver(local, 1...1) == .delivered)
        await local.close()
    }
}
