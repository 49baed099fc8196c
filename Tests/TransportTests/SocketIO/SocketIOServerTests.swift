import Foundation
import NIOCore
import TestSupport
import Testing
import Transport
import WireProtocols

/// Our server against stock clients in their default settings, and against our own.
@Suite("Socket.IO server", .timeLimit(.minutes(4)))
struct SocketIOServerTests {
    static let steps = [
        "hello {\"ns\": \"/\"}", "hello /cti {\"ns\": \"/cti\"}", "echo {\"k\": \"v\", \"n\": [1, 2.5, null, true]}",
        "echo \"caf\\u00e9 \\u260e \\ud83d\\udcde\"", "nothing null", "pushed [\"one\", \"two\"]",
        "pushed [\"\\u20ac\\ud83d\\ude00\"]", "blob \"01020304\"", "bin_echo \"deadbeef\"", "asked 6x7?",
        "answered [[\"42\", {\"ok\": true}]]",
        "seen {\"type\": \"demo\", \"channel\": {\"uniqueid\": \"1437069264.914\"}, \"reference\": \"r1\"}",
        "cti \"cti\"",
    ]

    @Test(
        "python-socketio clients of both generations: polling and upgrade, polling alone, WebSocket alone",
        arguments: [4, 5], ["default", "polling", "websocket"])
    func python(_ generation: Int, _ transports: String) async throws {
        let server = try await SocketIOServerBench {
            ($0.session.pingInterval, $0.session.pingTimeout) = (.seconds(1), .seconds(2))
        }
        guard
            let peer = try SocketIOPeer.client(
                generation: generation, "http://127.0.0.1:\(server.port)", "--transports", transports, "--stay", "4")
        else { return try await server.end() }
        _ = try await peer.process.wait(within: .seconds(90)) { peer.output }
        let transport = transports == "polling" ? "polling" : "websocket"
        let expected = ["connected by \(transport)"] + Self.steps + ["stayed \"still there\"", "done"]
        // Once or twice, by the client's version.
        #expect(peer.lines.filter { $0 != "disconnected" } == expected, "\(peer.output)")
        try await server.expect("disconnected /:")
        let statistics = try await server.with { $0.statistics }
        #expect(statistics.sessions == 1)
        #expect(statistics.upgrades == (transports == "default" ? 1 : 0))
        #expect(statistics.refusals.isEmpty)
        #expect(try await server.with { $0.clients.count } == 0)
        try await server.end()
    }

