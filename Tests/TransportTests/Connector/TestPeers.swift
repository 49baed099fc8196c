import NIOCore
import NIOPosix
import Synchronization
import TestSupport

@testable import Transport

/// A TCP server on loopback whose connections a test sets up.
final class TestServer: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let port: Int

    init(_ initialize: @escaping @Sendable (any Channel) throws -> Void) async throws {
        port =
            try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try initialize(channel) } }
            .bind(host: "127.0.0.1", port: 0).get().localAddress?.port ?? 0
    }

    /// Speaks TLS, then answers as `talk` says.
    static func tls(
        _ configuration: TLSServerConfiguration,
        _ talk: @escaping @Sendable (Talker.Event) -> Talker.Answer = Talker.echo
    ) async throws -> TestServer {
        let context = try TLSContext(configuration)
        return try await TestServer { channel in
            try channel.pipeline.syncOperations.addHandler(Socket(), name: "socket")
            try channel.pipeline.syncOperations.addHandlers([try TLSHandler(server: context), Talker(talk)])
        }
    }

    /// Speaks what `talk` says.
    static func plain(_ talk: @escaping @Sendable (Talker.Event) -> Talker.Answer) async throws -> TestServer {
        try await TestServer { try $0.pipeline.syncOperations.addHandler(Talker(talk)) }
    }

    func end() async throws { try await group.shutdownGracefully() }

    /// A place below TLS.
    private final class Socket: ChannelDuplexHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundIn = ByteBuffer
    }
}

/// Answers what a client says.
final class Talker: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Event: Sendable {
        case connected
        case received(ByteBuffer)
    }

    enum Answer: Sendable {
        case nothing
        case text(String)
        case bytes(ByteBuffer)
        /// Ends the connection as its protocols want it.
        case close(String)
        /// The socket goes at once, whatever TLS would want.
        case cut
    }

    static let echo: @Sendable (Event) -> Answer = { event in
        switch event {
        case .connected: .nothing
        case .received(let bytes): .bytes(bytes)
        }
    }

    private let talk: @Sendable (Event) -> Answer

    init(_ talk: @escaping @Sendable (Event) -> Answer) { self.talk = talk }

    func channelActive(context: ChannelHandlerContext) { answer(talk(.connected), context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        answer(talk(.received(unwrapInboundIn(data))), context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ answer: Answer, _ context: ChannelHandlerContext) {
        switch answer {
        case .nothing: break
        case .text(let text): context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        case .bytes(let bytes): context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        case .close(let text):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            context.close(promise: nil)
        case .cut:
            let socket = try? context.pipeline.syncOperations.context(name: "socket")
            (socket ?? context).close(promise: nil)
        }
    }
}

/// One attempt of the connector on a loop of its own, and what its application heard.
final class ConnectBench: Sendable {
    private final class Application: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let bench: ConnectBench
        init(_ bench: ConnectBench) { self.bench = bench }

        func handlerAdded(context: ChannelHandlerContext) {
            bench.add(context.channel.isActive ? "added" : "added too early")
        }

        func channelActive(context: ChannelHandlerContext) { bench.add("channelActive") }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            bench.state.withLock {
                $0.received += bytes.readableBytes
                $0.text += String(
                    buffer: bytes.getSlice(at: bytes.readerIndex, length: min(200, bytes.readableBytes)) ?? bytes)
            }
        }

        func channelInactive(context: ChannelHandlerContext) { bench.add("inactive") }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { bench.add("\(error)") }
    }

    struct State {
        var events: [String] = []
        /// The first 200 characters of each read.
        var text = ""
        var received = 0
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    var seen: State { state.withLock { $0 } }

    private func add(_ event: String) { state.withLock { $0.events.append(event) } }

    /// What the peer showed, nil without TLS.
    @discardableResult
    func connect(_ endpoint: EndpointConfiguration) async throws -> TLSPeer? {
        let loop = group.next()
        let channel = try await Connector.connect(endpoint, on: loop) { channel in
            try channel.pipeline.syncOperations.addHandler(Application(self))
        }.get()
        self.channel.withLock { $0 = channel }
        return try await loop.submit { Connector.tlsPeer(of: channel) }.get()
    }

    /// The sentence in which an attempt ends; throws where it does not end.
    static func failure(_ endpoint: EndpointConfiguration) async throws -> String {
        let bench = ConnectBench()
        var sentence: String?
        do {
            try await bench.connect(endpoint)
        } catch {
            sentence = "\(error)"
        }
        try await bench.end()
        guard let sentence else { throw TestFailure(description: "it connected") }
        return sentence
    }

    func send(_ bytes: ByteBuffer) {
        channel.withLock { $0 }?.writeAndFlush(bytes, promise: nil)
    }

    func close() async throws { try await channel.withLock { $0 }?.close().get() }

    func end() async throws { try await group.shutdownGracefully() }
}
