import CallModel
import Codecs
import Testing

@testable import Sinks

/// An event of a Shuttle's call, as the source tells it.
func shuttleEvent(_ kind: Kind, _ edit: (inout CallEvent) -> Void = { _ in }) -> CallEvent {
    let names: [Kind: String] = [
        .callRinging: "ringing", .callAnswered: "up", .callAbandoned: "abandon", .callEnded: "hangup",
    ]
    let time = Timestamp(microseconds: 1_437_069_270_000_999)
    var event = CallEvent(
        id: UUID128(high: 1, low: 2), kind: kind, stream: UUID128(high: 3, low: 4), seq: 7, occurredAt: time,
        receivedAt: time.advanced(by: .milliseconds(3)), timeSource: .received, origin: .live, tenant: "acme",
        source: SourceReference(vendor: "xcally", name: "rome", event: names[kind] ?? "other"))
    event.call = CallReference(id: "rome:1437069264.914", seq: 3, state: .talking, direction: .inbound)
    event.body.from = Party(number: "998", name: "ACME")
    event.body.to = Party(number: "9999")
    event.body.agent = Agent(id: "1007", name: "John Doe", extension: "1007", endpoint: "SIP/john.doe")
    event.body.queue = Queue(id: "CC-SIPP", name: "CC-SIPP")
    event.body.trunk = Trunk(name: "demo.trunk", channel: "SIP/demo.trunk-00000392")
    event.body.references[.context] = "from-sip"
    event.body.extra = [ExtraField("ordernumber", "ORD-2015-0042")]
    var timing = Timing(source: .vendor)
    (timing.queueMilliseconds, timing.ringMilliseconds, timing.talkMilliseconds) = (2000, 900, 41_000)
    event.body.timing = timing
    if kind == .callEnded {
        event.body.outcome = Outcome(disposition: .answered)
        event.body.outcome?.endedBy = .agent
        event.body.outcome?.reason = "agent"
    }
    edit(&event)
    return event
}

func foreignEvent(_ kind: Kind, _ edit: (inout CallEvent) -> Void = { _ in }) -> CallEvent {
    shuttleEvent(kind) {
        $0.source = SourceReference(vendor: "basix", name: "tokyo", event: "channel/STATE_CHANGE/bridged")
        $0.call = CallReference(id: "tokyo:5714495a-b8a1", seq: 3, state: .talking, direction: .outbound)
        edit(&$0)
    }
}

@Suite("XCALLY: events to messages of a script")
struct XCALLYRulesTests {
    private static func template(_ text: String, asURL: Bool = false) throws -> XCALLYTemplate {
        try XCALLYTemplate(text, asURL: asURL)
    }

    private static func rules(_ edit: (inout XCALLYRules) -> Void = { _ in }) -> XCALLYRules {
        var rules = XCALLYRules(appName: "cti-bridge")
        rules.push.kinds = Set(XCALLYRules.kinds)
        edit(&rules)
        return rules
    }

    private static func texts(_ rules: XCALLYRules, _ event: CallEvent) -> [String] {
        rules.messages(for: event).map { "\($0.name) \(String(decoding: $0.json, as: UTF8.self))" }
    }

    private static let raw =
        #"{"event":"up","queue":"CC-SIPP","agentnum":1007,"uniqueid":"1437069264.914","holdtime":"2","up":true,"é":[1,2.50],"time":"old"}"#

