import NIOCore
import Synchronization
import TestSupport
import Testing
import Transport
import WireProtocols

@Suite struct WebSocketServerTests {
    private static func page(_ request: WebSocketServerRequest, _ log: WebSocketLog) -> WebSocketServerDecision {
        switch request.head.path {
        case "/ws": .accept(WebSocketRecorder(log))
        case "/echo": .answer(status: 200, headers: ["Content-Type": "text/x"], body: String(buffer: request.body))
        default: .answer(status: 404, body: "nothing at \(request.head.path)")
        }
    }

    @Test("Plain requests are answered, several on one connection")
    func plain() async throws {
        let server = try await WebSocketServerBench(decide: Self.page)
        let client = try await RawClient(port: server.port)
        let wire =
            "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + "HEAD /no HTTP/1.1\r\nHost: x\r\n\r\n"
            + "GET /no HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        try await client.send(wire)
        try await eventually("all are answered", state: { client.received }) { client.isClosed }
        #expect(
            client.received
                == "HTTP/1.1 200 OK\r\nContent-Type: text/x\r\nContent-Length: 3\r\n\r\nabc"
                + "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n\r\n"
                + "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\nConnection: close\r\n\r\nnothing at /no"
        )
        try await client.end()
        try await server.end()
    }

    @Test("An answer may come later: requests behind it wait, and who leaves is noticed")
    func later() async throws {
        // Made and used on the server's loop alone.
        nonisolated(unsafe) var replies: [WebSocketServerReply] = []
        let asked = Mutex(0)
        let dropped = Mutex(0)
        let server = try await WebSocketServerBench(decide: { request, _ in
            guard request.head.path == "/later" else {
                let reply = WebSocketServerReply()
                reply.send(status: 200, body: ByteBuffer(string: "now"))
                return .reply(reply)
            }
            let reply = WebSocketServerReply { dropped.withLock { $0 += 1 } }
            replies.append(reply)
            asked.withLock { $0 += 1 }
            return .reply(reply)
        })
        let client = try await RawClient(port: server.port)
        try await client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n")
        try await eventually("it was asked") { asked.withLock { $0 } == 1 }
        #expect(client.received.isEmpty)
        try await server.with { _ in
            for text in ["first", "second"] { replies[0].send(status: 201, body: ByteBuffer(string: text)) }
        }
        try await eventually("both are answered", state: { client.received }) { client.received.hasSuffix("now") }
        #expect(
            client.received.hasPrefix("HTTP/1.1 201 Created\r\n")
                && client.received.contains("\r\n\r\nfirstHTTP/1.1 200"))
        try await client.send("GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
        try await client.end()
        try await eventually("it is noticed") { dropped.withLock { $0 } == 1 }
        try await server.end()
    }

    @Test(
        "What is no request for a WebSocket is refused with its status, and closed",
        arguments: [
            ("GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\n"),
            ("GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
            (
                "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 12\r\n\r\n",
                "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            ),
            (
                "POST /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
                "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n"
            ),
            ("nonsense\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n"),
            ("GET /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 413 Content Too Large\r\n"),
            (
                "GET /ws HTTP/1.1\r\nHost: x\r\nX: " + String(repeating: "y", count: 20_000),
                "HTTP/1.1 431 Request Header Fields Too Large\r\n"
            ),
        ])
    func refusals(wire: String, answer: String) async throws {
        let server = try await WebSocketServerBench(decide: Self.page)
        let client = try await RawClient(port: server.port)
        try await client.send(wire)
        try await eventually("it is closed", state: { client.received }) { client.isClosed }
        #expect(client.received.hasPrefix(answer) && client.received.contains("Connection: close"))
        try await client.end()
        try await server.end()
    }

    @Test("A frame that comes with the request is not lost")
    func eager() async throws {
        let server = try await WebSocketServerBench(decide: Self.page)
        let client = try await RawClient(port: server.port)
        let request =
            "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        try await client.send(request, bytes: [0x81, 0x81, 0, 0, 0, 0, 0x61])
        try await eventually("it is heard", state: { "\(server.log.seen)" }) { server.log.seen.contains("text a") }
        try await eventually("the answer has come", state: { client.received }) {
            client.received.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n")
        }
        try await client.end()
        try await server.end()
    }

    @Test("A client that does not finish its request is closed at the deadline")
    func mute() async throws {
        let server = try await WebSocketServerBench({ $0.requestTimeout = .milliseconds(100) })
        let client = try await RawClient(port: server.port)
        // On a busy machine the deadline may have come before this is sent.
        try? await client.send("GET")
        try await eventually("it is closed") { client.isClosed }
        #expect(client.received.isEmpty)
        try await client.end()
        try await server.end()
    }

    @Test("One connection too many is told so; a place that becomes free can be had again")
    func tooMany() async throws {
        let server = try await WebSocketServerBench({ $0.maximumConnections = 1 })
        let first = WebSocketBench(port: server.port)
        try await first.open()
        try await first.expect("ready")
        let second = WebSocketBench(port: server.port)
        try await second.open()
        try await second.expect("upgrade: the server answered HTTP 503")
        try await second.end()
        try await first.end()
        try await eventually("the place is free") { try await server.with { $0.connections.isEmpty } }
        let third = WebSocketBench(port: server.port)
        try await third.open()
        try await third.expect("ready")
        try await third.end()
        try await server.end()
    }

    @Test("A port that is taken is told")
    func portTaken() async throws {
        let server = try await WebSocketServerBench()
        let port = server.port
        let error = await #expect(throws: ConnectionError.self) {
            _ = try await WebSocketServerBench({ $0.port = port })
        }
        #expect(error.map { "\($0)" }?.contains("address already in use") == true)
        try await server.end()
    }
}
