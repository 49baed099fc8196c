import CallModel
import Codecs
import TestSupport
import Testing

@Suite("Random traffic")
struct PropertyTests {
    private static let validator = Result { try SchemaValidator.callEvent() }

    @Test("All promises hold on random traffic, and lines are valid", arguments: [20_000, 4])
    func promises(callLimit: Int) throws {
        let validator = try Self.validator.get()
        let seed = SeededGenerator.printedSeed(for: "promises of \(callLimit) calls")
        var limits = TrackerLimits()
        limits.calls = callLimit
        var checked = 0
        for round in 0..<UInt64(runsLongTests ? 2000 : 40) {
            let traffic = RandomTraffic(seed: seed &+ round, count: 200)
            var run = TrafficRun(limits: limits)
            for item in traffic.steps { run.play(item) }
            let last = try #require(traffic.steps.last?.at)
            run.passTime(to: last.advanced(by: .seconds(48 * 3600)))
            let events = run.events
            let judge = PromiseJudge.faults(of: events)
            try #require(judge.faults == [], "seed \(seed &+ round)")
            try #require(judge.open == [], "seed \(seed &+ round)")
            try #require(run.tracker.openCallCount == 0)
            for event in events where event.seq % 40 == Int64(round % 40) {
                checked += 1
                try #require(validator.faults(of: event.line) == [], "seed \(seed &+ round): \(event.line)")
            }
            for event in events where event.seq % 10 == Int64(round % 10) {
                let read = try LineReader.read(event.line)
                try #require(read.line == event.line, "seed \(seed &+ round)")
            }
        }
        #expect(checked > 100)
    }

    @Test("The same traffic gives the same lines")
    func determinism() {
        let seed = SeededGenerator.printedSeed(for: "determinism")
        let traffic = RandomTraffic(seed: seed, count: 400)
        var first = TrafficRun()
        var second = TrafficRun()
        for item in traffic.steps { first.play(item) }
        for item in traffic.steps { second.play(item) }
        let (left, right) = (first.lines, second.lines)
        #expect(left == right)
    }
}
