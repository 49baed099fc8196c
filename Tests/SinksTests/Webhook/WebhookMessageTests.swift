import BridgeCore
import Codecs
import Sinks
import TestSupport
import Testing
import WireProtocols

/// A line with a call, an agent and a queue.
func callLine(_ seq: Int64, call: String = "cape:4711", more: String = "") -> [UInt8] {
    let text = String(decoding: line(seq).dropLast(2), as: UTF8.self)
    var writer = ByteWriter()
    writer.append(utf8: text + #","call":{"id":"#)
    writer.append(jsonString: call)
    writer.append(
        utf8:
            #","seq":2,"state":"talking","direction":"inbound"},"agent":{"id":"1001"},"queue":{"id":"sales"}\#(more)}"#)
    writer.append(UInt8(ascii: "\n"))
    return writer.bytes
}

struct WebhookSignatureTests {
    /// The example of the specification (standard-webhooks, spec, "Signature scheme").
    @Test func `The example of the specification is signed as there`() throws {
        let key = try #require(WebhookSignature.Key(Secret(Array("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".utf8))))
        let value = WebhookSignature(keys: [key]).value(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek", time: 1_614_265_330, body: Array(#"{"test": 2432232314}"#.utf8))
        #expect(value == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test func `Two keys make two signatures, the new one first`() throws {
        let keys = try ["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "whsec_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"].map {
            try #require(WebhookSignature.Key(Secret(Array($0.utf8))))
        }
        let both = WebhookSignature(keys: keys).value(id: "a", time: 1, body: [1])
        #expect(
            both.split(separator: " ").map(String.init)
                == keys.map { WebhookSignature(keys: [$0]).value(id: "a", time: 1, body: [1]) })
    }

    @Test(arguments: [
        "", "whsec_", "whsec_AAAA", "not base64 at all!!!!!!!!!!!!!!!!", String(repeating: "A", count: 88),
    ])
    func `What is no key of 24 to 64 bytes is refused`(text: String) {
        #expect(WebhookSignature.Key(Secret(Array(text.utf8))) == nil)
    }
}

struct WebhookMessageTests {
    private func message(_ lines: [[UInt8]], _ form: WebhookMessage.Form) -> WebhookMessage {
        var ends: [Int] = []
        for line in lines { ends.append((ends.last ?? 0) + line.count) }
        return WebhookMessage(lines: lines.flatMap { $0 }, ends: ends, form: form)
    }

    private func id(_ seq: Int64) -> String { "\(UUID128(high: UInt64(seq), low: 7))" }

    @Test func `A line is sent as it is, under its own id`() {
        let sent = message([line(5)], .line(contentType: "application/json"))
        #expect(sent.id == id(5))
        #expect(sent.body + [10] == line(5))
        #expect(sent.headers.first("content-type") == "application/json")
    }

    @Test func `Several lines are one array, under an id that is the same for the same lines`() throws {
        let form = WebhookMessage.Form.array(contentType: "application/json")
        let sent = message([line(5), line(6)], form)
        let document = try JSONDocument(sent.body)
        #expect(document.root.elements.map { $0["seq"]?.numberText } == ["5", "6"])
        #expect(sent.id == message([line(5), line(6)], form).id && sent.id != message([line(5)], form).id)
        #expect(sent.id.count == 36 && sent.id != id(5))
        #expect(try JSONDocument(message([line(5)], form).body).root.elements.count == 1)
    }

    @Test func `A structured CloudEvent keeps the event's id`() {
        var writer = ByteWriter()
        callLine(5).dropLast().withUnsafeBytes {
            LineTransform(format: .cloudEvents(typePrefix: "a.")).append($0, isReplay: false, to: &writer)
        }
        #expect(message([writer.bytes], .line(contentType: "application/cloudevents+json")).id == id(5))
    }

    @Test func `Binary mode carries the attributes as fields, percent-encoded`() {
        let sent = message([callLine(5, call: "cape:ä \"1%\"")], .cloudEventFields(typePrefix: "com.acme."))
        #expect(sent.body + [10] == callLine(5, call: "cape:ä \"1%\""))
        let expected = [
            "content-type": "application/json", "ce-specversion": "1.0", "ce-id": id(5),
            "ce-type": "com.acme.call.answered", "ce-source": "/cti-bridge/teleforge/cape",
            "ce-subject": "cape:%C3%A4%20%221%25%22", "ce-time": "2026-01-15T10:00:17.250000Z",
            "ce-sequence": "00000000000000000005", "ce-partitionkey": "cape:%C3%A4%20%221%25%22",
        ]
        for (name, value) in expected { #expect(sent.headers.first(name) == value, "\(name)") }
        #expect(throws: Never.self) { try HTTPHeadWriter.check(sent.headers) }
    }
}

struct WebhookVerdictTests {
    private func outcome(_ status: Int, _ headers: HTTPHeaders = [:]) -> DeliveryOutcome {
        WebhookVerdict.outcome(
            of: HTTPRefusal(head: HTTPResponseHead(status: status, headers: headers), body: []), now: 784_111_777)
    }

    @Test(arguments: [
        (200, "taken"), (202, "taken"), (204, "taken"), (299, "taken"), (301, "again"), (308, "again"), (400, "dead"),
        (401, "dead"), (404, "dead"), (408, "again"), (409, "dead"), (410, "disabled"), (422, "dead"), (425, "again"),
        (429, "again"), (500, "again"), (501, "again"), (503, "again"), (599, "again"),
    ])
    func `Each status has its consequence`(status: Int, expected: String) {
        let found =
            switch outcome(status) {
            case .delivered: "taken"
            case .retry(nil, _, nil): "again"
            case .rejected(nil, _): "dead"
            case .disabled: "disabled"
            case .retry, .rejected, .gone: "?"
            }
        #expect(found == expected)
    }

    @Test(
        arguments: [
            ("120", 120), ("0", 0), ("Sun, 06 Nov 1994 08:49:38 GMT", 1), ("Sun, 06 Nov 1994 08:00:00 GMT", 0),
            ("999999999", 86_400), ("soon", nil), ("-1", nil),
        ] as [(String, Int?)])
    func `The time that a server names is kept, a day at most`(field: String, seconds: Int?) {
        guard case .retry(_, _, let after) = outcome(503, ["Retry-After": field]) else {
            Issue.record("no retry")
            return
        }
        #expect(after == seconds.map { .seconds($0) })
    }
}
