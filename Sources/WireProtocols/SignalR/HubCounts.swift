/// What a hub connection has met.
public struct HubCounts: Sendable, Equatable {
    /// Records behind the handshake.
    public var received = 0
    /// Of these: messages that mean nothing at this end, types nobody knows included.
    public var ignored = 0
    /// Of these: no messages.
    public var unreadable = 0
    /// Of these: completions of no call that waits, such as one that comes after its time.
    public var unmatched = 0
}
