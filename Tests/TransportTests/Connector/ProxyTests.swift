import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Transport

/// The conversation with a proxy as a value.
@Suite struct ProxyTunnelTests {
    private static let credentials = ProxyCredentials(username: "Aladdin", password: Array("open sesame".utf8))

    @Test("The request names the host and port twice, and carries credentials as Basic (RFC 7617, section 2)")
    func requests() throws {
        let plain = try #require(ProxyTunnel(to: "pbx.test", port: 6379, credentials: nil))
        #expect(String(buffer: plain.request) == "CONNECT pbx.test:6379 HTTP/1.1\r\nHost: pbx.test:6379\r\n\r\n")
        let address = try #require(ProxyTunnel(to: "fd00::1", port: 443, credentials: Self.credentials))
        #expect(
            String(buffer: address.request) == """
                CONNECT [fd00::1]:443 HTTP/1.1\r\nHost: [fd00::1]:443\r
                Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n
                """)
        #expect(ProxyTunnel(to: "a\r\nX: y", port: 1, credentials: nil) == nil)
        #expect("\(Self.credentials)\(String(reflecting: Self.credentials))".contains("sesame") == false)
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String { String(answer.prefix(40)) }
        let answer: String
        var hasCredentials = false
        let result: Result<String, ProxyError>
    }

    static let rows: [Row] = [
        Row(answer: "HTTP/1.1 200 Connection established\r\n\r\n", result: .success("")),
        Row(answer: "HTTP/1.0 200 OK\r\nVia: a\r\nX: y\r\n\r\n\u{16}\u{3}", result: .success("\u{16}\u{3}")),
        Row(answer: "HTTP/1.1 204\r\n\r\n", result: .success("")),
        Row(answer: "HTTP/1.1 200 OK\nServer: lf only\n\nrest", result: .success("rest")),
        Row(answer: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nrest", result: .success("rest")),
        Row(answer: "HTTP/1.1 407 Authentication Required\r\n\r\n", result: .failure(.credentialsRequired)),
        Row(
            answer: "HTTP/1.1 407 No\r\n\r\n", hasCredentials: true, result: .failure(.credentialsRefused)),
        Row(
            answer: "HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nbody",
            result: .failure(.refused(status: 403, reason: "Forbidden"))),
        Row(
            answer: "HTTP/1.1 503 \u{1B}[31m\r\n\r\n", result: .failure(.refused(status: 503, reason: "?[31m"))),
        Row(answer: "HTTP/1.1 101 Switching\r\n\r\n", result: .failure(.refused(status: 101, reason: "Switching"))),
        Row(answer: "SSH-2.0-OpenSSH_9.2p1\r\n", result: .failure(.notHTTP("'SSH-2.0-OpenSSH_9.2p1'"))),
        Row(answer: "HTTP/1.1 abc OK\r\n\r\n", result: .failure(.notHTTP("'HTTP/1.1 abc OK'"))),
        Row(answer: "HTTP/1.1\r\n\r\n", result: .failure(.notHTTP("'HTTP/1.1'"))),
        Row(
            answer: "HTTP/1.1 200 OK\r\nX: " + String(repeating: "y", count: 20_000),
            result: .failure(.headTooLong(limit: 16_384))),
    ]

    @Test("Each answer has its meaning, whole and byte by byte", arguments: rows)
    func answers(row: Row) throws {
        for pieceBytes in [Int.max, 1] {
            var tunnel = try #require(
                ProxyTunnel(to: "pbx.test", port: 1, credentials: row.hasCredentials ? Self.credentials : nil))
            var rest = ByteBuffer(string: row.answer)
            var result: Result<String, ProxyError>?
            while result == nil, let piece = rest.readSlice(length: min(pieceBytes, rest.readableBytes)),
                piece.readableBytes > 0
            {
                do {
                    if case .open(let behind) = try tunnel.receive(piece) {
                        result = .success(String(buffer: behind) + String(buffer: rest))
                    }
                } catch {
                    result = .failure(error)
                }
            }
            // A peer that is no proxy is recognised as early as possible, so less of it may be quoted.
            if case .failure(.notHTTP) = row.result, pieceBytes == 1, case .failure(.notHTTP) = result { continue }
            #expect(result == row.result)
        }
    }

    @Test("Any bytes end in an answer or in an error, and memory is bounded")
    func fuzz() throws {
        let seed = SeededGenerator.printedSeed(for: "ProxyTunnelTests.fuzz")
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("HTTP/1.1 200407 \r\n\r\n:x".utf8)
        for _ in 0..<5_000 {
            var tunnel = try #require(ProxyTunnel(to: "pbx.test", port: 1, credentials: nil))
            let length = Int.random(in: 0...200, using: &random)
            let bytes = Array("HTTP/1.1 ".utf8) + (0..<length).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            _ = try? tunnel.receive(ByteBuffer(bytes: bytes))
        }
    }
}

/// The connector through a proxy.
@Suite struct ProxyTests {
    private static let root = Result { try TestAuthority() }

