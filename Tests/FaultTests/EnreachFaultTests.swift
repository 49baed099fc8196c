import Foundation
import TestSupport
import Testing

/// The whole daemon beside a simulated Enreach, both as processes.
@Suite(.serialized, .timeLimit(.minutes(5))) struct EnreachFaultTests {
    private let directory: TemporaryDirectory
    private let binary: String

    init() throws {
        (directory, binary) = (try TemporaryDirectory(), try DaemonProcess.binary())
    }

    /// A simulated Enreach, and the port that it tells.
    private func simulator(_ arguments: String..., port: Int = 0) async throws -> SimulatorProcess {
        try await SimulatorProcess("enreach", arguments, port: port, binary: binary, directory: directory)
    }

    private func daemon(port: Int, login: String = "secret_key", secret: String = "simulated-key") throws
        -> DaemonProcess
    {
        let key = try directory.write("key", "\(secret)\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        let path = try directory.write(
            "acme.yaml",
            """
            tenant: acme
            sources:
              - name: hel
                vendor: enreach
                discovery_url: http://127.0.0.1:\(port)/
                login: { user: api@acme.example, \(login): { file: \(key) } }
                max_backoff: 2s
            sinks:
              - { name: lines, type: file, path: \(directory.file("lines.jsonl")) }
            store: { path: \(directory.file("store.sqlite")) }

            """)
        return try DaemonProcess(binary: binary, ["run", path], directory: directory)
    }

    private func delivered() -> DeliveredLines { DeliveredLines(directory.text("lines.jsonl")) }

    @Test func `By discovery and password calls come through, and what is secret is nowhere`() async throws {
        let enreach = try await simulator("--rate", "20", "--speed", "20")
        defer { enreach.child.signal(SIGKILL) }
        let daemon = try daemon(port: enreach.port, login: "password", secret: "simulated-password")
        try await eventually("calls end", within: .seconds(60), state: { daemon.state }) {
            delivered().count("call.ended") > 20
        }
        for fault in ["expire-tokens", "drop", "close?error=moved&allow_reconnect=true"] {
            let before = delivered().count("source.connected")
            try LoopbackHTTP.request("POST", port: enreach.port, "/simulator/\(fault)")
            guard fault != "expire-tokens" else { continue }
            try await eventually("it comes back after \(fault)", within: .seconds(60), state: { daemon.state }) {
                delivered().count("source.connected") > before
            }
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        let lines = delivered()
        #expect(lines.faults == [] && lines.count("source.unmapped") == 0)
        #expect(lines.count("source.gap") == 2)
        let everything = daemon.errors + directory.text("lines.jsonl")
        // What a JWT of the simulator begins with, and the words of its login.
        for secret in ["eyJ", "simulated-password", "simulated-key", "signature-"] {
            #expect(!everything.contains(secret), "\(secret)")
        }
    }

    @Test func `Killed while calls go on and connections are cut, every call opens once, and gaps are repaired`()
        async throws
    {
        let kills = ProcessInfo.processInfo.environment["CTI_BRIDGE_LONG"] == "1" ? 50 : 6
        let seed = SeededGenerator.printedSeed(for: "kills beside Enreach")
        var random = SeededGenerator(seed: seed)
        let enreach = try await simulator("--rate", "10", "--speed", "20", "--drop-every", "3s", "--seed", "\(seed)")
        defer { enreach.child.signal(SIGKILL) }
        let daemon = try daemon(port: enreach.port)
        for _ in 0..<kills {
            let before = delivered().lines.count
            let more = Int.random(in: 5...60, using: &random)
            try await eventually("it goes on", within: .seconds(60), state: { daemon.state }) {
                delivered().lines.count > before + more
            }
            try await daemon.kill()
            try daemon.restart()
        }
        let connected = delivered().count("source.connected")
        try await eventually("it comes up again", within: .seconds(60), state: { daemon.state }) {
            delivered().count("source.connected") > connected
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        let lines = delivered()
        #expect(lines.faults == [], "seed \(seed)")
        #expect(lines.lines.count { $0.kind == "source.gap" && $0.reason == "crash" } >= kills / 2, "seed \(seed)")
        #expect(lines.lines.contains { $0.kind == "call.ended" && $0.origin == "snapshot" }, "seed \(seed)")
        print(
            "\(kills) kills: \(lines.lines.count) lines, \(lines.lines.count { $0.callSeq == 1 }) calls, "
                + "\(lines.count("source.gap")) gaps, \(lines.open.count) calls open")
    }

    @Test func `An Enreach that is not there is said once, and found when it comes`() async throws {
        let first = try await simulator("--rate", "5")
        first.child.signal(SIGKILL)
        _ = try await first.child.wait()
        let daemon = try daemon(port: first.port)
        try await eventually("the refusal is logged", state: { daemon.state }) { daemon.errors.contains("connect: ") }
        let second = try await simulator("--rate", "5", port: first.port)
        defer { second.child.signal(SIGKILL) }
        try await eventually("calls come", within: .seconds(60), state: { daemon.state }) {
            delivered().count("call.offered") + delivered().count("call.dialing") > 0
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
    }
}
