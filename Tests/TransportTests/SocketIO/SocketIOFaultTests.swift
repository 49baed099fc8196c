import NIOCore
import TestSupport
import Testing
import Transport
import WireProtocols

/// Our client before servers that are something else, or nothing.
@Suite("Socket.IO client against what is no Socket.IO server", .timeLimit(.minutes(4)))
struct SocketIOFaultTests {
    private static func quick(_ configuration: inout SocketIOConnectionConfiguration) {
        configuration.timeouts = SocketIOTimeouts(open: .milliseconds(300), connect: .milliseconds(300))
        configuration.upgradeTimeout = .milliseconds(300)
    }

    private static func names(_ version: EngineIOVersion, _ request: String) -> Bool {
        request.contains("EIO=\(version.rawValue)")
    }

    /// A frame of a server.
    private static func frame(_ text: String) -> [UInt8] {
        text.utf8.count < 126
            ? [0x81, UInt8(text.utf8.count)] + Array(text.utf8)
            : [0x81, 126, UInt8(text.utf8.count >> 8), UInt8(text.utf8.count & 0xFF)] + Array(text.utf8)
    }

    static let open = "0{\"sid\":\"e1\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000}"

    private func outcome(
        of server: ScriptedServer, _ begins: String,
        _ adjust: @Sendable (inout SocketIOConnectionConfiguration) -> Void = quick
    ) async throws -> SocketIOBench {
        let bench = SocketIOBench()
        try await bench.open(port: server.port, adjust)
        try await bench.expect(begins)
        return bench
    }

    // Note, section 5, statement 3.
    @Test("A plain WebSocket server that says nothing is left after the time for the open packet")
    func plainWebSocket() async throws {
        let server = try await WebSocketServerBench()
        let bench = SocketIOBench()
        try await bench.open(port: server.port, Self.quick)
        try await bench.expect(
            "handshake: no open packet within 300 ms: the server accepts WebSockets and says nothing")
        #expect(bench.seen.count == 1)
        try await bench.end()
        try await server.end()
    }

    @Test("A plain WebSocket server that says something is named, with its words")
    func talkingWebSocket() async throws {
        let server = try await ScriptedServer { request, _ in
            ScriptedServer.upgrade(request, then: Self.frame("{\"type\":\"welcome\"}"))
        }
        let bench = try await outcome(
            of: server,
            "handshake: the server speaks WebSocket, but no Socket.IO (\"{\"type\":\"welcome\"}\"): check host, port and path"
        )
        #expect(bench.log.refusals == [true])
        try await bench.end()
        try await server.end()
    }

    @Test("An HTTP server without Socket.IO: 404, its body, and advice")
    func notFound() async throws {
        let server = try await ScriptedServer { _, _ in
            .text("HTTP/1.1 404 Not Found\r\nContent-Length: 14\r\n\r\n404: Not Found")
        }
        let bench = try await outcome(
            of: server,
            "upgrade: there is no Socket.IO server at this path (HTTP 404, \"404: Not Found\"): check host, port and path"
        )
        #expect(bench.log.refusals == [true])
        #expect(server.connections == 1)
        try await bench.end()
        try await server.end()
    }

    @Test("A server that accepts and says nothing")
    func mute() async throws {
        let server = try await ScriptedServer { _, _ in nil }
        let bench = try await outcome(of: server, "upgrade: no answer within ")
        #expect(bench.log.refusals == [false])
        try await bench.end()
        try await server.end()
    }

    @Test("101 and then an HTTP 400 (JavaScript 4.x to Engine.IO 3): the other generation is asked for, and works")
    func refusedBehindUpgrade() async throws {
        let server = try await ScriptedServer { received, _ in
            if Self.names(.v3, received) {
                let text = Array(
                    ("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-type: text/html\r\nContent-Length: 28\r\n\r\n"
                        + "Unsupported protocol version").utf8)
                return ScriptedServer.upgrade(received, then: text, closes: true)
            }
            if Self.names(.v4, received) { return ScriptedServer.upgrade(received, then: Self.frame(Self.open)) }
            return ScriptedServer.Answer(bytes: Self.frame("40{\"sid\":\"s1\"}"))
        }
        let bench = try await outcome(of: server, "ready 4 fallback")
        #expect(server.connections == 2)
        try await bench.end()

        let strict = try await outcome(
            of: server,
            "upgrade: the server does not speak this generation of Socket.IO (HTTP 400, \"Unsupported protocol version\")"
        ) {
            Self.quick(&$0)
            $0.policy = .eio3
        }
        #expect(strict.log.refusals == [true])
        try await strict.end()
        try await server.end()
    }

    @Test("An old server that takes Engine.IO 4 without a word is found out at once, and asked for 3")
    func olderServer() async throws {
        let server = try await ScriptedServer { received, _ in
            guard received.hasPrefix("GET") else { return nil }
            return ScriptedServer.upgrade(received, then: Self.frame(Self.open) + Self.frame("40"))
        }
        for policy in [SocketIOVersionPolicy.eio4, .auto] {
            let bench = SocketIOBench()
            try await bench.open(port: server.port, preferring: .v4) {
                Self.quick(&$0)
                $0.policy = policy
            }
            try await bench.expect("ready 3 fallback")
            try await bench.end()
        }
        #expect(server.connections == 4)
        try await server.end()
    }

