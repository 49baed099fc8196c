import NIOCore
import NIOEmbedded
import NIOPosix
import TestSupport
import Testing

@testable import Transport

@Suite struct ConnectorTests {
    private static let root = Result { try TestAuthority() }

    private static func identity() throws -> TLSIdentity { TLSIdentity(try root.get().issue()) }

    private static func endpoint(_ server: TestServer, tls: Bool = true, name: String? = nil) throws
        -> EndpointConfiguration
    {
        var endpoint = EndpointConfiguration(host: "127.0.0.1", port: server.port)
        if tls { endpoint.tls = .trusting(try root.get().certificate) { $0.serverName = name } }
        return endpoint
    }

    @Test("The application is added once the connection is ready, and misses nothing of a server that speaks first")
    func initialize() async throws {
        let greet: @Sendable (Talker.Event) -> Talker.Answer = { event in
            if case .connected = event { .text("welcome") } else { .nothing }
        }
        for (server, isTLS) in [
            (try await TestServer.plain(greet), false),
            (try await TestServer.tls(TLSServerConfiguration(identity: try Self.identity()), greet), true),
        ] {
            let bench = ConnectBench()
            let peer = try await bench.connect(try Self.endpoint(server, tls: isTLS))
            #expect((peer != nil) == isTLS)
            try await eventually("the greeting comes") { bench.seen.text == "welcome" }
            #expect(bench.seen.events == ["added"])
            try await bench.close()
            try await eventually("it is closed") { bench.seen.events == ["added", "inactive"] }
            try await bench.end()
            try await server.end()
        }
    }

