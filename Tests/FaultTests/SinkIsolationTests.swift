import Foundation
import TestSupport
import Testing

extension FaultTests {
    @Suite struct SinkIsolationTests {
        /// Without a clock: how much slower the healthy ones become is measured by `make bench-isolation`.
        @Test(.timeLimit(.minutes(10)))
        func `Healthy sinks get everything while others hang, refuse, drip and are full; then those get it too`()
            async throws
        {
            let seed = SeededGenerator.printedSeed(for: "isolation")
            guard let scene = try await FaultScene(seed: seed), let crm = try await WebhookReceiver.start(),
                let hanging = try await WebhookReceiver.start(), let refusing = try await WebhookReceiver.start(),
                let dripping = try await WebhookReceiver.start()
            else { return }
            try hanging.plan(#"{"raw":[]}"#)
            try dripping.plan(#"{"raw":["HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"],"bytewise":true,"pause":1}"#)
            try await refusing.kill()
            let disk = try await TinyFileSystem.mount(kilobytes: 16 * 1024)
            try disk?.fill(leaving: 64)
            let healthy = [Receiver.file(scene.linesPath), .webhook(crm, name: "crm")]
            var sick = [
                Receiver.webhook(hanging, name: "hanging", keys: "timeout: 3s"),
                .webhook(refusing, name: "refusing", keys: "timeout: 3s"),
                .webhook(dripping, name: "dripping", keys: "timeout: 3s"),
            ]
            if let disk { sick.append(.file("\(disk.path)/lines.jsonl", name: "full")) }
            try scene.configure(sinks: (sick + healthy).map(\.sink))
            let daemon = try scene.start()
            for _ in 0..<10 { try scene.push(100) }
            try await scene.awaitDelivery(by: daemon, within: .seconds(120))
            try await scene.awaitDrained(healthy.map(\.name), by: daemon, within: .seconds(120))
            for receiver in sick {
                let status = try #require(try await scene.status(ofSink: receiver.name))
                #expect(status["backlog_events"] as? Int ?? 0 > 0 && status["dead_letters"] as? Int == 0, "\(status)")
            }
            let memory = try ProcessFigures(of: daemon.child.pid)
            print("isolation: \(memory.anonymousBytes >> 20) MiB with \(sick.count) sick sinks; \(scene.judge.summary)")

            for receiver in [hanging, dripping] { try receiver.plan("{}") }
            try await refusing.restart()
            try disk?.release()
            daemon.child.signal(SIGHUP)
            try await scene.awaitDrained(sick.map(\.name), by: daemon, within: .seconds(180))
            #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
            let stored = try await scene.storedIDs()
            for receiver in healthy + sick {
                var judge = ReceiverJudge(try receiver.texts())
                judge.expect(stored)
                #expect(judge.faults.isEmpty, "\(receiver.name), seed \(seed)")
                print("isolation: \(receiver.name): \(judge.ids.count) events, \(judge.repeats) again")
            }
        }
    }
}
