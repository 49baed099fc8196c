import CallModel
import Codecs
import Testing

@testable import Adapters

@Suite("Teleforge: notifications that a call reached an agent")
struct TeleforgeNotificationTests {
    static let shapes: [(payload: String, summary: String)] = [
        // v3.0.0 and later.
        (
            #""number":"0821","dial_number":"0215","hold_time":17,"call_ref":"7.1","contact_ref":"A","call_dir":"inbound","ref":"1001""#,
            "call.answered 7.1 inbound 0821>0215 agent=1001 queue=17000 contactReference=A"
        ),
        // Before v3.0.0: `campaign_ref` is the direction, no campaign.
        (
            #""number":"0821","dial_number":"0215","hold_time":"17","call_ref":71,"contact_ref":"","campaign_ref":"inbound","ref":1001"#,
            "call.answered 71 inbound 0821>0215 agent=1001 queue=17000"
        ),
        // Before v2.6.0: no `hold_time`.
        (
            #""number":"0821","dial_number":"0215","call_ref":"7.1","contact_ref":null,"campaign_ref":"inbound","ref":"1001""#,
            "call.answered 7.1 inbound 0821>0215 agent=1001"
        ),
        // The two oldest shapes.
        (
            #""extension":"1001","recording_url":"rec-1","number":"0821","call_ref":"7.1""#,
            "call.answered 7.1 inbound 0821>- agent=1001 recording=rec-1"
        ),
        (
            #""call_ref":"7.1","ref":"1001","number":"0821","contact_ref":"A","campaign_ref":"spring""#,
            "call.answered 7.1 inbound 0821>- agent=1001 contactReference=A campaign=spring"
        ),
        // Nothing but the call.
        (#""call_ref":"7.1""#, "call.answered 7.1 inbound"),
    ]

    @Test("Every published shape of the inbound notification is a call.answered", arguments: shapes)
    func shape(_ row: (payload: String, summary: String)) {
        #expect(inbound(row.payload).map(\.summary) == [row.summary])
    }

    @Test("The opener that such a call may need began before it, by the wait")
    func opener() {
        let waited = inbound(#""call_ref":"7.1","hold_time":17"#)[0]
        #expect(waited.opener == .init(kind: .callOffered, lead: .seconds(17)))
        #expect(waited.identity == .parts(["call.answered", "7.1", "agent:", "h17"]))
        #expect(waited.occurredAt == nil && waited.origin == .live && waited.event == "inbound/call")
        #expect(inbound(#""call_ref":"7.1","call_dir":"outbound""#)[0].opener == .init(kind: .callDialing))
    }

    @Test("The dialler's notification is an outbound call to the agent of the channel")
    func dialler() {
        let fact = mapped(
            "agents:1001",
            #"{"type":"call","payload":{"call_ref":9,"agent":"1001","contact_ref":"A","number":"0821","ref":"1001","campaign_ref":"spring"}}"#
        )
        #expect(
            fact.map(\.summary) == [
                "call.answered 9 outbound ->0821 agent=1001 contactReference=A campaign=spring"
            ])
        #expect(fact[0].opener == .init(kind: .callDialing) && fact[0].event == "agents/call")
        let bare = mapped("agents:1002", #"{"type":"call","payload":{"call_ref":9}}"#)
        #expect(bare.map(\.summary) == ["call.answered 9 outbound agent=1002"])
    }

    static let envelopes: [(place: String, element: String, calls: [String?])] = [
        ("inbound", #"{"type":"call","payload":{"call_ref":"1"}}"#, ["1"]),
        ("inbound", #"{"type":"CALL","payload":{"call_ref":"1"}}"#, ["1"]),
        ("inbound", #"{"type":"Call_Update","payload":{"call_ref":"1"}}"#, ["1"]),
        ("inbound", #"{"payload":{"call_ref":"1"}}"#, ["1"]),
        ("inbound", #"{"type":"call","call_ref":"1"}"#, ["1"]),
        ("inbound", #"{"type":"call","payload":null,"call_ref":"1"}"#, ["1"]),
        ("inbound", #"{"type":"call","payload":"{\"call_ref\":\"1\"}"}"#, ["1"]),
        ("inbound", #"{"type":"call","payload":"[{\"call_ref\":\"1\"}]"}"#, ["1"]),
        ("inbound", #"{"type":"call","payload":[{"call_ref":"1"},{"call_ref":"2"}]}"#, ["1", "2"]),
        ("c2d", #"{"notifications":[{"call_ref":"1"},{"call_ref":"2"}]}"#, ["1", "2"]),
    ]

    @Test("An envelope may hold an object, an array, JSON text, or be the message itself", arguments: envelopes)
    func envelope(_ row: (place: String, element: String, calls: [String?])) {
        let facts = mapped(row.place, row.element)
        #expect(facts.map(\.callID) == row.calls)
        #expect(facts.allSatisfy { $0.kind == .callAnswered && $0.body.extra.isEmpty })
    }

    @Test("A call update that tells how the call ended is its record")
    func update() {
        let facts = mapped("inbound", #"{"type":"call_update","payload":{"call_ref":"1","end_reason":"busy"}}"#)
        #expect(facts.map(\.kind) == [.callDialing, .callEnded, .callRecord])
    }

    static let aliases: [(members: String, summary: String)] = [
        (#""unique_id":"3","call_id":"2","call_ref":"1""#, "call.answered 1 inbound unique_id:3 call_id:2"),
        (#""unique_id":"3","call_id":"2""#, "call.answered 2 inbound unique_id:3"),
        (#""call_ref":"","call_id":"2""#, "call.answered 2 inbound"),
        (#""call_ref":null,"unique_id":"3""#, "call.answered 3 inbound"),
        (
            #""call_ref":"1","extension":"4","agent":"5","user_id":"6""#,
            "call.answered 1 inbound agent=4 agent:5 user_id:6"
        ),
        (#""call_ref":"1","user_id":"6","ref":"7""#, "call.answered 1 inbound agent=6 ref:7"),
        (#""call_ref":"1","extension":"7","ref":"7""#, "call.answered 1 inbound agent=7"),
        (#""call_ref":"1","phone_number":"9","number":"8""#, "call.answered 1 inbound 8>- phone_number:9"),
        (#""call_ref":"1","number":"","phone_number":"9""#, "call.answered 1 inbound 9>-"),
        (#""call_ref":"1","number_called":"5","DNIS":"4""#, "call.answered 1 inbound ->4 number_called:5"),
        (#""call_ref":"1","clid":"3","caller_id":"2""#, "call.answered 1 inbound ->2 clid:3"),
        (#""call_ref":"1","reference_id":"B""#, "call.answered 1 inbound contactReference=B"),
        (#""call_ref":"1","call_direction":"OUTBOUND","number":"8""#, "call.answered 1 outbound ->8"),
        (#""call_ref":"1","call_dir":"internal""#, "call.answered 1 internal"),
        (#""call_ref":"1","call_dir":"external""#, "call.answered 1 unknown call_dir:external"),
    ]

    @Test("Of several names of a field the first of the table counts, the others are kept", arguments: aliases)
    func alias(_ row: (members: String, summary: String)) {
        #expect(inbound(row.members).map(\.summary) == [row.summary])
    }

    static let scalars: [(members: String, summary: String)] = [
        (#""call_ref":1768471200"#, "call.answered 1768471200 inbound"),
        (#""call_ref":1768471200.4711"#, "call.answered 1768471200.4711 inbound"),
        (#""call_ref":1.2e3"#, "call.answered 1200 inbound"),
        (#""call_ref":true,"ref":false"#, "call.answered true inbound agent=false"),
        (#""call_ref":"1","number":27821234567"#, "call.answered 1 inbound 27821234567>-"),
        (#""call_ref":"1","hold_time":12.0"#, "call.answered 1 inbound queue=12000"),
        (#""call_ref":"1","hold_time":"0.29""#, "call.answered 1 inbound queue=290"),
        (#""call_ref":"1","hold_time":"""#, "call.answered 1 inbound"),
        (#""call_ref":"1","hold_time":-3"#, "call.answered 1 inbound hold_time:-3"),
        (#""call_ref":"1","hold_time":"0x10""#, "call.answered 1 inbound hold_time:0x10"),
        (#""call_ref":"1","hold_time":"soon""#, "call.answered 1 inbound hold_time:soon"),
        (#""call_ref":"1","hold_time":9e99"#, "call.answered 1 inbound hold_time:9e99"),
        (#""call_ref":"1","ref":["1001"]"#, #"call.answered 1 inbound ref:["1001"]"#),
    ]

    @Test("A scalar may have any JSON type; what cannot be read is kept", arguments: scalars)
    func scalar(_ row: (members: String, summary: String)) {
        #expect(inbound(row.members).map(\.summary) == [row.summary])
    }

    @Test(
        "A withheld number is told as such",
        arguments: ["", "anonymous", "Anonymous", "unknown", "<unknown>", "private", "restricted"])
    func withheld(_ number: String) {
        let fact = inbound(#""call_ref":"1","number":"\#(number)","dial_number":"+27215550100""#)[0]
        #expect(fact.summary == "call.answered 1 inbound anonymous>+27215550100")
        #expect(fact.body.to?.e164 == "+27215550100")
    }

    @Test("Fields without a home are kept in the vendor's order and spelling, structures as JSON")
    func extra() {
        let fact = inbound(
            #""zeta":1,"call_ref":"1","Alpha":{"b":[1,null]},"end_reason":"x","empty":"","none":null,"disposition":"y""#
        )[0]
        #expect(fact.summary == #"call.answered 1 inbound zeta:1 Alpha:{"b":[1,null]} end_reason:x disposition:y"#)
    }

    @Test("Of a name that comes twice the last value counts, and that it came twice is noted")
    func repeatedNames() {
        #expect(
            inbound(#""call_ref":"1","call_ref":"2","x":"a","y":"b","x":"c""#).map(\.summary) == [
                "call.answered 2 inbound x:c y:b repeated_names:call_ref,x"
            ])
        #expect(
            inbound(#""call_ref":"1","number":"8","number":null"#).map(\.summary) == [
                "call.answered 1 inbound repeated_names:number"
            ])
    }
}

@Suite("Teleforge: messages that are not understood")
struct TeleforgeUnmappedTests {
    static let messages: [(place: String, element: String, event: String, code: Problem.Code)] = [
        ("inbound", "{type:call}", "inbound", .invalidPayload),
        ("inbound", "", "inbound", .invalidPayload),
        ("inbound", "[]", "inbound", .invalidPayload),
        ("inbound", "\"call\"", "inbound", .invalidPayload),
        ("inbound", #"{"type":"call","payload":7}"#, "inbound/call", .invalidPayload),
        ("inbound", #"{"type":"call","payload":[]}"#, "inbound/call", .invalidPayload),
        ("inbound", #"{"type":"call","payload":[1]}"#, "inbound/call", .invalidPayload),
        ("inbound", #"{"type":"call","payload":"no JSON"}"#, "inbound/call", .invalidPayload),
        ("inbound", #"{"type":"call","payload":{"number":"1"}}"#, "inbound/call", .missingField),
        ("inbound", #"{"type":"call","payload":{"call_ref":""}}"#, "inbound/call", .missingField),
        ("cdr", #"{"type":"cdr","payload":{"number":"1"}}"#, "cdr/cdr", .missingField),
        (
            "campaigns:spring", #"{"type":"dial_preview","payload":{"callees":[]}}"#, "campaigns/dial_preview",
            .unknownEvent
        ),
        ("campaigns:spring", #"{"type":"status","payload":{"status":"started"}}"#, "campaigns/status", .unknownEvent),
        ("dialers", #"{"type":"status","payload":{"status":"started"}}"#, "dialers/status", .unknownEvent),
        ("agents:1001", #"{"type":"stats","payload":{}}"#, "agents/stats", .unknownEvent),
        ("agents:1001", #"{"type":"status","payload":{}}"#, "agents/status", .missingField),
        ("agents:1001", #"{"type":"status","payload":{"status":"dancing"}}"#, "agents/status", .unknownState),
    ]

    @Test("Each is one source.unmapped that says why, with the bytes", arguments: messages)
    func unmapped(_ row: (place: String, element: String, event: String, code: Problem.Code)) {
        let facts = mapped(row.place, row.element, raw: .onUnmapped)
        #expect(facts.map(\.kind) == [.sourceUnmapped])
        #expect(facts.first?.event == row.event && facts.first?.problem?.code == row.code)
        #expect(facts.first?.body.raw != nil)
    }

    @Test("What is no JSON or no UTF-8 is kept as Base64")
    func bytes() {
        let raw = mapped("cdr", bytes: [0x7B, 0xFF, 0x0A], raw: .onUnmapped).first?.body.raw
        #expect(raw == RawPayload(encoding: .base64, data: "e/8K"))
        let overlong = mapped("cdr", bytes: Array("\"\u{7F}\"".utf8) + [0xC0, 0x80], raw: .onUnmapped)
        #expect(overlong.first?.body.raw?.encoding == .base64)
    }

    @Test("An element that is too deep or too long is not understood, and its bytes are cut at 64 KiB")
    func limits() {
        let deep =
            #"{"type":"call","payload":"# + String(repeating: "[", count: 20) + String(repeating: "]", count: 20) + "}"
        #expect(mapped("inbound", deep).first?.problem?.code == .invalidPayload)
        let long = #"{"type":"call","payload":{"call_ref":"1","x":""# + String(repeating: "x", count: 70_000) + #""}}"#
        let cut = mapped("inbound", long, raw: .onUnmapped, limits: JSONLimits(bytes: 1 << 16)).first
        #expect(cut?.problem?.code == .invalidPayload && cut?.body.raw?.isTruncated == true)
        #expect(mapped("inbound", long).map(\.kind) == [.callAnswered])
    }

    @Test("One bad item of an array spoils the element, so that no line is written twice after a correction")
    func arrays() {
        let facts = mapped("inbound", #"{"type":"call","payload":[{"call_ref":"1"},{"number":"2"}]}"#)
        #expect(facts.map(\.kind) == [.sourceUnmapped])
    }

    static let policies: [(policy: RawPolicy, unmapped: Bool, answered: Bool, ended: Bool)] = [
        (.off, false, false, false), (.onUnmapped, true, false, false), (.onCallEnd, true, false, true),
        (.full, true, true, true),
    ]

    @Test("The raw policy decides which lines carry the vendor's bytes", arguments: policies)
    func rawPolicy(_ row: (policy: RawPolicy, unmapped: Bool, answered: Bool, ended: Bool)) {
        func hasRaw(_ place: String, _ element: String) -> Bool? {
            mapped(place, element, raw: row.policy).last.map { $0.body.raw != nil }
        }
        #expect(hasRaw("inbound", "?") == row.unmapped)
        #expect(hasRaw("inbound", #"{"type":"call","payload":{"call_ref":"1"}}"#) == row.answered)
        #expect(hasRaw("cdr", #"{"type":"cdr","payload":{"call_ref":"1"}}"#) == row.ended)
    }

    static let heads: [(element: String, inspection: TeleforgeMapper.Inspection)] = [
        (#"{"type":"call","payload":{}}"#, .teleforge(dialedAt: nil)),
        (#"{"type":"Call"}"#, .teleforge(dialedAt: nil)),
        (#"{"type":"cdr","payload":{"dialed_at":1}}"#, .teleforge(dialedAt: Timestamp(microseconds: 1_000_000))),
        (#"{"type":"cdr","dialed_at":"1"}"#, .teleforge(dialedAt: Timestamp(microseconds: 1_000_000))),
        (#"{"type":"queue_calls","payload":{}}"#, .foreign), (#"{"type":"call_update"}"#, .foreign),
        (#"{"class":"HardWorker"}"#, .foreign), ("7", .foreign), ("junk", .notJSON),
    ]

    @Test("A look at the head tells our lists from others, and nothing of it is taken", arguments: heads)
    func inspection(_ row: (element: String, inspection: TeleforgeMapper.Inspection)) {
        #expect(Array(row.element.utf8).withUnsafeBytes { TeleforgeMapper.inspect($0) } == row.inspection)
    }
}

@Suite("Teleforge: agent states")
struct TeleforgeAgentStatusTests {
    static let states: [(word: String, state: AgentStatus.State)] = [
        ("logging_in", .notReady), ("available", .ready), ("busy", .talking), ("wrapup", .wrapUp),
        ("logging_out", .notReady), ("offline", .off), ("Available", .ready),
    ]

    @Test("Every word of the platform has a state, and is kept", arguments: states)
    func state(_ row: (word: String, state: AgentStatus.State)) {
        let facts = mapped(
            "agents:1001",
            #"{"type":"status","payload":{"status":"\#(row.word)","campaign_ref":"spring","ref":"1001"}}"#)
        #expect(facts.map(\.summary) == ["agent.status agent=1001 campaign=spring status:\(row.word)"])
        #expect(facts[0].body.detail == .status(AgentStatus(row.state)) && facts[0].identity == .state)
    }

    @Test("Without ref the channel names the agent")
    func channel() {
        let facts = mapped("agents:1001", #"{"type":"status","payload":{"status":"busy"}}"#)
        #expect(facts.map(\.summary) == ["agent.status agent=1001 status:busy"])
    }

    @Test func `The inline tables of a message have a place for each field`() {
        #expect(TeleforgeMessage.Field.allCases.count == TeleforgeMessage.fieldCount)
    }
}
