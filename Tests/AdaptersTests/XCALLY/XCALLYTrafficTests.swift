import CallModel
import Codecs
import TestSupport
import Testing

@testable import Adapters

@Suite("XCALLY: simulated traffic")
struct XCALLYTrafficTests {
    private static let start = Timestamp(microseconds: 1_437_069_264_000_000)

    private typealias Said = (due: Timestamp, name: String, payload: String)

    private static func events(_ seed: UInt64, seconds: Int) -> [Said] {
        var traffic = XCALLYTraffic(
            callsPerSecond: 2, speed: 10, startingAt: start, random: SplitMix(seed: seed))
        return traffic.events(until: start.advanced(by: .seconds(seconds))).compactMap {
            guard case .event(let name, let payload) = $0.content else { return nil }
            return (due: $0.due, name: name, payload: payload)
        }
    }

    @Test("Calls of ten minutes keep every promise, are never late, and make every kind that the mapping knows")
    func undisturbed() throws {
        let seed = SeededGenerator.printedSeed(for: "simulated XCALLY traffic")
        var run = XCALLYRun()
        run.connect()
        // Calls that begin within ten minutes, to their ends.
        let whole = Self.start.advanced(by: .seconds(600))
        for event in Self.events(seed, seconds: 700) {
            let payload = try JSONDocument(Array(event.payload.utf8)).root
            let began = payload["uniqueid"]?.string.flatMap(XCALLYUniqueID.createdAt)
            guard let began, began < whole else { continue }
            run.passTime(to: event.due)
            try run.take(try JSONDocument(Array("[\"\(event.name)\",\(event.payload)]".utf8)).root)
        }
        run.passTime(.seconds(3600))
        let events = run.events
        let judge = PromiseJudge.faults(of: events)
        #expect(judge.faults == [] && judge.open == [])
        #expect(events.filter(\.late).map(\.kind) == [])
        #expect(events.count > 3000)
        let kinds = Set(events.map(\.kind))
        #expect(
            kinds == [
                .callOffered, .callDialing, .callRinging, .callRingStopped, .callAnswered, .callLeft, .callAbandoned,
                .callEnded, .sourceConnected,
            ])
        let sequences = Dictionary(grouping: Self.events(seed, seconds: 600).map(\.name), by: { $0 })
        #expect(Set(sequences.keys) == Set(XCALLYEvent.allCases.map(\.rawValue)))
        #expect(events.contains { $0.body.extra.contains { $0.name == "ordernumber" } })
    }

    @Test("The same seed gives the same traffic, in the order of time")
    func repeatable() {
        let (first, second) = (Self.events(7, seconds: 60), Self.events(7, seconds: 60))
        #expect(first.map(\.payload) == second.map(\.payload))
        #expect(
            first.map(\.payload) != Self.events(8, seconds: 60).map(\.payload) && first.count > 200, "\(first.count)")
        #expect(zip(first, first.dropFirst()).allSatisfy { $0.due <= $1.due })
    }
}
