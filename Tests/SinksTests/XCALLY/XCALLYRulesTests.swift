import CallModel
import Codecs
import Testing

@testable import Sinks

/// What the sink `xcally` says of an event, and what waits of it, as values.
@Suite struct XCALLYRulesTests {
    /// An answered call of another vendor.
    private static let answered = #"""
        {"v":1,"id":"966dc68c-c2fd-5d70-b397-81e058571216","kind":"call.answered","stream":"0192f0c4-8a00-7000-8000-000000000001","seq":2,"occurred_at":"2026-01-15T10:00:17.250987Z","received_at":"2026-01-15T10:00:17.250987Z","time_source":"received","origin":"live","tenant":"acme","source":{"vendor":"teleforge","name":"cape","event":"inbound/call"},"call":{"id":"cape:1768471200.4711","seq":2,"state":"talking","direction":"inbound"},"from":{"number":"0821 & 4567"},"to":{"number":"0215550100"},"queue":{"id":"sales"},"agent":{"id":"1001","extension":"1001","endpoint":"SIP/1001"}}
        """#

    private func event(_ line: String = answered) throws -> CallEvent {
        try Array(line.utf8).withUnsafeBytes { try LineReader.read($0) }
    }

    private func text(_ message: XCALLYRules.Message?) -> String {
        message.map { String(decoding: $0.json, as: UTF8.self) } ?? ""
    }

    // MARK: - Templates

    @Test(
        arguments: [
            ("https://crm.example/c?id={callId}", "https://crm.example/c?id=cape%3A1768471200.4711"),
            ("https://crm.example/?n={callernum}", "https://crm.example/?n=0821%20%26%204567"),
            ("{uniqueid}/{queue}/{agentnum}", "1768471200.4711/sales/1001"), ("{attr.ordernumber}", nil), ("", nil),
        ] as [(String, String?)])
    func `Placeholders are filled in, percent-encoded where the text is a URL`(_ template: String, _ text: String?)
        throws
    {
        #expect(try XCALLYTemplate(template, asURL: false).text(for: event()) == text)
    }

    @Test(arguments: [
        "ftp://crm.example/{callId}", "javascript:alert({callId})", "https://{callernum}/",
        "https://crm.example{callId}/",
        "{callId}", "https://user:pass@crm.example/", "https://crm.example/{nonsense}", "https://crm.example/{callId",
        "https://crm.example/a b",
    ])
    func `No template can lead elsewhere than to its own host`(_ template: String) {
        #expect(throws: XCALLYTemplate.Mistake.self) { try XCALLYTemplate(template, asURL: true) }
    }

    // MARK: - Messages

    @Test func `An answered call of another vendor becomes RealtimeCTI in the Shuttle's own words`() throws {
        let rules = XCALLYRules(
            appName: "bridge", reference: try XCALLYTemplate("{callId}", asURL: false),
            url: try XCALLYTemplate("https://crm.example/{uniqueid}", asURL: true))
        let messages = rules.messages(for: try event())
        #expect(messages.map(\.name) == ["RealtimeCTI"])
        let json = try JSONDocument(messages.first?.json ?? []).root
        #expect(json["type"]?.string == "bridge")
        #expect(json["reference"]?.string == "cape:1768471200.4711")
        #expect(json["url"]?.string == "https://crm.example/1768471200.4711")
        let channel = try #require(json["channel"])
        #expect(channel["event"]?.string == "up")
        #expect(channel["uniqueid"]?.string == "1768471200.4711")
        #expect(channel["queue"]?.string == "sales")
        #expect(channel["agentnum"]?.string == "1001")
        #expect(channel["peer"]?.string == "SIP/1001")
        #expect(channel["callernum"]?.string == "0821 & 4567")
        // The event's own time, cut to milliseconds.
        #expect(channel["time"]?.string == "2026-01-15T10:00:17.250Z")
    }

    @Test func `An empty reference or URL is no member at all`() throws {
        let message = text(XCALLYRules(appName: "bridge").messages(for: try event()).first)
        #expect(message.hasPrefix(#"{"type":"bridge","channel":{"#))
        #expect(!message.contains("reference") && !message.contains(#""url""#))
    }

    @Test func `Screens are touched only where a rule says so, and in a script's order`() throws {
        var rules = XCALLYRules(appName: "bridge")
        rules.screenPop = .init(url: try XCALLYTemplate("https://crm.example/{agentnum}", asURL: true))
        rules.notification = .init(
            type: "info", title: try XCALLYTemplate("Call", asURL: false),
            body: try XCALLYTemplate("from {callernum}", asURL: false))
        let messages = rules.messages(for: try event())
        #expect(messages.map(\.name) == ["RealtimeCTI", "AgentCTI", "AgentCTINotification"])
        #expect(text(messages[1]) == #"{"url":"https://crm.example/1001","peer":"SIP/1001","mode":"new_tab"}"#)
        #expect(
            text(messages[2]) == #"{"peer":"SIP/1001","type":"info","title":"Call","body":"from 0821 & 4567"}"#)
    }

    @Test(
        "Other kinds, other queues, concluded answers and late lines say nothing",
        arguments: [
            ("call.answered", "call.held", nil), (#""origin":"live""#, #""origin":"synthetic""#, nil),
            (#""tenant":"acme""#, #""late":true,"tenant":"acme""#, nil), ("", "", ["support"]), ("", "", []),
        ] as [(String, String, Set<String>?)])
    func silence(_ old: String, _ new: String, _ queues: Set<String>?) throws {
        let line = old.isEmpty ? Self.answered : Self.answered.replacing(old, with: new)
        let rules = XCALLYRules(appName: "bridge", push: .init(queues: queues))
        #expect(try rules.messages(for: event(line)).isEmpty)
        #expect(try XCALLYRules(appName: "bridge", push: .init(queues: ["sales"])).messages(for: event()).count == 1)
    }

    // MARK: - What waits

    private func entry(_ number: Int, at second: Int64) -> XCALLYOutbox.Entry {
        XCALLYOutbox.Entry(
            message: .init(name: "RealtimeCTI", json: Array("\(number)".utf8)),
            receivedAt: Timestamp(microseconds: second * 1_000_000))
    }

    @Test func `Of too many the oldest are dropped, of too old all, and both are counted`() {
        var outbox = XCALLYOutbox(limit: 3, age: .seconds(60))
        let now = Timestamp(microseconds: 100_000_000)
        outbox.add(entry(0, at: 39), now: now)
        #expect(outbox.dropped == .init(overflowed: 0, stale: 1))
        for number in 1...5 { outbox.add(entry(number, at: 50 + Int64(number)), now: now) }
        #expect(outbox.count == 3)
        #expect(outbox.dropped == .init(overflowed: 2, stale: 1))
        #expect(outbox.next(now: now) == entry(3, at: 53))
        // Asked again without removing it, it is the same.
        #expect(outbox.next(now: now) == entry(3, at: 53))
        outbox.removeFirst()
        #expect(outbox.next(now: Timestamp(microseconds: 115_000_000)) == entry(5, at: 55))
        #expect(outbox.dropped == .init(overflowed: 2, stale: 2))
        outbox.removeFirst()
        #expect(outbox.next(now: now) == nil)
        for number in 1...500 {
            outbox.add(entry(number, at: 90), now: now)
            #expect(outbox.next(now: now) == entry(number, at: 90))
            outbox.removeFirst()
        }
        #expect(outbox.count == 0)
    }
}
