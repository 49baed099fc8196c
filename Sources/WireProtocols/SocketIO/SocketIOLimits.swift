import Codecs
import NIOCore

/// Bounds of what a Socket.IO peer may make us hold.
public struct SocketIOLimits: Sendable, Equatable {
    /// One message, and one attachment; the reference server's default.
    public var messageBytes: Int
    /// Of the JSON of a packet; its array is the first level.
    public var depth: Int
    /// Binary attachments of one packet, and all of them together.
    public var attachments: Int
    public var attachmentBytes: Int
    /// Events before CONNECT is answered; they are told after it.
    public var earlyEvents: Int
    /// Emits whose acknowledgement is awaited.
    public var pendingAcknowledgements: Int

    public init(
        messageBytes: Int = 1 << 20, depth: Int = 16, attachments: Int = 10, attachmentBytes: Int = 4 << 20,
        earlyEvents: Int = 256, pendingAcknowledgements: Int = 1024
    ) {
        (self.messageBytes, self.depth, self.attachments) = (messageBytes, depth, attachments)
        (self.attachmentBytes, self.earlyEvents) = (attachmentBytes, earlyEvents)
        self.pendingAcknowledgements = pendingAcknowledgements
    }

    var json: JSONLimits { JSONLimits(bytes: messageBytes, depth: depth) }

    /// The longest namespace in bytes, a query of it included.
    static let namespaceBytes = 256
    /// The most digits of an acknowledgement's id.
    static let acknowledgementDigits = 64
}

/// How long a client waits for each stage behind the WebSocket, and for answers.
public struct SocketIOTimeouts: Sendable, Equatable {
    /// From the WebSocket to the open packet.
    public var open: TimeAmount
    /// From the open packet to the CONNECT of the namespace.
    public var connect: TimeAmount
    /// From an emit to its acknowledgement.
    public var acknowledgement: TimeAmount
    /// From a ping of ours to anything (Engine.IO 3), where the server grants itself more.
    public var pong: TimeAmount

    public init(
        open: TimeAmount = .seconds(10), connect: TimeAmount = .seconds(10),
        acknowledgement: TimeAmount = .seconds(10), pong: TimeAmount = .seconds(20)
    ) {
        (self.open, self.connect, self.acknowledgement, self.pong) = (open, connect, acknowledgement, pong)
    }
}
