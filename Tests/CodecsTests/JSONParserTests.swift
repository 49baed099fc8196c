import Codecs
import TestSupport
import Testing

@Suite("JSON texts (RFC 8259)")
struct JSONParserTests {
    static let accepted: [String] = [
        "null", "true", "false", "0", "-0", "1", "-1", "10", "123456789012345678901234567890", "0.0", "0.5", "-0.5",
        "1.25",
        "1e1", "1E1", "1e+1", "1e-1", "1.5e300", "0e0", "0E+00", "-1.0E-05", "\"\"", "\"a\"", "\" \"", "\"\u{7F}\"",
        #""\"""#, #""\\""#, #""\/""#, #""\b\f\n\r\t""#, #""\u0000""#, #""\u00e9""#, #""\u00E9""#, #""\ud83d\ude00""#,
        #""\ud83d""#, #""\ude00\ud83d""#, #""\uFFFF""#, "\"é\"", "\"日本\"", "\"😀\"", "\"\u{2028}\"", "\"\u{10FFFF}\"",
        "[]", "[ ]", "[1]", "[1,2]", "[ 1 , 2 ]", "[[]]", "[[],[]]", "[[[[]]]]", "[null,true,false]", "[\"a\",1]",
        "[{}]",
        "[-1e5]", "{}", "{ }", "{\"a\":1}", "{\"a\":{}}", "{\"a\":[]}", "{\"a\":1,\"b\":2}", "{ \"a\" : 1 }",
        "{\"\":0}",
        "{\"a\":1,\"a\":2}", #"{"\u0061":1}"#, "{\"a\":{\"b\":{\"c\":{}}}}", "{\"a\":[{\"b\":[]}]}", " 1", "1 ", "\t1",
        "\n1\n",
        "\r\n[\r\n1\r\n]\r\n", " \t\n\r{}\r\n\t ", "[1,[2,[3]]]", "[\"]\"]", "[\"}\"]", "{\"{\":\"}\"}", "[\",\"]",
        "{\":\":\":\"}",
        "[0]", "[1.5,-2.5e1]", "[true]", "[\"\\\\\"]", "[\"\\\\\\\"\"]", "1E400",
    ]

    struct Reject: Sendable, CustomTestStringConvertible {
        let bytes: [UInt8]
        let reason: JSONError.Reason
        let offset: Int
        var testDescription: String { "\(String(decoding: bytes, as: UTF8.self).debugDescription) \(reason) \(offset)" }
    }

    private static func no(_ text: String, _ reason: JSONError.Reason, _ offset: Int) -> Reject {
        Reject(bytes: Array(text.utf8), reason: reason, offset: offset)
    }

    private static func no(_ bytes: [UInt8], _ offset: Int) -> Reject {
        Reject(bytes: [0x22] + bytes + [0x22], reason: .invalidUTF8, offset: offset)
    }

