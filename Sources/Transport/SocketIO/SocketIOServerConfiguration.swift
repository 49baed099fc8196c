import NIOCore
import WireProtocols

/// Where a Socket.IO server listens and what it grants.
package struct SocketIOServerConfiguration: Sendable {
    /// Of this machine alone unless told otherwise.
    package var host: String
    /// 0: any free one.
    package var port: Int
    /// Of Engine.IO; with or without a slash at its end.
    package var path = "/socket.io/"
    package var versions = Set(EngineIOVersion.allCases)
    /// Without polling only clients that are told to use WebSocket alone come in.
    package var allowsPolling = true
    /// What a client must show, as `HTTPCredentials.bearer` of the token: in the query (`token=`), as Authorization: Bearer, or
    /// with CONNECT (protocol 5: `{"token":…}`). Nil: everybody.
    package var token: HTTPCredentials?
    /// Of web pages that may come in (`https://host:port`); their browsers say where a page is from. Others, and programs, which
    /// say nothing, are not concerned.
    package var origins: Set<String> = []
    /// Of each session.
    package var session = SocketIOServerSessionConfiguration()
    package var maximumSessions = 256
    package var maximumConnections = 1024
    /// What a WebSocket client does not take of what is said to it.
    package var unsentBytes = 4 << 20
    /// Adds what belongs below HTTP to a new connection, such as TLS.
    package var initialize: (@Sendable (any Channel) throws -> Void)?

    package init(host: String = "127.0.0.1", port: Int = 0) { (self.host, self.port) = (host, port) }

    var webSocket: WebSocketServerConfiguration {
        var server = WebSocketServerConfiguration(host: host, port: port)
        let messageBytes = session.limits.messageBytes
        // Attachments of Engine.IO 3 have one byte more.
        server.limits = WebSocketLimits(
            messageBytes: messageBytes + 1, unsentBytes: unsentBytes, handshake: HTTPLimits(bodyBytes: messageBytes))
        // Engine.IO has its own heartbeat.
        server.keepAlive = WebSocketKeepAlive(pingInterval: nil, receiveTimeout: nil, closeTimeout: .seconds(1))
        // Clients that poll keep their connections between two posts.
        server.requestTimeout = max(.seconds(10), session.pingInterval + session.pingTimeout)
        (server.maximumConnections, server.initialize) = (maximumConnections, initialize)
        return server
    }
}

/// Told what happens on a `SocketIOServer`, on its event loop, in the order it happens.
package protocol SocketIOServerDelegate: AnyObject {
    /// A client joined a namespace: events will come, and may be emitted.
    func socketIOServer(_ server: SocketIOServer, connected client: SocketIOServerClient)
    func socketIOServer(_ server: SocketIOServer, client: SocketIOServerClient, received event: SocketIOEvent)
    /// It left, or is gone. Nothing of it follows.
    func socketIOServer(
        _ server: SocketIOServer, client: SocketIOServerClient, disconnected reason: SocketIOServerClient.End)

    // Do nothing unless implemented.

    func socketIOServer(
        _ server: SocketIOServer, client: SocketIOServerClient, acknowledged number: UInt64, with answer: SocketIOEvent)
    func socketIOServer(
        _ server: SocketIOServer, client: SocketIOServerClient, unacknowledged number: UInt64)
    /// A request, or a CONNECT, was refused. Counted in `statistics`.
    func socketIOServer(_ server: SocketIOServer, refused refusal: SocketIOServer.Refusal, from address: SocketAddress?)
}

extension SocketIOServerDelegate {
    package func socketIOServer(
        _ server: SocketIOServer, client: SocketIOServerClient, acknowledged number: UInt64, with answer: SocketIOEvent
    ) {}
    package func socketIOServer(
        _ server: SocketIOServer, client: SocketIOServerClient, unacknowledged number: UInt64
    ) {}
    package func socketIOServer(
        _ server: SocketIOServer, refused refusal: SocketIOServer.Refusal, from address: SocketAddress?
    ) {}
}
