import WireProtocols

/// Told what happens on a `WebSocketConnection`, on its event loop, in the order it happens.
package protocol WebSocketConnectionDelegate: AnyObject {
    /// Messages may be sent, and will come.
    func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening)
    /// One message. Its buffer may be a slice of everything that was read with it: copy what is kept for long.
    func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage)
    /// What the socket held has been handed over: a good moment for work that can be done once per burst.
    func webSocketConnectionReadComplete(_ connection: WebSocketConnection)
    /// It did not come up, or went down, be it in an orderly way. Called once, and never after `close` or `abort`.
    func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError)

    /// A ping, a pong or a close frame came; what it asks for is done by the connection. Does nothing unless implemented.
    func webSocketConnection(_ connection: WebSocketConnection, receivedControl frame: WebSocketControlFrame)
    /// What had to wait is on its way: more may be sent. Does nothing unless implemented.
    func webSocketConnectionBecameWritable(_ connection: WebSocketConnection)
}

extension WebSocketConnectionDelegate {
    package func webSocketConnection(
        _ connection: WebSocketConnection, receivedControl frame: WebSocketControlFrame
    ) {}
    package func webSocketConnectionBecameWritable(_ connection: WebSocketConnection) {}
}
