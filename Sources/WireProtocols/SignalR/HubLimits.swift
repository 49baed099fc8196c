import NIOCore

/// Bounds of what the other end of a hub connection may make us hold, and of what we may send.
public struct HubLimits: Sendable, Equatable {
    /// One record that comes in, complete or not. Its parsed form may take ten times as much while it is looked at.
    public var recordBytes: Int
    /// Deepest nesting of a record; ASP.NET Core reads 64.
    public var depth: Int
    /// One record of ours, its end included. ASP.NET Core takes 32 KiB and ends the connection above that.
    public var sentRecordBytes: Int
    /// Invocations without a completion.
    public var pendingCalls: Int
    /// Records in a row that nobody can read: what sends them is no hub.
    public var unreadableInRow: Int

    public init(
        recordBytes: Int = 4 << 20, depth: Int = 64, sentRecordBytes: Int = 32 << 10, pendingCalls: Int = 256,
        unreadableInRow: Int = 10
    ) {
        self.recordBytes = min(max(recordBytes, 1), Int(Int32.max))
        self.depth = min(max(depth, 2), 512)
        self.sentRecordBytes = max(sentRecordBytes, 64)
        (self.pendingCalls, self.unreadableInRow) = (max(pendingCalls, 1), max(unreadableInRow, 1))
    }
}

/// The clocks of a client's hub connection; the defaults are those of ASP.NET Core, which a server does not tell.
public struct HubTimeouts: Sendable, Equatable {
    /// A ping so long after our last record, 1 ms at least; what comes in does not postpone it. Well below the server's patience.
    public let pingInterval: TimeAmount
    /// Without anything from the server; at least twice its keep-alive interval.
    public let receiveTimeout: TimeAmount
    /// From the opening of the WebSocket to the server's answer.
    public let handshakeTimeout: TimeAmount
    /// From an invocation to its completion, unless it was given a limit of its own.
    public let invocationTimeout: TimeAmount

    public init(
        pingInterval: TimeAmount = .seconds(15), receiveTimeout: TimeAmount = .seconds(30),
        handshakeTimeout: TimeAmount = .seconds(15), invocationTimeout: TimeAmount = .seconds(30)
    ) {
        // Without a floor, a wrong setting would make a driver's timer go round and round.
        (self.pingInterval, self.receiveTimeout) = (max(pingInterval, .milliseconds(1)), receiveTimeout)
        (self.handshakeTimeout, self.invocationTimeout) = (handshakeTimeout, invocationTimeout)
    }
}

/// The clocks of a server's hub connection.
public struct HubServerTimeouts: Sendable, Equatable {
    /// A ping so long after the last ping, 1 ms at least, whatever else is sent.
    public let keepAliveInterval: TimeAmount
    /// Without a record from the client, once it has sent one behind its handshake.
    public let clientTimeout: TimeAmount
    /// From the opening of the WebSocket to the client's handshake.
    public let handshakeTimeout: TimeAmount

    public init(
        keepAliveInterval: TimeAmount = .seconds(15), clientTimeout: TimeAmount = .seconds(30),
        handshakeTimeout: TimeAmount = .seconds(15)
    ) {
        (self.keepAliveInterval, self.clientTimeout) = (max(keepAliveInterval, .milliseconds(1)), clientTimeout)
        self.handshakeTimeout = handshakeTimeout
    }
}

/// In which kind of WebSocket message records are sent; both are understood.
public enum HubFrames: Sendable, Equatable {
    case text
    case binary
}