    static let rejected: [Reject] = [
        no("", .unexpectedEnd, 0), no(" ", .unexpectedEnd, 1), no("\u{FEFF}1", .unexpectedByte, 0),
        no("nul", .unexpectedEnd, 3), no("nulL", .unexpectedByte, 3), no("True", .unexpectedByte, 0),
        no("tru ", .unexpectedByte, 3), no("nan", .unexpectedByte, 1), no("NaN", .unexpectedByte, 0),
        no("Infinity", .unexpectedByte, 0), no("undefined", .unexpectedByte, 0), no("'a'", .unexpectedByte, 0),
        no("-", .invalidNumber, 1), no("--1", .invalidNumber, 1), no("+1", .unexpectedByte, 0),
        no("01", .invalidNumber, 2),
        no("-01", .invalidNumber, 3), no("00", .invalidNumber, 2), no("1.", .invalidNumber, 2),
        no(".5", .unexpectedByte, 0),
        no("1.e1", .invalidNumber, 2), no("1e", .invalidNumber, 2), no("1e+", .invalidNumber, 3),
        no("1ex", .invalidNumber, 2),
        no("1.5.5", .trailingBytes, 3), no("0x1", .trailingBytes, 1), no("1_000", .trailingBytes, 1),
        no("1a", .trailingBytes, 1), no("1 2", .trailingBytes, 2), no("-Infinity", .invalidNumber, 1),
        no("null null", .trailingBytes, 5), no("[]]", .trailingBytes, 2), no("{}}", .trailingBytes, 2),
        no("[],", .trailingBytes, 2), no("[", .unexpectedEnd, 1), no("]", .unexpectedByte, 0),
        no("[1", .unexpectedEnd, 2),
        no("[1,", .unexpectedEnd, 3), no("[1,]", .unexpectedByte, 3), no("[,1]", .unexpectedByte, 1),
        no("[,]", .unexpectedByte, 1), no("[1,,2]", .unexpectedByte, 3), no("[1 2]", .unexpectedByte, 3),
        no("[1}", .unexpectedByte, 2), no("[1:2]", .unexpectedByte, 2), no("[[]", .unexpectedEnd, 3),
        no("{", .unexpectedEnd, 1), no("}", .unexpectedByte, 0), no("{1:2}", .unexpectedByte, 1),
        no("{a:1}", .unexpectedByte, 1), no("{'a':1}", .unexpectedByte, 1), no("{\"a\"", .unexpectedEnd, 4),
        no("{\"a\"}", .unexpectedByte, 4), no("{\"a\":", .unexpectedEnd, 5), no("{\"a\":}", .unexpectedByte, 5),
        no("{\"a\":1", .unexpectedEnd, 6), no("{\"a\":1,", .unexpectedEnd, 7), no("{\"a\":1,}", .unexpectedByte, 7),
        no("{,}", .unexpectedByte, 1), no("{\"a\" 1}", .unexpectedByte, 5), no("{\"a\":1]", .unexpectedByte, 6),
        no("{\"a\":1 \"b\":2}", .unexpectedByte, 7), no("{\"a\",\"b\"}", .unexpectedByte, 4),
        no("{null:1}", .unexpectedByte, 1),
        no("{\"a\"::1}", .unexpectedByte, 5), no("\"", .unexpectedEnd, 1), no("\"a", .unexpectedEnd, 2),
        no("\"\\", .unexpectedEnd, 2), no("\"\\\"", .unexpectedEnd, 3), no("\"\\x41\"", .invalidEscape, 1),
        no("\"\\'\"", .invalidEscape, 1), no("\"\\U0041\"", .invalidEscape, 1), no("\"\\u12G4\"", .invalidEscape, 1),
        no("\"\\u123", .unexpectedEnd, 6), no("\"a\nb\"", .controlCharacter, 2), no("\"\t\"", .controlCharacter, 1),
        no("\"\u{0}\"", .controlCharacter, 1), no("\"\u{1F}\"", .controlCharacter, 1),
        no("// a\n1", .unexpectedByte, 0),
        no("/**/1", .unexpectedByte, 0), no("[1]//", .trailingBytes, 3), no("\u{B}1", .unexpectedByte, 0),
        no("\u{A0}1", .unexpectedByte, 0), no("1\u{0}", .trailingBytes, 1),
        no([0x80], 1), no([0xBF], 1), no([0xC0, 0xAF], 1), no([0xC1, 0xBF], 1), no([0xC3], 1), no([0xC3, 0x28], 1),
        no([0xE0, 0x80, 0x80], 1), no([0xE0, 0x9F, 0xBF], 1), no([0xE2, 0x82], 1), no([0xE2, 0x28, 0xA1], 1),
        no([0xED, 0xA0, 0x80], 1), no([0xED, 0xBF, 0xBF], 1), no([0xF0, 0x80, 0x80, 0x80], 1),
        no([0xF0, 0x8F, 0xBF, 0xBF], 1), no([0xF0, 0x9F, 0x98], 1), no([0xF4, 0x90, 0x80, 0x80], 1),
        no([0xF5, 0x80, 0x80, 0x80], 1), no([0xFE], 1), no([0xFF], 1), no([0x61, 0xFF], 2),
    ]

    @Test("A JSON text is accepted, and its compact form is accepted again and does not change", arguments: accepted)
    func accepts(_ text: String) throws {
        let once = try Self.compact(Array(text.utf8))
        #expect(try Self.compact(once) == once)
    }

