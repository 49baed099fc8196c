import Testing
import WireProtocols

@Suite("BERT: encoder")
struct BERTEncoderTests {
    static let spellings: [(BERTValue, [UInt8])] = [
        (.integer(0), [97, 0]), (.integer(255), [97, 255]), (.integer(256), [98, 0, 0, 1, 0]),
        (.integer(-1), [98, 255, 255, 255, 255]), (.integer(2_147_483_647), [98, 127, 255, 255, 255]),
        (.integer(2_147_483_648), [110, 4, 0, 0, 0, 0, 128]), (.integer(.min), [110, 8, 1, 0, 0, 0, 0, 0, 0, 0, 128]),
        (.integer(1_546_839_040_024_071), [110, 7, 0, 7, 0x5E, 0x81, 0x87, 0xD7, 0x7E, 5]),
        (.bigInteger(isNegative: true, magnitude: [1, 2, 3]), [110, 3, 1, 1, 2, 3]),
        (.float(1.5), [70, 63, 248, 0, 0, 0, 0, 0, 0]),
        (.atom("ok"), [100, 0, 2, 111, 107]), (.atom("é"), [100, 0, 1, 0xE9]),
        (.atom("ユ"), [119, 3, 0xE3, 0x83, 0xA6]),
        (.tuple([.atom("a"), .tuple([])]), [104, 2, 100, 0, 1, 97, 104, 0]), (.list([]), [106]), (.charlist(""), [106]),
        (.charlist("ab"), [107, 0, 2, 97, 98]), (.list([.integer(97), .integer(98)]), [107, 0, 2, 97, 98]),
        (.list([.integer(256)]), [108, 0, 0, 0, 1, 98, 0, 0, 1, 0, 106]),
        (.improperList([.integer(1)], tail: .integer(2)), [108, 0, 0, 0, 1, 97, 1, 97, 2]),
        (.binary("é"), [109, 0, 0, 0, 2, 0xC3, 0xA9]), (.bits([0xA0], count: 3), [77, 0, 0, 0, 1, 3, 0xA0]),
        (.map([(.integer(1), .list([]))]), [116, 0, 0, 0, 1, 97, 1, 106]),
        (.bertNil, [104, 2, 100, 0, 4, 98, 101, 114, 116, 100, 0, 3, 110, 105, 108]),
    ]

    @Test("Terms as Erlang encodes them", arguments: spellings)
    func bytes(_ value: BERTValue, _ bytes: [UInt8]) { #expect(BERTEncoder().encode(value) == [131] + bytes) }

    @Test("Minor versions differ in floats and atoms")
    func minorVersions() {
        let term = BERTValue.tuple([.atom("a"), .float(1.5)])
        let text = Array("1.5".utf8) + [UInt8](repeating: 0, count: 28)
        #expect(BERTEncoder(minorVersion: .zero).encode(term) == [131, 104, 2, 100, 0, 1, 97, 99] + text)
        #expect(
            BERTEncoder(minorVersion: .two).encode(term) == [131, 104, 2, 119, 1, 97, 70, 63, 248, 0, 0, 0, 0, 0, 0])
    }

    @Test("Lengths that need the long spelling")
    func longSpellings() throws {
        let decoder = BERTDecoder(limits: BERTLimits(integerBytes: 300))
        let long: [(BERTValue, UInt8)] = [
            (.tuple([BERTValue](repeating: .integer(1), count: 256)), 105),
            (.bigInteger(isNegative: false, magnitude: [UInt8](repeating: 1, count: 256)), 111),
            (.charlist([UInt8](repeating: 65, count: 65_536)), 108),
            (.charlist([UInt8](repeating: 65, count: 65_535)), 107),
            (.atom(String(repeating: "ユ", count: 255)), 118),
        ]
        for (value, tag) in long {
            let bytes = BERTEncoder().encode(value)
            #expect(bytes[1] == tag)
            let again = try bytes.withUnsafeBytes { try #require(BERTValue(try decoder.decode($0))) }
            #expect(BERTEncoder().encode(again) == bytes)
        }
    }

    @Test(
        "Floats as text read back as themselves",
        arguments: [0, -0.0, 1, 1e22, 1e-7, 0.1, .pi, .leastNonzeroMagnitude, 1.7976931348623157e308])
    func floatText(_ value: Double) throws {
        let bytes = BERTEncoder(minorVersion: .zero).encode(.float(value))
        #expect(bytes.count == 33)
        let decoder = BERTDecoder()
        let found = try bytes.withUnsafeBytes { try decoder.decode($0).double }
        #expect(found?.bitPattern == value.bitPattern)
    }

    @Test("Whole messages of the corpus come out as they went in")
    func corpus() throws {
        let decoder = BERTDecoder(limits: .loose)
        let names = [
            "channel-seed", "channel-bridged-full", "spec-channel", "waiting-added", "var-minor1", "etf-map-40",
            "etf-big-255",
        ]
        for name in names {
            let bytes = try BERTFixture.bytes("\(name).bert")
            let value = try bytes.withUnsafeBytes { try #require(BERTValue(try decoder.decode($0))) }
            #expect(BERTEncoder().encode(value) == bytes, "\(name)")
        }
    }
}