    @Test(
        "A call of a Shuttle goes back as its own payload, unchanged but for the time; nothing is added where nothing is asked for"
    )
    func rawPayload() throws {
        let event = shuttleEvent(.callAnswered) { $0.body.raw = RawPayload(encoding: .json, data: Self.raw) }
        let channel =
            #"{"event":"up","queue":"CC-SIPP","agentnum":1007,"uniqueid":"1437069264.914","holdtime":"2","up":true,"é":[1,2.50],"time":"2015-07-16T17:54:30.000Z"}"#
        #expect(Self.texts(Self.rules(), event) == [#"RealtimeCTI {"type":"cti-bridge","channel":\#(channel)}"#])
        let reference = try Self.template("{callId}")
        let url = try Self.template("https://crm.example/?id={uniqueid}", asURL: true)
        let full = Self.rules { ($0.reference, $0.url) = (reference, url) }
        #expect(
            Self.texts(full, event) == [
                #"RealtimeCTI {"type":"cti-bridge","channel":\#(channel),"reference":"rome:1437069264.914","url":"https://crm.example/?id=1437069264.914"}"#
            ])
    }

    static let rebuilt: [(event: CallEvent, channel: String)] = [
        (
            shuttleEvent(.callRinging),
            #"{"event":"ringing","queue":"CC-SIPP","agentname":"John Doe","agentnum":"1007","peer":"SIP/john.doe","direction":"inbound","uniqueid":"1437069264.914","context":"from-sip","extension":"9999","trunk":"SIP/demo.trunk-00000392","callernum":"998","callername":"ACME","ordernumber":"ORD-2015-0042","ringing":true,"time":"2015-07-16T17:54:30.000Z"}"#
        ),
        (
            shuttleEvent(.callAnswered),
            #"{"event":"up","queue":"CC-SIPP","agentname":"John Doe","agentnum":"1007","peer":"SIP/john.doe","direction":"inbound","uniqueid":"1437069264.914","context":"from-sip","extension":"9999","trunk":"SIP/demo.trunk-00000392","callernum":"998","callername":"ACME","holdtime":"2","ringtime":"0","ordernumber":"ORD-2015-0042","up":true,"time":"2015-07-16T17:54:30.000Z"}"#
        ),
        (
            shuttleEvent(.callEnded),
            #"{"event":"hangup","queue":"CC-SIPP","agentname":"John Doe","agentnum":"1007","peer":"SIP/john.doe","direction":"inbound","uniqueid":"1437069264.914","context":"from-sip","extension":"9999","trunk":"SIP/demo.trunk-00000392","callernum":"998","callername":"ACME","holdtime":"2","ringtime":"0","talktime":"41","reason":"agent","ordernumber":"ORD-2015-0042","hangup":true,"time":"2015-07-16T17:54:30.000Z"}"#
        ),
        (
            shuttleEvent(.callAbandoned) { $0.body.extra = [] },
            #"{"event":"abandon","queue":"CC-SIPP","direction":"unmanaged","uniqueid":"1437069264.914","context":"from-sip","extension":"9999","trunk":"SIP/demo.trunk-00000392","callernum":"998","callername":"ACME","holdtime":"2","unmanaged":true,"time":"2015-07-16T17:54:30.000Z"}"#
        ),
        // A call of somebody else: its own id, and nothing of its vendor's.
        (
            foreignEvent(.callAnswered),
            #"{"event":"up","queue":"CC-SIPP","agentname":"John Doe","agentnum":"1007","peer":"SIP/john.doe","direction":"outbound","uniqueid":"5714495a-b8a1","context":"from-sip","extension":"9999","trunk":"SIP/demo.trunk-00000392","callernum":"998","callername":"ACME","holdtime":"2","ringtime":"0","up":true,"time":"2015-07-16T17:54:30.000Z"}"#
        ),
        (
            foreignEvent(.callEnded) {
                ($0.body.agent, $0.body.from, $0.body.queue, $0.body.trunk) = (nil, nil, nil, nil)
                $0.body.timing = nil
                $0.body.outcome?.endedBy = .customer
                $0.body.references = References()
            },
            #"{"event":"hangup","direction":"outbound","uniqueid":"5714495a-b8a1","extension":"9999","reason":"caller","hangup":true,"time":"2015-07-16T17:54:30.000Z"}"#
        ),
    ]

    @Test("Where the payload is not at hand, Shuttle's own names are filled from the event", arguments: rebuilt.indices)
    func rebuild(_ row: Int) {
        let (event, channel) = Self.rebuilt[row]
        #expect(Self.texts(Self.rules(), event) == [#"RealtimeCTI {"type":"cti-bridge","channel":\#(channel)}"#])
        #expect((try? JSONDocument(Array(channel.utf8))) != nil)
    }

    @Test("A truncated payload, and one that is no object, is rebuilt")
    func brokenPayload() {
        for raw in [
            RawPayload(encoding: .text, data: "{\"event\":", isTruncated: true),
            RawPayload(encoding: .json, data: "[1]"),
        ] {
            let event = shuttleEvent(.callRinging) { $0.body.raw = raw }
            #expect(Self.texts(Self.rules(), event) == Self.texts(Self.rules(), shuttleEvent(.callRinging)))
        }
    }

    @Test("By default only answers are told, and kinds without an event of Shuttle's never")
    func kinds() {
        let usual = XCALLYRules(appName: "x")
        #expect(XCALLYRules.kinds.map { Self.texts(usual, shuttleEvent($0)).count } == [0, 1, 0, 0])
        for kind in Kind.allCases where !XCALLYRules.kinds.contains(kind) {
            #expect(Self.texts(Self.rules(), shuttleEvent(kind)) == [])
        }
    }

    @Test("Concluded answers and late lines are history")
    func history() {
        #expect(Self.texts(Self.rules(), shuttleEvent(.callAnswered) { $0.origin = .synthetic }) == [])
        #expect(Self.texts(Self.rules(), shuttleEvent(.callRinging) { $0.late = true }) == [])
        #expect(Self.texts(Self.rules(), shuttleEvent(.callEnded) { $0.origin = .synthetic }).count == 1)
    }

    @Test("An abandoned call is told once where both its lines are asked for, as an abandon if it was one")
    func abandoned() {
        let end = shuttleEvent(.callEnded) {
            $0.source.event = "abandon"
            $0.body.outcome = Outcome(disposition: .abandoned)
        }
        #expect(Self.texts(Self.rules(), shuttleEvent(.callAbandoned)).count == 1)
        #expect(Self.texts(Self.rules(), end) == [])
        let onlyEnds = Self.rules { $0.push.kinds = [.callEnded] }
        #expect(Self.texts(onlyEnds, end).first?.contains(#""event":"abandon""#) == true)
    }

    @Test("A queue filter takes names and ids, and no call without a queue")
    func queues() {
        let rules = Self.rules { $0.push.queues = ["Sales", "q2"] }
        func count(_ queue: Queue?) -> Int {
            rules.messages(for: shuttleEvent(.callAnswered) { $0.body.queue = queue }).count
        }
        #expect(count(Queue(id: "1", name: "Sales")) == 1 && count(Queue(id: "q2", name: "Other")) == 1)
        #expect(count(Queue(id: "q3")) == 0 && count(nil) == 0)
    }

    @Test("A screen pop and a notification need a phone, and have rules of their own")
    func screens() throws {
        let screenPop = XCALLYRules.ScreenPop(
            trigger: .init(kinds: [.callAnswered], queues: ["CC-SIPP"]),
            url: try Self.template("https://crm.example/{callernum}", asURL: true), mode: .newFrame)
        let notification = XCALLYRules.Notification(
            trigger: .init(kinds: [.callRinging]), type: "info", title: try Self.template("Call of {queue}"),
            body: try Self.template("order {attr.ordernumber}"))
        let rules = Self.rules {
            $0.push.kinds = [.callEnded]
            ($0.screenPop, $0.notification) = (screenPop, notification)
        }
        #expect(
            Self.texts(rules, shuttleEvent(.callAnswered)) == [
                #"AgentCTI {"url":"https://crm.example/998","peer":"SIP/john.doe","mode":"new_frame"}"#
            ])
        #expect(
            Self.texts(rules, shuttleEvent(.callRinging)) == [
                #"AgentCTINotification {"peer":"SIP/john.doe","type":"info","title":"Call of CC-SIPP","body":"order ORD-2015-0042"}"#
            ])
        let nobody = shuttleEvent(.callAnswered) { $0.body.agent = Agent(id: "1007") }
        #expect(Self.texts(rules, nobody) == [])
        #expect(rules.wantedKinds == [.callRinging, .callAnswered, .callEnded])
    }
}

