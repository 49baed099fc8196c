import NIOCore
import TestSupport
import Testing
import Transport
import WireProtocols

/// What goes wrong on the way to a WebSocket and on it: each ends in one clear sentence.
@Suite struct WebSocketFaultTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let sentence: String
        var isRefusal = false
        /// Short only where it is what the case is about.
        var upgradeTimeout = TimeAmount.seconds(20)
        var keepAlive = WebSocketKeepAlive(pingInterval: nil, receiveTimeout: nil)
        let script: @Sendable (String, Int) -> ScriptedServer.Answer?
        var testDescription: String { name }
    }

    private static func answer(_ name: String, _ wire: String, _ sentence: String, isRefusal: Bool = true) -> Case {
        Case(name: name, sentence: sentence, isRefusal: isRefusal) { received, _ in
            received.hasSuffix("\r\n\r\n") ? .text(wire, closes: true) : nil
        }
    }

    private static func frames(
        _ name: String, _ bytes: [UInt8], _ sentence: String, closes: Bool = false
    ) -> Case {
        Case(name: name, sentence: sentence) { received, _ in
            ScriptedServer.upgrade(received, then: bytes, closes: closes)
        }
    }

    static let cases = [
        Case(
            name: "mute",
            sentence:
                "upgrade: no answer within 0.4 seconds: the server accepts connections and says nothing; look whether it is well, and whether the port is the right one",
            upgradeTimeout: .milliseconds(400)
        ) { _, _ in nil },
        answer(
            "401", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
            "upgrade: the server answered HTTP 401 (Unauthorized): user or password are wrong or missing; correct the credentials"
        ),
        answer(
            "403", "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
            "upgrade: the server answered HTTP 403 (Forbidden): these credentials may not do this; give the user the right, or use others"
        ),
        answer(
            "404", "HTTP/1.1 404 Not Found\r\n\r\nnothing here",
            "upgrade: the server answered HTTP 404 (Not Found): there is nothing at this path; check the URL"),
        answer(
            "503", "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
            "upgrade: the server answered HTTP 503 (Service Unavailable): the server is not ready; wait until it is, 7 s as it asks",
            isRefusal: false),
        answer(
            "a web page",
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<html>\r\n0\r\n\r\n",
            "upgrade: the server answered HTTP 200 (OK) with text/html, which is not what was asked for: the path leads to something else, check the URL"
        ),
        answer(
            "a redirect",
            "HTTP/1.1 302 Found\r\nLocation: https://login.example/?t=secret\r\nContent-Length: 0\r\n\r\n",
            "upgrade: the server answered HTTP 302 (Found), a redirect to https://login.example, which is not followed here: give the new URL"
        ),
        Case(
            name: "a wrong accept key",
            sentence:
                "upgrade: the peer's answer is no agreement to a WebSocket: its Sec-WebSocket-Accept does not match our key; a cache or a broken server answered",
            isRefusal: true
        ) { received, _ in ScriptedServer.upgrade(received, accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") },
        answer(
            "another protocol", "SSH-2.0-OpenSSH_9.2\r\n",
            "upgrade: the peer does not speak HTTP, it sent \"SSH-2.0-OpenSSH_9.2..\": check host and port"),
        answer(
            "TLS where none is spoken", "\u{15}\u{3}\u{3}\u{0}\u{2}\u{2}\u{32}",
            "upgrade: the peer speaks TLS on this port: use wss:// or https://"),
        answer(
            "closed without a word", "",
            "upgrade: the peer closed the connection without an answer: check the port, and the peer's log",
            isRefusal: false),
        answer(
            "cut in the head", "HTTP/1.1 101 Swi",
            "upgrade: the connection was cut in the head of the answer, after 0 bytes", isRefusal: false),
        frames(
            "cut in the middle of a frame", [0x82, 0x05, 1, 2],
            "established: the connection was cut without a close frame, in a frame, after 2 of 5 bytes: look whether the peer or a proxy in between restarted",
            closes: true),
        frames(
            "cut between two frames", [0x81, 0x01, 0x61],
            "established: the connection was cut without a close frame, between two messages: look whether the peer or a proxy in between restarted",
            closes: true),
        frames(
            "HTTP behind the upgrade", Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8),
            "established: the peer broke the WebSocket protocol at byte 0: instead of frames it sent \"HTTP/1.1 400 Bad Request....\" (closed with 1002): look for a proxy in between, or tell the vendor"
        ),
        frames(
            "a broken rule", [0x81, 0x01, 0x61, 0x82, 0x01, 0x00, 0x80, 0x00],
            "established: the peer broke the WebSocket protocol at byte 6: a continuation without a message (closed with 1002): look for a proxy in between, or tell the vendor"
        ),
        frames(
            "a message that is too long", [0x82, 0x7F, 0, 0, 0, 0, 0, 0x10, 0, 1],
            "established: a message is longer than 1048576 bytes (its frame begins at byte 0; closed with 1009): raise the limit if such messages are meant"
        ),
        frames(
            "a close frame", [0x88, 0x06, 0x03, 0xF0] + Array("busy".utf8),
            "established: the peer closed the WebSocket with 1008 (against its policy): busy"),
        Case(
            name: "silent after the upgrade",
            sentence: "established: the peer did not answer a ping within 60 ms and sent nothing else: it is gone",
            keepAlive: WebSocketKeepAlive(
                pingInterval: .milliseconds(50), pongTimeout: .milliseconds(60), receiveTimeout: .seconds(60))
        ) { received, _ in ScriptedServer.upgrade(received) },
        Case(
            name: "silent without pings", sentence: "established: nothing came from the peer for 50 ms: it is gone",
            keepAlive: WebSocketKeepAlive(pingInterval: nil, receiveTimeout: .milliseconds(50))
        ) { received, _ in ScriptedServer.upgrade(received) },
    ]

    @Test("Each fault ends in one clear sentence, once", arguments: cases)
    func faults(_ one: Case) async throws {
        let server = try await ScriptedServer(one.script)
        let bench = WebSocketBench(port: server.port) {
            $0.upgradeTimeout = one.upgradeTimeout
            $0.limits.messageBytes = 1 << 20
            $0.keepAlive = one.keepAlive
        }
        try await bench.open()
        try await eventually("it ends", state: { "\(bench.seen)" }) {
            bench.seen.contains { $0.hasPrefix("upgrade") || $0.hasPrefix("established") }
        }
        let words = bench.seen.filter {
            !["complete", "ready", "ping", "pong"].contains($0) && !$0.hasPrefix("text") && !$0.hasPrefix("binary")
                && !$0.hasPrefix("close ")
        }
        #expect(words == [one.sentence])
        #expect(bench.recorder.refusals == [one.isRefusal])
        try await bench.end()
        try await server.end()
    }

    @Test("A server that keeps pinging and never answers ours is alive")
    func oneSided() async throws {
        let server = try await WebSocketServerBench({ $0.keepAlive.pingInterval = .milliseconds(20) })
        let bench = WebSocketBench(port: server.port) {
            $0.keepAlive = WebSocketKeepAlive(pingInterval: .milliseconds(50), pongTimeout: .seconds(20))
        }
        try await bench.open()
        try await eventually("pings and pongs come", state: { "\(bench.seen)" }) {
            bench.seen.count { $0 == "ping" } > 10 && bench.seen.count { $0 == "pong" } > 3
        }
        #expect(!bench.seen.contains { $0.hasPrefix("established") })
        #expect(try await bench.with { $0.roundTrip ?? .zero } ?? .zero > .zero)
        try await bench.end()
        try await server.end()
    }

    @Test("A closed port and an unknown host fail in their own stages; a bad header fails before anything is sent")
    func stages() async throws {
        let closed = WebSocketBench(port: 1)
        try await closed.open()
        try await closed.expect("connect: ")
        try await closed.end()
        #expect(closed.seen.count == 1)
        let server = try await ScriptedServer { _, _ in nil }
        let split = WebSocketBench(port: server.port) { $0.headers = ["X-A": "b\r\nX-C: d"] }
        try await split.open()
        try await split.expect("upgrade: the header field X-A has a line end or another control character")
        try await split.end()
        #expect(server.connections == 0)
        try await server.end()
    }
}
