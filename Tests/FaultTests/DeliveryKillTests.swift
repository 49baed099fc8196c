import Foundation
import TestSupport
import Testing

extension FaultTests {
    @Suite struct DeliveryKillTests {
        private static let secret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
        private static let otherSecret = "whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="

        private static var kills: Int {
            ProcessInfo.processInfo.environment["CTI_BRIDGE_KILLS"].flatMap { Int($0) } ?? (runsLongTests ? 200 : 25)
        }

        /// kill -9 while requests are under way, while answers come back, while starting, while lone events come.
        @Test(.timeLimit(.minutes(20)))
        func `A daemon killed while it delivers loses nothing at any receiver, and keeps the order of each call`()
            async throws
        {
            let kills = Self.kills
            let seed = SeededGenerator.printedSeed(for: "delivery kills")
            var random = SeededGenerator(seed: seed)
            let python = PythonPeer.interpreter("webhooks")
            guard let scene = try await FaultScene(seed: seed), let single = try await receiver(python),
                let batches = try await receiver(python), let redis = try await RedisServer.start()
            else { return }
            let (new, old) = try (
                scene.directory.write("new", Self.secret), scene.directory.write("old", Self.otherSecret)
            )
            let receivers = [
                Receiver.file(scene.linesPath), .stream(redis), .list(redis),
                .webhook(
                    single, name: "single",
                    keys: "timeout: 5s, secret: { file: \(new) }, previous_secret: { file: \(old) }"),
                .webhook(
                    batches, name: "batches",
                    keys: "batch: 20, timeout: 5s, secret: { file: \(old) }, previous_secret: { file: \(new) }"),
            ]
            try scene.configure(sinks: receivers.map(\.sink))
            try scene.push(20)
            let daemon = try scene.start()
            for round in 0..<kills {
                if round > 0 {
                    try scene.push(Int.random(in: 10...40, using: &random))
                    try daemon.restart()
                }
                try await reachRandomInstant(scene, daemon, [single, batches], &random)
                try await daemon.kill()
            }
            try scene.push(10)
            try daemon.restart()
            try await scene.awaitDelivery(by: daemon, within: .seconds(300))
            try await scene.awaitDrained(receivers.map(\.name), by: daemon, within: .seconds(120))
            #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
            try scene.judge.read(scene.linesPath)
            scene.expectNoFaults("seed \(seed)")

            let stored = try await scene.storedIDs()
            for receiver in receivers {
                var judge = ReceiverJudge(try receiver.texts())
                judge.expect(stored)
                #expect(judge.faults.isEmpty, "\(receiver.name), seed \(seed)")
                print(
                    "delivery kills: \(kills) kills, \(receiver.name): \(stored.count) events, \(judge.ids.count) arrived, "
                        + "\(judge.repeats) again")
            }
            expectGenuine(single.requests + batches.requests, isVerified: python != nil)
            #expect(single.requests.allSatisfy { $0.body.contains("\"id\":\"\($0.id)\"") })
        }

        private func receiver(_ python: String?) async throws -> WebhookReceiver? {
            let receiver = try await WebhookReceiver.start(
                interpreter: python ?? "/usr/bin/python3", secret: Self.secret)
            // Requests are under way for a while, and so at the moment of a kill.
            try receiver?.plan(#"{"delay":0.003}"#)
            return receiver
        }

        /// The reference verifier took each, and nothing that was altered; what has the same id is the same.
        private func expectGenuine(_ requests: [WebhookReceiver.Request], isVerified: Bool) {
            let same = Dictionary(grouping: requests, by: \.id).values.filter { Set($0.map(\.body)).count > 1 }
            #expect(same.isEmpty, "ids with several bodies")
            guard isVerified else { return }
            #expect(requests.allSatisfy { $0.isVerified == true })
            #expect(requests.allSatisfy { $0.isAlteredVerified == false && $0.isWrongSecretVerified == false })
        }

        private func reachRandomInstant(
            _ scene: FaultScene, _ daemon: DaemonProcess, _ receivers: [WebhookReceiver],
            _ random: inout SeededGenerator
        ) async throws {
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                // Anywhere in the start, or shortly after it.
                try await scene.pause(0...400, &random)
            case 1, 2:
                let receiver = receivers[Int.random(in: 0..<receivers.count, using: &random)]
                let mark = receiver.loggedBytes + Int.random(in: 0...12_000, using: &random)
                try await eventually("requests come", within: .seconds(60), state: { daemon.state }) {
                    receiver.loggedBytes > mark || !daemon.isRunning
                }
                try await scene.pause(0...5, &random)
            default:
                try await eventually("the backlog is gone", within: .seconds(60), state: { daemon.state }) {
                    try scene.waiting() == 0 || !daemon.isRunning
                }
                for _ in 0..<Int.random(in: 1...20, using: &random) {
                    try scene.push(1)
                    try await scene.pause(0...5, &random)
                }
            }
            #expect(daemon.isRunning, "\(daemon.state)")
        }
    }
}
