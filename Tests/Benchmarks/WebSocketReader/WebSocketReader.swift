import Glibc
import NIOCore
import NIOPosix
import Transport
import WireProtocols

/// Receives messages as a source does, on one event loop, and says how long that took: see websocket.py.
@main
struct WebSocketReader {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 3, let port = Int(arguments[1]), let count = Int(arguments[2]) else {
            print("usage: websocket-reader PORT MESSAGES [CA]")
            exit(64)
        }
        let tls = arguments.count > 3 ? TLSClientConfiguration(trust: .certificates(.file(arguments[3]))) : nil
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let ended = loop.makePromise(of: Void.self)
        let reader = try await loop.submit {
            let reader = MessageCounter(expected: count, ended: ended)
            var configuration = WebSocketConnectionConfiguration(
                endpoint: EndpointConfiguration(host: "localhost", port: port, tls: tls))
            configuration.limits.messageBytes = 64 << 20
            reader.connection = WebSocketConnection.connect(configuration, on: loop, delegate: reader)
            return NIOLoopBound(reader, eventLoop: loop)
        }.get()
        try await ended.futureResult.get()
        print(try await loop.submit { reader.value.summary }.get())
        try await loop.flatSubmit {
            reader.value.connection?.close() ?? loop.makeSucceededVoidFuture()
        }.get()
        try await group.shutdownGracefully()
    }
}

private final class MessageCounter: WebSocketConnectionDelegate {
    private let expected: Int
    private let ended: EventLoopPromise<Void>
    private let clock = ContinuousClock()
    private var began: ContinuousClock.Instant?
    private var took = Duration.zero
    private var messages = 0
    private var bytes = 0
    var connection: WebSocketConnection?

    init(expected: Int, ended: EventLoopPromise<Void>) { (self.expected, self.ended) = (expected, ended) }

    var summary: String {
        let (seconds, attoseconds) = took.components
        let time = Double(seconds) + Double(attoseconds) / 1e18
        return "{\"messages\": \(messages), \"bytes\": \(bytes), \"seconds\": \(time)}"
    }

    func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) { began = clock.now }

    func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
        messages += 1
        bytes += message.bytes.readableBytes
        guard messages == expected, let began else { return }
        took = clock.now - began
        ended.succeed()
    }

    func webSocketConnectionReadComplete(_ connection: WebSocketConnection) {}

    func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) { ended.fail(error) }
}
