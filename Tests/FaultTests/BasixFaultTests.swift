import Foundation
import TestSupport
import Testing

/// The whole daemon beside a simulated Basix PBX, both as processes.
@Suite(.serialized, .timeLimit(.minutes(4))) struct BasixFaultTests {
    private let directory: TemporaryDirectory
    private let binary: String
    private static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../WireProtocolsTests/BERT/Fixtures").standardized.path

    init() throws {
        (directory, binary) = (try TemporaryDirectory(), try DaemonProcess.binary())
    }

    /// A simulated PBX, and the port that it tells.
    private func simulator(_ arguments: String..., port: Int = 0) async throws -> SimulatorProcess {
        try await SimulatorProcess("basix", arguments, port: port, binary: binary, directory: directory)
    }

    private func daemon(port: Int, extra: String = "") throws -> DaemonProcess {
        try directory.write("token", "simulated-token\n")
        let path = try directory.write(
            "acme.yaml",
            """
            tenant: acme
            sources:
              - name: tokyo
                vendor: basix
                url: ws://127.0.0.1:\(port)
                domain: test1.example
                token: { file: \(directory.file("token")) }
                app_name: bridge
            \(extra)sinks:
              - { name: lines, type: file, path: \(directory.file("lines.jsonl")) }
            store: { path: \(directory.file("store.sqlite")) }

            """)
        return try DaemonProcess(binary: binary, ["run", path], directory: directory)
    }

    private func delivered() -> DeliveredLines { DeliveredLines(directory.text("lines.jsonl")) }
    private func lines() -> [DeliveredLines.Line] { delivered().lines }

    @Test func `Recorded sessions come through the daemon, and the lost call of the second one ends reconciled`()
        async throws
    {
        let pbx = try await simulator(
            "--session", "\(Self.fixtures)/session-reconnect-before.bertseq", "--session",
            "\(Self.fixtures)/session-reconnect-after.bertseq", "--drop-every", "1s")
        defer { pbx.child.signal(SIGKILL) }
        let daemon = try daemon(port: pbx.port)
        try await eventually("the call has ended", within: .seconds(60), state: { daemon.state }) {
            lines().contains { $0.kind == "call.ended" && $0.closure == "reconciled" }
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        let all = lines()
        #expect(delivered().faults == [])
        #expect(delivered().open.isEmpty)
        #expect(all.contains { $0.kind == "source.gap" && $0.reason == "disconnect" })
        #expect(!all.contains { $0.kind == "source.unmapped" })
    }

    @Test func `Killed while calls go on and connections are cut, every call opens once and none stays open`()
        async throws
    {
        let kills = ProcessInfo.processInfo.environment["CTI_BRIDGE_LONG"] == "1" ? 50 : 6
        let seed = SeededGenerator.printedSeed(for: "kills beside Basix")
        var random = SeededGenerator(seed: seed)
        let pbx = try await simulator("--rate", "40", "--speed", "20", "--seed", "\(seed)", "--drop-every", "1700ms")
        let daemon = try daemon(port: pbx.port)
        for round in 1...kills {
            let before = lines().count
            try await eventually("events come", within: .seconds(60), state: { daemon.state }) {
                lines().count > before + 20
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...300, using: &random)))
            try await daemon.kill()
            try daemon.restart()
            let starts = round + 1
            try await eventually("run \(starts) has begun", within: .seconds(60), state: { daemon.state }) {
                lines().count { $0.kind == "bridge.started" } == starts
            }
        }
        // A PBX with none of these calls takes the place of this one: what is open then has ended unseen.
        pbx.child.signal(SIGTERM)
        _ = try await pbx.child.wait()
        try await eventually("the loss is told", state: { daemon.state }) {
            lines().last { $0.kind == "source.connected" || $0.kind == "source.disconnected" }?.kind
                == "source.disconnected"
        }
        let lost = delivered().open
        #expect(!lost.isEmpty)
        let quiet = try await simulator("--rate", "0.001", port: pbx.port)
        defer { quiet.child.signal(SIGKILL) }
        try await eventually("every call has ended", within: .seconds(90), state: { daemon.state }) {
            delivered().open.isDisjoint(with: lost)
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        let all = lines()
        #expect(delivered().faults == [], "seed \(seed)")
        #expect(all.count { $0.kind == "source.gap" && $0.reason == "crash" } >= kills / 2, "seed \(seed)")
        #expect(all.contains { $0.closure == "reconciled" }, "seed \(seed)")
        let figures = (all.count, all.count { $0.callSeq == 1 }, all.count { $0.kind == "source.gap" })
        print("\(kills) kills: \(figures.0) lines, \(figures.1) calls, \(figures.2) gaps")
    }

    @Test func `A PBX that is not there is said once, and found when it comes`() async throws {
        let first = try await simulator("--rate", "5")
        first.child.signal(SIGKILL)
        _ = try await first.child.wait()
        let daemon = try daemon(port: first.port)
        try await eventually("the refusal is logged", state: { daemon.state }) { daemon.errors.contains("connect: ") }
        let second = try await simulator("--rate", "5", port: first.port)
        defer { second.child.signal(SIGKILL) }
        try await eventually("calls come", within: .seconds(60), state: { daemon.state }) {
            lines().contains { $0.kind == "call.offered" || $0.kind == "call.dialing" }
        }
        #expect(!daemon.errors.contains("simulated-token"))
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
    }
}