    @Test("Refused in both generations: one error that names both answers")
    func bothRefused() async throws {
        let server = try await ScriptedServer { received, _ in
            let body = Self.names(.v3, received) ? "no three" : "no four"
            return .text("HTTP/1.1 400 Bad Request\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
        let bench = try await outcome(
            of: server, "upgrade: the server takes neither generation of Socket.IO: to Engine.IO 3 ")
        let told = try #require(bench.seen.first)
        #expect(told.contains("no three") && told.contains("to Engine.IO 4") && told.contains("no four"))
        #expect(bench.log.refusals == [true])
        // Two for WebSockets, one to find out more.
        #expect(server.connections == 3)
        try await bench.end()
        try await server.end()
    }

    @Test(
        "A server that drops the request is asked in plain HTTP what it is",
        arguments: [
            (
                "200 OK", "Welcome to socket.io.",
                "upgrade: the server looks like Socket.IO 0.9, which is not supported (HTTP 200"
            ),
            (
                "500 Internal Server Error", "Protocol version not supported.",
                "upgrade: the server looks like Socket.IO 0.9, which is not supported (HTTP 500"
            ),
            (
                "404 Not Found", "Cannot GET",
                "upgrade: there is no Socket.IO server at this path (HTTP 404, \"Cannot GET\")"
            ),
            ("200 OK", open, "upgrade: the server does not take WebSockets (\"it answers polling, and drops"),
            (
                "503 Service Unavailable", "",
                "upgrade: the server takes neither generation of Socket.IO: to Engine.IO 3 "
            ),
        ])
    func dropped(_ status: String, _ body: String, _ sentence: String) async throws {
        let server = try await ScriptedServer { received, _ in
            if received.contains("transport=websocket") { return ScriptedServer.Answer(closes: true) }
            guard received.hasSuffix("\r\n\r\n") else { return nil }
            return .text("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        }
        let bench = try await outcome(of: server, sentence)
        #expect(bench.seen.count == 1)
        #expect(server.connections == 3)
        try await bench.end()
        try await server.end()
    }

    @Test("Broken JSON, wrong attachments and unreadable frames end the session with a reason, and no crash")
    func broken() async throws {
        for (text, sentence) in [
            ("42[\"a\",", "established: the server broke the Socket.IO protocol: the JSON of a packet is malformed"),
            (
                "451-[\"a\",{\"_placeholder\":true,\"num\":3}]",
                "established: the server broke the Socket.IO protocol: a placeholder"
            ),
        ] {
            let server = try await ScriptedServer { received, _ in
                ScriptedServer.upgrade(
                    received,
                    then: Self.frame(Self.open) + Self.frame("40") + Self.frame("42[\"x\"]") + Self.frame(text))
            }
            let bench = try await outcome(of: server, sentence)
            #expect(bench.seen.prefix(2) == ["ready 3", "event x [\"x\"]"])
            #expect(bench.log.refusals == [false])
            try await bench.end()
            try await server.end()
        }
    }

    @Test("A close during any stage ends the attempt, and nothing is told")
    func closeWhileComingUp() async throws {
        // Engine.IO 3 is dropped; 4 and the plain request are never answered.
        for stage in 0...3 {
            let server = try await ScriptedServer { received, number in
                number < 3 && received.contains("transport=websocket") && (number == 1 || stage == 3)
                    ? ScriptedServer.Answer(closes: true) : nil
            }
            let bench = SocketIOBench()
            try await bench.open(port: server.port)
            try await eventually("stage \(stage)", state: { "\(server.connections)" }) { server.connections >= stage }
            try await bench.close()
            #expect(bench.seen.isEmpty)
            try await bench.end()
            try await eventually("all sockets are closed") { server.openConnections == 0 }
            try await server.end()
        }
    }

    // Note, section 5, statement 10.
    @Test("A clean stop: DISCONNECT, a close frame with 1000, and not long until the end", arguments: [true, false])
    func cleanStop(_ answers: Bool) async throws {
        let server = try await WebSocketServerBench(decide: { _, log in
            .accept(
                WebSocketRecorder(
                    log,
                    ready: { connection in
                        connection.send(.text(Self.open))
                        connection.send(.text("40"))
                        // One that reads nothing more answers no close frame.
                        if !answers { connection.setReading(false) }
                    }))
        })
        let bench = SocketIOBench()
        try await bench.open(port: server.port)
        try await bench.expect("ready 3")
        try await bench.close()
        if answers {
            try await eventually("the server heard it", state: { "\(server.log.seen)" }) {
                server.log.seen.contains("text 41") && server.log.seen.contains("close 1000 (normal)")
            }
        }
        #expect(bench.seen == ["ready 3"])
        try await bench.end()
        try await server.end()
    }

    @Test("What a 404 page repeats of the token is hidden")
    func secrets() async throws {
        let server = try await ScriptedServer { received, _ in
            let line = received.split(separator: "\r\n").first ?? ""
            return .text("HTTP/1.1 404 Not Found\r\nContent-Length: \(line.utf8.count)\r\n\r\n\(line)")
        }
        let bench = try await outcome(of: server, "upgrade: there is no Socket.IO server at this path") {
            Self.quick(&$0)
            $0.query = [(name: "token", value: "top s3cret")]
        }
        let told = try #require(bench.seen.first)
        #expect(told.contains("token=***") && !told.contains("s3cret"), "\(told)")
        try await bench.end()
        try await server.end()
    }
}
