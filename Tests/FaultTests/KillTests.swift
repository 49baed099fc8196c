import TestSupport
import Testing

extension FaultTests {
    @Suite struct KillTests {
        /// kill -9 at random instants: while starting, while draining a backlog, while waiting, while lone events come.
        @Test(.timeLimit(.minutes(20)))
        func `A daemon killed at random instants loses nothing and repeats nothing but whole lines`() async throws {
            let (total, kills) = runsLongTests ? (100_000, 50) : (20_000, 8)
            let seed = SeededGenerator.printedSeed(for: "kills")
            var random = SeededGenerator(seed: seed)
            guard let scene = try await FaultScene(seed: seed) else { return }
            try scene.configure(sinks: [scene.fileSink(scene.linesPath)])
            try scene.push(total / kills)
            let daemon = try scene.start()
            var left: [Int] = []
            for round in 0..<kills {
                if round > 0 {
                    try scene.push(total / kills)
                    try daemon.restart()
                }
                try await reachRandomInstant(scene, daemon, &random)
                left.append(try scene.waiting())
                try await daemon.kill()
                try scene.judge.read(scene.linesPath)
            }
            print("kills: elements left at each kill: \(left)")
            // Something to do for the last run as well: it is not stopped before it is up.
            try scene.push(100)
            try daemon.restart()
            try await scene.awaitDelivery(by: daemon, within: .seconds(300))
            #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
            try scene.judge.read(scene.linesPath)
            print("kills: \(scene.judge.summary)")
            scene.expectNoFaults("seed \(seed)")
            #expect(scene.judge.unfinished.isEmpty)
            try await scene.expectStoreAgrees()
        }

        private func reachRandomInstant(
            _ scene: FaultScene, _ daemon: DaemonProcess, _ random: inout SeededGenerator
        ) async throws {
            let before = try scene.waiting()
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                // Anywhere in the start, or shortly after it.
                try await scene.pause(0...400, &random)
            case 1, 2:
                try await eventually("the backlog shrinks", state: { daemon.state }) {
                    try scene.waiting() < before || !daemon.isRunning
                }
                try await scene.pause(0...30, &random)
            default:
                try await eventually("the backlog is gone", within: .seconds(120), state: { daemon.state }) {
                    try scene.waiting() == 0 || !daemon.isRunning
                }
                for _ in 0..<Int.random(in: 1...20, using: &random) {
                    try scene.push(1)
                    try await scene.pause(0...3, &random)
                }
            }
            #expect(daemon.isRunning, "\(daemon.state)")
        }
    }
}
