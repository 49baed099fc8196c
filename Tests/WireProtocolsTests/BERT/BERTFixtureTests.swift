import TestSupport
import Testing
import WireProtocols

@Suite("BERT: the corpus of a real Erlang")
struct BERTFixtureTests {
    @Test("The corpus is there")
    func corpus() {
        #expect(BERTFixture.wellFormed.count > 110)
        for expectation in ["ok", "reject", "error", "limit", "any"] {
            #expect(BERTFixture.all.contains { $0.expect == expectation }, "\(expectation)")
        }
    }

    @Test("Every well-formed message is the term that Erlang says", arguments: BERTFixture.wellFormed)
    func terms(_ fixture: BERTFixture) throws {
        let found = try BERTNotation.text(fixture.bytes, fixture.decoder)
        #expect(try BERTNotation.canonical(found) == fixture.term)
    }

    @Test("The default limits refuse what is compressed, and integers beyond 64 bytes")
    func defaults() throws {
        let refused = BERTFixture.wellFormed.filter(\.needsLooserLimits)
        #expect(refused.count >= 5)
        for fixture in refused {
            let error = #expect(throws: BERTError.self) { try BERTNotation.text(fixture.bytes) }
            #expect(error?.isLimit == true, "\(fixture)")
        }
    }

    @Test("Broken messages are refused, for a reason", arguments: BERTFixture.all.filter { $0.expect == "error" })
    func broken(_ fixture: BERTFixture) throws {
        let error = #expect(throws: BERTError.self) { try BERTNotation.text(fixture.bytes, fixture.decoder) }
        #expect(error?.isLimit == false)
        #expect(throws: BERTError.self) { try BERTNotation.text(fixture.bytes) }
    }

    @Test("What would ask too much is refused by a limit", arguments: BERTFixture.all.filter { $0.expect == "limit" })
    func limits(_ fixture: BERTFixture) throws {
        for limits in [BERTLimits(), .loose] {
            let error = #expect(throws: BERTError.self) {
                try BERTNotation.text(fixture.bytes, BERTDecoder(limits: limits))
            }
            #expect(error?.isLimit == true)
        }
    }

    /// Bytes left over are refused here, as a message is one term; odd integers are read as Erlang reads them.
    @Test("Messages that may be taken or not", arguments: BERTFixture.all.filter { $0.expect == "any" })
    func either(_ fixture: BERTFixture) throws {
        let isTaken = fixture.name.hasPrefix("hostile-big-")
        do throws(BERTError) {
            let found = try BERTNotation.text(fixture.bytes, BERTDecoder(limits: .loose))
            #expect(isTaken)
            #expect((try? BERTNotation.canonical(found)) == fixture.term)
        } catch {
            #expect(!isTaken, "\(error)")
            #expect(!error.isLimit)
        }
    }

    @Test("Every proper prefix is refused", arguments: BERTFixture.wellFormed)
    func prefixes(_ fixture: BERTFixture) throws {
        let decoder = fixture.decoder
        for length in 0..<fixture.bytes.count {
            let prefix = Array(fixture.bytes[..<length])
            let error = #expect(throws: BERTError.self) { try BERTNotation.text(prefix, decoder) }
            #expect(error?.isLimit == false)
        }
    }

    @Test("Every byte too many is refused", arguments: BERTFixture.wellFormed)
    func trailingBytes(_ fixture: BERTFixture) throws {
        let decoder = fixture.decoder
        for byte in 0...255 {
            let error = #expect(throws: BERTError.self) {
                try BERTNotation.text(fixture.bytes + [UInt8(byte)], decoder)
            }
            #expect(error?.reason == .trailingBytes(1))
        }
    }

    @Test("Every frame of the recorded sessions is a term")
    func sessions() throws {
        let decoder = BERTDecoder()
        let files = ["group-call-park": 25, "reconnect-before": 14, "reconnect-after": 14, "limit": 1]
        for (name, count) in files {
            let frames = BERTFixture.frames(try BERTFixture.bytes("session-\(name).bertseq"))
            #expect(frames.count == count)
            for frame in frames { #expect(try !BERTNotation.text(frame, decoder).isEmpty) }
        }
    }
}

extension BERTFixture {
    /// A decoder that takes it, if it is well-formed.
    var decoder: BERTDecoder { BERTDecoder(limits: needsLooserLimits ? .loose : BERTLimits()) }

    /// The frames of a recording: each with its length in front.
    static func frames(_ bytes: [UInt8]) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        var position = 0
        while position + 4 <= bytes.count {
            let length = bytes[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
            frames.append(Array(bytes[position + 4..<position + 4 + length]))
            position += 4 + length
        }
        return frames
    }
}
