import CallModel
import Codecs
import TestSupport
import Testing

@Suite("A restart changes no line")
struct RestartTests {
    struct Memory: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let limits: TrackerLimits

        init(_ name: String, _ edit: (inout TrackerLimits) -> Void = { _ in }) {
            testDescription = name
            var limits = TrackerLimits()
            edit(&limits)
            self.limits = limits
        }
    }

    static let memories = [
        Memory("plenty of memory"),
        Memory("four calls") { $0.calls = 4 },
        Memory("three tombstones") { $0.tombstones = 3 },
        Memory("four calls, three tombstones") { ($0.calls, $0.tombstones) = (4, 3) },
        Memory("a few ids and entities") { ($0.recentIDs, $0.entities) = (40, 2) },
        Memory("nearly nothing") { ($0.calls, $0.tombstones, $0.recentIDs, $0.entities) = (2, 1, 8, 1) },
    ]

    @Test("At random points, from stored events alone", arguments: memories)
    func fromEvents(_ memory: Memory) throws {
        let seed = SeededGenerator.printedSeed(for: "restart from events, \(memory.testDescription)")
        for round in 0..<UInt64(runsLongTests ? 1000 : 3) {
            let traffic = RandomTraffic(seed: seed &+ round, count: 120)
            let stored = try Recording(traffic, memory.limits)
            var random = SeededGenerator(seed: seed &+ round)
            for _ in 0..<2 {
                let stop = Int.random(in: 1..<120, using: &random)
                try compare(traffic, memory.limits, stored, stop: stop, checkpoint: nil, seed: seed &+ round)
            }
        }
    }

    @Test("At random points, from a checkpoint and the events after it", arguments: memories)
    func fromCheckpoint(_ memory: Memory) throws {
        let seed = SeededGenerator.printedSeed(for: "restart from a checkpoint, \(memory.testDescription)")
        for round in 0..<UInt64(runsLongTests ? 1000 : 3) {
            let traffic = RandomTraffic(seed: seed &+ round, count: 120)
            let stored = try Recording(traffic, memory.limits)
            var random = SeededGenerator(seed: seed &+ round)
            for _ in 0..<2 {
                let stop = Int.random(in: 1..<120, using: &random)
                let checkpoint = Int.random(in: 0...stop, using: &random)
                try compare(traffic, memory.limits, stored, stop: stop, checkpoint: checkpoint, seed: seed &+ round)
            }
        }
    }

    @Test("At every single point", arguments: memories)
    func everywhere(_ memory: Memory) throws {
        let seed = SeededGenerator.printedSeed(for: "restart everywhere, \(memory.testDescription)")
        let traffic = RandomTraffic(seed: seed, count: 24, calls: 3)
        let stored = try Recording(traffic, memory.limits)
        for stop in 0..<24 {
            try compare(traffic, memory.limits, stored, stop: stop, checkpoint: nil, seed: seed)
            try compare(traffic, memory.limits, stored, stop: stop, checkpoint: stop, seed: seed)
            try compare(traffic, memory.limits, stored, stop: stop, checkpoint: stop / 2, seed: seed)
        }
    }

    @Test("Bytes that are no checkpoint are refused, wherever they are cut")
    func damagedCheckpoint() {
        let traffic = RandomTraffic(seed: 7, count: 60)
        var run = TrafficRun()
        for item in traffic.steps { run.play(item) }
        let bytes = run.tracker.checkpoint()
        for length in stride(from: 0, to: bytes.count, by: 7) {
            var tracker = CallTracker(stream: sceneStream)
            let pointers = tracker.restoreCheckpoint(Array(bytes.prefix(length)))
            #expect(pointers == nil)
        }
        var tracker = CallTracker(stream: sceneStream)
        let longer = tracker.restoreCheckpoint(bytes + [0])
        #expect(longer == nil)
        let other = tracker.restoreCheckpoint([99] + bytes.dropFirst())
        #expect(other == nil)
        let whole = tracker.restoreCheckpoint(bytes)
        #expect(whole != nil)
    }

    /// Starts again before step `stop` from what was stored, plays the rest, and compares the lines.
    private func compare(
        _ traffic: RandomTraffic, _ limits: TrackerLimits, _ stored: Recording, stop: Int, checkpoint: Int?,
        seed: UInt64
    ) throws {
        var run = TrafficRun(limits: limits)
        try run.restore(
            stored, count: stored.counts[stop],
            checkpoint: checkpoint.map { (stored.checkpoints[$0], stored.counts[$0]) })
        for item in traffic.steps[stop...] { run.play(item) }
        let (left, right) = (Array(stored.lines[stored.counts[stop]...]), run.lines)
        guard left != right else { return }
        let first = zip(left, right).first { $0 != $1 }
        Issue.record(
            """
            seed \(seed), stopped at \(stop), checkpoint at \(checkpoint.map(String.init) ?? "none")
            \(first.map { "\($0.0.previousSeq) \($0.0.text)\n\($0.1.previousSeq) \($0.1.text)" } ?? "another count")
            """)
        throw TestFailure(description: "lines differ after a restart")
    }
}
