import CallModel
import TestSupport
import Testing

@testable import Adapters

@Suite("Basix: interruptions")
struct BasixRestartTests {
    @Test("The scenarios are there")
    func scenarios() { #expect(BasixScenario.all.count >= 30) }

    @Test(
        "Whenever the link or the process is lost, calls keep their promises and end where they would have",
        arguments: BasixScenario.all, BasixReplayRun.Interruption.allCases)
    func interrupted(_ scenario: BasixScenario, _ interruption: BasixReplayRun.Interruption) throws {
        var whole = BasixReplayRun(scenario)
        try whole.play()
        let expected = PromiseJudge.faults(of: whole.events)
        var stops = scenario.steps.indices.map { Set([$0]) }
        stops.append(Set(scenario.steps.indices))
        for stop in stops {
            var run = BasixReplayRun(scenario)
            try run.play(interruptedBefore: stop, by: interruption)
            let judge = PromiseJudge.faults(of: run.events)
            let place = "\(interruption) before \(stop.count == 1 ? "step \(stop.first ?? 0)" : "every step")"
            if scenario.lifecycle == .strict { #expect(judge.faults == [], "\(place)") }
            #expect(judge.open == expected.open, "\(place)")
            let (left, right) = (Self.counted(whole.calls), Self.counted(run.calls))
            #expect(
                left == right,
                "\(place): missing \(left.subtracting(right).sorted()), new \(right.subtracting(left).sorted())")
        }
    }

    /// Each line with the how-manieth of its kind it is.
    private static func counted(_ lines: [String]) -> Set<String> {
        var counts: [String: Int] = [:]
        return Set(
            lines.map { line in
                counts[line, default: 0] += 1
                return "\(line) #\(counts[line] ?? 0)"
            })
    }
}
