import NIOCore
import NIOPosix
import TestSupport
import Testing
import Transport
import WireProtocols

@Suite struct HTTPClientTests {
    private static func url(_ port: Int, _ target: String = "/") throws -> HTTPURL {
        try #require(HTTPURL("http://127.0.0.1:\(port)\(target)"))
    }

    @Test("A request is sent as it is meant, and its answer comes back whole")
    func exchange() async throws {
        let server = try await ScriptedServer { received, _ in
            received.hasSuffix("body")
                ? .text("HTTP/1.1 201 Created\r\nX: y\r\nContent-Length: \(received.utf8.count)\r\n\r\n\(received)")
                : nil
        }
        let bench = try await HTTPBench()
        let response = try await bench.send(
            HTTPClientRequest(
                "POST", try Self.url(server.port, "/a?b=c"), headers: ["X-A": "b"],
                credentials: .bearer(Array("token".utf8)), body: ByteBuffer(string: "body")))
        #expect(response.status == 201 && response.head.headers.first("x") == "y")
        #expect(
            String(buffer: response.body)
                == "POST /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:\(server.port)\r\nUser-Agent: cti-bridge\r\nAccept: */*\r\n"
                + "Authorization: Bearer token\r\nX-A: b\r\nContent-Length: 4\r\n\r\nbody")
        try await bench.end()
        try await server.end()
    }

    @Test("Requests wait for their turn and share a connection, until the server closes it")
    func keepAlive() async throws {
        let server = try await ScriptedServer { received, number in
            guard received.hasSuffix("\r\n\r\n") else { return nil }
            let closes = received.contains("/last")
            return .text(
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\(closes ? "Connection: close\r\n" : "")\r\n\(number)",
                closes: closes)
        }
        let bench = try await HTTPBench()
        var numbers: [String] = []
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<5 {
                group.addTask { _ = try await bench.send(HTTPClientRequest("GET", try Self.url(server.port))) }
            }
            try await group.waitForAll()
        }
        for target in ["/", "/last", "/", "/"] {
            numbers.append(
                String(buffer: try await bench.send(HTTPClientRequest("GET", try Self.url(server.port, target))).body))
        }
        #expect(numbers == ["1", "1", "2", "2"])
        #expect(server.connections == 2)
        try await bench.end()
        try await server.end()
    }

    @Test(
        "A kept connection that the server has closed is replaced for requests that may be repeated, and for no others")
    func staleConnection() async throws {
        // Answers one request of each connection and cuts the next one.
        let counts = Counter()
        let server = try await ScriptedServer { received, number in
            guard received.hasSuffix("\r\n\r\n") else { return nil }
            return counts.next(number) == 1
                ? .text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") : .text("", closes: true)
        }
        let bench = try await HTTPBench()
        for _ in 0..<3 {
            #expect(try await bench.send(HTTPClientRequest("GET", try Self.url(server.port))).status == 200)
        }
        #expect(server.connections == 3)
        let error = await #expect(throws: ConnectionError.self) {
            _ = try await bench.send(HTTPClientRequest("POST", try Self.url(server.port)))
        }
        #expect(error == ConnectionError(.request, .http(HTTPError(.noAnswer, offset: 38))))
        let repeatable = HTTPClientRequest("POST", try Self.url(server.port), isRepeatable: true)
        for _ in 0..<2 { #expect(try await bench.send(repeatable).status == 200) }
        try await bench.end()
        try await server.end()
    }

    @Test("A connection that nobody uses is closed")
    func idle() async throws {
        let server = try await ScriptedServer { received, number in
            received.hasSuffix("\r\n\r\n") ? .text("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(number)") : nil
        }
        let bench = try await HTTPBench { $0.idleTimeout = .milliseconds(20) }
        _ = try await bench.send(HTTPClientRequest("GET", try Self.url(server.port)))
        try await eventually("it is closed") { server.openConnections == 0 }
        let response = try await bench.send(HTTPClientRequest("GET", try Self.url(server.port)))
        #expect(String(buffer: response.body) == "2")
        try await bench.end()
        try await server.end()
    }

    @Test(
        "Faults end in one sentence each, at their own deadline or limit",
        arguments: [
            ("", false, "request: no answer within 0.1 seconds"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", false, "request: no answer within 0.2 seconds"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", true,
                "request: the connection was cut in the body of the answer, after 40 bytes"
            ),
            ("", true, "request: the peer closed the connection without an answer"),
            ("+OK\r\n", false, "request: the peer does not speak HTTP, it sent \"+OK..\""),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n", false,
                "request: the body of the message is longer than 1000 bytes"
            ),
            (
                "HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 1001), false,
                "request: the body of the message is longer than 1000 bytes"
            ),
            (
                "HTTP/1.1 101 Switching Protocols\r\n\r\n", false,
                "request: the peer switched to another protocol unasked"
            ),
        ])
    func faults(wire: String, closes: Bool, sentence: String) async throws {
        let server = try await ScriptedServer { received, _ in
            received.hasSuffix("\r\n\r\n") && (!wire.isEmpty || closes) ? .text(wire, closes: closes) : nil
        }
        let bench = try await HTTPBench {
            $0.headTimeout = .milliseconds(100)
            $0.bodyTimeout = .milliseconds(200)
            $0.limits.bodyBytes = 1000
        }
        let error = await #expect(throws: ConnectionError.self) {
            _ = try await bench.send(HTTPClientRequest("GET", try Self.url(server.port)))
        }
        #expect(error.map { "\($0)" }?.hasPrefix(sentence) == true, "\(String(describing: error))")
        try await bench.end()
        try await server.end()
    }

    @Test("A body that ends with the connection is an answer")
    func untilClose() async throws {
        let server = try await ScriptedServer { received, _ in
            received.hasSuffix("\r\n\r\n") ? .text("HTTP/1.0 200 OK\r\n\r\nall of it", closes: true) : nil
        }
        let bench = try await HTTPBench()
        let response = try await bench.send(HTTPClientRequest("GET", try Self.url(server.port)))
        #expect(String(buffer: response.body) == "all of it")
        try await bench.end()
        try await server.end()
    }

    @Test(
        "Redirects are followed only where asked, with the method that RFC 9110 says",
        arguments: [
            (301, "GET", "GET", true), (301, "POST", "GET", false), (302, "POST", "GET", false),
            (303, "PUT", "GET", false),
            (307, "POST", "POST", true), (308, "PUT", "PUT", true), (303, "HEAD", "HEAD", false),
            (302, "PUT", "PUT", true),
        ])
    func redirects(status: Int, method: String, followed: String, keepsBody: Bool) async throws {
        let other = try await ScriptedServer { received, _ in
            received.contains("\r\n\r\n")
                ? .text(
                    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Seen: \(received.contains("Authorization") || received.contains("Cookie"))\r\nX-Line: \(received.prefix { $0 != "\r\n" })\r\nX-Body: \(received.contains("body"))\r\n\r\n",
                    closes: true) : nil
        }
        let port = other.port
        let server = try await ScriptedServer { received, _ in
            received.contains("\r\n\r\n")
                ? .text("HTTP/1.1 \(status) x\r\nLocation: http://127.0.0.1:\(port)/new\r\nContent-Length: 0\r\n\r\n")
                : nil
        }
        let bench = try await HTTPBench()
        var request = HTTPClientRequest(
            method, try Self.url(server.port), headers: ["Cookie": "secret"],
            credentials: .bearer(Array("secret".utf8)),
            body: method == "HEAD" || method == "GET" ? nil : ByteBuffer(string: "body"))
        #expect(try await bench.send(request).status == status)
        request.followedRedirects = 1
        let response = try await bench.send(request)
        #expect(response.status == 200)
        #expect(try Self.url(port, "/new") == response.url)
        #expect(response.head.headers.first("X-Line") == "\(followed) /new HTTP/1.1")
        #expect(response.head.headers.first("X-Seen") == "false")
        #expect(response.head.headers.first("X-Body") == (keepsBody && method != "GET" ? "true" : "false"))
        try await bench.end()
        try await server.end()
        try await other.end()
    }

    @Test("A redirect within the origin keeps the credentials; a circle and a bad place end")
    func redirectFaults() async throws {
        let server = try await ScriptedServer { received, _ in
            guard received.hasSuffix("\r\n\r\n") else { return nil }
            if received.contains("/end") {
                return .text("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Seen: \(received.contains("Bearer s"))\r\n\r\n")
            }
            let location = received.contains("/bad") ? "ftp://x/" : received.contains("/start") ? "end" : "/circle"
            return .text("HTTP/1.1 302 x\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
        }
        let bench = try await HTTPBench()
        let credentials = HTTPCredentials.bearer(Array("s".utf8))
        let kept = try await bench.send(
            HTTPClientRequest(
                "GET", try Self.url(server.port, "/start"), credentials: credentials, followedRedirects: 3))
        #expect(kept.head.headers.first("X-Seen") == "true")
        #expect(server.connections == 1)
        for (target, error) in [("/circle", HTTPRedirectError.tooMany(limit: 3)), ("/bad", .badLocation)] {
            await #expect(throws: ConnectionError(.request, .redirect(error))) {
                _ = try await bench.send(
                    HTTPClientRequest("GET", try Self.url(server.port, target), followedRedirects: 3))
            }
        }
        try await bench.end()
        try await server.end()
    }

    @Test("What cannot be written is not sent; too many at once are refused; a closed client says so")
    func usage() async throws {
        let server = try await ScriptedServer { _, _ in nil }
        let bench = try await HTTPBench { $0.waitingRequests = 2 }
        let url = try Self.url(server.port)
        await #expect(throws: ConnectionError(.request, .request(.badFieldValue(name: "X")))) {
            _ = try await bench.send(HTTPClientRequest("GET", url, headers: ["X": "a\r\nb"]))
        }
        await #expect(throws: ConnectionError(.request, .request(.reservedField(name: "Host")))) {
            _ = try await bench.send(HTTPClientRequest("GET", url, headers: ["host": "x"]))
        }
        let futures = try await bench.begin(4, HTTPClientRequest("GET", url))
        await #expect(throws: ConnectionError(.request, .system("2 requests are waiting already"))) {
            _ = try await futures[3].get()
        }
        try await bench.close()
        for future in futures.prefix(3) {
            await #expect(throws: ConnectionError(.request, .system("the client is closed"))) {
                _ = try await future.get()
            }
        }
        try await bench.end()
        try await server.end()
    }

    @Test("https: the same over TLS; from https to http no redirect is followed")
    func secure() async throws {
        let authority = try TestAuthority()
        let context = try TLSContext(TLSServerConfiguration(identity: TLSIdentity(try authority.issue())))
        let server = try await WebSocketServerBench({
            $0.initialize = { try $0.pipeline.syncOperations.addHandler(try TLSHandler(server: context)) }
        }) { request, _ in
            request.head.path == "/"
                ? .answer(status: 200, body: "safe")
                : .answer(status: 302, headers: ["Location": "http://127.0.0.1:1/"])
        }
        let bench = try await HTTPBench(tls: .trusting(authority.certificate))
        let url = try #require(HTTPURL("https://localhost:\(server.port)/"))
        for _ in 0..<2 { #expect(String(buffer: try await bench.send(HTTPClientRequest("GET", url)).body) == "safe") }
        let away = try #require(HTTPURL("https://localhost:\(server.port)/away"))
        await #expect(throws: ConnectionError(.request, .redirect(.insecure))) {
            _ = try await bench.send(HTTPClientRequest("GET", away, followedRedirects: 2))
        }
        try await bench.end()
        let stranger = try await HTTPBench(tls: .trusting(try TestAuthority("Other").certificate))
        let error = await #expect(throws: ConnectionError.self) {
            _ = try await stranger.send(HTTPClientRequest("GET", url))
        }
        #expect(error?.stage == .tls)
        try await stranger.end()
        try await server.end()
    }
}
