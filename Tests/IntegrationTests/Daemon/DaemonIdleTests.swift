import Foundation
import TestSupport
import Testing

/// What the daemon costs while nothing happens.
@Suite(.serialized) struct DaemonIdleTests {
    @Test(.timeLimit(.minutes(3)))
    func `After a backlog the idle daemon sleeps, and its memory stays below 20 MB`() async throws {
        guard let redis = try await RedisServer.start() else { return }
        let directory = try TemporaryDirectory()
        let path = try directory.write(
            "acme.yaml",
            """
            tenant: acme
            sources:
              - { name: cape, vendor: teleforge, redis: "\(redis.url)" }
            sinks:
              - { name: lines, type: file, path: \(directory.file("lines.jsonl")) }
            store: { path: \(directory.file("store.sqlite")) }

            """)
        var elements = TeleforgeElements(seed: 3)
        var judge = LineJudge()
        // More open calls than a PBX of hundreds of agents has at once; each takes some kilobytes until it ends.
        let batch = (0..<2000).map { _ in elements.inbound() }
        for element in batch { judge.expect(element, kinds: LineJudge.inboundKinds) }
        let client = try redis.client()
        try client.push(TeleforgeElements.inboundList, batch.map(\.json))
        let daemon = try DaemonProcess(binary: DaemonProcess.binary(), ["run", path], directory: directory)
        try await eventually("the backlog is delivered", within: .seconds(60), state: { daemon.state }) {
            try judge.read(directory.file("lines.jsonl"))
            return try judge.isComplete && client.length(TeleforgeElements.inboundList) == 0
        }
        // Wake-ups of what follows a backlog, a checkpoint say, are not those of an idle service: wait for a quiet second.
        var figures = try ProcessFigures(of: daemon.child.pid)
        var quiet = Int.max
        try await eventually("the daemon becomes quiet", state: { "\(quiet) wake-ups in the last second" }) {
            try await Task.sleep(for: .seconds(1))
            let next = try ProcessFigures(of: daemon.child.pid)
            quiet = next.wakeUps(since: figures)
            figures = next
            return quiet <= 10
        }
        // The span of the measurement, not a wait.
        try await Task.sleep(for: .seconds(5))
        let later = try ProcessFigures(of: daemon.child.pid)
        let switches = later.wakeUps(since: figures)
        let cpu = later.cpu - figures.cpu
        print("idle: \(switches) wake-ups and \(cpu) CPU in 5 s, \(later.anonymousBytes / 1000) kB anonymous")
        // Three lists, each asked anew every few seconds; no polling.
        #expect(switches <= 50)
        #expect(cpu <= .milliseconds(50))
        #expect(later.anonymousBytes < 20_000_000)
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
    }
}