@Suite("XCALLY: templates")
struct XCALLYTemplateTests {
    static let texts: [(template: String, text: String?)] = [
        ("{callId}", "rome:1437069264.914"), ("{uniqueid}", "1437069264.914"), ("{queue}", "CC-SIPP"),
        ("{agentnum}", "1007"), ("{callernum}", "998"), ("{attr.ordernumber}", "ORD 42&a=b/é"), ("{attr.none}", nil),
        ("a {queue} b", "a CC-SIPP b"), ("plain", "plain"),
        ("https://crm.example/{attr.ordernumber}?q={queue}", "https://crm.example/ORD%2042%26a%3Db%2F%C3%A9?q=CC-SIPP"),
        ("HTTP://crm.example:8080/x", "HTTP://crm.example:8080/x"), ("https://crm.example", "https://crm.example"),
        ("https://[2001:db8::1]/{callId}", "https://[2001:db8::1]/rome%3A1437069264.914"),
    ]

    @Test("Placeholders are filled in, percent-encoded where the template is a URL", arguments: texts)
    func fill(_ row: (template: String, text: String?)) throws {
        let event = shuttleEvent(.callAnswered) { $0.body.extra = [ExtraField("ordernumber", "ORD 42&a=b/é")] }
        #expect(try XCALLYTemplate(row.template, asURL: false).text(for: event) == row.text)
    }

