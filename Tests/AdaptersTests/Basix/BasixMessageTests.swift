import BridgeCore
import Codecs
import TestSupport
import Testing
import WireProtocols

@testable import Adapters

@Suite("Basix: messages")
struct BasixMessageTests {
    @Test("The corpus is there")
    func corpus() {
        #expect(BasixFixture.messages.count >= 70)
        #expect(BasixFixture.rejects.count >= 3)
    }

    @Test("Every message of the corpus is what it says", arguments: BasixFixture.messages)
    func message(_ fixture: BasixFixture) throws {
        let reader = BasixMessageReader(limits: .withCompressed)
        for frame in try fixture.before { _ = try reader.canonicalLine(frame) }
        #expect(try reader.canonicalLine(fixture.bytes) == fixture.message)
    }

    @Test("What is a term and no message is refused with the reason", arguments: BasixFixture.rejects)
    func reject(_ fixture: BasixFixture) throws {
        let reader = BasixMessageReader()
        for frame in try fixture.before { _ = try reader.canonicalLine(frame) }
        let error = #expect(throws: BasixRejection.self) { try reader.canonicalLine(fixture.bytes) }
        #expect("\(error.map { "\($0)" } ?? "")".hasPrefix(fixture.reject ?? "-"))
    }

    @Test(
        "Every message of a session is what it says, under the layouts of the session",
        arguments: BasixSessionFixture.names)
    func session(_ name: String) throws {
        let session = try BasixSessionFixture(name)
        let reader = BasixMessageReader()
        #expect(!session.frames.isEmpty && session.frames.count == session.messages.count)
        for (frame, message) in zip(session.frames, session.messages) {
            #expect(try reader.canonicalLine(frame) == message)
        }
    }

    @Test("A compressed message is refused by a live connection's limits")
    func compressed() throws {
        let reader = BasixMessageReader()
        let fixture = try #require(BasixFixture.messages.first { $0.name == "var-compressed" })
        #expect(throws: BasixRejection.self) { try reader.canonicalLine(fixture.bytes) }
    }

    @Test("The notation becomes frames that say the same", arguments: BasixFixture.messages)
    func roundTrip(_ fixture: BasixFixture) throws {
        let message = try #require(fixture.message)
        var encoder = BasixNotationEncoder()
        let reader = BasixMessageReader()
        let document = try JSONDocument(Array(message.utf8), limits: JSONLimits(bytes: 1 << 24, depth: 100))
        let lines = try encoder.frames(of: document.root).map { try reader.canonicalLine($0) }
        #expect(lines.last == message)
        // Nothing but the layout may stand before it.
        #expect(lines.dropLast().allSatisfy { $0.contains("\"field_spec\"") } && lines.count <= 2)
    }

    // MARK: Shapes

    private static func term(_ parts: BERTValue...) -> [UInt8] { BERTEncoder().encode(.tuple(parts)) }

    static let refused: [(frame: [UInt8], reason: String)] = [
        ([], "no bytes"), ([131], "ends too early"), (term(), "not a message"),
        (BERTEncoder().encode(.integer(7)), "not a message"), (term(.integer(7), .integer(8)), "not a message"),
        (term(.tuple([]), .integer(8)), "not a message"),
        (term(.atom("info_event")), "info_event of only 1 parts"),
        (term(.atom("info_event"), .charlist("channel"), .tuple([])), "info_event of only 3 parts"),
        (term(.atom("info_event"), .integer(3), .tuple([]), .charlist("x")), "the name of the element is no text"),
        (term(.atom("initial_info"), .charlist("channel")), "initial_info of only 2 parts"),
        (term(.atom("initial_info"), .tuple([]), .list([])), "the name of the element is no text"),
        (
            term(.atom("initial_info"), .charlist("user"), .atom("none")),
            "initial_info for user whose items are not a list"
        ),
        (term(.atom("initial_info"), .charlist("nobody"), .list([.tuple([])])), "no field_spec for nobody"),
        (term(.atom("field_spec"), .charlist("user")), "field_spec of only 2 parts"),
        (term(.atom("field_spec"), .charlist("user"), .integer(1)), "whose fields are not a list of texts"),
        (
            term(.atom("field_spec"), .charlist("user"), .list([.integer(300), .integer(-1)])),
            "whose fields are not a list of texts"
        ),
        (
            term(.atom("field_spec"), .charlist("user"), .list(Array(repeating: .atom("a"), count: 1025))),
            "with 1025 fields; 1024 are the most"
        ),
        (
            term(.atom("field_spec"), .charlist("user"), .list([.binary(String(repeating: "x", count: 257))])),
            "a name of 257 bytes; 256 are the most"
        ),
        (term(.atom("field_spec"), .charlist(String(repeating: "x", count: 257)), .bertNil), "a name of 257 bytes"),
        (term(.atom("system_msg")), "system_msg of only 1 parts"), (term(.atom("msg")), "msg of only 1 parts"),
    ]

    @Test("A message of another shape is refused, and the reason says what was expected", arguments: refused)
    func shape(_ row: (frame: [UInt8], reason: String)) {
        let reader = BasixMessageReader()
        let error = #expect(throws: BasixRejection.self) { try reader.canonicalLine(row.frame) }
        #expect("\(error.map { "\($0)" } ?? "")".contains(row.reason), "\(error.map { "\($0)" } ?? "")")
    }

