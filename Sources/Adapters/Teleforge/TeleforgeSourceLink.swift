import BridgeCore
import Logging
import NIOCore
import Transport
import WireProtocols

/// Uses a connection that comes and goes. Called on the event loop.
protocol TeleforgeSourceLinkUser: AnyObject {
    func linkConnected()
    /// `reply` is valid during the call only.
    func linkReceived(_ reply: RESPReply)
    func linkReadComplete()
    /// The connection is gone or did not come up; another attempt is under way.
    func linkLost(_ error: ConnectionError)
}

/// One connection to Redis that comes back by itself, for ever, until `stop`.
final class TeleforgeSourceLink {
    /// A connection that lived so long shows that its server is well: the next wait is short again.
    private static let healthyAfter = TimeAmount.seconds(5)

    weak var user: (any TeleforgeSourceLinkUser)?
    /// Attempts since the connection was last up.
    private(set) var attempts = 0

    private let name: String
    private let configuration: RedisConnectionConfiguration
    private let context: any SourceContext
    private var connection: RedisConnection?
    private var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(5))
    private var random = SystemRandomNumberGenerator()
    private var timer: LoopTimer?
    private var readySince: NIODeadline?
    private var isStopped = false
    private var lastFailure: (error: ConnectionError, count: Int)?

    /// `name` says in the log what the link is for.
    init(name: String, configuration: RedisConnectionConfiguration, context: any SourceContext) {
        (self.name, self.configuration, self.context) = (name, configuration, context)
    }

    func start() {
        timer = LoopTimer(eventLoop: context.eventLoop, slack: .zero) { [weak self] in self?.connect() }
        connect()
    }

    /// Sends what was given to `send` and closes. The user hears nothing more.
    func stop() {
        isStopped = true
        timer?.set(nil)
        connection?.close()
        connection = nil
    }

    func send(_ bytes: ByteBuffer) { connection?.send(bytes) }

    func setReading(_ isReading: Bool) { connection?.setReading(isReading) }

    /// Gives the connection up and connects anew, after 30 s where the server refused us. The user is told.
    func fail(_ error: ConnectionError) {
        guard let connection else { return }
        connection.close()
        lost(error)
    }

    private func connect() {
        guard !isStopped, connection == nil else { return }
        attempts += 1
        context.metrics.connects.add()
        connection = RedisConnection.connect(configuration, on: context.eventLoop, delegate: self)
    }

    private func lost(_ error: ConnectionError) {
        connection = nil
        if let readySince {
            context.metrics.disconnects.add()
            if .now() - readySince >= Self.healthyAfter { backoff.reset() }
        }
        readySince = nil
        user?.linkLost(error)
        guard !isStopped else { return }
        let wait =
            error.isRefusal ? backoff.nextAfterRefusal(using: &random) : backoff.next(using: &random)
        report(error, retryIn: wait)
        timer?.set(.now() + TimeAmount(wait))
    }

    /// The first of a row of equal failures is told, the others are counted until it ends.
    private func report(_ error: ConnectionError, retryIn wait: Duration) {
        let count = lastFailure?.error == error ? (lastFailure?.count ?? 0) + 1 : 1
        lastFailure = (error, count)
        let metadata: Logger.Metadata = [
            "link": "\(name)", "endpoint": "\(configuration.endpoint)", "reason": "\(error)", "retry_in": "\(wait)",
            "failures": "\(count)",
        ]
        context.logger.log(level: count == 1 ? .warning : .debug, "no connection to redis", metadata: metadata)
    }
}

extension TeleforgeSourceLink: RedisConnectionDelegate {
    func redisConnectionReady(_ connection: RedisConnection, version: String?, warnings: [RedisServerError]) {
        readySince = .now()
        let metadata: Logger.Metadata = [
            "link": "\(name)", "endpoint": "\(configuration.endpoint)", "version": "\(version ?? "unknown")",
            "attempts": "\(attempts)",
        ]
        context.logger.info("connected to redis", metadata: metadata)
        for warning in warnings {
            context.logger.warning(
                "redis answered oddly to the greeting", metadata: ["link": "\(name)", "reason": "\(warning)"])
        }
        user?.linkConnected()
    }

    func redisConnection(_ connection: RedisConnection, received reply: RESPReply) { user?.linkReceived(reply) }

    func redisConnectionReadComplete(_ connection: RedisConnection) { user?.linkReadComplete() }

    func redisConnection(_ connection: RedisConnection, failed error: ConnectionError) { lost(error) }

    /// The link does what it is for: a later failure is news again.
    func becameUseful() {
        attempts = 0
        lastFailure = nil
    }
}
