import NIOCore
import TestSupport
import Testing
import Transport
import WireProtocols

@Suite struct WebSocketConnectionTests {
    @Test(
        "Messages go both ways, whatever their kind and size, with and without compression", arguments: [false, true])
    func echo(isCompressed: Bool) async throws {
        let compression = isCompressed ? PerMessageDeflateConfiguration() : nil
        let server = try await WebSocketServerBench({ $0.compression = compression })
        let bench = WebSocketBench(port: server.port) { $0.compression = compression }
        try await bench.open()
        try await bench.expect(isCompressed ? "ready compressed" : "ready")
        _ = try await bench.with { connection in
            connection.send(.text("grüß"))
            connection.send(.binary(ByteBuffer(repeating: 7, count: 3)))
            connection.send(.binary(ByteBuffer(repeating: 9, count: 5 << 20)))
            connection.send(.text(""))
        }
        try await bench.expect("binary \(5 << 20)")
        try await eventually("all are back", state: { "\(bench.seen)" }) { bench.seen.contains("text ") }
        let messages = bench.seen.filter { $0.hasPrefix("text") || $0.hasPrefix("binary") }
        #expect(messages == ["text grüß", "binary 3", "binary \(5 << 20)", "text "])
        #expect(bench.seen.last == "complete" || bench.seen.last == "writable")
        try await bench.end()
        try await server.end()
        #expect(!bench.seen.contains { $0.hasPrefix("established") })
        #expect(server.log.seen.contains("established: the peer closed the WebSocket with 1000 (normal)"))
    }

    @Test("The server sees credentials, query, extra fields and subprotocols, and decides")
    func decisions() async throws {
        let server = try await WebSocketServerBench(decide: { request, log in
            let expected = HTTPCredentials.basic(username: "test1.example", password: Array("t:o%k/n".utf8))
            guard let expected, request.credentials == expected else {
                return .answer(status: 401, headers: ["WWW-Authenticate": "Basic realm=\"x\""], body: "who?")
            }
            guard request.head.query("app_name") == "a b&c", request.head.headers.first("X-Extra") == "1" else {
                return .answer(status: 404)
            }
            return .accept(WebSocketRecorder(log), subprotocol: request.handshake?.subprotocols.last)
        })
        let good = HTTPTarget.make(path: "/ws", query: [("app_name", "a b&c"), ("forced", "true")])
        for (password, target, expected) in [
            ("t:o%k/n", good, "ready b"), ("not-the-token", good, "upgrade: the server answered HTTP 401"),
            ("t:o%k/n", "/ws", "upgrade: the server answered HTTP 404"),
        ] {
            let bench = WebSocketBench(port: server.port, target: target) {
                $0.credentials = .basic(username: "test1.example", password: Array(password.utf8))
                $0.headers = ["X-Extra": "1"]
                $0.subprotocols = ["a", "b"]
            }
            try await bench.open()
            try await bench.expect(expected)
            try await bench.end()
            #expect(!bench.seen.contains { $0.contains(password) })
        }
        try await server.end()
    }

    @Test("After close the delegate hears nothing more, and the peer hears code and reason")
    func closes() async throws {
        let server = try await WebSocketServerBench()
        let bench = WebSocketBench(port: server.port)
        try await bench.open()
        try await bench.expect("ready")
        let before = bench.seen.filter { $0 != "complete" }
        let closed = try await bench.with { $0.close(.goingAway, reason: "bye") }
        try await closed?.get()
        #expect(bench.seen.filter { $0 != "complete" } == before)
        try await eventually("the server has heard", state: { "\(server.log.seen)" }) {
            server.log.seen.contains("established: the peer closed the WebSocket with 1001 (going away): bye")
        }
        try await eventually("the server has forgotten it") { try await server.with { $0.connections.isEmpty } }
        try await bench.end()
        try await server.end()
    }

    @Test("A server that closes tells all its connections why")
    func serverCloses() async throws {
        let server = try await WebSocketServerBench()
        let benches = (0..<3).map { _ in WebSocketBench(port: server.port) }
        for bench in benches {
            try await bench.open()
            try await bench.expect("ready")
        }
        #expect(try await server.with { $0.connections.count } == 3)
        try await server.end()
        for bench in benches {
            try await bench.expect("established: the peer closed the WebSocket with 1001 (going away)")
            try await bench.end()
        }
    }

    @Test("A connection that is cut by the server's user is told as cut")
    func aborted() async throws {
        let server = try await WebSocketServerBench()
        let bench = WebSocketBench(port: server.port)
        try await bench.open()
        try await bench.expect("ready")
        try await server.with { for connection in $0.connections { connection.abort() } }
        try await bench.expect("established: the connection was cut without a close frame, between two messages")
        try await bench.end()
        try await server.end()
    }

