import CallModel
import Codecs
import NIOCore
import TestSupport
import Testing
import WireProtocols

@testable import Adapters

/// A hub that says what no hub should: nothing of it traps, and each message becomes a line.
@Suite("Enreach: hostile hubs")
struct EnreachHostileTests {
    private static let start = Timestamp(microseconds: 1_768_464_000_000_000)

    /// What stands where something else should: every type, and the edges of each.
    private static let values: [String] = [
        "null", "true", "false", "0", "-0", "-1", "1e9", "1e400", "9223372036854775808", "0.5",
        "123456789012345678901234567890", "[]", "{}", "[[]]", "[null]", "[{}]", "[{},1]", #"[{"Id":[],"UserId":{}}]"#,
        #"{"UserId":"u"}"#, #""""#, #"" ""#, #""x""#, #""\u0000""#, #""\ud800""#, #""NaN""#, #""true""#,
        #""00000000-0000-0000-0000-000000000000""#, #""9999-12-31T23:59:59.9999999""#, #""0001-01-01T00:00:00""#,
        #""2026-13-45T99:99:99""#, #""99999-01-01T00:00:00""#, #""2026-01-15T10:00:00+99:99""#,
        #""2026-01-15T10:00:00.99999999999999999999""#,
    ]

    private static func message(_ event: EnreachEvent, _ data: String) throws -> JSONValue {
        try EnreachJSON.value(
            #"{"subscription":{"entityId":"a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3","eventName":"\#(event.rawValue)"},"data":\#(data)}"#
        )
    }

    /// The event as documented, whole.
    private static func example(_ event: EnreachEvent) throws -> JSONValue {
        try EnreachJSON.value(EnreachDocumentation.example(event))
    }

