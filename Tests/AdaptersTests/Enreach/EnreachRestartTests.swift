import CallModel
import TestSupport
import Testing

@testable import Adapters

@Suite("Enreach: interruptions")
struct EnreachRestartTests {
    /// A lost connection loses the copies of a fact that were still under way, so nobody tells them after it.
    private static let repeating = ["107-enreach-told-twice"]

    @Test("The scenarios are there")
    func scenarios() { #expect(EnreachScenario.all.count >= 25) }

    @Test(
        "Whenever the link or the process is lost, calls keep their promises and tell what they would have",
        arguments: EnreachScenario.all, EnreachRun.Interruption.allCases)
    func interrupted(_ scenario: EnreachScenario, _ interruption: EnreachRun.Interruption) {
        var whole = EnreachRun(lifecycle: scenario.lifecycle, raw: scenario.raw)
        whole.play(scenario)
        let expected = PromiseJudge.faults(of: whole.events)
        var stops = scenario.steps.indices.map { Set([$0]) }
        stops.append(Set(scenario.steps.indices))
        for stop in stops {
            var run = EnreachRun(lifecycle: scenario.lifecycle, raw: scenario.raw)
            run.play(scenario, interruptedBefore: stop, by: interruption)
            let judge = PromiseJudge.faults(of: run.events)
            let place = "\(interruption) before \(stop.count == 1 ? "step \(stop.first ?? 0)" : "every step")"
            if scenario.lifecycle == .strict { #expect(judge.faults == [], "\(place)") }
            #expect(judge.open == expected.open, "\(place)")
            guard !Self.repeating.contains(scenario.name) else { continue }
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

    @Test("A caller who hangs up after a gap has not given up for certain; the number of his queue is still known")
    func abandonedInGap() throws {
        for interruption in EnreachRun.Interruption.allCases {
            let scenario = try #require(EnreachScenario.all.first { $0.name == "106-enreach-queue-ends" })
            var run = EnreachRun()
            run.play(scenario, interruptedBefore: [2], by: interruption)
            let end = try #require(run.events.first { $0.kind == .callEnded })
            #expect(end.body.outcome?.disposition == .unknown && end.call?.gaps == 1)
            #expect(end.body.queue?.number == "+358942450100", "\(interruption)")
            #expect(run.events.filter { $0.kind == .callAbandoned }.count == 1, "only the call after the gap")
        }
    }
}
