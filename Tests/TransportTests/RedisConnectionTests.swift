import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing
import Transport
import WireProtocols

@Suite struct RedisConnectionTests {
    @Test("Commands are answered over TCP and over a unix socket")
    func answers() async throws {
        guard let server = try await RedisServer.start() else { return }
        for endpoint in [
            RedisEndpoint(host: "127.0.0.1", port: Int(server.port), database: 2),
            RedisEndpoint(unixPath: server.socketPath),
        ] {
            let bench = ConnectionBench(endpoint)
            try await bench.open()
            try await eventually("it is ready", state: { "\(bench.seen)" }) { bench.seen.first == "ready" }
            try await bench.send([["RPUSH", "k", "a", "b"], ["LRANGE", "k", "0", "-1"]])
            try await eventually("both replies came", state: { "\(bench.seen)" }) {
                bench.seen.contains(":2") && bench.seen.contains("[a, b]")
            }
            try await bench.end()
        }
        try await eventually("the server has seen them close") {
            try server.client()("CLIENT", "LIST").text?.contains("name=cti-bridge") == false
        }
    }

    @Test(
        "A closed port, a missing socket and an unknown name fail in their own stage",
        arguments: [
            (RedisEndpoint(host: "127.0.0.1", port: 1), "connect: "),
            (RedisEndpoint(unixPath: "/nonexistent/socket"), "connect: "),
            (RedisEndpoint(host: "no-such-host.invalid"), "resolve: "),
        ])
    func stages(endpoint: RedisEndpoint, words: String) async throws {
        let bench = ConnectionBench(endpoint)
        try await bench.open()
        try await eventually("it fails", state: { "\(bench.seen)" }) { bench.seen.first?.hasPrefix(words) == true }
        try await bench.end()
        #expect(bench.seen.count == 1)
    }

    @Test("A peer that says nothing fails in the handshake, at its deadline")
    func muteHandshake() async throws {
        let listener = try await Listener { _ in }
        let bench = ConnectionBench(listener.endpoint) { $0.handshakeTimeout = .milliseconds(50) }
        try await bench.open()
        try await eventually("it fails") { bench.seen.first?.hasPrefix("handshake: no answer within") == true }
        try await bench.end()
        try await listener.end()
    }

    @Test("A peer that is no Redis fails in the handshake with what it said wrong")
    func noRedis() async throws {
        let listener = try await Listener { $0.write("HTTP/1.1 400 Bad Request\r\n\r\n") }
        let bench = ConnectionBench(listener.endpoint)
        try await bench.open()
        try await eventually("it fails", state: { "\(bench.seen)" }) {
            bench.seen.first?.hasPrefix("handshake: the peer does not speak RESP2") == true
        }
        try await bench.end()
        try await listener.end()
    }

    @Test("A server that goes away is reported once, and a connection closed by us never")
    func endings() async throws {
        guard let server = try await RedisServer.start() else { return }
        let endpoint = RedisEndpoint(host: "127.0.0.1", port: Int(server.port))
        let (kept, closed) = (ConnectionBench(endpoint), ConnectionBench(endpoint))
        for bench in [kept, closed] {
            try await bench.open()
            try await eventually("it is ready") { bench.seen == ["ready"] }
        }
        try await closed.close()
        try await server.kill()
        try await eventually("it is reported") { kept.seen.count == 2 }
        #expect(kept.seen[1].hasPrefix("established: "))
        #expect(closed.seen == ["ready"])
        try await kept.end()
        try await closed.end()
    }
}

/// A connection on a loop of its own, and what its delegate heard.
private final class ConnectionBench: Sendable {
    private final class Delegate: RedisConnectionDelegate {
        let bench: ConnectionBench
        init(_ bench: ConnectionBench) { self.bench = bench }

        func redisConnectionReady(_ connection: RedisConnection, version: String?, warnings: [RedisServerError]) {
            bench.add("ready")
        }

        func redisConnection(_ connection: RedisConnection, received reply: WireProtocols.RESPReply) {
            if let elements = reply.elements {
                bench.add("[\(elements.compactMap(\.text).joined(separator: ", "))]")
            } else {
                bench.add(reply.integer.map { ":\($0)" } ?? reply.text ?? "nil")
            }
        }

        func redisConnectionReadComplete(_ connection: RedisConnection) {}
        func redisConnection(_ connection: RedisConnection, failed error: ConnectionError) { bench.add("\(error)") }
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let configuration: RedisConnectionConfiguration
    private let parts: NIOLoopBoundBox<(RedisConnection, Delegate)?>
    private let heard = Mutex<[String]>([])

    init(_ endpoint: RedisEndpoint, _ adjust: (inout RedisConnectionConfiguration) -> Void = { _ in }) {
        loop = group.next()
        parts = .makeEmptyBox(eventLoop: loop)
        var configuration = RedisConnectionConfiguration(endpoint: endpoint)
        adjust(&configuration)
        self.configuration = configuration
    }

    var seen: [String] { heard.withLock { $0 } }

    private func add(_ text: String) { heard.withLock { $0.append(text) } }

    func open() async throws {
        try await loop.submit { [self] in
            let delegate = Delegate(self)
            parts.value = (RedisConnection.connect(configuration, on: loop, delegate: delegate), delegate)
        }.get()
    }

    func send(_ commands: [[String]]) async throws {
        try await loop.submit {
            for command in commands {
                var buffer = ByteBuffer(string: "*\(command.count)\r\n")
                for word in command { buffer.writeString("$\(word.utf8.count)\r\n\(word)\r\n") }
                self.parts.value?.0.send(buffer)
            }
        }.get()
    }

    func close() async throws {
        try await loop.submit { self.parts.value?.0.close() }.get()
    }

    func end() async throws {
        try await close()
        try await loop.submit { self.parts.value = nil }.get()
        try await group.shutdownGracefully()
    }
}

/// A TCP server that answers the first bytes of each client with what a test says.
private struct Listener {
    struct Answer {
        let context: ChannelHandlerContext

        func write(_ text: String) {
            context.writeAndFlush(NIOAny(ByteBuffer(string: text)), promise: nil)
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let answer: @Sendable (Answer) -> Void
        init(_ answer: @escaping @Sendable (Answer) -> Void) { self.answer = answer }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) { answer(Answer(context: context)) }
    }

    private let group: MultiThreadedEventLoopGroup
    let endpoint: RedisEndpoint

    init(_ answer: @escaping @Sendable (Answer) -> Void) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        endpoint = RedisEndpoint(host: "127.0.0.1", port: channel.localAddress?.port ?? 0)
    }

    func end() async throws { try await group.shutdownGracefully() }
}