    @Test("The client of 2015: handshake by polling with a binary body, then WebSocket")
    func client2015() async throws {
        let server = try await SocketIOServerBench { $0.session.pingInterval = .seconds(1) }
        guard let peer = try SocketIOPeer.client2015("\(server.port)") else { return try await server.end() }
        _ = try await peer.process.wait(within: .seconds(90)) { peer.output }
        #expect(
            peer.lines.filter { !$0.hasPrefix("WARNING") } == [
                "connected", "pushed ({'a': 1},)", "echo ({'k': 'v'},)",
                "seen ({'type': 'demo', 'channel': {'uniqueid': '1437069264.914'}},)", "done",
            ], "\(peer.output)")
        try await server.expect("disconnected /:")
        #expect(server.log.seen.contains { $0.hasPrefix("event websocket RealtimeCTI") })
        #expect(try await server.with { $0.statistics }.upgrades == 1)
        try await server.end()
    }

    // MARK: Tokens

    @Test(
        "python clients show the token in the query or, in protocol 5, with CONNECT",
        arguments: [(4, "--token"), (5, "--token"), (5, "--auth")])
    func rightToken(_ generation: Int, _ option: String) async throws {
        let server = try await SocketIOServerBench { $0.token = HTTPCredentials.bearer(Array("s3cret".utf8)) }
        guard
            let peer = try SocketIOPeer.client(
                generation: generation, "http://127.0.0.1:\(server.port)", option, "s3cret")
        else { return try await server.end() }
        _ = try await peer.process.wait(within: .seconds(90)) { peer.output }
        #expect(peer.lines.last == "done", "\(peer.output)")
        try await server.end()
    }

    @Test("python clients without the token do not come in", arguments: [4, 5])
    func noToken(_ generation: Int) async throws {
        let server = try await SocketIOServerBench { $0.token = HTTPCredentials.bearer(Array("s3cret".utf8)) }
        guard
            let peer = try SocketIOPeer.client(
                generation: generation, "http://127.0.0.1:\(server.port)", "--auth", "wrong")
        else { return try await server.end() }
        _ = try await peer.process.wait(within: .seconds(90)) { peer.output }
        #expect(peer.lines.contains { $0.hasPrefix("failed ConnectionError") }, "\(peer.output)")
        #expect(server.log.seen.contains("refused wrongToken"))
        #expect(!server.log.seen.contains { $0.hasPrefix("connected") })
        try await server.end()
    }

    static let showings: [(EngineIOVersion, String, String, String?)] = [
        (.v3, "query", "s3cret", nil), (.v4, "query", "s3cret", nil), (.v3, "header", "s3cret", nil),
        (.v4, "header", "s3cret", nil), (.v4, "auth", "s3cret", nil),
        (.v3, "query", "s3crex", "upgrade: the server does not let us in (HTTP 401, \"Not authorized\")"),
        (.v4, "header", "s3cre", "upgrade: the server does not let us in (HTTP 401, \"Not authorized\")"),
        (.v4, "auth", "", "handshake: the server's application refused the connection (code 401, \"Not authorized\")"),
        (.v3, "none", "", "upgrade: the server does not let us in (HTTP 401, \"Not authorized\")"),
        (.v4, "none", "", "handshake: the server's application refused the connection (code 401, \"Not authorized\")"),
    ]

    @Test("Our client and our server: every way to show the token", arguments: showings)
    func tokens(_ version: EngineIOVersion, _ way: String, _ token: String, _ refusal: String?) async throws {
        let server = try await SocketIOServerBench { $0.token = HTTPCredentials.bearer(Array("s3cret".utf8)) }
        let bench = SocketIOBench()
        try await bench.open(port: server.port) {
            $0.policy = version == .v3 ? .eio3 : .eio4
            switch way {
            case "query": $0.query = [(name: "token", value: token)]
            case "header": $0.credentials = HTTPCredentials.bearer(Array(token.utf8))
            case "auth": $0.auth = Array("{\"token\":\"\(token)\"}".utf8)
            default: break
            }
        }
        try await bench.expect(refusal ?? "ready \(version.rawValue)")
        #expect(bench.log.refusals == (refusal == nil ? [] : [true]))
        try await bench.end()
        try await server.end()
    }

    // MARK: Our client

    @Test("Our client and our server: everything goes both ways", arguments: EngineIOVersion.allCases)
    func conversation(_ version: EngineIOVersion) async throws {
        let server = try await SocketIOServerBench()
        let bench = SocketIOBench()
        try await bench.open(port: server.port, preferring: version) { $0.namespace = "/cti" }
        try await bench.expect("ready \(version.rawValue)")
        try await bench.expect("event hello [\"hello\",{\"ns\":\"/cti\"}]")
        try await bench.emit("echo", .string("€😀"), asks: true)
        try await bench.expect("acknowledged 0  [\"€😀\"]")
        try await bench.emit("bin_echo", .binary(ByteBuffer(bytes: [0xDE, 0xAD])), asks: true)
        try await bench.expect("acknowledged 1  [{\"_placeholder\":true,\"num\":0}] #dead")
        try await bench.emit("ask")
        try await bench.expect("event answered [\"answered\",[\"42\",{\"ok\":true}]]")
        try await bench.emit("kick")
        try await bench.expect("established: the server disconnected us")
        try await server.expect("disconnected /cti: the server put the client out")
        try await bench.end()
        try await server.end()
    }

    @Test("auto asks for 3 first, and is served")
    func auto() async throws {
        let server = try await SocketIOServerBench()
        let bench = SocketIOBench()
        try await bench.open(port: server.port)
        try await bench.expect("ready 3")
        try await bench.close()
        try await server.expect("disconnected /: the client left the namespace")
        try await bench.end()
        try await server.end()
    }

    @Test("A server that stops tells its clients", arguments: EngineIOVersion.allCases)
    func stop(_ version: EngineIOVersion) async throws {
        let server = try await SocketIOServerBench()
        let bench = SocketIOBench()
        try await bench.open(port: server.port, preferring: version)
        try await bench.expect("ready")
        try await server.end()
        try await bench.expect("established: the server disconnected us")
        try await bench.end()
    }

    @Test("The generations that are spoken can be chosen")
    func versions() async throws {
        let server = try await SocketIOServerBench { $0.versions = [.v4] }
        let bench = SocketIOBench()
        try await bench.open(port: server.port)
        try await bench.expect("ready 4 fallback")
        #expect(server.log.seen.first == "refused fault(WireProtocols.EngineIORequestFault.unsupportedVersion)")
        try await bench.end()
        try await server.end()
    }

    @Test("Sessions are bounded; those that end make room")
    func sessionLimit() async throws {
        let server = try await SocketIOServerBench { $0.maximumSessions = 1 }
        let (first, second) = (SocketIOBench(), SocketIOBench())
        try await first.open(port: server.port)
        try await first.expect("ready")
        try await second.open(port: server.port)
        try await second.expect("upgrade: the server is not ready (HTTP 503, \"too many sessions\")")
        #expect(second.log.refusals == [false])
        try await first.close()
        try await server.expect("disconnected /:")
        try await second.open(port: server.port)
        try await second.expect("ready")
        try await first.end()
        try await second.end()
        try await server.end()
    }

    // MARK: Plain requests

    private func exchange(_ wire: String, port: Int, until text: String) async throws -> String {
        let client = try await RawClient(port: port)
        try await client.send(wire)
        try await eventually(text, state: { client.received }) { client.received.contains(text) }
        try await client.end()
        return client.received
    }

    private static func get(_ target: String, _ fields: String = "") -> String {
        "GET \(target) HTTP/1.1\r\nHost: h\r\n\(fields)\r\n"
    }

    static let requests: [(String, String, String)] = [
        ("/socket.io/?EIO=4&transport=polling", "", "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\n"),
        ("/socket.io?EIO=4&transport=polling", "", "HTTP/1.1 200 OK\r\n"),
        ("/socket.io/?EIO=3&transport=polling", "", "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"),
        (
            "/socket.io/?EIO=3&transport=polling&b64=1", "",
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\n"
        ),
        ("/engine.io/?EIO=4&transport=polling", "", "HTTP/1.1 404 Not Found\r\n"),
        ("/socket.io/x?EIO=4&transport=polling", "", "HTTP/1.1 404 Not Found\r\n"),
        (
            "/socket.io/?EIO=4&transport=polling&sid=nope", "",
            "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
        ),
        ("/socket.io/?EIO=4&transport=polling", "Origin: http://h\r\n", "HTTP/1.1 200 OK\r\n"),
        ("/socket.io/?EIO=4&transport=polling", "Origin: https://crm.example\r\n", "HTTP/1.1 200 OK\r\n"),
        ("/socket.io/?EIO=4&transport=polling", "Origin: http://evil.example\r\n", "HTTP/1.1 403 Forbidden\r\n"),
        ("/socket.io/?EIO=4&transport=polling", "Origin: null\r\n", "HTTP/1.1 403 Forbidden\r\n"),
    ]

    @Test("Plain requests are answered by their path, query and origin", arguments: requests)
    func plain(_ target: String, _ fields: String, _ answer: String) async throws {
        let server = try await SocketIOServerBench { $0.origins = ["https://crm.example"] }
        let received = try await exchange(Self.get(target, fields), port: server.port, until: "\r\n\r\n")
        #expect(received.hasPrefix(answer), "\(received)")
        try await server.end()
    }

    @Test("Without polling only WebSockets come in")
    func noPolling() async throws {
        let server = try await SocketIOServerBench { $0.allowsPolling = false }
        let received = try await exchange(
            Self.get("/socket.io/?EIO=4&transport=polling"), port: server.port, until: "}")
        #expect(received.hasSuffix("{\"code\":0,\"message\":\"Transport unknown\"}"))
        let bench = SocketIOBench()
        try await bench.open(port: server.port)
        try await bench.expect("ready")
        try await bench.end()
        try await server.end()
    }

    @Test("A body that is too long is refused, and the session lives")
    func longBody() async throws {
        let server = try await SocketIOServerBench { $0.session.limits.messageBytes = 100 }
        let sid = try await openByPolling(server.port)
        let post = "POST /socket.io/?EIO=4&transport=polling&sid=\(sid) HTTP/1.1\r\nHost: h\r\nContent-Length: "
        #expect(
            try await exchange(post + "101\r\n\r\n", port: server.port, until: "\r\n\r\n").hasPrefix("HTTP/1.1 413"))
        #expect(try await exchange(post + "2\r\n\r\n40", port: server.port, until: "ok").hasPrefix("HTTP/1.1 200"))
        try await server.expect("connected / 4")
        try await server.end()
    }

    @Test("A request that waits is answered when there is something; one that is dropped ends the session")
    func longPoll() async throws {
        let server = try await SocketIOServerBench()
        let sid = try await openByPolling(server.port)
        let target = "/socket.io/?EIO=4&transport=polling&sid=\(sid)"
        let waiting = try await RawClient(port: server.port)
        try await waiting.send(Self.get(target))
        let post = "POST \(target) HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n40"
        #expect(try await exchange(post, port: server.port, until: "ok").contains("200"))
        try await eventually("the answer", state: { waiting.received }) { waiting.received.contains("40{\"sid\":\"") }
        // The connection is kept for the next.
        try await waiting.send(Self.get(target))
        try await eventually("hello", state: { waiting.received }) { waiting.received.contains("hello") }
        try await waiting.send(Self.get(target))
        try await waiting.end()
        try await server.expect("disconnected /: the client dropped a poll")
        try await server.end()
    }

    @Test("What a client sends behind a request that waits is bounded")
    func pipelining() async throws {
        let server = try await SocketIOServerBench()
        let sid = try await openByPolling(server.port)
        let client = try await RawClient(port: server.port)
        try await client.send(Self.get("/socket.io/?EIO=4&transport=polling&sid=\(sid)"))
        try await client.send(
            Self.get("/socket.io/?EIO=4&transport=polling&sid=\(sid)") + String(repeating: "x", count: 20_000))
        try await eventually("it is cut", state: { client.received }) { client.isClosed }
        try await client.end()
        try await server.end()
    }

    private func openByPolling(_ port: Int) async throws -> String {
        let received = try await exchange(Self.get("/socket.io/?EIO=4&transport=polling"), port: port, until: "}")
        let sid = received.components(separatedBy: "\"sid\":\"").last?.prefix { $0 != "\"" }
        return try #require(sid.map(String.init))
    }

    @Test("TLS below both ends, with a private authority", arguments: EngineIOVersion.allCases)
    func tls(_ version: EngineIOVersion) async throws {
        let authority = try TestAuthority()
        let identity = try authority.issue(names: ["DNS:localhost"])
        let context = try TLSContext(
            TLSServerConfiguration(
                identity: TLSIdentity(
                    certificates: .bytes(Array(identity.certificates.utf8)), key: .bytes(Array(identity.key.utf8)))))
        let server = try await SocketIOServerBench {
            $0.initialize = { try $0.pipeline.syncOperations.addHandler(try TLSHandler(server: context)) }
        }
        let bench = SocketIOBench()
        var trusting = TLSClientConfiguration(trust: .certificates(.bytes(Array(authority.certificate.utf8))))
        trusting.serverName = "localhost"
        let tls = trusting
        try await bench.open(port: server.port, preferring: version) { $0.endpoint.tls = tls }
        try await bench.expect("ready \(version.rawValue)")
        try await bench.emit("echo", .string("x"), asks: true)
        try await bench.expect("acknowledged 0  [\"x\"]")
        #expect(try await bench.with { $0.tlsPeer } != nil)
        try await bench.end()
        try await server.end()
    }

    @Test("Session ids are not to be guessed")
    func ids() async throws {
        let server = try await SocketIOServerBench()
        var ids: Set<String> = []
        for _ in 0..<20 { ids.insert(try await openByPolling(server.port)) }
        #expect(ids.count == 20)
        for id in ids { #expect(id.utf8.count == 20) }
        try await server.end()
    }
}
