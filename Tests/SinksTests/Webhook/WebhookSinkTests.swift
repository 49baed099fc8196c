import BridgeCore
import Codecs
import NIOCore
import Sinks
import TestSupport
import Testing
import Transport
import WireProtocols

/// A sink of tests, and what it is given.
func sink(_ url: String, _ change: (inout WebhookSink.Options) -> Void = { _ in }) throws -> WebhookSink {
    var options = WebhookSink.Options(url: try #require(HTTPURL(url)))
    change(&options)
    return WebhookSink(name: "crm", options: options)
}

func deliver(_ sink: WebhookSink, _ seqs: ClosedRange<Int64>) async -> DeliveryOutcome {
    await sink.deliver(delivery(seqs) { callLine($0) })
}

/// The sink against an independent HTTP server.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct WebhookSinkTests {
    @Test func `The reference verifier takes every delivery, and nothing that was altered`() async throws {
        guard let python = PythonPeer.interpreter("webhooks") else { return }
        let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
        let old = "whsec_" + Base64.encode(Array(repeating: 7, count: 32))
        guard let receiver = try await WebhookReceiver.start(interpreter: python, secret: secret) else { return }
        let keys = try [old, secret].map { try #require(WebhookSignature.Key(Secret(Array($0.utf8)))) }
        // The receiver knows one secret: alone, as the new one, and as the old one while it is being changed.
        for (form, ordered, lines) in [
            (WebhookMessage.Form.line(contentType: "application/json"), keys.suffix(1), 1 as Int64),
            (.line(contentType: "application/json"), keys.reversed(), 1),
            (.array(contentType: "application/json"), keys, 3), (.cloudEventFields(typePrefix: "com.acme."), keys, 1),
        ] {
            let sink = try sink(receiver.url) {
                $0.form = form
                $0.signature = WebhookSignature(keys: Array(ordered))
                $0.headers = ["X-Api-Key": "k"]
            }
            for seq in 1...10 as ClosedRange<Int64> {
                #expect(await deliver(sink, seq...(seq + lines - 1)) == .delivered)
            }
            await sink.close()
        }
        let requests = receiver.requests
        #expect(requests.count == 40)
        #expect(requests.allSatisfy { $0.isVerified == true })
        #expect(requests.allSatisfy { $0.isAlteredVerified == false && $0.isWrongSecretVerified == false })
        #expect(requests.allSatisfy { $0.path == "/hooks/cti?key=1" && $0.headers["x-api-key"] == "k" })
        #expect(Set(requests.map(\.client)).count == 4, "a connection serves many requests")
    }

    @Test func `The reference verifier refuses what is signed with another secret, or not at all`() async throws {
        guard let python = PythonPeer.interpreter("webhooks"),
            let receiver = try await WebhookReceiver.start(
                interpreter: python, secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")
        else { return }
        let other = try #require(WebhookSignature.Key(Secret(Array(repeating: UInt8(ascii: "A"), count: 32))))
        for signature in [WebhookSignature(keys: [other]), nil] {
            let sink = try sink(receiver.url) { $0.signature = signature }
            #expect(await deliver(sink, 1...1) == .delivered)
            await sink.close()
        }
        #expect(receiver.requests.map(\.isVerified) == [false, false])
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
}
