import NIOCore
import WireProtocols

/// Told what happens on a `RedisConnection`, on its event loop, in the order it happens.
package protocol RedisConnectionDelegate: AnyObject {
    /// The handshake is done and commands may be sent. `warnings` are oddities of the handshake that did no harm.
    func redisConnectionReady(_ connection: RedisConnection, version: String?, warnings: [RedisServerError])
    /// One reply, valid during this call only.
    func redisConnection(_ connection: RedisConnection, received reply: RESPReply)
    /// What the socket held has been handed over: a good moment for work that can be done once per burst.
    func redisConnectionReadComplete(_ connection: RedisConnection)
    /// It did not come up, or went down. Called once, and never after `close()`.
    func redisConnection(_ connection: RedisConnection, failed error: ConnectionError)
}

/// One connection to Redis: brought up by `Connector`, greeted, then replies to a delegate. It never reconnects.
///
/// Confined to one event loop; `send` joins what is sent while a burst of replies is handed over into one flush.
package final class RedisConnection {
    package let eventLoop: any EventLoop
    let configuration: RedisConnectionConfiguration

    private weak var delegate: (any RedisConnectionDelegate)?
    private var channel: (any Channel)?
    private var isClosed = false
    private var isInBurst = false
    private var hasUnflushedBytes = false

    private init(
        configuration: RedisConnectionConfiguration, eventLoop: any EventLoop, delegate: any RedisConnectionDelegate
    ) {
        (self.configuration, self.eventLoop, self.delegate) = (configuration, eventLoop, delegate)
    }

    /// Begins to connect. The delegate hears of the outcome later, never during this call.
    package static func connect(
        _ configuration: RedisConnectionConfiguration, on eventLoop: any EventLoop,
        delegate: any RedisConnectionDelegate
    ) -> RedisConnection {
        eventLoop.preconditionInEventLoop()
        let connection = RedisConnection(configuration: configuration, eventLoop: eventLoop, delegate: delegate)
        connection.open()
        return connection
    }

    /// Sends whole commands. Bytes given after the connection closed are dropped.
    package func send(_ bytes: ByteBuffer) {
        guard !isClosed, let channel, bytes.readableBytes > 0 else { return }
        channel.write(bytes, promise: nil)
        if isInBurst {
            hasUnflushedBytes = true
        } else {
            channel.flush()
        }
    }

    /// While false, nothing is read from the socket: the server has to hold what it wants to tell us.
    package func setReading(_ isReading: Bool) {
        guard !isClosed, let channel else { return }
        channel.setOption(.autoRead, value: isReading).whenFailure { _ in
            // Only a channel that is closing refuses, and that is reported on its own.
        }
    }

    /// Sends what was given to `send`, closes, and tells the delegate nothing more.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        delegate = nil
        channel?.flush()
        channel?.close(promise: nil)
    }

    // MARK: - Coming up

    private func open() {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        Connector.connect(configuration.endpoint.connection, on: eventLoop) { channel in
            try bound.value.addHandler(to: channel)
        }.assumeIsolated().whenFailure { error in
            // Connector fails with nothing else.
            self.fail(error as? ConnectionError ?? ConnectionError(.connect, .system("\(error)")))
        }
    }

    private func addHandler(to channel: any Channel) throws {
        guard !isClosed else { throw ConnectionError(.connect, .system("given up")) }
        self.channel = channel
        let reader = try RESPReader(limits: configuration.limits)
        try channel.pipeline.syncOperations.addHandler(RedisReplyHandler(connection: self, reader: reader))
    }

    /// What the server showed in the TLS handshake; nil without TLS, and before `redisConnectionReady`.
    package var tlsPeer: TLSPeer? { channel.flatMap { Connector.tlsPeer(of: $0) } }

    // MARK: - From the handler

    func ready(version: String?, warnings: [RedisServerError]) {
        delegate?.redisConnectionReady(self, version: version, warnings: warnings)
    }

    /// False when the connection was closed meanwhile and nothing more should be handed over.
    func receive(_ reply: RESPReply) -> Bool {
        delegate?.redisConnection(self, received: reply)
        return !isClosed
    }

    func beginBurst() { isInBurst = true }

    func endBurst() {
        isInBurst = false
        if hasUnflushedBytes {
            hasUnflushedBytes = false
            channel?.flush()
        }
        delegate?.redisConnectionReadComplete(self)
    }

    func fail(_ error: ConnectionError) {
        guard !isClosed else { return }
        isClosed = true
        let delegate = delegate
        self.delegate = nil
        channel?.close(promise: nil)
        delegate?.redisConnection(self, failed: error)
    }
}
