import CallModel
import TestSupport
import Testing

@testable import Adapters

@Suite("Basix: interruptions")
struct BasixRestartTests {
    @Test("The scenarios are there")
    func scenarios() { #expect(ReplayScenario.basix.count >= 30) }

    @Test(
        "Whenever the link or the process is lost, calls keep their promises and end where they would have",
        arguments: ReplayScenario.basix, Interruption.allCases)
    func interrupted(_ scenario: ReplayScenario, _ interruption: Interruption) throws {
        try scenario.expectNothingLost(by: interruption) { stops in
            var run = BasixReplayRun(scenario)
            try run.play(interruptedBefore: stops, by: interruption)
            return (run.events, run.calls)
        }
    }
}
