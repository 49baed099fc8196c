import TestSupport
import Testing
import WireProtocols

@Suite("BERT: limits and refusals")
struct BERTLimitTests {
    private func decode(_ bytes: [UInt8], _ limits: BERTLimits = BERTLimits()) throws(BERTError) -> String {
        try BERTNotation.text([131] + bytes, BERTDecoder(limits: limits))
    }

    private func reason(_ bytes: [UInt8], _ limits: BERTLimits = BERTLimits()) -> BERTError.Reason? {
        do {
            _ = try decode(bytes, limits)
            return nil
        } catch {
            return error.reason
        }
    }

    private static func be32(_ value: Int) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
    }

    private static func repeated(_ part: [UInt8], _ count: Int) -> [UInt8] { (0..<count).flatMap { _ in part } }

    // MARK: Limits

    static let nests: [(String, [UInt8], [UInt8])] = [
        ("tuples", [104, 1], []), ("lists", [108, 0, 0, 0, 1], [106]),
        ("map values", [116, 0, 0, 0, 1, 97, 1], []), ("map keys", [116, 0, 0, 0, 1], [97, 1]),
        ("tails", [108, 0, 0, 0, 1, 97, 1], []), ("large tuples", [105, 0, 0, 0, 1], []),
        ("empty lists in the place of others", [108, 0, 0, 0, 0], []),
    ]

    @Test("64 levels and no more", arguments: nests)
    func depth(_ name: String, _ open: [UInt8], _ close: [UInt8]) throws {
        for (levels, isTaken) in [(1, true), (64, true), (65, false), (1000, false), (100_000, false)] {
            let bytes = Self.repeated(open, levels) + [106] + Self.repeated(close, levels)
            #expect(reason(bytes) == (isTaken ? nil : .tooDeep(limit: 64)), "\(levels) \(name)")
        }
        #expect(
            reason(Self.repeated(open, 4) + [106] + Self.repeated(close, 4), BERTLimits(depth: 3)) == .tooDeep(limit: 3)
        )
    }

    @Test("Nesting is given back where a container ends, a list with its continuations too")
    func depthGivenBack() throws {
        let list: [UInt8] = Self.repeated([108, 0, 0, 0, 1, 97, 1], 60) + [106]
        #expect(reason([104, 200] + Self.repeated(list, 200)) == nil)
        let zero: [UInt8] = Self.repeated([108, 0, 0, 0, 0], 60) + [97, 1]
        #expect(reason([104, 200] + Self.repeated(zero, 200)) == nil)
        #expect(reason([104, 2] + list + Self.repeated([104, 1], 64) + [106]) == .tooDeep(limit: 64))
    }

    @Test("The deepest nesting that can be asked for is read, printed, copied and encoded")
    func deepest() throws {
        let limits = BERTLimits(depth: .max)
        #expect(limits.depth == BERTLimits.maximumDepth)
        let bytes: [UInt8] =
            [131] + Self.repeated([116, 0, 0, 0, 1], limits.depth) + [106]
            + Self.repeated([97, 1], limits.depth)
        let decoder = BERTDecoder(limits: limits)
        let value = try bytes.withUnsafeBytes { try #require(BERTValue(try decoder.decode($0))) }
        #expect(BERTEncoder().encode(value) == bytes)
        #expect(try BERTNotation.text(bytes, BERTDecoder(limits: limits)).hasPrefix("{\"map\":[[{\"map\""))
    }

    @Test("As many terms as the limit, and no more")
    func terms() throws {
        func list(_ count: Int) -> [UInt8] { [108] + Self.be32(count) + Self.repeated([106], count) + [106] }
        for limit in [2, 100, 256, 300, 1000] {
            let limits = BERTLimits(terms: limit)
            #expect(reason(list(limit - 1), limits) == nil)
            #expect(reason(list(limit), limits) == .tooManyTerms(limit: limit))
        }
        #expect(reason(list(999_999)) == nil)
        #expect(reason(list(1_000_000)) == .tooManyTerms(limit: 1_000_000))
        // The bytes of a string count where they continue a list.
        let continued: [UInt8] = [108, 0, 0, 0, 1, 97, 1, 107, 0, 20] + [UInt8](repeating: 7, count: 20)
        #expect(reason(continued, BERTLimits(terms: 22)) == nil)
        #expect(reason(continued, BERTLimits(terms: 21)) == .tooManyTerms(limit: 21))
    }

    @Test("As many bytes as the limit, and no more")
    func bytes() throws {
        let binary: [UInt8] = [109, 0, 0, 0, 94] + [UInt8](repeating: 0, count: 94)
        #expect(reason(binary, BERTLimits(bytes: 100)) == nil)
        #expect(reason(binary, BERTLimits(bytes: 99)) == .tooLong(limitBytes: 99))
    }

    @Test("Integers as long as the limit, and no longer")
    func integers() throws {
        #expect(reason([110, 64, 0] + [UInt8](repeating: 255, count: 64)) == nil)
        #expect(reason([110, 65, 0] + [UInt8](repeating: 0, count: 65)) == .integerTooLong(bytes: 65, limitBytes: 64))
        #expect(
            reason([111] + Self.be32(65) + [0] + [UInt8](repeating: 1, count: 65))
                == .integerTooLong(bytes: 65, limitBytes: 64))
        #expect(reason([111] + Self.be32(-1) + [0, 1]) == .truncated(needed: 6 + 0xFFFF_FFFF, left: 7))
    }

    // MARK: Refusals

    static let brokenTerms: [([UInt8], BERTError.Reason)] = [
        ([], .truncated(needed: 1, left: 0)), ([104, 1], .truncated(needed: 3, left: 2)),
        ([104, 2, 106], .truncated(needed: 4, left: 3)), ([104, 1, 104, 1, 106, 1], .trailingBytes(1)),
        ([131, 106], .unknownTag(131)), ([0], .unknownTag(0)), ([73, 0, 1], .unknownTag(73)),
        ([109, 128, 0, 0, 0, 1], .truncated(needed: 5 + 0x8000_0000, left: 6)),
        ([116, 0xFF, 0xFF, 0xFF, 0xFF, 1], .truncated(needed: 5 + 2 * 0xFFFF_FFFF, left: 6)),
        ([100, 1, 0] + [UInt8](repeating: 97, count: 256), .atomTooLong(256)),
        ([118, 1, 0] + [UInt8](repeating: 97, count: 256), .atomTooLong(256)),
        ([118, 4, 4] + [UInt8](repeating: 0xC3, count: 1028), .atomTooLong(1028)),
        ([119, 2, 0xC3, 0x28], .atomNotUTF8), ([119, 3, 0xED, 0xA0, 0x80], .atomNotUTF8),
        ([119, 2, 0xC0, 0x80], .atomNotUTF8), ([119, 4, 0xF4, 0x90, 0x80, 0x80], .atomNotUTF8),
        ([70, 0x7F, 0xF0, 0, 0, 0, 0, 0, 0], .floatNotFinite), ([70, 0xFF, 0xF8, 0, 0, 0, 0, 0, 1], .floatNotFinite),
        ([77, 0, 0, 0, 1, 0, 1], .bitCount(0)), ([77, 0, 0, 0, 1, 9, 1], .bitCount(9)),
        ([77, 0, 0, 0, 0, 8], .bitCount(8)),
        ([90, 0, 6, 119, 1, 97], .referenceTooLong(words: 6)),
        ([103, 100, 0, 1, 97, 0, 0, 0, 1, 0, 0, 0, 2, 4], .opaqueOutOfRange),
        ([101, 100, 0, 1, 97, 0, 4, 0, 0, 3], .opaqueOutOfRange),
        ([114, 0, 1, 100, 0, 1, 97, 3, 0, 4, 0, 0], .opaqueOutOfRange),
        ([88, 97, 1, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4], .notAtom(tag: 97)),
        ([113, 119, 1, 97, 119, 1, 98, 98, 255, 255, 255, 255], .notSmallInteger),
        ([113, 119, 1, 97, 119, 1, 98, 119, 1, 99], .notSmallInteger),
        (BERTExamples.fun(size: 1000), .funSize(announced: 1000, left: 54)),
        ([112, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 23) + [1, 0], .funTooLarge(variables: 256)),
    ]

    @Test("Each broken term is refused for its own reason", arguments: brokenTerms)
    func refusals(_ bytes: [UInt8], _ expected: BERTError.Reason) {
        #expect(reason(bytes) == expected)
    }

    @Test("Tags that are no term of a message are refused by name", arguments: [80, 82, 117, 121] as [UInt8])
    func refusedTags(_ tag: UInt8) {
        let found = reason([104, 1, tag, 0, 0, 0, 0, 0, 0])
        guard case .refusedTag(tag, let why) = found else {
            Issue.record("\(tag): \(String(describing: found))")
            return
        }
        #expect(!why.isEmpty)
    }

    @Test("An error says where, and what to do with it")
    func description() throws {
        let error = try #require(throws: BERTError.self) { try decode([104, 2, 97, 1, 109, 0, 0, 0, 9, 1]) }
        #expect(error.offset == 5)
        #expect("\(error)" == "the term ends too early: 14 more bytes announced, 6 there at byte 5")
        #expect(throws: BERTError.self) { try BERTNotation.text(Array("{\"a\":1}".utf8)) }
    }

    // MARK: Keys of maps

    static let equalKeys: [([UInt8], [UInt8])] = [
        ([97, 1], [97, 1]), ([97, 1], [98, 0, 0, 0, 1]), ([97, 1], [110, 2, 0, 1, 0]), ([97, 0], [110, 1, 1, 0]),
        ([119, 1, 97], [100, 0, 1, 97]), ([115, 1, 0xE9], [119, 2, 0xC3, 0xA9]), ([106], [107, 0, 0]),
        ([107, 0, 1, 5], [108, 0, 0, 0, 1, 97, 5, 106]),
        ([108, 0, 0, 0, 1, 97, 5, 107, 0, 1, 6], [107, 0, 2, 5, 6]),
        ([109, 0, 0, 0, 1, 5], [77, 0, 0, 0, 1, 8, 5]), ([77, 0, 0, 0, 1, 1, 0xFF], [77, 0, 0, 0, 1, 1, 0x80]),
        ([70, 0, 0, 0, 0, 0, 0, 0, 0], [70, 128, 0, 0, 0, 0, 0, 0, 0]),
        (
            [116, 0, 0, 0, 2, 97, 1, 97, 2, 97, 3, 97, 4], [116, 0, 0, 0, 2, 97, 3, 97, 4, 98, 0, 0, 0, 1, 97, 2]
        ),
        ([104, 1, 106], [105, 0, 0, 0, 1, 107, 0, 0]),
        ([110, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [110, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
        (BERTExamples.pid, [88, 119, 1, 97, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        (BERTExamples.fun(), BERTExamples.fun(size: 1)),
        ([113, 119, 1, 97, 119, 1, 98, 97, 2], [113, 100, 0, 1, 97, 115, 1, 98, 110, 1, 0, 2]),
        ([101, 119, 1, 97, 0, 0, 0, 1, 3], [90, 0, 1, 119, 1, 97, 0, 0, 0, 3, 0, 0, 0, 1]),
        ([120, 119, 1, 97, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3], [102, 119, 1, 97, 0, 0, 0, 1, 3]),
    ]

    @Test("A key that comes twice is refused, however it is spelled", arguments: equalKeys)
    func sameKeys(_ first: [UInt8], _ second: [UInt8]) {
        #expect(reason([116, 0, 0, 0, 2] + first + [97, 1] + second + [97, 2]) == .duplicateKey)
        // The same inside a key, and far from each other.
        let map: [UInt8] = [116, 0, 0, 0, 3] + first + [97, 1, 119, 1, 120, 97, 1] + second + [97, 2]
        #expect(reason([116, 0, 0, 0, 1] + map + [97, 1]) == .duplicateKey)
        let many = (0..<200).flatMap { number -> [UInt8] in [98, 0, 1, 0, UInt8(number), 106] }
        #expect(reason([116, 0, 0, 0, 202] + first + [97, 1] + many + second + [97, 2]) == .duplicateKey)
    }

    static let unequalKeys: [([UInt8], [UInt8])] = [
        ([97, 1], [70, 0x3F, 0xF0, 0, 0, 0, 0, 0, 0]), ([97, 1], [97, 2]), ([97, 1], [110, 1, 1, 1]),
        ([119, 1, 97], [109, 0, 0, 0, 1, 97]), ([107, 0, 1, 97], [109, 0, 0, 0, 1, 97]), ([106], [104, 0]),
        ([104, 2, 97, 1, 104, 1, 97, 2], [104, 1, 104, 2, 97, 1, 97, 2]), ([106], [116, 0, 0, 0, 0]),
        ([108, 0, 0, 0, 1, 97, 1, 97, 2], [108, 0, 0, 0, 2, 97, 1, 97, 2, 106]),
        ([77, 0, 0, 0, 1, 1, 0x80], [77, 0, 0, 0, 1, 2, 0x80]), ([77, 0, 0, 0, 1, 7, 2], [109, 0, 0, 0, 1, 2]),
        ([116, 0, 0, 0, 1, 97, 1, 97, 2], [116, 0, 0, 0, 1, 97, 2, 97, 1]),
        (BERTExamples.pid, Array(BERTExamples.pid.dropLast()) + [2]),
        ([110, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], [110, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ]

    @Test("Keys that are not equal are two", arguments: unequalKeys)
    func otherKeys(_ first: [UInt8], _ second: [UInt8]) {
        #expect(reason([116, 0, 0, 0, 2] + first + [97, 1] + second + [97, 2]) == nil)
    }

    @Test("A million small keys are compared, and maps inside keys over and over are not")
    func keyWork() {
        let many = (0..<300_000).flatMap { number -> [UInt8] in [98] + Self.be32(number + 1000) + [106] }
        #expect(reason([116] + Self.be32(300_000) + many) == nil)
        #expect(reason([116] + Self.be32(300_001) + many + [98, 0, 0, 4, 0, 106]) == .duplicateKey)
        // Each level has a second key, so that each is hashed: again and again.
        let inner: [UInt8] = [107, 255, 255] + [UInt8](repeating: 1, count: 65_535)
        let nest = Self.repeated([116, 0, 0, 0, 2], 60) + inner + Self.repeated([97, 1, 97, 1, 97, 1], 60)
        #expect(reason(nest) == .keysTooComplex)
        let few = Self.repeated([116, 0, 0, 0, 2], 3) + inner + Self.repeated([97, 1, 97, 1, 97, 1], 3)
        #expect(reason(few) == nil)
    }

    // MARK: The decoder between messages

    @Test("Memory of a large message is given back, and what was read before does not matter")
    func reuse() throws {
        let decoder = BERTDecoder()
        let large: [UInt8] = [131, 108] + Self.be32(500_000) + Self.repeated([106], 500_001)
        let fixtures = BERTFixture.wellFormed.filter { !$0.needsLooserLimits }
        for fixture in fixtures.prefix(40) {
            #expect(try BERTNotation.canonical(BERTNotation.text(fixture.bytes, decoder)) == fixture.term)
            #expect(throws: BERTError.self) { try BERTNotation.text(Array(fixture.bytes.dropLast()), decoder) }
        }
        #expect(try BERTNotation.text(large, decoder).utf8.count > 5_000_000)
        #expect(try BERTNotation.text([131, 97, 1], decoder) == "{\"int\":\"1\"}")
    }
}
