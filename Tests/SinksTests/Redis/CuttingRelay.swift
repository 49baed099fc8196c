import NIOCore
import NIOPosix
import Synchronization

/// A listener that passes bytes on to a unix socket and back, and cuts the connection where a test wants it.
final class CuttingRelay: Sendable {
    /// How many bytes still pass; nil: all.
    struct Allowance: Sendable {
        var towards: Int?
        var back: Int?
    }

    let port: Int
    private let channel: any Channel
    private let allowance: Mutex<Allowance>
    private let connections = Atomic(0)

    /// Of connections that were made through it.
    var connectionCount: Int { connections.load(ordering: .relaxed) }

    init(to path: String) async throws {
        let state = SharedState()
        let group = MultiThreadedEventLoopGroup.singleton
        channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 16)
            .childChannelInitializer { client in
                state.accepted(client, path: path)
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
        allowance = Mutex(Allowance())
        state.relay.withLock { $0 = self }
    }

    /// From now on so many bytes pass; then the connection in which that happens is cut, and the next ones are whole.
    func cut(after allowance: Allowance) { self.allowance.withLock { $0 = allowance } }

    func close() async { try? await channel.close().get() }

    fileprivate func opened() { connections.wrappingAdd(1, ordering: .relaxed) }

    /// How many of `count` bytes may pass, and whether the connection is cut behind them.
    fileprivate func take(_ count: Int, towards: Bool) -> (passing: Int, isCut: Bool) {
        allowance.withLock { allowance in
            let path: WritableKeyPath<Allowance, Int?> = towards ? \.towards : \.back
            guard let left = allowance[keyPath: path] else { return (count, false) }
            guard left <= count else {
                allowance[keyPath: path] = left - count
                return (count, false)
            }
            allowance = Allowance()
            return (left, true)
        }
    }
}

private final class SharedState: Sendable {
    let relay = Mutex<CuttingRelay?>(nil)

    func accepted(_ client: any Channel, path: String) -> EventLoopFuture<Void> {
        guard let relay = relay.withLock({ $0 }) else { return client.close() }
        relay.opened()
        return ClientBootstrap(group: client.eventLoop).connect(unixDomainSocketPath: path).flatMap { server in
            client.eventLoop.submit {
                try client.pipeline.syncOperations.addHandler(Passage(server, relay, towards: true))
                try server.pipeline.syncOperations.addHandler(Passage(client, relay, towards: false))
            }
        }
    }
}

private final class Passage: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let other: any Channel
    private let relay: CuttingRelay
    private let isTowards: Bool

    init(_ other: any Channel, _ relay: CuttingRelay, towards: Bool) {
        (self.other, self.relay, isTowards) = (other, relay, towards)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        let (count, isCut) = relay.take(bytes.readableBytes, towards: isTowards)
        if let passing = bytes.readSlice(length: count) { other.writeAndFlush(passing, promise: nil) }
        guard isCut else { return }
        context.close(promise: nil)
        other.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
