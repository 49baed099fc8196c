import Codecs
import NIOCore
import Transport
import WireProtocols

/// The connection alone, as a client of any kind would use it: each event's name and call are read, and that is all.
final class EventReader: SocketIOConnectionDelegate {
    private let expected: Int
    private let ended: EventLoopPromise<String>
    private var watch = Stopwatch()
    private var connection: SocketIOConnection?
    private var events = 0
    private var bytes = 0

    init(expected: Int, ended: EventLoopPromise<String>) { (self.expected, self.ended) = (expected, ended) }

    func connect(to port: Int, on loop: any EventLoop) {
        var configuration = SocketIOConnectionConfiguration(
            endpoint: EndpointConfiguration(host: "127.0.0.1", port: port))
        configuration.policy = .eio4
        connection = SocketIOConnection.connect(configuration, on: loop, delegate: self)
    }

    func close(on loop: any EventLoop) -> EventLoopFuture<Void> {
        connection?.close() ?? loop.makeSucceededVoidFuture()
    }

    func socketIOConnectionReady(_ connection: SocketIOConnection, opening: SocketIOOpening) {}

    func socketIOConnection(_ connection: SocketIOConnection, received event: SocketIOEvent) {
        watch.start()
        events += 1
        bytes += event.name.utf8.count + (event.firstArgument?["uniqueid"]?.string?.utf8.count ?? 0)
        if events == expected { ended.succeed(watch.summary(messages: events, " \"bytes\": \(bytes),")) }
    }

    func socketIOConnectionReadComplete(_ connection: SocketIOConnection) {}

    func socketIOConnection(_ connection: SocketIOConnection, failed error: ConnectionError) { ended.fail(error) }
}