    @Test("More than 64 elements are not remembered; those that are known may come again")
    func elements() throws {
        let reader = BasixMessageReader()
        func spec(_ index: Int) -> [UInt8] {
            Self.term(.atom("field_spec"), .charlist("element\(index)"), .list([.atom("id")]))
        }
        for index in 0..<64 { _ = try reader.canonicalLine(spec(index)) }
        #expect(throws: BasixRejection.self) { try reader.canonicalLine(spec(64)) }
        _ = try reader.canonicalLine(spec(5))
        reader.reset()
        _ = try reader.canonicalLine(spec(64))
    }

    @Test("A layout that comes again counts from then on, and a new connection forgets all of them")
    func layouts() throws {
        let reader = BasixMessageReader()
        let record = BERTValue.tuple([.binary("a"), .binary("b")])
        let event = Self.term(.atom("info_event"), .charlist("terminal"), record, .charlist("added"))
        for names in [["id", "name"], ["name", "id"], ["id", "id"], ["x"]] {
            _ = try reader.canonicalLine(
                Self.term(.atom("field_spec"), .charlist("terminal"), .list(names.map { .atom($0) })))
            let line = try reader.canonicalLine(event)
            let expected: String
            switch names {
            case ["id", "name"]: expected = #""info":{"id":"a","name":"b"}"#
            case ["name", "id"]: expected = #""info":{"id":"b","name":"a"}"#
            case ["id", "id"]: expected = #""info":{"id":"a"}"#
            default: expected = #""info":{"x":"a"}"#
            }
            #expect(line.contains(expected), "\(line)")
        }
        reader.reset()
        #expect(throws: BasixRejection.self) { try reader.canonicalLine(event) }
    }

    @Test("A dump of nothing needs no layout")
    func empty() throws {
        let reader = BasixMessageReader()
        for items in [BERTValue.bertNil, .list([])] {
            let line = try reader.canonicalLine(Self.term(.atom("initial_info"), .charlist("terminal"), items))
            #expect(line == #"{"element":"terminal","items":[],"msg":"initial_info"}"#)
        }
    }

    @Test("Element names are those of the wire, also of those nobody documented")
    func names() {
        for name in ["channel", "channel_waiting", "queued_channel", "parked_channel", "user", "group", "group_member"]
        {
            #expect(BasixElement(name: name).name == name && BasixElement(name: name) != .other(name))
        }
        #expect(BasixElement(name: "fax").name == "fax")
        for field in BasixField.allCases { #expect(BasixField(name: field.name) == field) }
    }

    // MARK: Text

    static let texts: [(bytes: [UInt8], text: String)] = [
        ([], ""), (Array("a\u{0}b".utf8), "a\u{0}b"), ([0xE5, 0xB1], "\u{FFFD}"),
        ([0xE5, 0xB1, 0x25], "\u{FFFD}\u{FFFD}%"), ([0xFF, 0x41, 0xFE], "\u{FFFD}A\u{FFFD}"),
        ([0x41, 0xF0, 0x9F, 0x98], "A\u{FFFD}"), ([0xED, 0xA0, 0x80, 0x41], "\u{FFFD}\u{FFFD}\u{FFFD}A"),
        (Array("山田 太郎 😀".utf8), "山田 太郎 😀"),
    ]

    @Test("Broken UTF-8 is repaired byte by byte, a cut character as one", arguments: texts)
    func repair(_ row: (bytes: [UInt8], text: String)) { #expect(BasixText.repaired(row.bytes) == row.text) }

    static let escapes: [(text: String, plus: Bool, decoded: String)] = [
        ("a+b%20c", true, "a b c"), ("a+b%20c", false, "a+b c"), ("%", true, "%"), ("%4", true, "%4"),
        ("%zz%41", true, "%zzA"), ("%E6%9D%B1", true, "東"), ("", true, ""), ("100%", false, "100%"),
    ]

    @Test("Percent escapes are resolved, broken ones stay", arguments: escapes)
    func percent(_ row: (text: String, plus: Bool, decoded: String)) {
        #expect(BasixText.percentDecoded(Array(row.text.utf8)[...], plusIsBlank: row.plus) == row.decoded)
    }

    @Test("What is percent-encoded comes back the same")
    func percentRoundTrip() {
        for text in ["", "a b", "a+b*c|d;e%f", "東京 😀", "-._~"] {
            for plus in [true, false] {
                let encoded = BasixText.percentEncoded(text, blankIsPlus: plus)
                #expect(BasixText.percentDecoded(Array(encoded.utf8)[...], plusIsBlank: plus) == text)
                #expect(!encoded.contains("*") && !encoded.contains("|") && !encoded.contains(" "))
            }
        }
    }

    @Test("CRM records: parts missing at the end, several records, none")
    func endUsers() {
        func items(_ text: String) -> BasixEndUsers? { BasixEndUsers(Array(text.utf8)) }
        #expect(items("*") == nil && items("****") == nil && items("") == nil)
        #expect(items("7")?.items == [BasixEndUsers.Item(id: "7")])
        #expect(items("7*a+b")?.items == [BasixEndUsers.Item(id: "7", name: "a b")])
        let many = items("_MANY_:3|1*a|2*b*c*d*e")
        #expect(many?.count == 3)
        #expect(
            many?.items == [
                BasixEndUsers.Item(id: "1", name: "a"),
                BasixEndUsers.Item(id: "2", name: "b", organization: "c", avatar: "d", prefecture: "e"),
            ])
        #expect(items("_MANY_:x|1*a")?.count == nil)
    }
}
