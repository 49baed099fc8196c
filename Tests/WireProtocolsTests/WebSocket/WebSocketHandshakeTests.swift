import NIOCore
import TestSupport
import Testing

@testable import WireProtocols

@Suite struct WebSocketHandshakeTests {
    @Test("The key of RFC 6455, section 1.3, has the answer that stands there")
    func key() throws {
        let key = try #require(WebSocketHandshakeKey("dGhlIHNhbXBsZSBub25jZQ=="))
        #expect(key.accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        for text in [
            "", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25j",
            "dGhlIHNhbXBsZSBub25jZQ===",
        ] {
            #expect(WebSocketHandshakeKey(text) == nil)
        }
    }

    private static func handshake(
        _ request: WebSocketClientRequest = WebSocketClientRequest(authority: "pbx.example", target: "/ws?a=b"),
        seed: UInt64 = 7
    ) -> (WebSocketClientHandshake, accept: String) {
        var random = SeededGenerator(seed: seed)
        let handshake = WebSocketClientHandshake(request, random: &random)
        var again = SeededGenerator(seed: seed)
        return (handshake, WebSocketHandshakeKey(random: &again).accept)
    }

    @Test("The request is the one of section 4.1, with what was configured")
    func request() throws {
        let (plain, _) = Self.handshake()
        var random = SeededGenerator(seed: 7)
        let key = WebSocketHandshakeKey(random: &random).text
        #expect(
            String(buffer: try plain.requestBytes())
                == "GET /ws?a=b HTTP/1.1\r\nHost: pbx.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                + "Sec-WebSocket-Key: \(key)\r\nSec-WebSocket-Version: 13\r\n\r\n")
        let (full, _) = Self.handshake(
            WebSocketClientRequest(
                authority: "h", target: "/",
                credentials: .basic(username: "test1.com", password: Array("t:k/n %".utf8)),
                headers: ["X-A": "b"], subprotocols: ["x", "y"], compression: PerMessageDeflateConfiguration()))
        let text = String(buffer: try full.requestBytes())
        #expect(text.contains("\r\nAuthorization: Basic dGVzdDEuY29tOnQ6ay9uICU=\r\n"))
        #expect(text.contains("\r\nSec-WebSocket-Protocol: x, y\r\n"))
        #expect(text.contains("\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"))
        #expect(text.hasSuffix("\r\nX-A: b\r\n\r\n"))
    }

    @Test("Keys are fresh for each handshake")
    func freshKeys() throws {
        let requests = try (1...100).map { String(buffer: try Self.handshake(seed: $0).0.requestBytes()) }
        #expect(Set(requests).count == 100)
    }

    @Test("Fields that the handshake decides about cannot be configured, nor a line end in any")
    func badFields() {
        for name in ["Host", "upgrade", "Connection", "SEC-WEBSOCKET-KEY", "Content-Length"] {
            let (handshake, _) = Self.handshake(
                WebSocketClientRequest(authority: "h", target: "/", headers: [(name, "x")].headers))
            #expect(throws: HTTPUsageError.self) { try handshake.requestBytes() }
        }
        let (split, _) = Self.handshake(WebSocketClientRequest(authority: "h", target: "/ HTTP/1.1\r\nX: y"))
        #expect(throws: HTTPUsageError.badTarget) { try split.requestBytes() }
    }

    @Test("A right answer opens, however it is cut; what follows it is handed on")
    func opens() throws {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "WebSocketHandshakeTests.opens"))
        let request = WebSocketClientRequest(
            authority: "h", target: "/", subprotocols: ["a", "b"], compression: PerMessageDeflateConfiguration())
        let (handshake, accept) = Self.handshake(request)
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, upgrade\r\n"
            + "Sec-WebSocket-Accept: \(accept)\r\nSec-WebSocket-Protocol: b\r\n"
            + "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=11\r\nSet-Cookie: x\r\n\r\n"
        for feed in ChunkedFeed.cuts(of: Array(head.utf8) + [0x81, 0x01, 0x61], random: &random) {
            var handshake = handshake
            var steps: [WebSocketClientHandshake.Step] = []
            var behind: [UInt8] = []
            for piece in feed {
                if case .open = steps.last {
                    behind += piece
                } else {
                    steps.append(handshake.receive(ByteBuffer(bytes: piece)))
                }
            }
            guard case .open(let opening, let rest) = steps.last else { throw TestFailure(description: "\(steps)") }
            #expect(opening.subprotocol == "b")
            #expect(opening.compression?.serverMaxWindowBits == 11)
            #expect(opening.headers.first("Set-Cookie") == "x")
            #expect(Array(rest.readableBytesView) + behind == [0x81, 0x01, 0x61])
        }
    }

    /// RFC 6455, section 4.1, the six checks on an answer of 101.
    @Test(
        "An answer that agrees to something else is refused",
        arguments: [
            (
                "HTTP/1.0 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: OK\r\n",
                .httpVersion
            ),
            ("HTTP/1.1 101 x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: OK\r\n", .upgradeField),
            ("HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: OK\r\n", .upgradeField),
            (
                "HTTP/1.1 101 x\r\nUpgrade: websocket, x\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: OK\r\n",
                .upgradeField
            ),
            ("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: OK\r\n", .connectionField),
            (
                "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Accept: OK\r\n",
                .connectionField
            ),
            ("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", .missingAccept),
            (
                "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
                .wrongAccept
            ),
            ("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \r\n", .wrongAccept),
            (
                "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: OK\r\nSec-WebSocket-Accept: OK\r\n",
                .wrongAccept
            ),
            (
                "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: OK\r\nSec-WebSocket-Protocol: c\r\n",
                .unknownSubprotocol
            ),
            (
                "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: OK\r\nSec-WebSocket-Extensions: foo\r\n",
                .unknownExtension("foo")
            ),
            (
                "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: OK\r\nSec-WebSocket-Extensions: permessage-deflate\r\n",
                .unknownExtension("permessage-deflate")
            ),
            (
                "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: OK\r\nSec-WebSocket-Extensions: ;\r\n",
                .unknownExtension("(malformed)")
            ),
        ] as [(String, WebSocketHandshakeFault)])
    func faults(head: String, fault: WebSocketHandshakeFault) {
        var (handshake, accept) = Self.handshake(
            WebSocketClientRequest(authority: "h", target: "/", subprotocols: ["a"]))
        let wire = head.replacing("OK", with: accept) + "\r\n"
        #expect(handshake.receive(ByteBuffer(string: wire)) == .failed(.handshake(fault)))
    }

    @Test("An answer that refuses is told with what it says, however it ends")
    func refusals() {
        let head = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n"
        for (wire, closes, body) in [
            (head + "Content-Length: 4\r\n\r\nnope", false, "nope"), (head + "\r\nnope", true, "nope"),
            (head + "Content-Length: 40\r\n\r\nnope", true, "nope"), (head + "Content-Length: 0\r\n\r\n", false, ""),
            (head + "\r\n" + String(repeating: "x", count: 1024), false, String(repeating: "x", count: 1024)),
            (head + "Transfer-Encoding: chunked\r\n\r\n4\r\nnope\r\nbroken\r\n", false, "nope"),
        ] {
            for isCut in [false, true] {
                var (handshake, _) = Self.handshake()
                var step = WebSocketClientHandshake.Step.incomplete
                for piece in isCut ? Array(wire.utf8).map({ [$0] }) : [Array(wire.utf8)] where step == .incomplete {
                    step = handshake.receive(ByteBuffer(bytes: piece))
                }
                if closes {
                    #expect(step == .incomplete)
                    step = handshake.connectionClosed()
                }
                guard case .refused(let refusal) = step else {
                    Issue.record("\(step)")
                    continue
                }
                #expect(refusal.status == 401 && String(decoding: refusal.body, as: UTF8.self) == body)
            }
        }
    }

    @Test("A refusal whose body does not end is told at the deadline; a mute peer has none")
    func slowRefusal() {
        var (handshake, _) = Self.handshake()
        #expect(handshake.deadlineReached() == nil)
        #expect(
            handshake.receive(ByteBuffer(string: "HTTP/1.1 503 x\r\nContent-Length: 100\r\n\r\nbus")) == .incomplete)
        let refusal = handshake.deadlineReached()
        #expect(refusal?.status == 503 && refusal?.body == Array("bus".utf8))
    }

    @Test("What is no HTTP, or ends early, is told")
    func malformed() {
        for (wire, code) in [
            ("+PONG\r\n", .notHTTP("+PONG..")), ("", .noAnswer), ("HTTP/1.1 101", .cutHead),
            ("HTTP/1.1 101 x\r\nUpgrade: w", .cutHead),
        ] as [(String, HTTPError.Code)] {
            var (handshake, _) = Self.handshake()
            var step = handshake.receive(ByteBuffer(string: wire))
            if step == .incomplete { step = handshake.connectionClosed() }
            guard case .malformed(let error) = step else {
                Issue.record("\(step)")
                continue
            }
            #expect(error.code == code)
        }
    }

    // MARK: - The server's side

    /// RFC 6455, section 4.2.1.
    private static let good: [(String, String)] = [
        ("Host", "x"), ("Upgrade", "WebSocket"), ("Connection", "keep-alive, Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13"),
    ]

    @Test("A right request is agreed to, with what both sides want")
    func accepts() throws {
        let head = HTTPRequestHead(
            method: "GET", target: "/",
            headers: HTTPHeaders(
                Self.good + [
                    ("Sec-WebSocket-Protocol", "a, b"), ("Sec-WebSocket-Protocol", "c"),
                    ("Sec-WebSocket-Extensions", "x, permessage-deflate"),
                ]))
        #expect(WebSocketServerHandshake.isWanted(by: head))
        let handshake = try WebSocketServerHandshake(head)
        #expect(handshake.subprotocols == ["a", "b", "c"])
        let (response, opening) = handshake.accept(
            subprotocol: "b", compression: PerMessageDeflateConfiguration(), headers: ["X": "y"])
        #expect(
            response.status == 101 && opening.subprotocol == "b" && opening.compression == PerMessageDeflateAgreement())
        #expect(response.headers.first("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(response.headers.first("Sec-WebSocket-Protocol") == "b" && response.headers.first("X") == "y")
        let (plain, nothing) = handshake.accept(subprotocol: "z")
        #expect(
            !plain.headers.contains("Sec-WebSocket-Protocol") && !plain.headers.contains("Sec-WebSocket-Extensions"))
        #expect(nothing.subprotocol == nil && nothing.compression == nil)
    }

    @Test(
        "A request that breaks a rule is refused with its status",
        arguments: [
            ("Connection", "close", .connectionField, 400), ("Sec-WebSocket-Key", nil, .key, 400),
            ("Sec-WebSocket-Key", "abc", .key, 400),
            ("Sec-WebSocket-Version", "8", .version, 426), ("Sec-WebSocket-Version", nil, .version, 426),
            ("Sec-WebSocket-Extensions", ";", .extensions, 400),
            ("Content-Length", "5", .body, 400), ("Transfer-Encoding", "chunked", .body, 400),
        ] as [(String, String?, WebSocketServerHandshake.Fault, Int)])
    func serverFaults(name: String, value: String?, fault: WebSocketServerHandshake.Fault, status: Int) {
        var headers = HTTPHeaders(Self.good)
        headers.remove(name)
        if let value { headers.add(name, value) }
        #expect(throws: fault) {
            try WebSocketServerHandshake(HTTPRequestHead(method: "GET", target: "/", headers: headers))
        }
        #expect(fault.response.status == status && !"\(fault)".isEmpty)
    }

    @Test("Only GET over HTTP/1.1 opens a WebSocket")
    func methodAndVersion() {
        let headers = HTTPHeaders(Self.good)
        #expect(throws: WebSocketServerHandshake.Fault.method) {
            try WebSocketServerHandshake(HTTPRequestHead(method: "POST", target: "/", headers: headers))
        }
        #expect(throws: WebSocketServerHandshake.Fault.httpVersion) {
            try WebSocketServerHandshake(HTTPRequestHead(method: "GET", target: "/", minorVersion: 0, headers: headers))
        }
        #expect(
            !WebSocketServerHandshake.isWanted(by: HTTPRequestHead(method: "GET", target: "/", headers: ["Host": "x"])))
    }
}

extension [(String, String)] {
    fileprivate var headers: HTTPHeaders { HTTPHeaders(self) }
}
