import CallModel
import TestSupport
import Testing

@testable import Adapters

@Suite("Enreach: interruptions")
struct EnreachRestartTests {
    /// A lost connection loses the copies of a fact that were still under way, so nobody tells them after it.
    private static let repeating = ["107-enreach-told-twice"]

    @Test("The scenarios are there")
    func scenarios() { #expect(ReplayScenario.enreach.count >= 25) }

    @Test(
        "Whenever the link or the process is lost, calls keep their promises and tell what they would have",
        arguments: ReplayScenario.enreach, Interruption.allCases)
    func interrupted(_ scenario: ReplayScenario, _ interruption: Interruption) {
        scenario.expectNothingLost(by: interruption, comparesCalls: !Self.repeating.contains(scenario.name)) { stops in
            var run = EnreachRun(lifecycle: scenario.lifecycle, raw: scenario.raw)
            run.play(scenario, interruptedBefore: stops, by: interruption)
            return (run.events, run.calls)
        }
    }

    @Test("A caller who hangs up after a gap has not given up for certain; the number of his queue is still known")
    func abandonedInGap() throws {
        for interruption in Interruption.allCases {
            let scenario = try #require(ReplayScenario.enreach.first { $0.name == "106-enreach-queue-ends" })
            var run = EnreachRun()
            run.play(scenario, interruptedBefore: [2], by: interruption)
            let end = try #require(run.events.first { $0.kind == .callEnded })
            #expect(end.body.outcome?.disposition == .unknown && end.call?.gaps == 1)
            #expect(end.body.queue?.number == "+358942450100", "\(interruption)")
            #expect(run.events.filter { $0.kind == .callAbandoned }.count == 1, "only the call after the gap")
        }
    }
}
