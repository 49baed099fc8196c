import NIOCore
import NIOPosix
import WireProtocols

/// A server for WebSockets, and for plain HTTP requests beside them. Confined to one event loop, its connections included.
package final class WebSocketServer {
    private struct Entry {
        let connection: WebSocketConnection
        /// Held here: connections hold it weakly.
        let delegate: any WebSocketConnectionDelegate
    }

    package let eventLoop: any EventLoop
    let configuration: WebSocketServerConfiguration
    let decide: (WebSocketServerRequest) -> WebSocketServerDecision

    private var listener: (any Channel)?
    private var entries: [ObjectIdentifier: Entry] = [:]
    /// Sockets, upgraded or not.
    private var channels: [ObjectIdentifier: any Channel] = [:]
    private var isClosed = false

    /// `decide` is called on the event loop, once for each request.
    package init(
        _ configuration: WebSocketServerConfiguration, on eventLoop: any EventLoop,
        decide: @escaping (WebSocketServerRequest) -> WebSocketServerDecision
    ) {
        (self.configuration, self.eventLoop, self.decide) = (configuration, eventLoop, decide)
    }

    /// Begins to listen; succeeds with the port.
    package func start() -> EventLoopFuture<Int> {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try bound.value.configuration.initialize?(channel)
                    try channel.pipeline.syncOperations.addHandler(WebSocketServerHandler(server: bound.value))
                }
            }
            .bind(host: configuration.host, port: configuration.port)
            .flatMapThrowing { channel in
                bound.value.listener = channel
                return channel.localAddress?.port ?? 0
            }
            .flatMapErrorThrowing { error in
                throw ConnectionError(.connect, .system(SystemWords.of(error)))
            }
    }

    /// The open WebSockets, in no order.
    package var connections: [WebSocketConnection] { entries.values.map(\.connection) }

    /// Stops listening and closes every connection, WebSockets with a close handshake; succeeds when all are gone.
    package func close(_ code: WebSocketCloseCode = .goingAway, reason: String = "") -> EventLoopFuture<Void> {
        isClosed = true
        let upgraded = entries.values.map { $0.connection.close(code, reason: reason) }
        for channel in channels.values { channel.close(promise: nil) }
        let listening = listener.map { [$0.close()] } ?? []
        return EventLoopFuture.andAllComplete(upgraded + listening, on: eventLoop)
    }

    // MARK: - From the handlers

    /// False when there are too many, or the server is closed.
    func admits(_ channel: any Channel) -> Bool {
        guard !isClosed, channels.count + entries.count < configuration.maximumConnections else { return false }
        channels[ObjectIdentifier(channel)] = channel
        return true
    }

    func ended(_ channel: any Channel) { channels[ObjectIdentifier(channel)] = nil }

    func upgraded(_ channel: any Channel, delegate: any WebSocketConnectionDelegate) -> WebSocketConnection {
        ended(channel)
        let connection = WebSocketConnection.accepted(configuration, on: channel, delegate: delegate)
        let key = ObjectIdentifier(connection)
        entries[key] = Entry(connection: connection, delegate: delegate)
        connection.closed.assumeIsolated().whenComplete { _ in self.entries[key] = nil }
        return connection
    }
}