    @Test(
        "The tunnel carries plain bytes and TLS, and the host is left to the proxy to resolve",
        arguments: [false, true])
    func tunnels(isTLS: Bool) async throws {
        let server =
            isTLS
            ? try await TestServer.tls(TLSServerConfiguration(identity: TLSIdentity(try Self.root.get().issue())))
            : try await TestServer.plain(Talker.echo)
        let proxy = try await TestProxy(target: server.port)
        var endpoint = EndpointConfiguration(host: "only-the-proxy-knows.invalid", port: 6379)
        endpoint.proxy = ProxyConfiguration(
            host: "127.0.0.1", port: proxy.port,
            credentials: ProxyCredentials(username: "u", password: Array("p".utf8)))
        if isTLS { endpoint.tls = .trusting(try Self.root.get().certificate) { $0.serverName = "localhost" } }
        let bench = ConnectBench()
        let peer = try await bench.connect(endpoint)
        #expect(peer?.verification == (isTLS ? .verified : nil))
        bench.send(ByteBuffer(string: "ping"))
        try await eventually("the echo comes", state: { "\(bench.seen)" }) { bench.seen.text == "ping" }
        #expect(bench.seen.events == ["added"])
        #expect(
            proxy.requests == [
                "CONNECT only-the-proxy-knows.invalid:6379 HTTP/1.1\r\nHost: only-the-proxy-knows.invalid:6379\r\n"
                    + "Proxy-Authorization: Basic dTpw\r\n\r\n"
            ])
        try await bench.end()
        try await proxy.end()
        try await server.end()
    }

    @Test("What a server says first, in one read with the proxy's answer, reaches the application")
    func firstWords() async throws {
        let proxy = try await TestServer.plain { event in
            if case .received = event { .text("HTTP/1.1 200 OK\r\n\r\nwelcome") } else { .nothing }
        }
        var endpoint = EndpointConfiguration(host: "pbx.test", port: 1)
        endpoint.proxy = ProxyConfiguration(host: "127.0.0.1", port: proxy.port)
        let bench = ConnectBench()
        try await bench.connect(endpoint)
        try await eventually("the greeting comes", state: { "\(bench.seen)" }) { bench.seen.text == "welcome" }
        #expect(bench.seen.events == ["added"])
        try await bench.end()
        try await proxy.end()
    }

    @Test("Whatever else a proxy does ends in a sentence of the proxy's stage")
    func refusals() async throws {
        let table: [(Talker.Answer, String)] = [
            (
                .text("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"),
                "proxy: the proxy wants a user name and a password (407): add them to 'proxy'"
            ),
            (
                .text("HTTP/1.1 403 Forbidden\r\n\r\n"),
                "proxy: the proxy does not let us through to the server, its rules say who may go where: it answered "
                    + "403 Forbidden"
            ),
            (
                .text("HTTP/1.1 502 Bad Gateway\r\n\r\n"),
                "proxy: the proxy could not reach the server: it answered 502 Bad Gateway"
            ),
            (
                .text("220 mail.test ESMTP\r\n"),
                "proxy: the proxy answered '220 mail.test ESMTP', which is no HTTP: is it an HTTP proxy, and is the port right?"
            ),
            (.close("HTTP/1.1 200"), "proxy: the peer closed the connection"),
            (.nothing, "proxy: no answer within 0.05 seconds"),
        ]
        for (answer, sentence) in table {
            let proxy = try await TestServer.plain { if case .received = $0 { answer } else { .nothing } }
            var endpoint = EndpointConfiguration(host: "pbx.test", port: 1)
            endpoint.proxy = ProxyConfiguration(host: "127.0.0.1", port: proxy.port)
            if case .nothing = answer { endpoint.timeouts.proxy = .milliseconds(50) }
            #expect(try await ConnectBench.failure(endpoint) == sentence)
            try await proxy.end()
        }
        var endpoint = EndpointConfiguration(host: "pbx.test", port: 1)
        endpoint.proxy = ProxyConfiguration(host: "127.0.0.1", port: 1)
        let sentence = try await ConnectBench.failure(endpoint)
        #expect(sentence.hasPrefix("connect: proxy ") && sentence.hasSuffix("connection refused"), "\(sentence)")
    }
}

/// An HTTP proxy that leads every tunnel to one port.
private final class TestProxy: Sendable {
    private final class Front: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        let proxy: TestProxy
        var head = ByteBuffer()
        var back: (any Channel)?

        init(_ proxy: TestProxy) { self.proxy = proxy }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            if let back { return back.writeAndFlush(bytes, promise: nil) }
            head.writeBuffer(&bytes)
            guard String(buffer: head).hasSuffix("\r\n\r\n") else { return }
            proxy.heads.withLock { $0.append(String(buffer: head)) }
            let front = context.channel
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            ClientBootstrap(group: context.eventLoop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Back(front))
                    }
                }
                .connect(host: "127.0.0.1", port: proxy.target).whenSuccess { channel in
                    bound.value.back = channel
                    front.writeAndFlush(ByteBuffer(string: "HTTP/1.1 200 Connection established\r\n\r\n"), promise: nil)
                }
        }

        func channelInactive(context: ChannelHandlerContext) { back?.close(promise: nil) }
    }

    private final class Back: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let front: any Channel
        init(_ front: any Channel) { self.front = front }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            front.writeAndFlush(unwrapInboundIn(data), promise: nil)
        }
        func channelInactive(context: ChannelHandlerContext) { front.close(promise: nil) }
    }

    private let heads = Mutex<[String]>([])
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let target: Int
    private let listening = Mutex(0)

    var requests: [String] { heads.withLock { $0 } }
    var port: Int { listening.withLock { $0 } }

    init(target: Int) async throws {
        self.target = target
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Front(self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        listening.withLock { $0 = channel.localAddress?.port ?? 0 }
    }

    func end() async throws { try await group.shutdownGracefully() }
}
