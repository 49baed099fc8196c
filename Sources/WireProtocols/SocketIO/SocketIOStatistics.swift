import NIOCore

/// Something a peer does that is not as it should be and does no harm: counted, and the session goes on.
public enum SocketIOOddity: String, Sendable, Hashable, CaseIterable {
    /// An Engine.IO packet without or of unknown type.
    case unknownEnginePacket = "unknown_engine_packet"
    /// An Engine.IO packet that the other side should send, or that comes at the wrong time.
    case unexpectedEnginePacket = "unexpected_engine_packet"
    /// A Socket.IO packet without or of unknown type.
    case unknownPacket = "unknown_packet"
    /// An event whose payload is no array that begins with a name.
    case namelessEvent = "nameless_event"
    /// An acknowledgement whose payload is no array.
    case malformedAcknowledgement = "malformed_acknowledgement"
    /// An acknowledgement of nothing, or one that came too late.
    case unknownAcknowledgement = "unknown_acknowledgement"
    /// A packet of a namespace that we did not join.
    case foreignNamespace = "foreign_namespace"
    /// CONNECT for a namespace that is connected.
    case repeatedConnect = "repeated_connect"
    /// ERROR for a namespace that is connected.
    case lateError = "late_error"
}

/// What a session counted.
public struct SocketIOStatistics: Sendable, Equatable {
    public var events = 0
    public var emits = 0
    public var acknowledged = 0
    public var unacknowledged = 0
    public var pingsMissed = 0
    public var oddities: [SocketIOOddity: Int] = [:]
    /// When an event came last; nil: none has.
    public var lastEvent: NIODeadline?

    public init() {}
}
