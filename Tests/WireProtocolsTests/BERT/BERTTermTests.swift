import Codecs
import Testing
import WireProtocols

@Suite("BERT: what terms say")
struct BERTTermTests {
    private let decoder = BERTDecoder(limits: BERTLimits(integerBytes: 300))

    /// Decodes the term `bytes`, which stand without their version byte, and looks at it.
    private func look<R>(_ bytes: [UInt8], _ body: (BERTTerm) throws -> R) throws -> R {
        try ([131] + bytes).withUnsafeBytes { try body(try decoder.decode($0)) }
    }

    private static func atom(_ name: String) -> [UInt8] { [119, UInt8(name.utf8.count)] + Array(name.utf8) }

    // MARK: Numbers

    @Test(
        "Integers of every spelling",
        arguments: [
            ([97, 0], 0), ([97, 255], 255), ([98, 0, 0, 0, 255], 255), ([98, 128, 0, 0, 0], -2_147_483_648),
            ([98, 127, 255, 255, 255], 2_147_483_647), ([98, 255, 255, 255, 255], -1), ([110, 0, 0], 0),
            ([110, 1, 1, 0], 0), ([110, 1, 2, 5], -5), ([110, 9, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0], 5),
            ([110, 7, 0, 7, 0x5E, 0x81, 0x87, 0xD7, 0x7E, 5], 1_546_839_040_024_071),
            ([110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 127], .max), ([110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 128], .min),
            ([111, 0, 0, 0, 2, 1, 1, 1], -257),
        ] as [([UInt8], Int64)])
    func integers(_ bytes: [UInt8], _ value: Int64) throws {
        try look(bytes) {
            #expect($0.kind == .integer)
            #expect($0.int64 == value)
            #expect($0.bigInteger == nil)
            #expect($0.decimalText == "\(value)")
        }
    }

