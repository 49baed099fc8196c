import Codecs
import Foundation
import TestSupport
import Testing

/// The whole daemon beside a Shuttle, simulated or of python-socketio, all as processes.
@Suite(.serialized, .timeLimit(.minutes(5))) struct XCALLYFaultTests {
    private let directory: TemporaryDirectory
    private let binary: String

    init() throws {
        (directory, binary) = (try TemporaryDirectory(), try DaemonProcess.binary())
    }

    private static let emissions = "emissions"

    /// A simulated Shuttle; what scripts emit goes into the file `emissions`.
    private func simulator(_ arguments: String..., port: Int = 0) async throws -> SimulatorProcess {
        try await SimulatorProcess(
            "xcally", arguments, port: port, binary: binary, directory: directory,
            output: .file(directory.file(Self.emissions)))
    }

    /// `source` and `sink`: lines of YAML, indented as they stand in the file.
    private func daemon(source: String, sink: String = "") throws -> DaemonProcess {
        let token = try directory.write("token", "open-sesame\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: token)
        let path = try directory.write(
            "acme.yaml",
            """
            tenant: acme
            sources:
              - name: rome
                vendor: xcally
            \(source)
            sinks:
              - { name: lines, type: file, path: \(directory.file("lines.jsonl")) }
            \(sink)
            store: { path: \(directory.file("store.sqlite")) }

            """.replacing("TOKEN", with: "{ file: \(token) }"))
        return try DaemonProcess(binary: binary, ["run", path], directory: directory)
    }

    private func delivered() -> DeliveredLines { DeliveredLines(directory.text("lines.jsonl")) }

    /// What the simulator told of emissions with this name.
    private func emitted(_ name: String) -> [JSONValue] {
        directory.text(Self.emissions).split(separator: "\n").compactMap {
            (try? JSONDocument(Array($0.utf8)))?.root
        }.filter { $0.elements.first?.string == name }.compactMap { $0.elements.dropFirst().first }
    }

    // MARK: - The simulator

    @Test(arguments: ["eio3", "eio4"], ["named", "enveloped"])
    func `Simulated calls come through, and go back as RealtimeCTI over the same connection`(
        _ version: String, _ style: String
    ) async throws {
        let shuttle = try await simulator(
            "--version", version, "--style", style, "--token", "open-sesame", "--rate", "20", "--speed", "40")
        let daemon = try daemon(
            source: "    url: http://127.0.0.1:\(shuttle.port)\n    token: TOKEN\n    raw: full",
            sink: """
                  - name: page
                    type: xcally
                    via: rome
                    app_name: cti-bridge
                    emit_on: [call.ringing, call.answered, call.abandoned, call.ended]
                    url: https://crm.example/?id={uniqueid}
                    acknowledge: true
                """)
        try await eventually("calls end, and go back", within: .seconds(60), state: { daemon.state }) {
            delivered().count("call.ended") > 20 && emitted("RealtimeCTI").count > 60
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        shuttle.child.signal(SIGTERM)
        _ = try await shuttle.child.wait()
        let lines = delivered()
        #expect(lines.faults == [] && lines.count("source.unmapped") == 0 && lines.count("source.gap") == 0)
        #expect(lines.count("source.connected") == 1 && daemon.errors.contains("engine_io=\(version.suffix(1))"))
        let pushes = emitted("RealtimeCTI")
        let kinds = Set(pushes.compactMap { $0["channel"]?["event"]?.string })
        #expect(kinds.isSuperset(of: ["ringing", "up", "hangup"]) && kinds.count <= 4)
        for push in pushes {
            let call = push["channel"]?["uniqueid"]?.string ?? "none"
            #expect(push["type"]?.string == "cti-bridge" && push["reference"]?.string == "rome:\(call)")
            #expect(push["url"]?.string == "https://crm.example/?id=\(call)")
            #expect(push["channel"]?["time"]?.string?.hasSuffix("Z") == true)
        }
        #expect(!daemon.errors.contains("open-sesame"))
    }

    @Test func `Killed while calls go on and connections are cut, every call opens once and none ends twice`()
        async throws
    {
        let kills = ProcessInfo.processInfo.environment["CTI_BRIDGE_LONG"] == "1" ? 50 : 6
        let seed = SeededGenerator.printedSeed(for: "kills beside XCALLY")
        var random = SeededGenerator(seed: seed)
        let shuttle = try await simulator(
            "--rate", "20", "--speed", "20", "--seed", "\(seed)", "--drop-every", "1700ms")
        defer { shuttle.child.signal(SIGKILL) }
        let daemon = try daemon(source: "    url: http://127.0.0.1:\(shuttle.port)\n    ring_limit: 10s")
        for round in 1...kills {
            let before = delivered().lines.count
            try await eventually("events come", within: .seconds(60), state: { daemon.state }) {
                delivered().lines.count > before + 20
            }
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...300, using: &random)))
            try await daemon.kill()
            try daemon.restart()
            try await eventually("run \(round + 1) has begun", within: .seconds(60), state: { daemon.state }) {
                delivered().count("bridge.started") == round + 1
            }
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        let lines = delivered()
        #expect(lines.faults == [], "seed \(seed)")
        #expect(lines.lines.count { $0.kind == "source.gap" && $0.reason == "crash" } >= kills / 2, "seed \(seed)")
        #expect(lines.count("source.unmapped") == 0, "seed \(seed)")
    }

    // MARK: - Beside python-socketio

    private static func payload(_ event: String, _ more: String = "") -> String {
        #"{"event":"\#(event)","queue":"CC-SIPP","agentname":"Zoë","agentnum":"1007","peer":"SIP/zoe","direction":"inbound","uniqueid":"\#(started).914","extension":"9999","callernum":"998","ordernumber":"ORD 42"\#(more)}"#
    }

    /// When the call of `payload` begins: now, as far as this run is concerned.
    private static let started = Int(Date().timeIntervalSince1970)

    private static let rules = """
            app_name: cti-bridge
            emit_on: [call.ringing, call.answered, call.ended]
            url: https://crm.example/?id={uniqueid}
            agent_cti: { url: 'https://crm.example/open?order={attr.ordernumber}', mode: new_frame }
            notification: { emit_on: [call.ringing], type: info, title: 'Call of {queue}', body: 'from {callernum}' }
            buffer: { messages: 10, age: 60s }
            acknowledge: true
        """

    @Test(arguments: ShuttleServer.Generation.allCases, [true, false])
    func `A call over an outage: its lines, its gap, and all three verbs as the Shuttle receives them`(
        _ generation: ShuttleServer.Generation, _ isVia: Bool
    ) async throws {
        var options = ShuttleServer.Options()
        (options.token, options.pingInterval, options.pingTimeout) = ("open-sesame", 1, 1)
        guard let server = try await ShuttleServer(generation, options) else { return }
        let connection = "url: http://127.0.0.1:\(server.port)"
        let daemon = try daemon(
            source: "    \(connection)\n    token: TOKEN",
            sink: "  - name: page\n    type: xcally\n"
                + (isVia ? "    via: rome\n" : "    connect: { \(connection), token: TOKEN }\n") + Self.rules)
        let connections = isVia ? 1 : 2
        try await eventually("all are in", within: .seconds(60), state: { daemon.state + server.state }) {
            server.clientCount == connections && delivered().count("source.connected") == 1
        }
        try server.emit("ringing", Self.payload("ringing"))
        try await eventually("the notice arrives", state: { daemon.state + server.state }) {
            server.received("AgentCTINotification").count == 1 && server.received("RealtimeCTI").count == 1
        }
        try server.emit("up", Self.payload("up", #","holdtime":"1","ringtime":"1""#))
        try await eventually("the page is opened", state: { daemon.state + server.state }) {
            server.received("AgentCTI").count == 1 && server.received("RealtimeCTI").count == 2
        }
        try await server.kill()
        try await eventually("the loss is told", state: { daemon.state }) {
            delivered().count("source.disconnected") == 1
        }
        try await server.restart()
        try await eventually("all are back", within: .seconds(60), state: { daemon.state + server.state }) {
            server.said { $0["connected"] != nil }.count == 2 * connections && delivered().count("source.gap") == 1
        }
        try server.emit("hangup", Self.payload("hangup", #","talktime":"9","reason":"agent""#))
        try await eventually("the end arrives", state: { daemon.state + server.state }) {
            server.received("RealtimeCTI").count == 3
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        let lines = delivered()
        #expect(lines.faults == [] && lines.open == [])
        #expect(lines.lines.contains { $0.kind == "source.gap" && $0.text.contains(#""open_calls":1"#) })
        #expect(lines.lines.contains { $0.kind == "call.ended" && $0.text.contains(#""gaps":1"#) })
        let pushes = server.received("RealtimeCTI")
        #expect(pushes.map { $0["channel"]?["event"]?.string } == ["ringing", "up", "hangup"])
        #expect(pushes.allSatisfy { $0["channel"]?["ordernumber"]?.string == "ORD 42" })
        #expect(pushes[1]["url"]?.string == "https://crm.example/?id=\(Self.started).914")
        let page = try #require(server.received("AgentCTI").first)
        #expect(page["url"]?.string == "https://crm.example/open?order=ORD%2042" && page["peer"]?.string == "SIP/zoe")
        #expect(page["mode"]?.string == "new_frame")
        let notice = try #require(server.received("AgentCTINotification").first)
        #expect(notice["title"]?.string == "Call of CC-SIPP" && notice["body"]?.string == "from 998")
        // Five messages, and all of them acknowledged.
        #expect(daemon.errors.contains("sent=5") && daemon.errors.contains("acknowledged=5"), "\(daemon.state)")
        #expect(!daemon.errors.contains("open-sesame"))
    }

    // MARK: - Server mode

    @Test(arguments: [4, 5], ["default", "polling", "websocket"])
    func `A stock script that points at the bridge tells it of calls`(_ generation: Int, _ transport: String)
        async throws
    {
        let port = Int(try LoopbackPort.free())
        let daemon = try daemon(source: "    listen: \(port)\n    token: TOKEN")
        try await eventually("it listens", state: { daemon.state }) { daemon.errors.contains("scripts may connect") }
        let url = "http://127.0.0.1:\(port)"
        let call = "\(Self.started).77"
        let transports = transport == "default" ? [] : ["--transports", transport]
        guard let stranger = try SocketIOPeer.script(generation: generation, [url, call, "up"]),
            let script = try SocketIOPeer.script(
                generation: generation,
                [url, "--token", "open-sesame"] + transports + [call, "ringing", "up", "hangup"])
        else { return }
        _ = try await stranger.process.wait(within: .seconds(60)) { stranger.output }
        #expect(stranger.lines.last?.hasPrefix("failed ConnectionError") == true, "\(stranger.output)")
        _ = try await script.process.wait(within: .seconds(60)) { script.output }
        #expect(
            script.lines == [
                "connected \(transport == "default" ? "websocket" : transport)", "acknowledged ringing",
                "acknowledged up", "acknowledged hangup", "done",
            ], "\(script.output)")
        try await eventually("the call has ended", state: { daemon.state }) {
            delivered().count("source.disconnected") == 1
        }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        let lines = delivered()
        #expect(lines.faults == [] && lines.open == [])
        #expect(
            lines.lines.map(\.kind).filter { $0.hasPrefix("call.") } == [
                "call.offered", "call.ringing", "call.answered", "call.ended",
            ])
        #expect(lines.lines.contains { $0.kind == "call.answered" && $0.text.contains("€ Zoë") })
    }
}
