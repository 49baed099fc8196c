import CallModel
import Codecs
import Testing

@testable import Adapters

@Suite("Teleforge: call records")
struct TeleforgeRecordTests {
    static let span = #""dialed_at":1768471200,"call_time":142"#

    static let shapes: [(list: String, payload: String, end: String)] = [
        // Click2Dial, v3.0.0 and later, both directions.
        (
            "cdr",
            #""extension":"1001","number":"0821","dial_number":"0215","call_ref":"7.1","contact_ref":"A",\#(span),"end_reason":"callee_hungup","end_code":16,"hold_time":17,"call_dir":"inbound","recording_url":"rec-1","ref":"click-dial""#,
            "7.1 inbound 0821>0215 agent=1001 at=2026-01-15T10:02:22.000000Z queue=17000 total=142000 answered by=customer q850=16 contactReference=A"
        ),
        (
            "cdr",
            #""extension":"1001","number":"0821","dial_number":"0215","call_ref":"7.1","contact_ref":"A",\#(span),"end_reason":"agent_hungup","end_code":16,"hold_time":17,"call_dir":"outbound","ref":"click-dial""#,
            "7.1 outbound 0215>0821 agent=1001 at=2026-01-15T10:02:22.000000Z hold=17000 total=142000 answered by=agent q850=16 contactReference=A"
        ),
        // Click2Dial before v3.0.0: the client's number is `ref`.
        (
            "cdr",
            #""extension":"1001","dial_number":"0215","call_ref":"7.1","contact_ref":"",\#(span),"end_reason":"hungup","end_code":16,"call_dir":"outbound","ref":"0821""#,
            "7.1 outbound 0215>0821 agent=1001 at=2026-01-15T10:02:22.000000Z total=142000 answered q850=16"
        ),
        // Dialler: `ref` is the campaign; nobody took it.
        (
            "campaigns",
            #""extension":null,"number":"0821","dial_number":"0215","call_ref":991,"contact_ref":"A","dialed_at":1768471200,"end_reason":"hungup","end_code":16,"call_time":0,"call_dir":"outbound","recording_url":null,"ref":"spring""#,
            "991 outbound 0215>0821 at=2026-01-15T10:00:00.000000Z total=0 abandoned by=customer q850=16 contactReference=A campaign=spring"
        ),
        // Dialler, older: no number, no direction; `ref` is never a number here.
        (
            "campaigns", #""extension":"1001","call_ref":991,\#(span),"end_reason":"hungup","ref":"2024""#,
            "991 outbound agent=1001 at=2026-01-15T10:02:22.000000Z total=142000 answered campaign=2024"
        ),
        // Nothing but the call.
        ("cdr", #""call_ref":"7.1""#, "7.1 unknown unknown"),
    ]

    @Test("Every published shape of a record tells how its call began and ended", arguments: shapes)
    func shape(_ row: (list: String, payload: String, end: String)) {
        let facts = mapped(row.list, #"{"type":"cdr","payload":{\#(row.payload)}}"#)
        let isAbandoned = row.end.contains("abandoned")
        #expect(facts.count == 3 && facts[0].kind == (row.end.contains("inbound") ? .callOffered : .callDialing))
        #expect(facts[1].summary == "\(isAbandoned ? "call.abandoned" : "call.ended") \(row.end)")
        #expect(facts[2].kind == .callRecord && facts[2].body.extra.isEmpty)
        #expect(facts.allSatisfy { $0.origin == .live })
    }

    @Test("The opener has the vendor's own time; end and record have one computed from it")
    func times() {
        let facts = record(#""call_ref":"1",\#(Self.span)"#)
        #expect(facts.map(\.timeSource) == [.vendor, .derived, .derived])
        #expect(facts[0].occurredAt == Timestamp("2026-01-15T10:00:00Z"))
        #expect(record(#""call_ref":"1","dialed_at":1768471200"#).map(\.occurredAt)[1...] == [nil, nil])
        #expect(record(#""call_ref":"1","call_time":5"#).map(\.occurredAt) == [nil, nil, nil])
    }

    static let timeForms: [(text: String, extra: String)] = [
        ("1768471200", ""), (#""1768471200""#, ""), ("1768471200.0", ""), ("1768471200000", ""),
        (#""1768471200000""#, ""), (#""2026-01-15T10:00:00Z""#, ""), (#""2026-01-15T12:00:00.000+02:00""#, ""),
        (#""2026-01-15 10:00:00""#, " dialed_at:2026-01-15 10:00:00 dialed_at_zone:assumed"),
    ]

    @Test("A time may be Unix seconds or milliseconds, ISO 8601, or without a zone", arguments: timeForms)
    func timeForm(_ row: (text: String, extra: String)) {
        let facts = record(#""call_ref":"1","dialed_at":\#(row.text)"#)
        #expect(facts[0].occurredAt == Timestamp("2026-01-15T10:00:00Z"))
        #expect(facts[2].summary == "call.record 1 unknown unknown" + row.extra)
    }

    static let unreadable: [(member: String, extra: String)] = [
        (#""dialed_at":"yesterday""#, "dialed_at:yesterday"), (#""dialed_at":0"#, "dialed_at:0"),
        (#""dialed_at":1e30"#, "dialed_at:1e30"), (#""call_time":"long""#, "call_time:long"),
        (#""hold_time":-1"#, "hold_time:-1"), (#""call_dir":"sideways""#, "call_dir:sideways"),
        (#""ref":"Smith""#, "ref:Smith"), (#""wrap_time":4"#, "wrap_time:4"),
    ]

    @Test("What cannot be read, or has no home, is kept on the record", arguments: unreadable)
    func keepsUnreadable(_ row: (member: String, extra: String)) {
        #expect(record(#""call_ref":"1",\#(row.member)"#)[2].summary == "call.record 1 unknown unknown \(row.extra)")
    }

    @Test("The record keeps the list, the begin, the recording, and one id for all its corrections")
    func detail() {
        let facts = record(#""call_ref":"1",\#(Self.span),"call_dir":"inbound","recording_url":"rec-1""#)
        guard case .record(let detail) = facts[2].body.detail else {
            Issue.record("no record in \(facts[2].summary)")
            return
        }
        #expect(detail.id == "1" && detail.list == "enigma:notifications:cdr" && detail.direction == .inbound)
        #expect(detail.startedAt == Timestamp("2026-01-15T10:00:00Z"))
        #expect(facts.map { $0.body.references[.recording] } == [nil, nil, "rec-1"])
    }

    @Test("Order and spacing of members do not make another record; a changed value does")
    func identity() {
        let first = record(#""call_ref":"1","call_time":5"#)[2].identity
        #expect(record(#" "call_time" : 5, "call_ref":"1""#)[2].identity == first)
        #expect(record(#""call_ref":"1","call_time":6"#)[2].identity != first)
    }

    @Test("A dialler record keeps a campaign_ref that differs from its ref")
    func campaigns() {
        let both = diallerRecord(#""call_ref":"1","ref":"spring","campaign_ref":"summer""#)[2]
        #expect(both.summary == "call.record 1 outbound unknown campaign=spring campaign_ref:summer")
        #expect(diallerRecord(#""call_ref":"1","campaign_ref":"summer""#)[2].body.references[.campaign] == "summer")
    }

    @Test("A number wins over ref, and a ref that is no number is none")
    func clientNumber() {
        #expect(record(#""call_ref":"1","number":"08","ref":"0821""#)[0].body.to?.number == "08")
        #expect(record(#""call_ref":"1","ref":"click-dial""#)[0].body.to == nil)
        #expect(record(#""call_ref":"1","ref":"+27821""#)[0].body.to?.number == "+27821")
    }
}

@Suite("Teleforge: outcomes")
struct TeleforgeOutcomeTests {
    static let reasons: [(reason: String, answered: String, unanswered: String)] = [
        ("hungup", "answered", "abandoned by=customer"), ("ANSWER", "answered", "abandoned by=customer"),
        ("callee_hungup", "answered by=customer", "abandoned by=customer"),
        ("callee_hangup", "answered by=customer", "abandoned by=customer"),
        ("agent_hungup", "answered by=agent", "abandoned by=customer"),
        ("agent_hangup", "answered by=agent", "abandoned by=customer"),
        ("voicemail", "voicemail", "voicemail"), ("busy", "busy", "busy"), ("BUSY", "busy", "busy"),
        ("reject", "rejected", "rejected"), ("DONTCALL", "rejected", "rejected"),
        ("TORTURE", "rejected", "rejected"), ("timeout", "no_answer", "no_answer"),
        ("NOANSWER", "no_answer", "no_answer"), ("CANCEL", "cancelled", "cancelled"),
        ("CONGESTION", "congestion", "congestion"), ("error", "failed", "failed"), ("failed", "failed", "failed"),
        ("CHANUNAVAIL", "failed", "failed"), ("INVALIDARGS", "failed", "failed"),
        ("remove_number", "unknown", "unknown"), ("HungUp", "answered", "abandoned by=customer"),
    ]

    @Test("Every disposition of the platform has one of ours; the word itself is kept", arguments: reasons)
    func reason(_ row: (reason: String, answered: String, unanswered: String)) {
        for (extensionText, expected) in [
            (#""1001""#, row.answered), (#""""#, row.unanswered), ("null", row.unanswered),
        ] {
            let fact = record(#""call_ref":"1","extension":\#(extensionText),"end_reason":"\#(row.reason)""#)[1]
            let agent = extensionText == #""1001""# ? "agent=1001 " : ""
            let kind = expected.hasPrefix("abandoned") ? "call.abandoned" : "call.ended"
            #expect(fact.summary == "\(kind) 1 unknown \(agent)\(expected)")
            #expect(fact.body.outcome?.reason == row.reason && fact.body.outcome?.closure == .vendor)
        }
    }

    static let codes: [(code: String, words: String)] = [
        ("0", "q850=0"), ("16", "q850=16"), (#""16""#, "q850=16"), ("16.0", "q850=16"), ("127", "q850=127"),
        ("128", "tech=128"), ("199", "tech=199"), ("200", "sip=200"), ("486", "sip=486"), ("699", "sip=699"),
        ("700", "tech=700"), ("-1", "tech=-1"), (#""SIP;cause=486""#, "sip=486"), (#""Q.850;cause=17""#, "q850=17"),
        (#""sip ; cause=600""#, "sip=600"), (#""Q.850;cause=486""#, "tech=Q.850;cause=486"),
        (#""SIP;cause=16""#, "tech=SIP;cause=16"),
        (#""Q.850;cause=16;text=\"Normal\"""#, #"q850=16 tech=Q.850;cause=16;text="Normal""#),
        (#""SIP;cause=""#, "tech=SIP;cause="), (#""X;cause=5""#, "tech=X;cause=5"), (#""NORMAL""#, "tech=NORMAL"),
    ]

    @Test("A code goes into its own book and is never translated into the other", arguments: codes)
    func code(_ row: (code: String, words: String)) {
        let fact = record(#""call_ref":"1","end_code":\#(row.code)"#)[1]
        #expect(fact.summary == "call.ended 1 unknown unknown \(row.words)")
    }

    @Test("An error with the code of a full network is congestion", arguments: ["error", "failed", "CHANUNAVAIL"])
    func congestion(_ reason: String) {
        for code in [34, 42] {
            let fact = record(#""call_ref":"1","end_reason":"\#(reason)","end_code":\#(code)"#)[1]
            #expect(fact.body.outcome?.disposition == .congestion)
        }
    }

    @Test(
        "The names of newer products are read too",
        arguments: [
            #""disposition":"busy""#, #""disposition_code":"busy""#, #""dispostion_code":"busy""#,
            #""result_code":"busy""#,
        ])
    func reasonAliases(_ member: String) {
        let fact = record(#""call_ref":"1","sip_code":486,\#(member)"#)[1]
        #expect(fact.summary == "call.ended 1 unknown busy sip=486")
    }
}
