import NIOCore
import NIOPosix
import Synchronization

/// A TCP client that sends what a test says and keeps what comes.
final class RawClient: Sendable {
    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let client: RawClient
        init(_ client: RawClient) { self.client = client }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            client.text.withLock { $0 += String(buffer: bytes) }
        }
        func channelInactive(context: ChannelHandlerContext) { client.closed.withLock { $0 = true } }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let text = Mutex("")
    private let closed = Mutex(false)
    private let channel = Mutex<(any Channel)?>(nil)

    init(port: Int) async throws {
        let opened = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Handler(self))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        channel.withLock { $0 = opened }
    }

    var received: String { text.withLock { $0 } }
    var isClosed: Bool { closed.withLock { $0 } }

    func send(_ text: String, bytes: [UInt8] = []) async throws {
        let channel = channel.withLock { $0 }
        try await channel?.writeAndFlush(ByteBuffer(bytes: Array(text.utf8) + bytes)).get()
    }

    func end() async throws { try await group.shutdownGracefully() }
}
