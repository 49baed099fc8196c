import Adapters
import BridgeCore
import CallModel
import Codecs
import TestSupport
import Testing

@testable import Bridge

@Suite("Restart of the pipeline")
struct PipelineRestartTests {
    /// Plays `scenario`, ending the run after each of `stops` steps and going on with a new one; returns what is stored.
    private func play(
        _ scenario: Scenario, stops: Set<Int>, _ ending: PipelineScene.Ending
    ) async throws -> [String] {
        let directory = try TemporaryDirectory()
        let adapter = try #require(AdapterRegistry.adapter(scenario.vendor))
        let replayer = adapter.makeReplayer(name: scenario.source, raw: scenario.raw)
        var profile = SourceProfile(
            vendor: scenario.vendor, name: scenario.source, tenant: scenario.tenant, lifecycle: scenario.lifecycle)
        replayer.complete(&profile)
        var now = scenario.input.first?.at ?? Timestamp(microseconds: 0)
        var scene = try await PipelineScene(in: directory, profile: profile, stream: scenario.stream, at: now)
        for (index, item) in scenario.input.enumerated() {
            if stops.contains(index) {
                try await scene.end(ending)
                scene = try await PipelineScene(in: directory, profile: profile, stream: scenario.stream, at: now)
            }
            try await scene.play(item.step, at: item.at, with: replayer)
            now = item.at
        }
        let lines = try scene.lines()
        try await scene.end(ending)
        return lines
    }

    @Test(
        "Stopped after any prefix and started again, the rest gives the same lines",
        arguments: ScenarioFixtures.names, PipelineScene.Ending.allCases)
    func prefixes(_ name: String, _ ending: PipelineScene.Ending) async throws {
        let scenario = try ScenarioFixtures.load(name)
        let whole = try await play(scenario, stops: [], ending)
        // A timer of the loop fires a moment after it is due, so only scenarios without one have their exact lines here.
        let hasTimers = scenario.expected.contains { $0.contains("timed_out") }
        #expect(hasTimers ? whole.count == scenario.expected.count : whole == scenario.expected)
        for stop in 0...scenario.input.count {
            let lines = try await play(scenario, stops: [stop], ending)
            #expect(lines == whole, "stopped before step \(stop)")
        }
        let everywhere = try await play(scenario, stops: Set(scenario.input.indices), ending)
        #expect(everywhere == whole, "stopped before every step")
    }

    @Test(
        "Whatever was read twice around a restart is stored once, and seq has no holes",
        arguments: PipelineScene.Ending.allCases)
    func repeats(_ ending: PipelineScene.Ending) async throws {
        let scenario = try ScenarioFixtures.load("03-teleforge-inbound-then-cdr.json")
        let adapter = try #require(AdapterRegistry.adapter(scenario.vendor))
        let replayer = adapter.makeReplayer(name: scenario.source, raw: scenario.raw)
        let profile = SourceProfile(vendor: scenario.vendor, name: scenario.source, tenant: scenario.tenant)
        let directory = try TemporaryDirectory()
        var stored: [String] = []
        for _ in 0..<3 {
            let scene = try await PipelineScene(
                in: directory, profile: profile, stream: scenario.stream, at: scenario.input[0].at)
            for item in scenario.input { try await scene.play(item.step, at: item.at, with: replayer) }
            stored = try scene.lines()
            try await scene.end(ending)
        }
        #expect(stored == scenario.expected)
        let sequence = try stored.map { try LineReader.read($0).seq }
        #expect(sequence == Array(1...Int64(stored.count)))
    }
}
