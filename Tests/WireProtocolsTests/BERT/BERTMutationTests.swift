import Foundation
import TestSupport
import Testing
import WireProtocols

@Suite("BERT: broken messages")
struct BERTMutationTests {
    @Test("No broken message crashes or holds up the decoder, whatever is then asked of the term")
    func mutations() throws {
        let seed = SeededGenerator.printedSeed(for: "broken BERT messages")
        let decoders = [BERTLimits(), .loose, BERTLimits(depth: 3, terms: 50)].map { BERTDecoder(limits: $0) }
        var mutator = BERTMutator(seeds: BERTFixture.all.filter { !$0.bytes.isEmpty }.map(\.bytes), seed: seed)
        var bytes: [UInt8] = []
        var taken = 0
        for _ in 0..<(runsLongTests ? 10_000_000 : 30_000) {
            mutator.next(into: &bytes)
            for decoder in decoders {
                bytes.withUnsafeBytes { message in
                    guard let term = try? decoder.decode(message) else { return }
                    taken += BERTWalk.count(term) > 0 ? 1 : 0
                }
            }
        }
        #expect(taken > 1000)
    }
}