    static let mistakes: [(template: String, asURL: Bool, cause: String)] = [
        ("{callId", false, "a '{' without '}'"), ("{callid}", false, "unknown placeholder {callid}"),
        ("{attr.}", false, "unknown placeholder {attr.}"), ("{}", false, "unknown placeholder {}"),
        ("ftp://crm.example/", true, "no http:// or https://"), ("{callId}", true, "no http:// or https://"),
        ("javascript:alert(1)", true, "no http:// or https://"), ("//crm.example/", true, "no http:// or https://"),
        ("https://{queue}/", true, "its host is not plain"), ("https://crm.{queue}", true, "its host is not plain"),
        ("https://crm.example{queue}", true, "its host is not plain"),
        ("https://user@crm.example/{queue}", true, "its host is not plain"),
        ("https://crm.example:{queue}/", true, "its host is not plain"),
        ("https:///{queue}", true, "its host is not plain"),
        ("https://crm.example/a b", true, "a character that no URL"),
        ("https://crm.example/\n{queue}", true, "a character that no URL"),
        ("https://crm.example/é", true, "a character that no URL"),
        ("http://{queue}", false, "its host is not plain"),
    ]

    @Test("A template that could lead elsewhere is refused", arguments: mistakes)
    func refuse(_ row: (template: String, asURL: Bool, cause: String)) {
        let mistake = #expect(throws: PlaceholderMistake.self) {
            try XCALLYTemplate(row.template, asURL: row.asURL)
        }
        #expect(mistake?.cause.hasPrefix(row.cause) == true, "\(mistake?.cause ?? "")")
    }

    @Test("No content of a call changes scheme or host")
    func confined() throws {
        let template = try XCALLYTemplate("https://crm.example/{callernum}", asURL: true)
        for number in ["@evil.example/", "/../..//evil.example", "?#", "\r\nHost: evil", "{queue}", "%2e%2e"] {
            let text = template.text(for: shuttleEvent(.callAnswered) { $0.body.from = Party(number: number) }) ?? ""
            #expect(text.hasPrefix("https://crm.example/"))
            #expect(text.dropFirst(20).utf8.allSatisfy { !"@/?#:\r\n {}".utf8.contains($0) })
        }
    }

    @Test("What comes out longer than anybody reads is left out")
    func long() throws {
        let template = try XCALLYTemplate("https://crm.example/{callernum}", asURL: true)
        let event = shuttleEvent(.callAnswered) { $0.body.from = Party(number: String(repeating: "é", count: 2000)) }
        #expect(template.text(for: event) == nil)
    }
}

@Suite("XCALLY: messages that wait")
struct XCALLYOutboxTests {
    private static func at(_ seconds: Int) -> Timestamp { Timestamp(microseconds: Int64(seconds) * 1_000_000) }

    private static func entry(_ number: Int, at seconds: Int) -> XCALLYOutbox.Entry {
        .init(message: .init(name: "\(number)", json: []), receivedAt: at(seconds))
    }

    private static func drain(_ outbox: inout XCALLYOutbox, at seconds: Int) -> [String] {
        var names: [String] = []
        while let entry = outbox.next(now: at(seconds)) {
            names.append(entry.message.name)
            outbox.removeFirst()
        }
        return names
    }

    @Test("The oldest makes room, and what has grown too old is passed over; both are counted")
    func bounds() {
        var outbox = XCALLYOutbox(limit: 3, age: .seconds(60))
        for number in 0..<5 { outbox.add(Self.entry(number, at: number), now: Self.at(number)) }
        #expect(outbox.count == 3 && outbox.dropped == .init(overflowed: 2, stale: 0))
        #expect(outbox.next(now: Self.at(62))?.message.name == "2", "60 s old is not too old")
        #expect(Self.drain(&outbox, at: 63) == ["3", "4"])
        #expect(outbox.count == 0 && outbox.dropped == .init(overflowed: 2, stale: 1))
        outbox.add(Self.entry(9, at: 0), now: Self.at(61))
        #expect(outbox.count == 0 && outbox.dropped.stale == 2)
    }

    @Test("It keeps the order and gives memory back over many messages")
    func order() {
        var outbox = XCALLYOutbox(limit: 100, age: .seconds(60))
        var expected = 0
        for number in 0..<10_000 {
            outbox.add(Self.entry(number, at: 0), now: Self.at(0))
            if number % 50 == 49 {
                let names = Self.drain(&outbox, at: 0)
                #expect(names == (expected...number).map(String.init))
                expected = number + 1
            }
        }
        #expect(outbox.dropped.count == 0)
    }
}
