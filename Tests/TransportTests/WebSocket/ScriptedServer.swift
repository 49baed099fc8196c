import NIOCore
import NIOPosix
import Synchronization

@testable import WireProtocols

/// A TCP server on loopback that answers as a test says, right or wrong.
final class ScriptedServer: Sendable {
    struct Answer: Sendable {
        var bytes: [UInt8] = []
        var closes = false

        static func text(_ text: String, closes: Bool = false) -> Answer {
            Answer(bytes: Array(text.utf8), closes: closes)
        }
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let server: ScriptedServer
        private let number: Int
        private var received = ""

        init(_ server: ScriptedServer, number: Int) { (self.server, self.number) = (server, number) }

        func channelActive(context: ChannelHandlerContext) { server.open.withLock { $0 += 1 } }
        func channelInactive(context: ChannelHandlerContext) { server.open.withLock { $0 -= 1 } }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += String(buffer: unwrapInboundIn(data))
            guard let answer = server.script(received, number) else { return }
            received = ""
            let channel = context.channel
            let written = channel.writeAndFlush(ByteBuffer(bytes: answer.bytes))
            if answer.closes { written.whenComplete { _ in channel.close(promise: nil) } }
        }
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let listener = Mutex<(any Channel)?>(nil)
    private let accepted = Mutex(0)
    private let open = Mutex(0)
    fileprivate let script: @Sendable (String, Int) -> Answer?

    /// `script` is given what a connection has said since its last answer, and the connection's number from 1.
    init(_ script: @escaping @Sendable (_ received: String, _ connection: Int) -> Answer?) async throws {
        self.script = script
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let number = self.accepted.withLock { number in
                        number += 1
                        return number
                    }
                    try channel.pipeline.syncOperations.addHandler(Handler(self, number: number))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        listener.withLock { $0 = channel }
    }

    var port: Int { listener.withLock { $0?.localAddress?.port } ?? 0 }
    var connections: Int { accepted.withLock { $0 } }
    /// Those that are not closed yet.
    var openConnections: Int { open.withLock { $0 } }

    func end() async throws { try await group.shutdownGracefully() }

    /// The right 101 to a request, and bytes behind it.
    static func upgrade(
        _ request: String, fields: String = "", accept: String? = nil, then bytes: [UInt8] = [], closes: Bool = false
    ) -> Answer? {
        guard request.hasSuffix("\r\n\r\n") else { return nil }
        let key = request.split(separator: "\r\n").first { $0.hasPrefix("Sec-WebSocket-Key: ") }?.dropFirst(19)
        let accept = accept ?? key.flatMap { WebSocketHandshakeKey(String($0))?.accept } ?? ""
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: \(accept)\r\n\(fields)\r\n"
        return Answer(bytes: Array(head.utf8) + bytes, closes: closes)
    }
}
