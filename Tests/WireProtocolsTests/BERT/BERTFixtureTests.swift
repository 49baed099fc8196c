import Testing
import TestSupport
import WireProtocols

@Suite("BERT: the corpus of a real Erlang")
struct BERTFixtureTests {
    @Test("The corpus is there")
    func corpus() {
        #expect(BERTFixture.all.count > 150)
        #expect(BERTFixture.wellFormed.count > 80)
        #expect(BERTFixture.all.contains { $0.expect == "error" })
        #expect(BERTFixture.all.contains { $0.expect == "limit" })
    }

    @Test("Every well-formed message is the term that Erlang says", arguments: BERTFixture.wellFormed)
    func terms(_ fixture: BERTFixture) throws {
        let decoder = BERTDecoder(limits: fixture.needsLooserLimits ? .loose : BERTLimits())
        let found = try BERTNotation.text(fixture.bytes, decoder)
        #expect(try BERTNotation.canonical(found) == fixture.term)
    }
}