    private static func json(_ value: JSONValue) -> String {
        var writer = ByteWriter()
        writer.append(json: value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// `object` with the member at `position` replaced; `inner` is a place in the first object of its list.
    private static func exchange(_ object: JSONValue, _ position: Int, inner: Int?, by text: String) -> String {
        let members = object.members.enumerated().map { index, member in
            var value = index == position ? text : json(member.value)
            if index == position, let inner, let first = member.value.elements.first {
                value = "[\(exchange(first, inner, inner: nil, by: text))]"
            }
            return "\"\(member.name)\":\(value)"
        }
        return "{\(members.joined(separator: ","))}"
    }

    @Test(
        "Whatever stands in place of any member of any event, there is one fact, and its line keeps the schema",
        arguments: EnreachEvent.allCases)
    func wrongTypes(_ event: EnreachEvent) throws {
        let example = try Self.example(event)
        let schema = try SchemaValidator.callEvent()
        var lines = 0
        for (position, member) in example.members.enumerated() {
            let places: [Int?] = [nil] + (member.value.elements.first?.members.indices.map { $0 } ?? [])
            for inner in places {
                for value in Self.values {
                    let data = Self.exchange(example, position, inner: inner, by: value)
                    let message = try Self.message(event, data)
                    var mapper = EnreachMapper(raw: .off)
                    mapper.take(.message(message), at: Self.start)
                    #expect(mapper.facts.count == 1, "\(data)")
                    var run = EnreachRun()
                    run.take(message, at: Self.start)
                    for line in run.lines { #expect(schema.faults(of: line) == [], "\(data)") }
                    lines += run.lines.count
                }
            }
        }
        #expect(lines >= example.memberCount * Self.values.count)
    }

    @Test(
        "Every event keeps what stands in a member that it does not use, whatever that is",
        arguments: EnreachEvent.allCases)
    func nothingVanishes(_ event: EnreachEvent) throws {
        let members = try Self.example(event).members.map { "\"\($0.name)\":\(Self.json($0.value))" }
        var mapper = EnreachMapper(raw: .off)
        let data = "{\(members.joined(separator: ",")),\"Novelty\":{\"a\":[1,{\"b\":null}]},\"Other\":7}"
        mapper.take(.message(try Self.message(event, data)), at: Self.start)
        let extra = try #require(mapper.facts.first).body.extra
        #expect(
            extra.contains(ExtraField("Novelty", #"{"a":[1,{"b":null}]}"#)) && extra.contains(ExtraField("Other", "7")))
    }

    /// What comes out for the bytes that a hub sends after its handshake.
    private static func lines(_ bytes: [UInt8]) -> (lines: [String], end: HubEnd?) {
        let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        var hub = HubClientSession(now: now)
        var run = EnreachRun()
        var end: HubEnd?
        hub.receive(.text(ByteBuffer(bytes: Array("{}\u{1E}".utf8) + bytes)), now: now)
        while let event = hub.nextEvent(now: now) {
            switch event {
            case .invocation(let invocation):
                if let message = invocation.arguments[0] { run.take(.message(message), at: start) }
            case .unreadable(let record, let error):
                record.withUnsafeReadableBytes { run.take(.unreadable($0, problem: "\(error)"), at: start) }
            case .ended(let reason): end = reason
            case .opened, .result, .callFailed: break
            }
        }
        return (run.lines, end)
    }

    private static func record(_ event: EnreachEvent, _ data: String) -> [UInt8] {
        let name = event.rawValue
        return Array(
            #"{"type":1,"target":"MessageReceived","arguments":[{"subscription":{"entityId":"a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3","eventName":"\#(name)"},"data":\#(data)}]}"#
                .utf8) + [0x1E]
    }

    @Test(
        "Bytes of any event that went wrong on the way lead to lines that keep the schema, or to the end of the session"
    )
    func brokenBytes() throws {
        let seed = SeededGenerator.printedSeed(for: "Enreach broken bytes")
        var random = SeededGenerator(seed: seed)
        let schema = try SchemaValidator.callEvent()
        let records = try EnreachEvent.allCases.map { Self.record($0, Self.json(try Self.example($0))) }
        let pieces = [#"null"#, "[", "]", "{", "}", "\"", "\\", "\u{1E}", ",", ":", "1e999", "\\ud800", "\u{0}"].map {
            Array($0.utf8)
        }
        var unmapped = 0
        for round in 0..<(runsLongTests ? 1000 : 25) {
            var bytes: [UInt8] = []
            for record in records {
                var record = record
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    let place = Int.random(in: record.indices, using: &random)
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: record[place] = UInt8.random(in: 0...255, using: &random)
                    case 1: record.remove(at: place)
                    case 2: record.insert(contentsOf: pieces[Int.random(in: pieces.indices, using: &random)], at: place)
                    default: record.swapAt(place, Int.random(in: record.indices, using: &random))
                    }
                }
                bytes += record
            }
            let (lines, end) = Self.lines(bytes)
            unmapped += lines.count { $0.contains(#""kind":"source.unmapped""#) }
            #expect(!lines.isEmpty || end != nil, "seed \(seed), round \(round)")
            for line in lines { #expect(schema.faults(of: line) == [], "seed \(seed), round \(round)") }
        }
        #expect(unmapped > 0)
    }

    @Test(
        "A text of megabytes in any member is an event or is kept, and costs time in proportion",
        arguments: EnreachEvent.allCases)
    func hugeText(_ event: EnreachEvent) throws {
        let example = try Self.example(event)
        let text = "\"" + String(repeating: "ä\\n", count: 250_000) + "\""
        for position in [0, example.memberCount - 1] {
            let (lines, end) = Self.lines(Self.record(event, Self.exchange(example, position, inner: nil, by: text)))
            #expect(lines.count >= 1 && end == nil)
        }
    }

    @Test("Long lists are read in proportion to their length, whatever they hold")
    func longLists() throws {
        let count = 50_000
        for (event, list, name) in [
            (EnreachEvent.queueAttachedUsers, #"{"UserId":"u","x":1}"#, "AttachedUsers"),
            (.callbackChanged, #"{"Name":"n","Value":"v"}"#, "CallbackExtras"),
            (.callbackChanged, "{}", "CallbackAttempts"), (.callbackChanged, "7", "CallbackRelatedItems"),
        ] {
            let elements = repeatElement(list, count: count).joined(separator: ",")
            let (lines, end) = Self.lines(Self.record(event, #"{"CallBackId":"c","\#(name)":[\#(elements)]}"#))
            #expect(lines.count == 1 && end == nil && lines[0].contains(event.kind.name), "\(name)")
        }
    }

    @Test(
        "JSON deeper than 64 levels is no message, but is told; up to there it is kept",
        arguments: [50, 64, 1000, 1_000_000])
    func deep(levels: Int) throws {
        let nest = String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
        let (lines, end) = Self.lines(Self.record(.userStatus, #"{"Talking":true,"Deep":\#(nest)}"#))
        #expect(lines.count == 1 && end == nil)
        #expect(lines[0].contains(levels < 60 ? "agent.status" : "source.unmapped"))
        #expect(try SchemaValidator.callEvent().faults(of: lines[0]) == [])
    }

    @Test("A record beyond the limit ends the session with a name for it, and nothing of it is told")
    func endless() {
        let text = String(repeating: "x", count: HubLimits().recordBytes + 1)
        let (lines, end) = Self.lines(Self.record(.userStatus, #"{"Note":"\#(text)"}"#))
        guard case .failed = end else {
            Issue.record("ended with \(String(describing: end))")
            return
        }
        #expect(lines.isEmpty)
    }

    @Test("Whatever EnreachAPI answers, a repair tells what keeps the schema, or nothing")
    func rest() throws {
        let (from, now) = (Self.start.advanced(by: .seconds(-600)), Self.start.advanced(by: .seconds(60)))
        let user = UUID128(high: 1, low: 7)
        let answers = [
            #"{"CallId":"c","ANum":"1","BNum":"2","TimeStamp":"2026-01-15T07:59:00","Duration":30,"Direction":0,"EndResult":0,"UserId":"u","UserName":"n"}"#,
            #"{"Availability":"Busy","EventTypeID":3,"StartTime":"2026-01-15T07:59:00","EndTime":"2026-01-15T09:00:00","EventSource":"s","Note":"n","UserName":"u"}"#,
            #"{"Id":"00000000-0000-0001-0000-000000000007","Name":"q","Status":{"OpenStatus":5,"MaxWaitTime":1,"FreeAgents":2}}"#,
        ]
        let schema = try SchemaValidator.callEvent()
        var told = 0
        for answer in try answers.map(EnreachJSON.value) {
            let faulty = answer.members.indices.flatMap { position in
                Self.values.map { Self.exchange(answer, position, inner: nil, by: $0) }
            }
            for text in faulty + Self.values {
                for document in [text, "[\(text)]", "[\(text),7,\(Self.json(answer))]"] {
                    let value = try EnreachJSON.value(document)
                    var repair = EnreachRepair()
                    var tracker = CallTracker(stream: UUID128(high: 1, low: 2))
                    let source = tracker.register(SourceProfile(vendor: "enreach", name: "hel", lifecycle: .strict))
                    for var fact in repair.facts(ofCalls: value, from: from, now: now)
                        + repair.facts(ofAvailability: value, of: user) + repair.facts(ofQueues: value, wanted: [user])
                    {
                        fact.tenant = "acme"
                        tracker.apply(fact, from: source, receivedAt: now)
                    }
                    let lines = tracker.takeOutput().map { LineWriter.text($0.event) }
                    for line in lines { #expect(schema.faults(of: line) == [], "\(document)") }
                    told += lines.count
                }
            }
        }
        #expect(told > 1000)
    }
}
