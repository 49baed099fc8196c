import NIOCore
import WireProtocols

/// The conversation with Redis about published messages: subscribe, be pinged, hand messages over as they come.
///
/// Nothing is kept for us while we are away and nothing is acknowledged. Time is passed in; nothing is waited for.
struct TeleforgePubSubSession {
    /// What one reply means. Bytes are valid as long as the reply.
    enum Received {
        /// Part of the conversation.
        case nothing
        /// The last pattern was confirmed: messages follow from now on.
        case subscribed
        case message(channel: String, payload: UnsafeRawBufferPointer)
        case failed(TeleforgeListSession.CloseReason)
    }

    /// How often the connection is tried while nothing else shows that it lives.
    static let pingInterval = TimeAmount.seconds(15)
    static let replyTimeout = TimeAmount.seconds(10)

    private let patterns: [String]
    private let writer: RESPCommandWriter
    private var confirmed = 0
    private var isConnected = false
    private var isSubscribeDue = false
    private var isSuspended = false
    private var pingDue = NIODeadline.distantPast
    private var replyDue: NIODeadline?

    /// `patterns` are glob patterns as PSUBSCRIBE takes them, at least one.
    init(patterns: [String], writer: RESPCommandWriter) {
        (self.patterns, self.writer) = (patterns, writer)
    }

    /// The pattern that matches `channel` and nothing else, or everything below it.
    static func pattern(_ channel: String, below: Bool) -> String {
        var pattern = ""
        for character in channel {
            if "*?[]\\".contains(character) { pattern.append("\\") }
            pattern.append(character)
        }
        return below ? pattern + ":*" : pattern
    }

    // MARK: - Inputs

    mutating func connected(now: NIODeadline) {
        (isConnected, isSubscribeDue, isSuspended, confirmed) = (true, true, false, 0)
        pingDue = now + Self.pingInterval
        replyDue = nil
    }

    mutating func connectionClosed() {
        (isConnected, isSubscribeDue, replyDue) = (false, false, nil)
    }

    mutating func receive(_ reply: RESPReply, now: NIODeadline) -> Received {
        if reply.kind == .error { return .failed(.server(RedisServerError(reply: reply.text ?? ""))) }
        replyDue = confirmed < patterns.count ? now + Self.replyTimeout : nil
        pingDue = now + Self.pingInterval
        guard let array = reply.elements, let kind = array.flat(0)?.text else { return .failed(.unexpectedReply) }
        switch kind {
        case "psubscribe":
            confirmed += 1
            guard confirmed == patterns.count else { return .nothing }
            replyDue = nil
            return .subscribed
        case "pmessage":
            guard let channel = array.flat(2)?.text, let payload = array.flat(3)?.bytes else {
                return .failed(.unexpectedReply)
            }
            return .message(channel: channel, payload: payload)
        case "pong": return .nothing
        default: return .failed(.unexpectedReply)
        }
    }

    /// Reading is suspended on purpose: silence says nothing about the peer.
    mutating func setSuspended(_ isSuspended: Bool, now: NIODeadline) {
        self.isSuspended = isSuspended
        replyDue = nil
        pingDue = now + Self.pingInterval
    }

    /// Whether the peer has been silent for too long at `now`.
    func isMute(now: NIODeadline) -> Bool { replyDue.map { now >= $0 } ?? false }

    // MARK: - Outputs

    /// The commands that are due; nil when there are none.
    mutating func takeCommands(now: NIODeadline) -> ByteBuffer? {
        guard isConnected else { return nil }
        var buffer = ByteBuffer()
        if isSubscribeDue {
            isSubscribeDue = false
            writer.write(.psubscribe, patterns, into: &buffer)
        } else if now >= pingDue, confirmed == patterns.count {
            writer.write(.ping, into: &buffer)
            pingDue = now + Self.pingInterval
        } else {
            return nil
        }
        if !isSuspended { replyDue = replyDue ?? now + Self.replyTimeout }
        return buffer
    }

    var nextDeadline: NIODeadline? {
        guard isConnected else { return nil }
        return min(pingDue, replyDue ?? .distantFuture)
    }
}
