import WireProtocols

/// Told what happens on a `SocketIOConnection`, on its event loop, in the order it happens.
package protocol SocketIOConnectionDelegate: AnyObject {
    /// The namespace is connected: events will come, and may be emitted.
    func socketIOConnectionReady(_ connection: SocketIOConnection, opening: SocketIOOpening)
    func socketIOConnection(_ connection: SocketIOConnection, received event: SocketIOEvent)
    /// What the socket held has been handed over: a good moment for work that can be done once per burst.
    func socketIOConnectionReadComplete(_ connection: SocketIOConnection)
    /// It did not come up, or went down. Called once, never during `connect`, and never after `close`.
    func socketIOConnection(_ connection: SocketIOConnection, failed error: ConnectionError)

    // Do nothing unless implemented.

    /// The acknowledgement of an emit that asked for one.
    func socketIOConnection(_ connection: SocketIOConnection, acknowledged number: UInt64, with answer: SocketIOEvent)
    /// There was none in time, or the connection has ended before.
    func socketIOConnection(_ connection: SocketIOConnection, unacknowledged number: UInt64)
    /// The server did something that it should not, and no harm. Counted in `statistics`.
    func socketIOConnection(_ connection: SocketIOConnection, met oddity: SocketIOOddity)
}

extension SocketIOConnectionDelegate {
    package func socketIOConnection(
        _ connection: SocketIOConnection, acknowledged number: UInt64, with answer: SocketIOEvent
    ) {}
    package func socketIOConnection(_ connection: SocketIOConnection, unacknowledged number: UInt64) {}
    package func socketIOConnection(_ connection: SocketIOConnection, met oddity: SocketIOOddity) {}
}
