import CallModel
import Codecs
import TestSupport
import Testing

@testable import Adapters

@Suite("Teleforge: invented traffic")
struct TeleforgeTrafficTests {
    private func messages(seed: UInt64, seconds: Int64) -> [TeleforgeTraffic.Message] {
        let start = Timestamp("2026-01-15T10:00:00Z") ?? Timestamp(microseconds: 0)
        var traffic = TeleforgeTraffic(
            callsPerSecond: 20, speed: 10, startingAt: start, random: SeededGenerator(seed: seed))
        return (1...seconds).flatMap { traffic.messages(until: start.advanced(by: .seconds($0))) }
    }

    @Test("A seed gives the same calls again, another seed others")
    func determinism() {
        #expect(messages(seed: 1, seconds: 20) == messages(seed: 1, seconds: 20))
        #expect(messages(seed: 1, seconds: 20) != messages(seed: 2, seconds: 20))
    }

    @Test("Every message is one that the mapper understands, in the order of its time")
    func isUnderstood() {
        let sent = messages(seed: 3, seconds: 60)
        #expect(sent.count > 500)
        #expect(zip(sent, sent.dropFirst()).allSatisfy { $0.due <= $1.due })
        var kinds: Set<Kind> = []
        for message in sent {
            let place =
                switch message.place {
                case .list(let name), .channel(let name): name
                }
            let facts = mapped(place, message.json)
            #expect(!facts.isEmpty && facts[0].kind != .sourceUnmapped, "\(place) \(message.json)")
            kinds.formUnion(facts.map(\.kind))
        }
        #expect(
            kinds == [
                .callAnswered, .callOffered, .callDialing, .callAbandoned, .callEnded, .callRecord, .agentStatus,
            ])
    }
}
