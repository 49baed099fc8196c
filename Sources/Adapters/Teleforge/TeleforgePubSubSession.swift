import NIOCore
import WireProtocols

/// The conversation with Redis about published messages: subscribe, be pinged, hand messages over as they come.
///
/// Nothing is kept for us while we are away and nothing is acknowledged. Time is passed in; nothing is waited for.
struct TeleforgePubSubSession {
    /// What is listened to.
    struct Topic: Sendable, Equatable {
        /// The whole name of a channel.
        var name: String
        /// Not the channel itself but everything below it, behind a colon.
        var below: Bool

        fileprivate func covers(_ channel: String) -> Bool {
            below ? channel.hasPrefix(name + ":") : channel == name
        }
    }

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

    private let topics: [Topic]
    private let prefix: String
    private let writer: RESPCommandWriter
    /// The patterns asked for.
    private var patterns: [String]
    private var confirmed = 0
    private var isConnected = false
    private var isSubscribeDue = false
    private var isSuspended = false
    private var pingDue = NIODeadline.distantPast
    private var replyDue: NIODeadline?

    /// `topics`, at least one, are channels below `prefix`.
    ///
    /// An ACL allows PSUBSCRIBE only the very patterns that it names (redis.io, ACL rules). Where it refuses one per topic,
    /// the whole prefix is asked for, `prefix:*`, which is what an administrator would allow.
    init(topics: [Topic], prefix: String, writer: RESPCommandWriter) {
        (self.topics, self.prefix, self.writer) = (topics, prefix, writer)
        patterns = topics.map { Self.pattern($0) }
    }

    /// A glob pattern as PSUBSCRIBE takes it.
    static func pattern(_ topic: Topic) -> String {
        var pattern = ""
        for character in topic.name {
            if "*?[]\\".contains(character) { pattern.append("\\") }
            pattern.append(character)
        }
        return topic.below ? pattern + ":*" : pattern
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
        if reply.kind == .error { return refused(RedisServerError(reply: reply.text ?? "")) }
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
            return topics.contains { $0.covers(channel) } ? .message(channel: channel, payload: payload) : .nothing
        case "pong": return .nothing
        default: return .failed(.unexpectedReply)
        }
    }

    private mutating func refused(_ error: RedisServerError) -> Received {
        let everything = [Self.pattern(Topic(name: prefix, below: true))]
        guard case .noPermission = error, confirmed == 0, patterns != everything else { return .failed(.server(error)) }
        patterns = everything
        (isSubscribeDue, replyDue) = (true, nil)
        return .nothing
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
