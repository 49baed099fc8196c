import CallModel
import Codecs
import TestSupport
import Testing

@testable import Adapters

@Suite("Enreach: mapper")
struct EnreachMapperTests {
    private static let start = Timestamp(microseconds: 1_768_464_000_000_000)
    private static let anna = "a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3"

    private func facts(
        _ event: String, _ data: String, timeZone: EnreachTimeZone = .utc, entity: String = anna
    ) throws -> [CallFact] {
        var mapper = EnreachMapper(raw: .off, timeZone: timeZone)
        mapper.take(.message(try EnreachJSON.message(event, data, entity: entity)), at: Self.start)
        return mapper.takeFacts()
    }

    private func presence(_ data: String, _ zone: EnreachTimeZone) throws -> (fact: CallFact, presence: Presence) {
        let fact = try #require(try facts("UserAvailability", data, timeZone: zone).first)
        guard case .presence(let presence) = fact.body.detail else { throw TestFailure(description: "no presence") }
        return (fact, presence)
    }

    // MARK: Times

    @Test("Times without a zone are of the configured one; stated zones are believed")
    func zones() throws {
        let data = #""Availability":"Busy","StartTime":"2026-01-15T10:00:00","EndTime":"2026-01-15T10:00:00Z""#
        let utc = try #require(Timestamp("2026-01-15T10:00:00Z"))
        #expect(try presence(data, .utc).presence.since == utc)
        let east = try presence(data, .offset(minutes: 120))
        #expect(east.presence.since == utc.advanced(by: .seconds(-7200)) && east.presence.until == utc)
        #expect(try presence(data, .offset(minutes: -210)).presence.since == utc.advanced(by: .seconds(12_600)))
    }

    @Test("In an unknown zone such a time is kept as text, and is none")
    func unknownZone() throws {
        let data = #""Availability":"Busy","StartTime":"2026-01-15T10:00:00","EndTime":"9999-12-31T23:59:59""#
        let (fact, presence) = try presence(data, .unknown)
        #expect(presence.since == nil && presence.until == nil && fact.occurredAt == nil)
        #expect(fact.body.extra == [ExtraField("StartTime", "2026-01-15T10:00:00")])
        // The words of the time still tell one change from another.
        guard case .parts(let parts) = fact.identity else { throw TestFailure(description: "no parts") }
        #expect(parts[2] == "2026-01-15T10:00:00")
    }

    @Test(
        "A time has no to seven digits of a second, and six of them count",
        arguments: [
            ("", 0), (".1", 100_000), (".12", 120_000), (".123", 123_000), (".1234", 123_400), (".12345", 123_450),
            (".123456", 123_456), (".1234567", 123_456),
        ])
    func fractions(_ text: String, _ microseconds: Int64) throws {
        let data = #""Availability":"Busy","StartTime":"2026-01-15T10:00:00\#(text)""#
        let second = try #require(Timestamp("2026-01-15T10:00:00Z"))
        #expect(try presence(data, .utc).presence.since?.microseconds == second.microseconds + microseconds)
    }

