import CallModel
import Codecs
import Testing

@testable import Adapters

@Suite("XCALLY: messages")
struct XCALLYMessageTests {
    private static func json(_ text: String) throws -> JSONValue { try JSONDocument(Array(text.utf8)).root }

    private static func message(_ members: String, _ event: XCALLYEvent = .up) throws -> XCALLYMessage {
        XCALLYMessage(event, payload: try json("{\(members)}"))
    }

    /// `^(?:(.+)-)?([0-9]{9,11})\.([0-9]+)$` (note, section 4.4).
    static let uniqueIDs: [(id: String, seconds: Int64?)] = [
        ("1437069264.914", 1_437_069_264), ("asterisk-1437069264.914", 1_437_069_264),
        ("pbx-milan-2-1437069264.0", 1_437_069_264), ("143706926.1", 143_706_926),
        ("14370692640.1", 14_370_692_640), ("--1437069264.1", 1_437_069_264), ("a.b-1437069264.914", 1_437_069_264),
        ("-1437069264.1", nil), ("14370692.1", nil), ("143706926400.1", nil), ("1437069264.", nil),
        ("1437069264", nil), (".914", nil), ("1437069264.9a", nil), ("a1437069264.914", nil), ("", nil),
        ("1437069264.914.1", nil), ("order-77", nil), ("١٤٣٧٠٦٩٢٦٤.1", nil), ("1437069264 .1", nil),
    ]

    @Test("The id of a channel dates it, and any other text does not", arguments: uniqueIDs)
    func uniqueID(_ row: (id: String, seconds: Int64?)) {
        #expect(XCALLYUniqueID.createdAt(row.id) == row.seconds.map { Timestamp(microseconds: $0 * 1_000_000) })
    }

    static let channels: [(channel: String, trunk: String?)] = [
        ("SIP/demo.trunk-00000392", "demo.trunk"), ("PJSIP/milan-out-0000aBcD", "milan-out"),
        ("SIP/demo.trunk", "demo.trunk"), ("demo.trunk-00000392", "demo.trunk"), ("SIP/trunk-0000039", "trunk-0000039"),
        ("SIP/trunk-0000039g", "trunk-0000039g"), ("SIP/-00000392", nil), ("SIP/", nil),
        ("Local/9999@from-sip-00000392", "9999@from-sip"), ("DAHDI/i1/0110000001-2", "i1/0110000001-2"),
    ]

    @Test("A trunk is its channel without technology and number", arguments: channels)
    func trunk(_ row: (channel: String, trunk: String?)) {
        #expect(XCALLYMessage.trunkName(row.channel) == row.trunk)
    }

    static let durations: [(json: String, milliseconds: Int64?)] = [
        ("\"2\"", 2000), ("2", 2000), ("2.0", 2000), ("2e1", 20_000), ("0", 0), ("\"0\"", 0), ("\"007\"", 7000),
        ("100000000", 100_000_000_000), ("\"2.5\"", nil), ("2.5", nil), ("-1", nil), ("\"-1\"", nil), ("\"+2\"", nil),
        ("\"\"", nil), ("\" 2\"", nil), ("\"two\"", nil), ("null", nil), ("true", nil), ("[2]", nil), ("{}", nil),
        ("100000001", nil), ("1e400", nil), ("99999999999999999999", nil),
    ]

    @Test("A duration is a whole number of seconds, as number or text", arguments: durations)
    func duration(_ row: (json: String, milliseconds: Int64?)) throws {
        #expect(try Self.message("\"holdtime\":\(row.json)").milliseconds(.holdTime) == row.milliseconds)
    }