    @Test("What `initialize` throws fails the attempt and closes the channel")
    func initializeThrows() async throws {
        struct Refusal: Error {}
        let server = try await TestServer.tls(TLSServerConfiguration(identity: try Self.identity()))
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let closed = group.any().makePromise(of: Void.self)
        await #expect(throws: ConnectionError.self) {
            _ = try await Connector.connect(try Self.endpoint(server), on: group.any()) { channel in
                channel.closeFuture.cascade(to: closed)
                throw Refusal()
            }.get()
        }
        try await closed.futureResult.get()
        try await group.shutdownGracefully()
        try await server.end()
    }

    @Test("Megabytes go through both ways, and every byte arrives", arguments: [TLSVersion.tls12, .tls13])
    func large(version: TLSVersion) async throws {
        let server = try await TestServer.tls(TLSServerConfiguration(identity: try Self.identity()))
        var endpoint = try Self.endpoint(server)
        endpoint.tls?.versions = version...version
        let bench = ConnectBench()
        try await bench.connect(endpoint)
        for _ in 0..<64 { bench.send(ByteBuffer(repeating: 0x61, count: 256 << 10)) }
        try await eventually("16 MiB came back", state: { "\(bench.seen.received)" }) {
            bench.seen.received == 16 << 20
        }
        #expect(bench.seen.text.allSatisfy { $0 == "a" })
        try await bench.close()
        try await bench.end()
        try await server.end()
    }

    @Test("A server that cuts the connection is told as that, an orderly end is not")
    func ends() async throws {
        for (answer, events) in [
            (Talker.Answer.cut, ["added", "\(TLSError.truncated)", "inactive"]),
            (.close("bye"), ["added", "inactive"]),
        ] {
            let server = try await TestServer.tls(TLSServerConfiguration(identity: try Self.identity())) { event in
                if case .received = event { answer } else { .nothing }
            }
            let bench = ConnectBench()
            try await bench.connect(try Self.endpoint(server))
            bench.send(ByteBuffer(string: "go"))
            try await eventually("it ends", state: { "\(bench.seen)" }) { bench.seen.events.last == "inactive" }
            #expect(bench.seen.events == events)
            try await bench.end()
            try await server.end()
        }
    }

    @Test("Each stage fails with its own name")
    func stages() async throws {
        #expect(
            try await ConnectBench.failure(EndpointConfiguration(host: "no-such-host.invalid", port: 1))
                .hasPrefix("resolve: no address for no-such-host.invalid: "))
        #expect(
            try await ConnectBench.failure(EndpointConfiguration(host: "127.0.0.1", port: 1)).hasPrefix("connect: ")
        )
        #expect(
            try await ConnectBench.failure(EndpointConfiguration(.unix(path: "/nonexistent/socket")))
                == "connect: no such file or directory")
        let server = try await TestServer.tls(TLSServerConfiguration(identity: try Self.identity()))
        #expect(
            try await ConnectBench.failure(try Self.endpoint(server, name: "other.test")).hasPrefix(
                "tls: the certificate is for localhost, 127.0.0.1 and not for other.test"))
        try await server.end()
    }

    @Test("Peers that say nothing, something else, or nothing any more end the TLS stage in a sentence")
    func otherPeers() async throws {
        let table: [(@Sendable (Talker.Event) -> Talker.Answer, String)] = [
            ({ _ in .nothing }, "tls: no answer within 0.05 seconds: is it the right port, and is TLS on there?"),
            (
                { if case .received = $0 { .text("HTTP/1.1 400 Bad Request\r\n") } else { .nothing } },
                "tls: the peer does not speak TLS, it sent 'HTTP/1.1 400 Bad Request': is it the right port"
            ),
            (
                { if case .received = $0 { .close("") } else { .nothing } },
                "tls: the peer closed the connection in the TLS handshake: is it the right port"
            ),
        ]
        for (talk, sentence) in table {
            let server = try await TestServer.plain(talk)
            var endpoint = try Self.endpoint(server)
            if sentence.contains("0.05") { endpoint.timeouts.tls = .milliseconds(50) }
            let found = try await ConnectBench.failure(endpoint)
            #expect(found.hasPrefix(sentence), "\(found)")
            try await server.end()
        }
    }

    @Test("A port that takes no connection is given up at the deadline of its stage")
    func connectDeadline() async throws {
        // A listener whose queue is full answers nothing more: Linux drops the SYN.
        let listener = try FullListener()
        var endpoint = EndpointConfiguration(host: "127.0.0.1", port: listener.port)
        endpoint.timeouts.connect = .milliseconds(100)
        #expect(try await ConnectBench.failure(endpoint) == "connect: no answer within 0.1 seconds")
    }

    @Test("A lookup that takes too long is given up at the deadline of its stage")
    func resolveDeadline() throws {
        // How long the system's resolver takes is not ours to say: a lookup that never ends stands for it.
        let loop = EmbeddedEventLoop()
        let lookup = loop.makePromise(of: [SocketAddress].self)
        let error = ConnectionError(.resolve, .timedOut(.milliseconds(100)))
        let bounded = lookup.futureResult.within(.milliseconds(100), orFail: error)
        loop.advanceTime(by: .milliseconds(99))
        var failures = 0
        bounded.assumeIsolated().whenFailure { _ in failures += 1 }
        #expect(failures == 0)
        loop.advanceTime(by: .milliseconds(1))
        #expect(failures == 1)
        // What comes later is dropped.
        lookup.succeed([])
        #expect(throws: ConnectionError.self) { try bounded.wait() }
    }

    @Test("Certificates and keys that cannot be read fail before anything is connected")
    func materials() async throws {
        var endpoint = EndpointConfiguration(host: "127.0.0.1", port: 1)
        endpoint.tls = TLSClientConfiguration(trust: .certificates(.file("/nonexistent")))
        #expect(
            try await ConnectBench.failure(endpoint)
                == "tls: tls.ca /nonexistent cannot be read: No such file or directory")
        endpoint.tls = TLSClientConfiguration(serverName: ".pbx.test")
        #expect(
            try await ConnectBench.failure(endpoint)
                == "tls: tls.server_name .pbx.test is no host name and no address")
        var socket = EndpointConfiguration(.unix(path: "/nonexistent/socket"))
        socket.tls = TLSClientConfiguration()
        #expect(try await ConnectBench.failure(socket).hasPrefix("tls: tls.server_name "))
    }

    @Test("A renewed certificate counts from the next connection")
    func renewal() async throws {
        let server = try await TestServer.tls(TLSServerConfiguration(identity: try Self.identity()))
        let directory = try TemporaryDirectory()
        let ca = try directory.write("ca.pem", try TestAuthority("Former").certificate)
        var endpoint = try Self.endpoint(server)
        endpoint.tls?.trust = .certificates(.file(ca))
        #expect(try await ConnectBench.failure(endpoint).contains("which is not trusted here"))
        try directory.write("ca.pem", try Self.root.get().certificate)
        let bench = ConnectBench()
        #expect(try await bench.connect(endpoint)?.verification == .verified)
        try await bench.end()
        try await server.end()
    }

    @Test("All addresses of a name are tried")
    func allAddresses() async throws {
        let server = try await TestServer.plain(Talker.echo)
        // The server listens on IPv4 only; localhost is often ::1 first.
        let bench = ConnectBench()
        try await bench.connect(EndpointConfiguration(host: "localhost", port: server.port))
        bench.send(ByteBuffer(string: "ping"))
        try await eventually("the echo comes") { bench.seen.text == "ping" }
        try await bench.end()
        try await server.end()
    }
}
