import TestSupport
import Testing

extension FaultTests {
    @Suite struct RedisFaultTests {
        private enum Fault: CaseIterable {
            case cutConnections, stopServer, killServer
        }

        @Test(.timeLimit(.minutes(15)))
        func `Redis restarted and its connections cut again and again: nothing is lost or told twice`() async throws {
            let (total, rounds) = runsLongTests ? (100_000, 50) : (6_000, 6)
            let seed = SeededGenerator.printedSeed(for: "redis faults")
            var random = SeededGenerator(seed: seed)
            guard let scene = try await FaultScene(seed: seed, durableRedis: true) else { return }
            try scene.configure(sinks: [scene.fileSink(scene.linesPath)])
            let daemon = try scene.start()
            for round in 0..<rounds {
                try scene.push(total / rounds)
                let waiting = try scene.waiting()
                if Bool.random(using: &random) {
                    try await eventually("elements are taken", within: .seconds(90), state: { daemon.state }) {
                        try scene.waiting() < waiting
                    }
                }
                // Each of them once, then at random.
                let number = round < 3 ? round : Int.random(in: 0..<3, using: &random)
                switch Fault.allCases[number] {
                case .cutConnections: try scene.redis.client()("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                case .stopServer:
                    try await scene.redis.stop()
                    try await scene.redis.start()
                case .killServer:
                    try await scene.redis.kill()
                    try await scene.redis.start()
                }
                #expect(daemon.isRunning, "\(daemon.state)")
            }
            try await scene.awaitDelivery(by: daemon, within: .seconds(180))
            #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
            try scene.judge.read(scene.linesPath)
            print("redis faults: \(scene.judge.summary)")
            scene.expectNoFaults("seed \(seed)")
            // The file was never lost from sight: not one line twice.
            #expect(scene.judge.repeats == 0)
            try await scene.expectStoreAgrees()
        }
    }
}