    @Test(
        "The smallest and the largest time of .NET are none, in whatever zone they are written",
        arguments: [
            "9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.9999999-05:00", "9999-12-31T00:00:00Z",
            "0001-01-01T00:00:00", "0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00.0000000Z",
        ])
    func sentinels(_ text: String) throws {
        let (fact, presence) = try presence(
            #""Availability":"Busy","StartTime":"\#(text)","EndTime":"\#(text)""#, .offset(minutes: 120))
        #expect(presence.since == nil && presence.until == nil && fact.occurredAt == nil && fact.body.extra.isEmpty)
    }

    // MARK: Targets

    @Test(
        "A target is a GUID, a number, or several; anything else is kept as a name",
        arguments: [
            ("+358401234567", ["number:+358401234567"]), ("*72#", ["number:*72#"]), (" 0401 ", ["number:0401"]),
            ("A1EEB030-FF4B-EA11-AC9C-00155D4FDCF3", ["unknown:a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3"]),
            ("1,2", ["number:1", "number:2"]), ("1; 2;", ["number:1", "number:2"]), ("1|2", ["number:1", "number:2"]),
            ("1,Support", ["name:1,Support"]), ("sip:anna@example.com", ["name:sip:anna@example.com"]),
            ("040 1234", ["name:040 1234"]), ("+", ["name:+"]),
        ])
    func targets(_ text: String, _ expected: [String]) {
        let found = EnreachTarget.list(text) { _ in nil }.map { target in
            target.name.map { "name:\($0)" } ?? "\(target.type.rawValue):\(target.id ?? target.number ?? "")"
        }
        #expect(found == expected)
    }

    @Test("A GUID that was a user's or a queue's before is one as a target")
    func knownTargets() throws {
        var mapper = EnreachMapper(raw: .off)
        for (event, data) in [
            ("UserCallInArrived", #""CallId":"x","UserId":"u1""#), ("QueueStatus", #""QueueId":"q1""#),
            ("QueueAttachedUsers", #""QueueId":"q2","AttachedUsers":[{"UserId":"u2"}]"#),
        ] {
            mapper.take(.message(try EnreachJSON.message(event, data)), at: Self.start)
        }
        #expect(mapper.kinds["u1"] == .user && mapper.kinds["u2"] == .user)
        #expect(mapper.kinds["q1"] == .queue && mapper.kinds["q2"] == .queue && mapper.kinds["x"] == nil)
    }

    // MARK: Ids

    @Test("GUIDs are compared in lower case, other ids as they are; zeros are nobody, and no id is endless")
    func ids() {
        #expect(EnreachID.normalized("A1EEB030-FF4B-EA11-AC9C-00155D4FDCF3") == Self.anna)
        #expect(EnreachID.normalized("Leg-A") == "Leg-A")
        #expect(EnreachID.normalized("00000000-0000-0000-0000-000000000000") == nil)
    }

    @Test("What is too long for an id is none: the message is kept instead")
    func longID() throws {
        let long = String(repeating: "x", count: 129)
        let fact = try #require(try facts("UserCallInComing", #""CallId":"\#(long)","UserId":"u""#).first)
        #expect(fact.kind == .sourceUnmapped)
        guard case .problem(let problem) = fact.body.detail else { throw TestFailure(description: "no problem") }
        #expect(problem == Problem(.missingField, detail: "CallId"))
    }

    @Test("Neither many members nor a long name of an event cost more than a line")
    func wide() throws {
        let members = (0..<257).map { "\"m\($0)\":1" }.joined(separator: ",")
        let wide = try #require(try facts("UserStatus", members).first)
        #expect(wide.kind == .sourceUnmapped && wide.event == "UserStatus")
        let name = String(repeating: "Ä", count: 1000)
        let named = try #require(try facts(name, "").first)
        #expect(named.event == String(repeating: "Ä", count: 64))
    }

    @Test("An entity without an id, or with one too long, is nobody's")
    func noEntity() throws {
        for entity in ["", "00000000-0000-0000-0000-000000000000", String(repeating: "x", count: 129)] {
            for event in ["QueueStatus", "UserStatus"] {
                let fact = try #require(try facts(event, #""MaxWaitTime":1,"Talking":true"#, entity: entity).first)
                #expect(fact.kind == .sourceUnmapped, "\(event) of '\(entity)'")
            }
        }
    }

    // MARK: Lists

    private func problem(_ fact: CallFact) -> Problem? {
        guard case .problem(let problem) = fact.body.detail else { return nil }
        return problem
    }

    @Test("Only an empty list says that nobody is attached to a queue")
    func nobodyAttached() throws {
        let fact = try #require(try facts("QueueAttachedUsers", #""QueueId":"q","AttachedUsers":[]"#).first)
        guard case .members(let members) = fact.body.detail else { throw TestFailure(description: "no members") }
        #expect(members == Members(mode: .full, members: []))
    }

    @Test("The user of zeros is nobody, and the others are told")
    func nobodyAmongAttached() throws {
        let list = #""AttachedUsers":[{"UserId":"00000000-0000-0000-0000-000000000000","Active":true},{"UserId":"u"}]"#
        let fact = try #require(try facts("QueueAttachedUsers", #""QueueId":"q",\#(list)"#).first)
        guard case .members(let members) = fact.body.detail else { throw TestFailure(description: "no members") }
        #expect(members.members == [Members.Member(agentID: "u")] && fact.body.extra == [])
    }

    private static let user = #"{"UserId":"u","Active":true,"Priority":1}"#
    private static let noList = Problem(.invalidPayload, detail: "expected an array of objects as AttachedUsers")

    @Test(
        "A list of attached users that is missing or no list is not taken for an empty one",
        arguments: [
            ("", Problem(.missingField, detail: "AttachedUsers")),
            (#","AttachedUsers":null"#, Problem(.missingField, detail: "AttachedUsers")),
            (#","AttachedUsers":"""#, noList), (#","AttachedUsers":{}"#, noList), (#","AttachedUsers":0"#, noList),
            (#","attachedusers":[null]"#, noList), (#","AttachedUsers":[\#(user),7]"#, noList),
            (#","AttachedUsers":[\#(user),[]]"#, noList),
            (#","AttachedUsers":[\#(user),{}]"#, Problem(.missingField, detail: "AttachedUsers[].UserId")),
            (
                #","AttachedUsers":[{"UserId":"00000000-0000-0000-0000-000000000000"}]"#,
                Problem(.missingField, detail: "AttachedUsers[].UserId")
            ),
        ])
    func noAttachedUsers(_ list: String, _ expected: Problem) throws {
        let fact = try #require(try facts("QueueAttachedUsers", #""QueueId":"q"\#(list)"#).first)
        #expect(fact.kind == .sourceUnmapped && problem(fact) == expected)
    }

    @Test("The number of an event that old hubs send says nothing, however its name is written")
    func eventType() throws {
        for name in ["eventType", "EventType", "eventtype", "EVENTTYPE"] {
            let fact = try #require(try facts("UserStatus", #""\#(name)":141,"Talking":true"#).first)
            #expect(fact.body.extra == [], "\(name)")
        }
    }

    private static let item = #""CallBackId":"c","Modified":"2026-01-15T10:00:00""#

    @Test(
        "Members that nobody knows in the objects of a list are kept, each at its place, known names as documented",
        arguments: [
            (
                "QueueAttachedUsers", #""QueueId":"q","AttachedUsers":[{"UserId":"u","Skill":{"fi":[1]}}]"#,
                "AttachedUsers", #"[{"Skill":{"fi":[1]}}]"#
            ),
            (
                "QueueAttachedUsers",
                #""QueueId":"q","AttachedUsers":[{"UserId":"u"},{"userid":"v","note":"x","a":null}]"#,
                "AttachedUsers", #"[{},{"Note":"x"}]"#
            ),
            (
                "QueueAttachedUsers", #""QueueId":"q","AttachedUsers":[{"UserId":"u","Priority":"high"}]"#,
                "AttachedUsers", #"[{"Priority":"high"}]"#
            ),
            (
                "CallbackChanged",
                #"\#(item),"callbackAttempts":[{"Id":"a","Channel":"sms","channel":"mail","more":""}]"#,
                "CallbackAttempts", #"[{"Channel":"sms","channel":"mail"}]"#
            ),
            (
                "CallbackChanged", #"\#(item),"CallbackExtras":[{"Id":1,"Name":"n","Value":"v","Lang":"fi"}]"#,
                "CallbackExtras", #"[{"Lang":"fi"}]"#
            ),
            (
                "CallbackChanged", #"\#(item),"CallbackExtras":[{"Id":1,"Value":"v"}]"#,
                "CallbackExtras", #"[{"Id":1,"Value":"v"}]"#
            ),
            (
                "UserAssistedCallbackRequest", #""CallBackId":"c","CallbackRelatedItems":[{"Id":"r","Owner":"ä"}]"#,
                "CallbackRelatedItems", #"[{"Owner":"ä"}]"#
            ),
            (
                "CallbackChanged", #"\#(item),"CallbackRelatedItems":[{"Id":null,"ListId":"l"}]"#,
                "CallbackRelatedItems", #"[{"ListId":"l"}]"#
            ),
        ])
    func unknownInLists(_ event: String, _ data: String, _ name: String, _ kept: String) throws {
        let fact = try #require(try facts(event, data).first)
        #expect(fact.kind != .sourceUnmapped && fact.body.extra == [ExtraField(name, kept)])
    }

    @Test("Nothing is kept of lists whose objects hold what is documented, nulls and zeros")
    func nothingLeftInLists() throws {
        let data =
            #"\#(Self.item),"CallbackAttempts":[{"Id":"a","Note":null,"Timestamp":"2026-01-15T10:00:00.1"}],"CallbackExtras":[{"Id":1,"Name":"n","Value":"v"},{"Id":2,"Name":"m","Value":null}],"CallbackRelatedItems":[{"Id":"r","ListId":"00000000-0000-0000-0000-000000000000"}]"#
        let fact = try #require(try facts("CallbackChanged", data).first)
        #expect(fact.body.extra == [])
    }

    @Test("An object of a list with more members than any has is no object: the list is kept as it is")
    func wideInList() throws {
        let members = (0..<257).map { "\"Id\":\($0)" }.joined(separator: ",")
        let fact = try #require(try facts("CallbackChanged", #"\#(Self.item),"CallbackExtras":[{\#(members)}]"#).first)
        #expect(fact.kind == .callbackChanged && fact.body.extra == [ExtraField("CallbackExtras", "[{\(members)}]")])
        let queue = try #require(
            try facts("QueueAttachedUsers", #""QueueId":"q","AttachedUsers":[{\#(members)}]"#).first)
        #expect(problem(queue) == Self.noList)
    }

    // MARK: Repeats

    /// Which of the messages, told by these subscriptions after so many milliseconds, become facts.
    private func told(_ messages: [(Int, String, String, String)]) throws -> [Bool] {
        var mapper = EnreachMapper(raw: .off)
        return try messages.map { milliseconds, event, entity, data in
            let count = mapper.facts.count
            mapper.take(
                .message(try EnreachJSON.message(event, #""CallId":"c",\#(data)"#, entity: entity)),
                at: Self.start.advanced(by: .milliseconds(milliseconds)))
            return mapper.facts.count > count
        }
    }

    @Test("The same fact of another subscription is a repeat for two seconds, and then a fact")
    func window() throws {
        let ring = #""UserId":"u""#
        #expect(
            try told([
                (0, "QueueCallInUserAllocated", "q", ring), (1999, "UserCallInUserAllocated", "u", ring),
                (2500, "UserCallInUserAllocated", "v", ring),
            ]) == [true, false, true])
        // A subscription repeats nothing: what it tells twice happened twice.
        #expect(
            try told([
                (0, "QueueCallInUserAllocated", "q", ring), (10, "QueueCallInUserAllocated", "q", ring),
                (20, "UserCallInUserAllocated", "u", ring), (30, "UserCallInUserAllocated", "u", ring),
                (40, "UserCallInUserAllocated", "u", ring),
            ]) == [true, true, false, false, true])
    }

    @Test("A divert is the same whoever tells it, until something else happens; afterwards rings are new ones")
    func diverts() throws {
        let overflow = #""OverflowApplet":"a","TechQueueId":"t""#
        #expect(
            try told([
                (0, "QueueCallInUserAllocated", "q", #""UserId":"u""#), (100, "QueueCallInOverflow", "q", overflow),
                (5000, "UserCallInOverflow", "u", overflow), (5000, "QueueCallInOverflow", "q", overflow),
                (5100, "QueueCallInOverflow", "q", #""OverflowApplet":"b","TechQueueId":"t""#),
                (5200, "UserCallInUserAllocated", "u", #""UserId":"u""#),
            ]) == [true, true, false, false, true, true])
    }

    @Test("Transfers are told apart by where they go; a repeat of the last one is none")
    func transfers() throws {
        #expect(
            try told([
                (0, "UserCallInTransferStarted", "u", #""TransferTarget":"1""#),
                (5000, "UserCallInTransferStarted", "u", #""TransferTarget":"1""#),
                (5001, "UserCallInTransferStarted", "u", #""TransferTarget":"2""#),
                (5002, "UserCallInTransferCancelled", "u", #""Reason":"busy""#),
                (5003, "UserCallInTransferCancelled", "v", #""Reason":"busy""#),
                (6000, "UserCallInTransferStarted", "u", #""TransferTarget":"2""#),
            ]) == [true, false, true, true, false, true])
    }

    @Test("Notices are the same for ten seconds, whoever is told them")
    func notices() {
        var notices = EnreachNotices(limit: 4)
        func at(_ seconds: Int64) -> Timestamp { Self.start.advanced(by: .seconds(seconds)) }
        #expect(notices.identity(["a"], at: at(0)) == .recurring(["a"]))
        #expect(notices.identity(["a"], at: at(9)) == nil && notices.identity(["b"], at: at(9)) != nil)
        #expect(notices.identity(["a"], at: at(10)) == .recurring(["a"]))
        for index in 0..<100 { _ = notices.identity(["n\(index)"], at: at(11)) }
        #expect(notices.count <= 4)
    }

    // MARK: Bounds

    @Test("Memory is bounded: ended calls by their number, others too, and the newest stay")
    func bounds() throws {
        var limits = EnreachMapper.Limits()
        limits.calls = .init(open: 10, ended: 3)
        (limits.entities, limits.notices) = (20, 10)
        var mapper = EnreachMapper(raw: .off, limits: limits)
        for index in 0..<5000 {
            let call = #""CallId":"c\#(index)","UserId":"u\#(index)""#
            mapper.take(.message(try EnreachJSON.message("UserCallInComing", call)), at: Self.start)
            if index.isMultiple(of: 3) {
                mapper.take(.message(try EnreachJSON.message("UserCallInDisconnected", call)), at: Self.start)
            }
            let alert = #""AlertId":"a\#(index)""#
            mapper.take(.message(try EnreachJSON.message("UserAlert", alert)), at: Self.start)
            mapper.facts.removeAll()
        }
        #expect(mapper.calls.count <= 13 && mapper.kinds.count <= 20 && mapper.notices.count <= 10)
        #expect(mapper.calls["c4999"] != nil && mapper.calls["c4998"] != nil && mapper.calls["c0"] == nil)
        #expect(mapper.calls.endedCount <= 3)
    }

    @Test("One call cannot grow: neither by facts, nor by queues")
    func oneCall() throws {
        var mapper = EnreachMapper(raw: .off)
        for index in 0..<1000 {
            let data = #""CallId":"c","QueueId":"q\#(index)","QueueNumber":"\#(index)""#
            mapper.take(.message(try EnreachJSON.message("QueueCallInArrived", data)), at: Self.start)
        }
        let call = try #require(mapper.calls["c"])
        #expect(call.number(ofQueue: "q0", told: nil) == "0" && call.number(ofQueue: "q999", told: nil) == nil)
        #expect(call.toldCount <= EnreachCall.maximumTold)
    }

    // MARK: The source's own lines

    @Test("What the hub refuses or says about itself, and what is no message, are lines of the source")
    func sourceLines() throws {
        var run = EnreachRun()
        let id = try #require(UUID128(Self.anna))
        run.take(.refused(message: "Unauthorized", count: 3, entity: id, event: "UserStatus"), at: Self.start)
        run.take(.refused(message: "Invalid event name", count: 1, entity: id, event: "X"), at: Self.start)
        run.take(.notice(event: "Close", code: "close_error", text: "bye"), at: Self.start)
        Array("{no json".utf8).withUnsafeBytes { run.take(.unreadable($0, problem: "expected JSON"), at: Self.start) }
        #expect(run.unmappedCount == 1)
        let schema = try SchemaValidator.callEvent()
        for line in run.lines { #expect(schema.faults(of: line) == []) }
        let notices = run.events.compactMap { event -> String? in
            guard case .notice(let code, let text) = event.body.detail else { return nil }
            return "\(event.source.event) \(code) \(text ?? "")"
        }
        #expect(
            notices == [
                "Subscribe subscription_refused Unauthorized: UserStatus of \(Self.anna) and 2 more",
                "Subscribe subscription_refused Invalid event name: X of \(Self.anna)", "Close close_error bye",
            ])
        let last = try #require(run.events.last)
        #expect(last.kind == .sourceUnmapped && last.body.raw?.data == Base64.encode(Array("{no json".utf8)))
    }
}