    @Test(
        "Integers that Int64 has no room for",
        arguments: [
            ([110, 8, 0, 0, 0, 0, 0, 0, 0, 0, 128], "9223372036854775808"),
            ([110, 8, 1, 1, 0, 0, 0, 0, 0, 0, 128], "-9223372036854775809"),
            ([110, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "18446744073709551616"),
            ([110, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1], "-18446744073709551616"),
            (
                [110, 13, 0, 0, 0, 0, 64, 234, 237, 116, 70, 208, 156, 44, 159, 12],
                "1000000000000000000000000000000"
            ),
        ] as [([UInt8], String)])
    func bigIntegers(_ bytes: [UInt8], _ text: String) throws {
        try look(bytes) {
            #expect($0.int64 == nil)
            #expect($0.bigInteger?.isNegative == text.hasPrefix("-"))
            #expect($0.decimalText == text)
        }
    }

    @Test(
        "The text of floats",
        arguments: [
            ("1.5", 1.5), ("-1.5e3", -1500), ("+1.5E+3", 1500), ("1,5", 1.5), ("00001.5", 1.5), ("1.0e-999", 0),
            ("1.5e00000000000005", 150_000), ("1.7976931348623157e308", .greatestFiniteMagnitude), ("1.5\0junk", 1.5),
            ("1.0e999", nil), ("1e5", nil), ("1.", nil), (".5", nil), ("1.5e", nil), ("1.5 ", nil), (" 1.5", nil),
            ("", nil),
            ("0x1.8", nil), ("inf", nil), ("nan", nil), ("1.00000000000000000000000000000", nil),
        ] as [(String, Double?)])
    func floatText(_ text: String, _ value: Double?) throws {
        let bytes = Array(text.utf8) + [UInt8](repeating: 0, count: max(0, 31 - text.utf8.count))
        #expect((try? look([99] + bytes) { $0.double }) == value)
    }

    @Test("Floats of eight bytes", arguments: [0, -0.0, 1.5, .pi, .leastNonzeroMagnitude, .greatestFiniteMagnitude])
    func floats(_ value: Double) throws {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (56 - 8 * UInt64($0))) }
        try look([70] + bytes) {
            #expect($0.kind == .float)
            #expect($0.double?.bitPattern == value.bitPattern)
            #expect($0.int64 == nil)
        }
    }

    // MARK: Text

    static let texts: [([UInt8], String?)] = [
        (atom("inbound"), "inbound"), ([100, 0, 2, 111, 107], "ok"), ([115, 4, 99, 97, 102, 0xE9], "café"),
        ([119, 6, 0xE3, 0x83, 0xA6, 0xE3, 0x83, 0xBC], "ユー"), ([118, 0, 1, 97], "a"), ([119, 0], ""),
        ([109, 0, 0, 0, 0], ""), ([109, 0, 0, 0, 2, 0xC3, 0xA9], "é"),
        // Cut inside its last character.
        ([109, 0, 0, 0, 2, 97, 0xE3], "a\u{FFFD}"), ([109, 0, 0, 0, 4, 97, 0xE3, 0x83, 98], "a\u{FFFD}b"),
        ([109, 0, 0, 0, 4, 0, 34, 92, 127], "\0\"\\\u{7F}"),
        ([107, 0, 2, 0xC3, 0xA9], "é"), ([108, 0, 0, 0, 2, 97, 0xC3, 97, 0xA9, 106], "é"),
        ([108, 0, 0, 0, 1, 98, 0, 0, 0, 97, 107, 0, 1, 98], "ab"),
        // Code points, one of them none.
        ([108, 0, 0, 0, 2, 98, 0, 0, 0x30, 0xE6, 97, 0xE9, 106], "ユé"),
        ([108, 0, 0, 0, 2, 98, 0, 0, 0xD8, 0, 97, 97, 106], "\u{FFFD}a"),
        ([106], nil), ([97, 1], nil), ([104, 0], nil), ([108, 0, 0, 0, 1, 98, 255, 255, 255, 255, 106], nil),
        ([108, 0, 0, 0, 2, 97, 97, 119, 1, 97, 106], nil), ([108, 0, 0, 0, 1, 97, 97, 97, 98], nil),
        ([116, 0, 0, 0, 0], nil), ([77, 0, 0, 0, 1, 7, 97], nil),
    ]

    @Test("Text of atoms, binaries and charlists", arguments: texts)
    func text(_ bytes: [UInt8], _ text: String?) throws {
        try look(bytes) {
            #expect($0.text == text)
            if let utf8 = $0.utf8 { #expect(String(decoding: utf8, as: UTF8.self) == text) }
            #expect($0.matches("ab") == (text == "ab"))
            #expect($0.matches("inbound") == (text == "inbound"))
            #expect($0.matches("café") == (text == "café"))
            #expect($0.isAtom("inbound") == (text == "inbound"))
        }
    }

    // MARK: Lists

    @Test(
        "Every spelling of a list is a list",
        arguments: [
            ([107, 0, 3, 1, 2, 3], "[1,2,3]"), ([108, 0, 0, 0, 3, 97, 1, 97, 2, 97, 3, 106], "[1,2,3]"),
            ([108, 0, 0, 0, 1, 97, 1, 107, 0, 2, 2, 3], "[1,2,3]"),
            ([108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 2, 97, 2, 97, 3, 106], "[1,2,3]"),
            ([108, 0, 0, 0, 0, 108, 0, 0, 0, 1, 97, 1, 107, 0, 2, 2, 3], "[1,2,3]"),
            ([108, 0, 0, 0, 0, 107, 0, 3, 1, 2, 3], "[1,2,3]"), ([106], "[]"), ([107, 0, 0], "[]"),
            ([108, 0, 0, 0, 0, 106], "[]"), ([108, 0, 0, 0, 0, 107, 0, 0], "[]"),
            ([108, 0, 0, 0, 1, 97, 1, 107, 0, 0], "[1]"), ([108, 0, 0, 0, 1, 97, 1, 97, 2], "[1|2]"),
            ([108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 0, 97, 2], "[1|2]"),
            ([108, 0, 0, 0, 1, 97, 1, 108, 0, 0, 0, 1, 97, 2, 104, 1, 97, 3], "[1,2|{3}]"),
            ([108, 0, 0, 0, 0, 97, 5], "5"), ([108, 0, 0, 0, 0, 108, 0, 0, 0, 0, 104, 1, 97, 5], "{5}"),
            ([104, 2, 108, 0, 0, 0, 0, 97, 5, 97, 6], "{5,6}"),
            ([108, 0, 0, 0, 1, 108, 0, 0, 0, 0, 106, 106], "[[]]"),
        ] as [([UInt8], String)])
    func lists(_ bytes: [UInt8], _ text: String) throws {
        try look(bytes) { #expect(Self.erlang($0) == text) }
    }

    /// Integers, lists and tuples as Erlang writes them.
    private static func erlang(_ term: BERTTerm) -> String {
        let elements = term.elements.map(erlang)
        // An element can be had by its place as well.
        for (index, element) in elements.enumerated() where term[index].map(erlang) != element { return "misplaced" }
        guard term[-1] == nil, term[elements.count] == nil, term.count == elements.count else { return "overlong" }
        let inside = elements.joined(separator: ",")
        switch term.kind {
        case .tuple: return "{\(inside)}"
        case .list: return "[\(inside)\(term.tail.map { "|" + erlang($0) } ?? "")]"
        default: return term.decimalText ?? "?"
        }
    }

    @Test("Bytes of lists")
    func listBytes() throws {
        #expect(try look([107, 0, 2, 7, 8]) { $0.listBytes } == [7, 8])
        #expect(try look([108, 0, 0, 0, 1, 97, 7, 107, 0, 1, 8]) { $0.listBytes } == [7, 8])
        #expect(try look([108, 0, 0, 0, 1, 98, 0, 0, 1, 0, 106]) { $0.listBytes } == nil)
        #expect(try look([108, 0, 0, 0, 1, 97, 7, 97, 8]) { $0.listBytes } == nil)
        #expect(try look([106]) { $0.listBytes } == nil)
        #expect(try look([104, 1, 97, 7]) { $0.listBytes } == nil)
    }

    // MARK: Bits, maps, markers

    @Test("Bit strings hold their bits and nothing else")
    func bits() throws {
        try look([77, 0, 0, 0, 2, 3, 0xAA, 0xFF]) {
            #expect($0.kind == .bits)
            #expect($0.bits?.bytes == [0xAA, 0xE0])
            #expect($0.bits?.count == 11)
            #expect($0.bytes == nil)
        }
        #expect(try look([77, 0, 0, 0, 1, 8, 0xAA]) { $0.bytes.map { Array($0) } } == [0xAA])
        #expect(try look([77, 0, 0, 0, 0, 0]) { $0.kind } == .binary)
    }

    @Test("Pairs of maps")
    func maps() throws {
        try look([116, 0, 0, 0, 2, 97, 1, 104, 1, 97, 2, 106, 97, 3]) { map in
            #expect(map.kind == .map)
            #expect(map.count == 2)
            let pairs = map.pairs.map { "\(Self.erlang($0.key))=>\(Self.erlang($0.value))" }
            #expect(pairs == ["1=>{2}", "[]=>3"])
            #expect(Array(map.elements).isEmpty)
        }
    }

    @Test("Pids, ports, references and funs are markers", arguments: BERTExamples.opaque)
    func opaque(_ bytes: [UInt8]) throws {
        let expected: BERTTerm.OpaqueKind =
            switch bytes[0] {
            case 88, 103: .pid
            case 89, 102, 120: .port
            case 90, 101, 114: .reference
            default: .fun
            }
        for wrapped in [bytes, [104, 2] + bytes + [97, 1]] {
            try look(wrapped) { term in
                let marker = try #require(term.kind == .tuple ? term[0] : term)
                #expect(marker.kind == .opaque)
                #expect(marker.opaqueKind == expected)
                #expect(marker.count == 0)
                #expect(Array(marker.elements).isEmpty)
                #expect(BERTValue(term) == nil)
                if term.kind == .tuple { #expect(term[1]?.int64 == 1) }
            }
        }
    }

    // MARK: BERT words

    private static let bert: [UInt8] = atom("bert")

    @Test("Unset, booleans and empty lists, as atoms and as BERT words")
    func words() throws {
        let `nil`: [UInt8] = [104, 2] + Self.bert + Self.atom("nil")
        let cases: [([UInt8], unset: Bool, empty: Bool, bool: Bool?)] = [
            (Self.atom("undefined"), true, false, nil), (`nil`, true, true, nil), ([106], true, true, nil),
            (Self.atom("nil"), false, false, nil), (Self.atom("true"), false, false, true),
            (Self.atom("false"), false, false, false), ([104, 2] + Self.bert + Self.atom("true"), false, false, true),
            ([104, 2] + Self.bert + Self.atom("false"), false, false, false),
            ([104, 2] + Self.atom("brt") + Self.atom("true"), false, false, nil),
            ([109, 0, 0, 0, 0], false, false, nil),
            ([104, 1] + Self.bert, false, false, nil), ([104, 0], false, false, nil),
            ([104, 3] + Self.bert + Self.atom("nil") + [106], false, false, nil),
            ([109, 0, 0, 0, 4] + Array("true".utf8), false, false, nil),
        ]
        for (bytes, unset, empty, bool) in cases {
            try look(bytes) {
                #expect($0.isUnset == unset, "\(bytes)")
                #expect($0.isEmptyList == empty, "\(bytes)")
                #expect($0.bool == bool, "\(bytes)")
            }
        }
    }

    @Test("BERT times in microseconds")
    func times() throws {
        let head: [UInt8] = [104, 5] + Self.bert + Self.atom("time")
        let parts: [UInt8] = [98, 0, 0, 4, 230, 98, 0, 14, 228, 195, 98, 0, 1, 226, 64]
        #expect(try look(head + parts) { $0.bertTime } == 1_254_976_067_123_456)
        let huge: [UInt8] = [110, 8, 0, 255, 255, 255, 255, 255, 255, 255, 127]
        #expect(try look(head + huge + [97, 0, 97, 0]) { $0.bertTime } == nil)
        #expect(try look(head + [97, 0] + huge + [97, 0]) { $0.bertTime } == nil)
        #expect(try look(head + [97, 0, 97, 0] + Self.bert) { $0.bertTime } == nil)
        #expect(try look([104, 5] + Self.bert + Self.atom("tome") + parts) { $0.bertTime } == nil)
    }

    @Test("BERT dictionaries and maps are dictionaries")
    func dictionaries() throws {
        func names(_ bytes: [UInt8]) throws -> [String]? {
            try look(bytes) { $0.dictionary?.map { "\($0.key.text ?? "?")=\($0.value.decimalText ?? "?")" } }
        }
        let head: [UInt8] = [104, 3] + Self.bert + Self.atom("dict")
        let pair: [UInt8] = [104, 2] + Self.atom("a") + [97, 1]
        #expect(try names(head + [108, 0, 0, 0, 2] + pair + pair + [106]) == ["a=1", "a=1"])
        #expect(try names(head + [106]) == [])
        #expect(try names(head + [104, 2] + Self.bert + Self.atom("nil")) == [])
        #expect(try names([116, 0, 0, 0, 1] + Self.atom("b") + [97, 2]) == ["b=2"])
        #expect(try names(head + [108, 0, 0, 0, 1] + pair + pair) == nil)
        #expect(try names(head + [108, 0, 0, 0, 1, 97, 1, 106]) == nil)
        #expect(try names(head + [97, 1]) == nil)
        #expect(try names([106]) == nil)
    }
}