    @Test("What is no JSON is refused with its reason and place", arguments: rejected)
    func rejects(_ item: Reject) {
        Self.expect(item.reason, item.offset, item.bytes)
    }

    @Test("A text at the limit is taken, one above it is refused")
    func limits() throws {
        let limits = JSONLimits(bytes: 8, depth: 2)
        _ = try JSONDocument(Array("[[1234]]".utf8), limits: limits)
        Self.expect(.tooLong, 8, Array("[[12345]]".utf8), limits)
        Self.expect(.tooDeep, 2, Array("[[[]]]".utf8), limits)
        Self.expect(.tooDeep, 0, Array("[]".utf8), JSONLimits(depth: 0))
        let deep = Array(repeating: UInt8(ascii: "["), count: 100_000)
        Self.expect(.tooDeep, 16, deep)
        let nested = deep + Array(repeating: UInt8(ascii: "]"), count: 100_000)
        _ = try JSONDocument(nested, limits: JSONLimits(depth: 100_000))
    }

    @Test(
        "Escapes are resolved; a lone surrogate becomes U+FFFD",
        arguments: [
            (#""a\u0041\n""#, "aA\n"), (#""\ud83d\ude00""#, "😀"), (#""\ud83d""#, "\u{FFFD}"),
            (#""\ude00""#, "\u{FFFD}"),
            (#""\ud83dx\ude00""#, "\u{FFFD}x\u{FFFD}"), (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
            (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""é\u00e9/\/""#, "éé//"),
            (#""\b\f\r\t\"\\""#, "\u{8}\u{C}\r\t\"\\"),
        ])
    func escapes(_ text: String, _ expected: String) throws {
        let read = try #require(try JSONDocument(Array(text.utf8)).root.string)
        #expect(Array(read.utf8) == Array(expected.utf8))
    }

    @Test("Of members with one name the last wins, escaped or not")
    func duplicates() throws {
        let root = try JSONDocument(Array(#"{"a":1,"\u0061":2,"b":0,"a":3}"#.utf8)).root
        #expect(root["a"]?.numberText == "3")
        #expect(root.members.map(\.name) == ["a", "a", "b", "a"])
        #expect(root["c"] == nil)
        #expect(try JSONDocument(Array(#"{"a":1,"\u0061":2}"#.utf8)).root["a"]?.numberText == "2")
    }

    @Test(
        "Members are found whatever the case of ASCII letters, escaped or not; of several the last",
        arguments: [
            (#"{"CallID":1}"#, "1"), (#"{"callid":1}"#, "1"), (#"{"CALLID":1,"callId":2}"#, "2"),
            (#"{"call\u0049d":1}"#, "1"), (#"{"call\u0069D":1}"#, "1"), (#"{"callIdx":1}"#, nil),
            (#"{"callI":1}"#, nil),
            (#"{"x":{"callId":1}}"#, nil), ("{}", nil), ("[1]", nil), (#"{"call\u0149d":1}"#, nil),
            (#"{"call)D":1}"#, nil), (#"{"caLLiD":1,"other":2}"#, "1"),
        ])
    func ignoringCase(_ text: String, _ expected: String?) throws {
        let root = try JSONDocument(Array(text.utf8)).root
        #expect(root.member(ignoringCase: "callId")?.numberText == expected)
        var found: String?
        root.forEachMember { if $0.isNamed(ignoringCase: "callId") { found = $0.value.numberText } }
        #expect(found == expected)
    }

    @Test("An element is found by its position, however large those before it are")
    func positions() throws {
        let root = try JSONDocument(Array(#"[[1,[2]],{"a":3},4]"#.utf8)).root
        #expect(root[0]?[1]?[0]?.numberText == "2" && root[1]?["a"]?.numberText == "3" && root[2]?.numberText == "4")
        #expect(root[3] == nil && root[Int.max] == nil && root[-1] == nil && root[2]?[0] == nil && root[1]?[0] == nil)
        #expect(try JSONDocument(Array("[]".utf8)).root[0] == nil)
    }

    @Test(
        "The canonical form sorts names by their bytes, at every level, and keeps the spelling of numbers",
        arguments: [
            (#"{ "b" : 1.50 , "a" : [ {"d":1,"c":2} ] }"#, #"{"a":[{"c":2,"d":1}],"b":1.50}"#),
            (#"{"a":1,"a":2}"#, #"{"a":2}"#), (#"{"é":1,"z":2,"Z":3,"":4}"#, #"{"":4,"Z":3,"z":2,"é":1}"#),
            (#""\u0041\/""#, #""A/""#), ("[1E5,-0]", "[1E5,-0]"), (#"{"aa":1,"a":2}"#, #"{"a":2,"aa":1}"#),
            // Two names for Unicode, one for Swift's ==: JSON compares code points (RFC 8259, section 8.3).
            ("{\"e\u{301}\":1,\"\u{E9}\":2}", "{\"e\u{301}\":1,\"\u{E9}\":2}"),
        ])
    func canonical(_ text: String, _ expected: String) throws {
        var writer = ByteWriter()
        writer.append(canonicalJSON: try JSONDocument(Array(text.utf8)).root)
        #expect(writer.bytes == Array(expected.utf8), "\(String(decoding: writer.bytes, as: UTF8.self))")
    }

    @Test("Only ASCII letters have two cases, and one bit apart is not enough")
    func lettersOfEitherCase() throws {
        let root = try JSONDocument(Array(#"{"a[":5,"Ä":6,"":7,"x":["a_1","A_1","a?1","A\u007f1","a_",1]}"#.utf8)).root
        #expect(root.member(ignoringCase: "A[")?.numberText == "5" && root.member(ignoringCase: "a{") == nil)
        #expect(root.member(ignoringCase: "Ä")?.numberText == "6" && root.member(ignoringCase: "ä") == nil)
        #expect(root.member(ignoringCase: "")?.numberText == "7")
        let list = try #require(root.member(ignoringCase: "X"))
        #expect(list.elements.map { $0.isString(ignoringCase: "a_1") } == [true, true] + [false, false, false, false])
    }

    @Test("Members come in their order, whatever their names")
    func memberOrder() throws {
        let root = try JSONDocument(Array(#"[{"a":{"c":1},"b":[],"a":1}]"#.utf8)).root
        var names: [String] = []
        try #require(root[0]).forEachMember { member in
            names.append(member.name)
            #expect(member.nameLength == 1 && member.isNamed(ignoringCase: "A") == (member.name == "a"))
        }
        #expect(names == ["a", "b", "a"])
        root.forEachMember { _ in names.append("no member") }
        #expect(names.count == 3)
    }

    @Test("No input traps, and what is accepted reads back the same")
    func fuzz() throws {
        let seed = SeededGenerator.printedSeed(for: "JSON fuzz")
        var random = SeededGenerator(seed: seed)
        let corpus = Self.accepted.map { Array($0.utf8) } + Self.rejected.map(\.bytes)
        var taken = 0
        for _ in 0..<(runsLongTests ? 2_000_000 : 100_000) {
            var text = corpus[Int.random(in: 0..<corpus.count, using: &random)]
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0...text.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: text.insert(UInt8.random(in: 0...255, using: &random), at: place)
                case 1 where place < text.count: text[place] ^= 1 << UInt8.random(in: 0...7, using: &random)
                case 2 where place < text.count: text.remove(at: place)
                default: text.insert(contentsOf: corpus[Int.random(in: 0..<corpus.count, using: &random)], at: place)
                }
            }
            guard let once = try? Self.compact(text) else { continue }
            taken += 1
            try #require(try Self.compact(once) == once, "seed \(seed): \(text)")
        }
        #expect(taken > 1000)
    }

    private static func expect(
        _ reason: JSONError.Reason, _ offset: Int, _ text: [UInt8], _ limits: JSONLimits = JSONLimits()
    ) {
        do throws(JSONError) {
            _ = try JSONDocument(text, limits: limits)
            Issue.record("accepted")
        } catch {
            #expect(error.reason == reason && error.offset == offset, "\(error)")
        }
    }

    private static func compact(_ text: [UInt8]) throws(JSONError) -> [UInt8] {
        var writer = ByteWriter(capacity: 64)
        writer.append(json: try JSONDocument(text).root)
        return writer.bytes
    }
}