    static let callers: [(members: String, party: Party?)] = [
        (#""callernum":"998""#, Party(number: "998")), (#""callernum":998"#, Party(number: "998")),
        (#""callernum":"+390110000001""#, Party(number: "+390110000001", e164: "+390110000001")),
        (#""callernum":"998","callername":"ACME""#, Party(number: "998", name: "ACME")),
        (#""callernum":"998","callername":"<unknown>""#, Party(number: "998")),
        (#""callernum":"<unknown>","callername":"ACME""#, anonymous("ACME")), (#""callernum":"""#, anonymous(nil)),
        (#""callernum":"Anonymous""#, anonymous(nil)), (#""callername":"ACME""#, Party(name: "ACME")),
        (#""callernum":null"#, nil), (#""callernum":true"#, nil), (#""callernum":["998"]"#, nil), ("", nil),
    ]

    private static func anonymous(_ name: String?) -> Party {
        var party = Party(name: name)
        party.isAnonymous = true
        return party
    }

    @Test("A caller has a number, a name, both, or withholds them", arguments: callers)
    func caller(_ row: (members: String, party: Party?)) throws {
        #expect(try Self.message(row.members).caller == row.party)
    }

    static let agents: [(members: String, agent: Agent?)] = [
        (
            #""agentnum":"1007","agentname":"John Doe","peer":"SIP/john.doe""#,
            Agent(id: "1007", name: "John Doe", extension: "1007", endpoint: "SIP/john.doe")
        ),
        (#""agentnum":1007"#, Agent(id: "1007", extension: "1007")),
        (#""agentnum":"","peer":"SIP/john.doe""#, Agent(id: "SIP/john.doe", endpoint: "SIP/john.doe")),
        (#""sipname":"john.doe","agentname":"John""#, Agent(id: "john.doe", name: "John")),
        (#""agentname":"John""#, Agent(id: "John", name: "John")), (#""agentnum":true,"peer":{}"#, nil), ("", nil),
    ]

    @Test("An agent is known by his number, else by his phone, else by whatever names him", arguments: agents)
    func agent(_ row: (members: String, agent: Agent?)) throws {
        #expect(try Self.message(row.members).agent == row.agent)
    }

    @Test("A number is an id as it is spelled; what cannot be an id is none")
    func callID() throws {
        #expect(try Self.message(#""uniqueid":1437069264.910"#).callID == "1437069264.910")
        #expect(try Self.message(#""uniqueid":"a""#).callID == "a")
        for other in ["null", "\"\"", "true", "{}", "[]", "\"\(String(repeating: "x", count: 1025))\""] {
            #expect(try Self.message("\"uniqueid\":\(other)").callID == nil)
        }
    }

    @Test("Of members with one name the last counts, and flags are no members of their own")
    func repeated() throws {
        let message = try Self.message(
            #""queue":"a","up":true,"order":"1","queue":"b","order":"2","unmanaged":1,"hangup":"text","x":null"#)
        #expect(message.text(.queue) == "b")
        #expect(message.others.map(\.name) == ["order", "hangup", "x"])
        #expect(message.others.first?.value.string == "2")
    }

    // MARK: - Which event it is

    private static func kind(_ name: String, _ argument: String?) throws -> String {
        let reading = XCALLYReading(name: name, argument: try argument.map { try json($0) }, limits: JSONLimits())
        return describe(reading)
    }

    private static func describe(_ reading: XCALLYReading) -> String {
        switch reading {
        case .call(let message, _): "call \(message.event.rawValue)"
        case .unknown(let event, _): "unknown \(event)"
        case .unreadable(let event, let found, _): "unreadable \(event): \(found)"
        case .verb(let name): "verb \(name)"
        case .foreign(let name, _): "foreign \(name)"
        }
    }

    static let readings: [(name: String, argument: String?, kind: String)] = [
        ("ringing", "{}", "call ringing"), ("UP", "{}", "call up"), ("abandon", #"{"event":"up"}"#, "call abandon"),
        ("cti", #"{"event":"hangup"}"#, "call hangup"), ("", #"{"event":"Outbound"}"#, "call outbound"),
        ("cti", #""{\"event\":\"up\"}""#, "call up"), ("up", #""{\"a\":1}""#, "call up"),
        ("cti", #"{"event":"hold"}"#, "unknown hold"), ("cti", #"{"event":""}"#, "foreign cti"),
        ("cti", #"{"event":7}"#, "foreign cti"), ("cti", "{}", "foreign cti"), ("cti", "[]", "foreign cti"),
        ("cti", nil, "foreign cti"), ("cti", #""{\"event\":""#, "foreign cti"),
        ("up", nil, "unreadable up: no argument"), ("up", "[{}]", "unreadable up: array"),
        ("up", #""text""#, "unreadable up: string"), ("RealtimeCTI", #"{"event":"up"}"#, "verb RealtimeCTI"),
        ("AgentCTI", "{}", "verb AgentCTI"), ("AgentCTINotification", nil, "verb AgentCTINotification"),
    ]

    @Test("The name tells the event, else the payload does, else it is none of a call", arguments: readings)
    func reading(_ row: (name: String, argument: String?, kind: String)) throws {
        #expect(try Self.kind(row.name, row.argument) == row.kind)
    }

    static let pushes: [(argument: String?, kind: String)] = [
        (#"{"type":"crm","channel":{"event":"up"},"reference":"1","url":"http://a"}"#, "call up"),
        (#"{"channel":"{\"event\":\"up\"}"}"#, "call up"), (#"{"channel":{"event":"hold"}}"#, "unknown hold"),
        (#"{"channel":{}}"#, "foreign RealtimeCTI"), (#"{"event":"up"}"#, "unreadable RealtimeCTI: channel: nothing"),
        (#"{"channel":null}"#, "unreadable RealtimeCTI: channel: null"), (nil, "unreadable RealtimeCTI: no argument"),
        ("7", "unreadable RealtimeCTI: number"),
    ]

    @Test("What a script pushes holds the event as its channel", arguments: pushes)
    func push(_ row: (argument: String?, kind: String)) throws {
        let argument = try row.argument.map { try Self.json($0) }
        #expect(Self.describe(XCALLYReading(pushed: argument, limits: JSONLimits())) == row.kind)
    }

    @Test("What stands beside the channel of a push becomes an attribute, unless the event has one of that name")
    func attributes() throws {
        let push =
            #"{"type":"crm","channel":{"event":"up","uniqueid":"a","time":"2015-07-16T17:54:30.000Z","type":"x"},"reference":"77","url":"http://crm.example/77"}"#
        var mapper = XCALLYMapper(raw: .off)
        mapper.take(
            XCALLYReading(pushed: try Self.json(push), limits: JSONLimits()), receivedAt: Timestamp(microseconds: 0))
        let extra = mapper.takeFacts().first?.body.extra.map { "\($0.name)=\($0.value)" }
        #expect(extra == ["time=2015-07-16T17:54:30.000Z", "type=x", "reference=77", "url=http://crm.example/77"])
    }

    @Test("Text inside a text is bounded as any other")
    func nested() throws {
        let deep = String(repeating: "[", count: 20) + String(repeating: "]", count: 20)
        #expect(try Self.kind("up", "\"{\\\"a\\\":\(deep)}\"") == "unreadable up: string")
    }

    // MARK: - Limits

    @Test("Members without a home are bounded in number, name and length, and what is cut is counted")
    func bounded() throws {
        let many = (0..<100).map { "\"v\($0)\":\"\($0)\"" }.joined(separator: ",")
        let long = String(repeating: "é", count: 3000)
        var mapper = XCALLYMapper(raw: .off)
        func take(_ members: String) throws -> CallFact? {
            let payload = try Self.json("{\"event\":\"up\",\"uniqueid\":\"1\",\(members)}")
            mapper.take(
                XCALLYReading(name: "", argument: payload, limits: JSONLimits()),
                receivedAt: Timestamp(microseconds: 0))
            return mapper.takeFacts().last
        }
        #expect(try take(many)?.body.extra.count == 64 && mapper.counts.trimmed == 36)
        let cut = try #require(try take("\"note\":\"a\(long)\"")?.body.extra.first?.value)
        #expect(cut.utf8.count == 4095 && cut.hasSuffix("é") && mapper.counts.trimmed == 37)
        #expect(try take("\"\(long)\":1")?.body.extra.isEmpty == true && mapper.counts.trimmed == 38)
        #expect(try take("\"\":1")?.body.extra.isEmpty == true && mapper.counts.trimmed == 39)
        // A name of a call that is no name: kept, but not taken for one.
        let queue = try #require(try take("\"queue\":\"\(String(repeating: "q", count: 2000))\""))
        #expect(queue.body.queue == nil && queue.body.extra.first?.name == "queue")
        #expect(try take("\"holdtime\":\"soon\"")?.body.extra.first?.value == "soon" && mapper.counts.unusable == 1)
    }

    @Test("Names that nobody knows are remembered up to a bound; beyond it they are only counted")
    func foreignNames() throws {
        var mapper = XCALLYMapper(raw: .off)
        for number in 0..<1000 {
            let reading = XCALLYReading(name: "n\(number)", argument: nil, limits: JSONLimits())
            mapper.take(reading, receivedAt: Timestamp(microseconds: 0))
        }
        #expect(mapper.counts.foreign == 1000 && mapper.takeFacts().count == 256)
    }
}
