import Foundation
import TestSupport
import Testing

/// The whole daemon against an RTE-shaped hub on aiosignalr, an independent SignalR server in Python.
@Suite(.serialized, .timeLimit(.minutes(5))) struct EnreachHubTests {
    /// The hub as a process, at a port of its own or at a given one.
    private final class Hub {
        let child: ChildProcess
        let port: Int

        /// nil, with a printed reason, where aiosignalr is not installed.
        init?(_ directory: TemporaryDirectory, port: Int = 0, _ arguments: [String] = []) async throws {
            guard let python = PythonPeer.interpreter("signalr") else { return nil }
            let log = "hub.\(UInt64.random(in: 0 ... .max)).out"
            child = try ChildProcess(
                python, ["-B", PythonPeer.script("rte_hub.py"), "--port", "\(port)"] + arguments,
                output: .file(directory.file(log)), errors: .file(directory.file(log)))
            let running = child
            var found: Int?
            try await eventually("the hub listens", state: { directory.text(log) }) {
                if running.ended() != nil { throw TestFailure(description: directory.text(log)) }
                found = directory.text(log).split(separator: "\n").first.flatMap { Int($0) }
                return found != nil
            }
            self.port = found ?? 0
        }

        func order(_ name: String) throws { try LoopbackHTTP.request("POST", port: port, "/order/\(name)") }

        func figures() throws -> [String: Int] {
            let answer = try LoopbackHTTP.request("GET", port: port, "/order/figures").body
            return try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Int] ?? [:]
        }

        /// How many connections were told.
        @discardableResult
        func say(_ event: String, user: Int, call: String, more: String = "") throws -> Int {
            let id = "a1eeb030-ff4b-ea11-ac9c-" + String(format: "%012x", user)
            let data =
                #"{"callId":"\#(call)","legId":"1","callerNumber":"+358401234567","targetNumber":"+358942450101","organizationId":"6c3a1c1e-0b1f-4b0e-9a55-0d7a4f1f2a10","userId":"\#(id)","userName":"anna.k"\#(more)}"#
            let answer = try LoopbackHTTP.request(
                "POST", port: port, "/order/say", body: #"{"entity":"\#(id)","event":"\#(event)","data":\#(data)}"#)
            return Int(answer.body) ?? 0
        }

        /// A call from its beginning to its end.
        func call(_ id: String, user: Int) throws {
            try say("UserCallInComing", user: user, call: id)
            try say("UserCallInUserAllocated", user: user, call: id)
            try say("UserCallInUserConnected", user: user, call: id)
            try say(
                "UserCallInDisconnected", user: user, call: id,
                more: #","reason":"remote","techReason":"NORMAL_CLEARING""#)
        }
    }

    private let directory: TemporaryDirectory
    private let binary: String

    init() throws {
        (directory, binary) = (try TemporaryDirectory(), try DaemonProcess.binary())
    }

    private func daemon(_ hub: Hub, keys: [String] = []) throws -> DaemonProcess {
        let key = try directory.write("key", "hub-key\n")
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        let path = try directory.write(
            "acme.yaml",
            """
            tenant: acme
            sources:
              - name: hel
                vendor: enreach
                api_url: http://127.0.0.1:\(hub.port)/
                login: { user: api@acme.example, secret_key: { file: \(key) } }
                subscriptions: [{ users: all, events: all }]
            \(keys.map { "    \($0)\n" }.joined())sinks:
              - { name: lines, type: file, path: \(directory.file("lines.jsonl")) }
            store: { path: \(directory.file("store.sqlite")) }

            """)
        return try DaemonProcess(binary: binary, ["run", path], directory: directory)
    }

    private func delivered() -> DeliveredLines { DeliveredLines(directory.text("lines.jsonl")) }

    private func up(_ daemon: DaemonProcess, times: Int = 1) async throws {
        try await eventually("the source is up", within: .seconds(60), state: { daemon.state }) {
            delivered().count("source.connected") >= times
        }
    }

    @Test(arguments: ["binary", "text", "both"])
    func `Login, 2000 subscriptions, and events in binary and text frames`(frames: String) async throws {
        guard let hub = try await Hub(directory, ["--frames", frames]) else { return }
        let daemon = try daemon(hub)
        try await up(daemon)
        let figures = try hub.figures()
        #expect(figures["pairs"] == 2000 && figures["tokens"] == 1 && figures["unauthorized"] == 0, "\(figures)")
        let (longest, calls) = (figures["longest"] ?? 0, figures["calls"] ?? 0)
        #expect(longest > 0 && longest < 32 << 10)
        #expect(calls >= 8)
        for number in 0..<10 { try hub.call("call-\(number)", user: number * 9) }
        try await eventually("the calls are told", state: { daemon.state }) { delivered().count("call.ended") == 10 }
        let lines = delivered()
        #expect(lines.faults == [] && lines.open.isEmpty && lines.count("source.unmapped") == 0)
        #expect(lines.count("call.ringing") == 10 && lines.count("call.answered") == 10)
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
        #expect(!daemon.errors.contains("hub-key"))
    }

    @Test func `A token that ended is renewed for the next connect, and a 401 gets one fresh token at once`()
        async throws
    {
        guard let hub = try await Hub(directory, ["--token-life", "30"]) else { return }
        let daemon = try daemon(hub)
        try await up(daemon)
        // Less than a minute is left, so the next connect takes another one.
        try hub.order("drop")
        try await up(daemon, times: 2)
        #expect(try hub.figures()["tokens"] == 2)
        #expect(try hub.figures()["unauthorized"] == 0)
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
    }

    @Test func `A token that the hub does not take any more is replaced at once`() async throws {
        guard let hub = try await Hub(directory) else { return }
        let daemon = try daemon(hub)
        try await up(daemon)
        try hub.order("expire")
        try hub.order("drop")
        try await up(daemon, times: 2)
        let figures = try hub.figures()
        #expect(figures["tokens"] == 2 && figures["unauthorized"] == 1 && figures["pairs"] == 2000, "\(figures)")
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
    }

    @Test func `The hub restarts: the source comes back to it with all subscriptions, and declares the gap`()
        async throws
    {
        guard let hub = try await Hub(directory) else { return }
        let daemon = try daemon(hub)
        try await up(daemon)
        try hub.say("UserCallInComing", user: 3, call: "open")
        try await eventually("the call is told", state: { daemon.state }) { delivered().count("call.offered") == 1 }
        hub.child.signal(SIGKILL)
        _ = try await hub.child.wait()
        try await eventually("the loss is told", state: { daemon.state }) {
            delivered().count("source.disconnected") == 1
        }
        guard let next = try await Hub(directory, port: hub.port) else { return }
        try await up(daemon, times: 2)
        #expect(try next.figures()["pairs"] == 2000)
        try next.say("UserCallInDisconnected", user: 3, call: "open", more: #","reason":"remote","techReason":"""#)
        try await eventually("the call ends", state: { daemon.state }) { delivered().count("call.ended") == 1 }
        let lines = delivered()
        #expect(lines.faults == [] && lines.count("source.gap") == 1 && lines.open.isEmpty)
        #expect(
            lines.lines.contains { $0.kind == "call.ended" && $0.text.contains(#""gaps":1"#) },
            "the call lived through it")
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
    }

    @Test func `A hub that falls silent is left within its time, and found again when it is well`() async throws {
        guard let hub = try await Hub(directory, ["--keep-alive", "1"]) else { return }
        let daemon = try daemon(hub, keys: ["ping_interval: 1s", "server_timeout: 4s"])
        try await up(daemon)
        let muted = ContinuousClock.now
        try hub.order("mute")
        try await eventually("the silence is noticed", state: { daemon.state }) {
            delivered().count("source.disconnected") == 1
        }
        let noticed = ContinuousClock.now - muted
        print("a silent hub was noticed after \(noticed), the limit is 4 s")
        #expect(noticed < .seconds(30))
        hub.child.signal(SIGKILL)
        _ = try await hub.child.wait()
        guard let next = try await Hub(directory, port: hub.port) else { return }
        try await up(daemon, times: 2)
        #expect(try next.figures()["pairs"] == 2000)
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
    }

    @Test func `An independent client understands the simulated hub`() async throws {
        guard let python = PythonPeer.interpreter("signalr") else { return }
        let simulator = try await SimulatorProcess(
            "enreach", ["--rate", "20", "--speed", "20", "--users", "5"], binary: binary, directory: directory)
        defer { simulator.child.signal(SIGKILL) }
        let output = directory.file("client.out")
        let client = try ChildProcess(
            python, ["-B", PythonPeer.script("rte_client.py"), "http://127.0.0.1:\(simulator.port)/", "60"],
            output: .file(output), errors: .file(directory.file("client.err")))
        defer { client.signal(SIGKILL) }
        try await eventually("events come", within: .seconds(60), state: { directory.text("client.err") }) {
            directory.text("client.out").components(separatedBy: "{\"message\"").count > 50
        }
        let lines = directory.text("client.out").split(separator: "\n").map(String.init)
        let offered = try #require(lines.first { $0.hasPrefix("{\"offered\"") })
        #expect(offered.components(separatedBy: "\"User").count == 25)
        let results = try #require(lines.first { $0.hasPrefix("{\"results\"") })
        let granted = results.components(separatedBy: "\"subscribed\": true").count - 1
        #expect(granted == 144, "24 events of 5 users, 12 of 2 queues")
        #expect(!results.contains("\"subscribed\": false"))
    }
}
