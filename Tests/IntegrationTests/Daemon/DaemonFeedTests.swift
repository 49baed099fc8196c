import Codecs
import Foundation
import TestSupport
import Testing

/// The daemon's admin listener and a feed, read by curl, by Chromium and by many at once.
@Suite(.serialized) struct DaemonFeedTests {
    private let directory: TemporaryDirectory
    private let binary: String
    private let path: String
    private let port: Int
    private var base: String { "http://127.0.0.1:\(port)" }

    init() throws {
        (directory, binary) = (try TemporaryDirectory(), try DaemonProcess.binary())
        path = directory.file("acme.yaml")
        port = Int(try LoopbackPort.free())
    }

    private func configure(_ redis: RedisServer, origins: String = "https://wall.example") throws {
        try directory.write("ops", "ops-token\n")
        try directory.write("nomsa", "nomsa-token\n")
        try directory.write(
            "acme.yaml",
            """
            tenant: acme
            sources:
              - { name: cape, vendor: teleforge, redis: "\(redis.url)" }
            sinks:
              - { name: live, type: feed }
              - { name: lines, type: file, path: \(directory.file("lines.jsonl")) }
            store: { path: \(directory.file("store.sqlite")) }
            admin:
              listen: 127.0.0.1:\(port)
              origins: ["\(origins)"]
              tokens:
                - { name: ops, token: { file: \(directory.file("ops")) } }
                - { name: nomsa, token: { file: \(directory.file("nomsa")) }, scope: { agents: ["1001"] } }

            """)
    }

    private func start() async throws -> DaemonProcess {
        let daemon = try DaemonProcess(binary: binary, ["run", path], directory: directory)
        try await listens(daemon)
        return daemon
    }

