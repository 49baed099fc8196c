import NIOCore

/// Bounds of what a WebSocket peer may make us hold.
public struct WebSocketLimits: Sendable, Equatable {
    /// One message, all its frames together, and also once inflated.
    public var messageBytes: Int
    /// What we have to say and the peer does not take.
    public var unsentBytes: Int
    /// The head of the handshake, and what is read of the body of an answer that refuses.
    public var handshake: HTTPLimits

    public init(
        messageBytes: Int = 16 << 20, unsentBytes: Int = 16 << 20,
        handshake: HTTPLimits = HTTPLimits(bodyBytes: 64 << 10)
    ) {
        (self.messageBytes, self.unsentBytes, self.handshake) = (messageBytes, unsentBytes, handshake)
    }
}

/// How a silent peer is noticed.
public struct WebSocketKeepAlive: Sendable, Equatable {
    /// A ping so long after the opening and after each ping; nil: none.
    public var pingInterval: TimeAmount?
    /// From a ping to its pong; what else the peer sends in between counts as life. Only with `pingInterval`.
    public var pongTimeout: TimeAmount
    /// Without one byte from the peer; nil: for ever.
    public var receiveTimeout: TimeAmount?
    /// From our close frame to the end of the connection.
    public var closeTimeout: TimeAmount

    public init(
        pingInterval: TimeAmount? = .seconds(20), pongTimeout: TimeAmount = .seconds(20),
        receiveTimeout: TimeAmount? = .seconds(45), closeTimeout: TimeAmount = .seconds(5)
    ) {
        (self.pingInterval, self.pongTimeout) = (pingInterval, pongTimeout)
        (self.receiveTimeout, self.closeTimeout) = (receiveTimeout, closeTimeout)
    }
}