    @Test("Closing while it comes up is quiet, and ends")
    func closesEarly() async throws {
        let server = try await ScriptedServer { _, _ in nil }
        for isMute in [true, false] {
            let bench = WebSocketBench(port: isMute ? server.port : 1)
            try await bench.open()
            if isMute { try await eventually("it is connected") { server.connections > 0 } }
            try await bench.end()
            #expect(bench.seen.isEmpty || !isMute)
        }
        try await server.end()
    }

    @Test("A mute peer is given its time to answer our close frame, and no more")
    func closeUnanswered() async throws {
        let server = try await ScriptedServer { received, _ in ScriptedServer.upgrade(received) }
        let bench = WebSocketBench(port: server.port) { $0.keepAlive.closeTimeout = .milliseconds(100) }
        try await bench.open()
        try await bench.expect("ready")
        try await bench.end()
        try await server.end()
    }

    @Test("While reading is off nothing is handed over, and nothing is lost")
    func backPressure() async throws {
        let server = try await WebSocketServerBench(
            { $0.limits.unsentBytes = 64 << 20 },
            decide: { _, log in
                .accept(
                    WebSocketRecorder(
                        log,
                        ready: { connection in
                            for number in 0..<300 { connection.send(Self.numbered(number, bytes: 100_000)) }
                        }))
            })
        let bench = WebSocketBench(port: server.port)
        try await bench.open()
        try await bench.expect("text 3 ")
        _ = try await bench.with { $0.setReading(false) }
        // What had been read before is handed over before the loop serves anything else.
        let count = try await bench.with { _ in bench.seen.count }
        for _ in 0..<100 { #expect(try await bench.with { _ in bench.seen.count } == count) }
        _ = try await bench.with { $0.setReading(true) }
        try await bench.expect("text 299 ")
        let numbers = bench.seen.filter { $0.hasPrefix("text") }.compactMap { Int($0.split(separator: " ")[1]) }
        #expect(numbers == Array(0..<300))
        try await bench.end()
        try await server.end()
    }

    private static func numbered(_ number: Int, bytes: Int) -> WebSocketMessage {
        .text("\(number) " + String(repeating: "x", count: bytes))
    }

    @Test("A client that does not read is given up at the limit of what waits for it")
    func slowReader() async throws {
        let server = try await WebSocketServerBench({ $0.limits.unsentBytes = 1 << 20 }) { _, log in
            .accept(
                WebSocketRecorder(
                    log,
                    answer: { connection, _ in
                        for _ in 0..<200 { connection.send(.binary(ByteBuffer(repeating: 1, count: 100_000))) }
                    }))
        }
        let bench = WebSocketBench(port: server.port)
        try await bench.open()
        try await bench.expect("ready")
        _ = try await bench.with {
            $0.send(.text("go"))
            $0.setReading(false)
        }
        let sentence = "established: the peer does not take what is sent to it: more than 1048576 bytes are waiting"
        try await eventually("it is given up", state: { "\(server.log.seen.suffix(3))" }) {
            server.log.seen.contains(sentence)
        }
        try await bench.end()
        try await server.end()
    }

    @Test("What could not be sent at once follows when the peer reads again")
    func writability() async throws {
        let server = try await WebSocketServerBench()
        let bench = WebSocketBench(port: server.port)
        try await bench.open()
        try await bench.expect("ready")
        try await server.with { for connection in $0.connections { connection.setReading(false) } }
        _ = try await bench.with { for _ in 0..<100 { $0.send(.binary(ByteBuffer(repeating: 1, count: 100_000))) } }
        #expect(try await bench.with { $0.isWritable } == false)
        try await server.with { for connection in $0.connections { connection.setReading(true) } }
        try await bench.expect("writable")
        try await eventually("all came back", state: { "\(bench.seen.count)" }) {
            bench.seen.count { $0 == "binary 100000" } == 100
        }
        try await bench.end()
        try await server.end()
    }

    @Test("wss: the same over TLS, and the certificate's faults end in their sentence")
    func secure() async throws {
        let authority = try TestAuthority()
        let context = try TLSContext(TLSServerConfiguration(identity: TLSIdentity(try authority.issue())))
        let server = try await WebSocketServerBench({
            $0.initialize = { try $0.pipeline.syncOperations.addHandler(try TLSHandler(server: context)) }
        })
        let bench = WebSocketBench(port: server.port, tls: .trusting(authority.certificate))
        try await bench.open()
        try await bench.expect("ready")
        _ = try await bench.with { $0.send(.binary(ByteBuffer(repeating: 3, count: 1 << 20))) }
        try await bench.expect("binary \(1 << 20)")
        #expect(try await bench.with { $0.tlsPeer?.certificate?.subject } == "CN=pbx.test,O=cti-bridge tests")
        try await bench.end()
        let stranger = WebSocketBench(port: server.port, tls: .trusting(try TestAuthority("Other").certificate))
        try await stranger.open()
        try await stranger.expect("tls: the certificate of CN=pbx.test,O=cti-bridge tests is issued by")
        try await stranger.end()
        try await server.end()
    }
}