    private func listens(_ daemon: DaemonProcess) async throws {
        try await eventually("it answers", state: { daemon.state }) {
            guard daemon.isRunning else { throw TestFailure(description: daemon.state) }
            guard let connection = try? LoopbackConnection(port: port) else { return false }
            try connection.send("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return try connection.receive().hasSuffix("ok\n")
        }
    }

    /// A call each, of agents 1001 and 1002 in turn.
    private func push(_ calls: ClosedRange<Int>, to redis: RedisServer) throws {
        let elements = calls.map {
            #"{"type":"call","payload":{"number":"082\#(1_000_000 + $0)","call_ref":"ref-\#($0)","ref":"\#(1001 + $0 % 2)","call_dir":"inbound","hold_time":\#($0)}}"#
        }
        try redis.client().push(TeleforgeElements.inboundList, elements)
    }

    /// What the file sink has: every line, in order.
    private var lines: [JSONValue] {
        directory.text("lines.jsonl").split(separator: "\n").compactMap { line in
            try? JSONDocument(Array(line.utf8), limits: JSONLimits(depth: 32)).root
        }
    }

    private func delivered(_ calls: Int, _ daemon: DaemonProcess) async throws -> Int64 {
        try await eventually("\(calls) calls are delivered", state: { daemon.state }) {
            lines.count { $0["kind"]?.string == "call.answered" } == calls
        }
        return lines.last?["seq"]?.integer ?? -1
    }

    /// curl that writes what it gets to `name`.
    private func curl(_ name: String, _ arguments: String...) throws -> ChildProcess {
        try ChildProcess(
            "curl", ["--silent", "--show-error", "--no-buffer", "--max-time", "100"] + arguments,
            output: .file(directory.file(name)), errors: .file(directory.file("\(name).err")))
    }

    private func events(_ name: String) -> [ServerSentEvent] {
        let text = directory.text(name)
        return text.isEmpty ? [] : ServerSentEvent.parse(text)
    }

    private func ask(_ target: String, _ arguments: String...) async throws -> String {
        let arguments = ["--silent", "--include", "--max-time", "20"] + arguments + ["\(base)\(target)"]
        return try await ChildProcess.run("curl", arguments).output.replacing("\r\n", with: "\n")
    }

    // MARK: - curl

    @Test(.timeLimit(.minutes(3)))
    func `curl resumes over restarts of the daemon without a hole or a repeat`() async throws {
        guard let redis = try await RedisServer.start() else { return }
        try configure(redis)
        let daemon = try await start()
        var got: [Int64] = []
        for round in 0..<4 {
            let name = "round-\(round)"
            let reader = try curl(
                name, "--header", "Authorization: Bearer ops-token", "--header", "Last-Event-ID: \(got.last ?? 0)",
                "\(base)/feed/live")
            try push(round * 20 + 1...round * 20 + 20, to: redis)
            let last = try await delivered(20 * (round + 1), daemon)
            try await eventually("the reader has them", state: { "\(events(name).count), \(daemon.state)" }) {
                events(name).last?.seq ?? 0 >= last
            }
            if round % 2 == 0 {
                #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
            } else {
                try await daemon.kill()
            }
            // A stream that ended in order is an end for curl as well; of a killed service the connection broke.
            #expect(try await reader.wait() == .code(round % 2 == 0 ? 0 : 18))
            got += events(name).map(\.seq)
            if round % 2 == 0 { #expect(events(name).last?.event == "bridge.stopped") }
            try daemon.restart()
            try await listens(daemon)
        }
        let last = try await delivered(80, daemon)
        _ = try await daemon.terminate()
        let rest = lines.compactMap { $0["seq"]?.integer }
        #expect(got == Array(1...(got.last ?? 0)) && (got.last ?? 0) < last + 1)
        #expect(rest == Array(1...Int64(rest.count)))
    }

    @Test(.timeLimit(.minutes(2)))
    func `A token for an agent never sees another's call, and no status`() async throws {
        guard let redis = try await RedisServer.start() else { return }
        try configure(redis)
        let daemon = try await start()
        let scoped = try curl("nomsa.out", "--header", "Authorization: Bearer nomsa-token", "\(base)/feed/live?since=0")
        let wider = try curl("wider.out", "\(base)/feed/live?since=0&agent=1002&access_token=nomsa-token")
        let all = try curl("all.out", "\(base)/feed/live?since=0&access_token=ops-token")
        let ended = try curl(
            "filtered.out", "\(base)/feed/live?since=0&access_token=ops-token&kind=call.answered&agent=1002")
        try push(1...40, to: redis)
        let last = try await delivered(40, daemon)
        try await eventually("everybody has what is his", state: { daemon.state }) {
            events("all.out").last?.seq ?? 0 >= last && events("nomsa.out").count >= 20
                && events("filtered.out").count >= 20
        }
        #expect(events("all.out").map(\.seq) == Array(1...last))
        for event in events("nomsa.out") {
            let line = try JSONDocument(Array(event.data.utf8), limits: JSONLimits(depth: 32)).root
            #expect(line["agent"]?["id"]?.string == "1001", "\(event.data)")
        }
        #expect(
            !directory.text("nomsa.out").contains("ref-2\"")
                || events("nomsa.out").allSatisfy { !$0.data.contains(#""id":"1002""#) })
        #expect(events("wider.out").isEmpty)
        #expect(
            events("filtered.out").allSatisfy {
                $0.event == "call.answered" && $0.data.contains(#""agent":{"id":"1002""#)
            })
        #expect(try await ask("/status", "--header", "Authorization: Bearer nomsa-token").hasPrefix("HTTP/1.1 403 "))
        #expect(try await ask("/metrics").hasPrefix("HTTP/1.1 401 "))
        let status = try await ask("/status", "--header", "Authorization: Bearer ops-token")
        #expect(status.hasPrefix("HTTP/1.1 200 OK\n") && status.contains("\"readers\":4"))
        let metrics = try await ask("/metrics", "--header", "Authorization: Bearer ops-token")
        #expect(
            metrics.contains("\nctibridge_sink_cursor{tenant=\"acme\",sink=\"live\",type=\"feed\"} \(last)\n"),
            "\(metrics)")
        #expect(
            metrics.contains(
                "\nctibridge_source_acknowledged_total{tenant=\"acme\",source=\"cape\",vendor=\"teleforge\"} 40\n"))
        for reader in [scoped, wider, all, ended] { reader.signal(SIGTERM) }
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `Pages of listed origins may read, SIGHUP lets readers come again, a replay comes marked`() async throws {
        guard let redis = try await RedisServer.start() else { return }
        try configure(redis)
        let daemon = try await start()
        let preflight = try await ask(
            "/feed/live", "--request", "OPTIONS", "--header", "Origin: https://wall.example", "--header",
            "Access-Control-Request-Method: GET")
        #expect(preflight.hasPrefix("HTTP/1.1 204 "), "\(preflight)")
        #expect(preflight.lowercased().contains("\naccess-control-allow-origin: https://wall.example\n"))
        let evil = try await ask(
            "/feed/live", "--head", "--header", "Origin: https://evil.example", "--header",
            "Authorization: Bearer ops-token")
        #expect(evil.hasPrefix("HTTP/1.1 200 ") && !evil.lowercased().contains("access-control"), "\(evil)")

        let reader = try curl("a.out", "\(base)/feed/live?since=0&access_token=ops-token")
        try push(1...2, to: redis)
        _ = try await delivered(2, daemon)
        try await eventually("it has them") { events("a.out").contains { $0.data.contains("ref-2") } }
        let environment = [
            "XDG_STATE_HOME": directory.file("state"), "XDG_RUNTIME_DIR": directory.file("run"), "HOME": directory.path,
        ]
        let replay = try ChildProcess(
            binary, ["replay", "--config", path, "--sink", "live", "--call", "cape:ref-1"], environment: environment)
        #expect(try await replay.wait() == .code(0))
        try await eventually("the replay comes", state: { daemon.state }) {
            events("a.out").contains {
                $0.id == nil && $0.data.contains("\"replayed\":true") && $0.data.contains("ref-1")
            }
        }
        daemon.child.signal(SIGHUP)
        #expect(try await reader.wait() == .code(0), "the stream ends in order")
        #expect(daemon.isRunning)
        _ = try await daemon.terminate()
    }

    @Test(.timeLimit(.minutes(1)))
    func `A port that is taken ends the start with a sentence`() async throws {
        guard let redis = try await RedisServer.start() else { return }
        try configure(redis)
        let daemon = try await start()
        let other = directory.file("other.yaml")
        try directory.write(
            "other.yaml",
            directory.text("acme.yaml").replacing("tenant: acme", with: "tenant: other")
                .replacing("store.sqlite", with: "other.sqlite").replacing("lines.jsonl", with: "other.jsonl"))
        let errors = directory.file("other.err")
        let second = try ChildProcess(
            binary, ["run", other],
            environment: [
                "XDG_STATE_HOME": directory.file("state"), "XDG_RUNTIME_DIR": directory.file("run"),
                "HOME": directory.path,
            ],
            errors: .file(errors))
        #expect(try await second.wait() == .code(1))
        #expect(
            directory.text("other.err").contains(
                "admin cannot listen on 127.0.0.1:\(port): another process listens there"))
        _ = try await daemon.terminate()
    }

    // MARK: - Many readers

    @Test(.timeLimit(.minutes(4)))
    func `Five hundred readers get every event, and memory stays within its bounds`() async throws {
        guard let redis = try await RedisServer.start() else { return }
        try configure(redis)
        let daemon = try await start()
        try push(1...1, to: redis)
        let before = try await delivered(1, daemon)
        let memory = try ProcessFigures(of: daemon.child.pid).anonymousBytes
        let calls = 30
        // Each call is two lines.
        let readers = try ChildProcess(
            "/usr/bin/python3",
            [
                PythonPeer.script("feed_readers.py"), "\(base)/feed/live", "ops-token", "500", "\(2 * calls)",
                directory.file("progress"),
            ], output: .file(directory.file("readers.json")), errors: .file(directory.file("readers.err")))
        try await eventually(
            "all are let in", within: .seconds(60), state: { directory.text("readers.err") + daemon.state }
        ) {
            guard readers.ended() == nil else { throw TestFailure(description: directory.text("readers.err")) }
            return directory.text("progress") == "0"
        }
        // One after the other: the time of each is its own.
        var last = before
        for call in 2...calls + 1 {
            try push(call...call, to: redis)
            last = try await delivered(call, daemon)
            try await eventually(
                "all have them", state: { "\(directory.text("progress")) of \(last - before), \(daemon.state)" }
            ) { Int64(directory.text("progress")) == last - before || readers.ended() != nil }
        }
        #expect(try await readers.wait(within: .seconds(150)) == .code(0), "\(directory.text("readers.err"))")
        let report = try JSONDocument(Array(directory.text("readers.json").utf8)).root
        #expect(report["different"]?.integer == 1, "\(directory.text("readers.json"))")
        #expect(report["seqs"]?.elements.compactMap(\.integer) == Array(before + 1...last))
        let grown = try ProcessFigures(of: daemon.child.pid).anonymousBytes - memory
        #expect(grown < 200 << 20, "\(grown) bytes more")
        func figure(_ name: StaticString) -> String { report[name]?.numberText ?? "?" }
        print(
            "500 readers: from the receipt of an event to its last reader median \(figure("median_ms")) ms, p99 \(figure("p99_ms")) ms, "
                + "longest \(figure("max_ms")) ms; memory grew by \(grown >> 20) MiB")
        #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
    }

    // MARK: - A browser

    @Test(.timeLimit(.minutes(3)))
    func `Chromium's EventSource goes on over a restart of the daemon without a hole or a repeat`() async throws {
        guard let chromium = ChildProcess.find("chromium") ?? ChildProcess.find("google-chrome") else {
            return printSkip("no Chromium is installed: apt-get install chromium")
        }
        guard let redis = try await RedisServer.start() else { return }
        let page = try TemporaryDirectory()
        let server = try ChildProcess(
            "/usr/bin/python3",
            [PythonPeer.script("browser_page.py"), page.path, "\(base)/feed/live?since=0&access_token=ops-token"],
            errors: .file(page.file("server.err")))
        try await eventually("the page is served", state: { page.text("server.err") }) { !page.text("port").isEmpty }
        let origin = "http://127.0.0.1:\(page.text("port"))"
        try configure(redis, origins: origin)
        let daemon = try await start()
        let browser = try ChildProcess(
            chromium,
            [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
                "--disable-background-networking", "--user-data-dir=\(page.file("profile"))", "\(origin)/page",
            ], environment: ["HOME": page.path], errors: .file(page.file("browser.err")))
        func state() -> String {
            "seen: \(page.text("seen").split(separator: "\n").suffix(5)); \(page.text("browser.err").suffix(500)); \(daemon.state)"
        }
        var calls = 0
        for round in 0..<4 {
            try push(calls + 1...calls + 10, to: redis)
            calls += 10
            let last = try await delivered(calls, daemon)
            try await eventually("the page has them", within: .seconds(60), state: state) {
                (Self.seqs(page.text("seen")).max() ?? 0) >= last
            }
            guard round < 3 else { break }
            if round == 1 {
                try await daemon.kill()
            } else {
                #expect(try await daemon.terminate() == .code(0), "\(daemon.state)")
            }
            try daemon.restart()
            try await listens(daemon)
        }
        _ = try await daemon.terminate()
        browser.signal(SIGTERM)
        _ = try await browser.wait(state: state)
        server.signal(SIGTERM)
        let seqs = Self.seqs(page.text("seen"))
        #expect(seqs == Array(1...(seqs.last ?? 0)), "\(state())")
        #expect(page.text("seen").split(separator: "\n").count { $0 == "open" } >= 4, "\(state())")
    }

    /// What the page saw, in its order; what has no `seq`, such as a notice, is -1.
    private static func seqs(_ seen: String) -> [Int64] {
        seen.split(separator: "\n").filter { $0.contains(".") || $0.hasPrefix("notice") || $0.hasPrefix("message") }.map
        {
            let parts = $0.split(separator: " ")
            guard parts.count == 3, parts[1] == parts[2] else { return -1 }
            return Int64(parts[1]) ?? -1
        }
    }
}

extension JSONValue {
    fileprivate var integer: Int64? { numberText.flatMap { Int64($0) } }
}
