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
    weak var user: (any TeleforgeSourceLinkUser)?

    private let name: String
    private let context: any SourceContext
    private var link: SourceLink<RedisConnection>?

    /// `name` says in the log what the link is for.
    init(name: String, configuration: RedisConnectionConfiguration, context: any SourceContext) {
        (self.name, self.context) = (name, context)
        // A site's own Redis has no crowd of clients to be spared, and calls wait in it: it is looked for every few seconds.
        let reconnection = Reconnection(
            backoff: Backoff(initial: .milliseconds(100), maximum: .seconds(5)), healthyAfter: .seconds(5))
        link = SourceLink(
            SourceLink.Names(link: name, peer: "redis", endpoint: "\(configuration.endpoint)"),
            endpoint: configuration.endpoint.connection, context: context, reconnection: reconnection,
            open: { [unowned self] in
                RedisConnection.connect(configuration, on: context.eventLoop, delegate: self)
            },
            close: { $0.close() },
            lost: { [unowned self] in user?.linkLost($0) })
    }

    /// Attempts since the connection was last of use.
    var attempts: Int { link?.attempts ?? 0 }

    func start() { link?.start() }

    /// Sends what was given to `send` and closes. The user hears nothing more.
    func stop() { link?.stop() }

    func send(_ bytes: ByteBuffer) { link?.connection?.send(bytes) }

    func setReading(_ isReading: Bool) { link?.connection?.setReading(isReading) }

    /// Gives the connection up and connects anew, after 30 s where the server refused us. The user is told.
    func fail(_ error: ConnectionError) { link?.fail(error) }

    /// The link does what it is for: a later failure is news again.
    func becameUseful() { link?.becameUseful() }
}

extension TeleforgeSourceLink: RedisConnectionDelegate {
    func redisConnectionReady(_ connection: RedisConnection, version: String?, warnings: [RedisServerError]) {
        link?.connected(["version": "\(version ?? "unknown")"])
        for warning in warnings {
            context.logger.warning(
                "redis answered oddly to the greeting", metadata: ["link": "\(name)", "reason": "\(warning)"])
        }
        user?.linkConnected()
    }

    func redisConnection(_ connection: RedisConnection, received reply: RESPReply) { user?.linkReceived(reply) }

    func redisConnectionReadComplete(_ connection: RedisConnection) { user?.linkReadComplete() }

    func redisConnection(_ connection: RedisConnection, failed error: ConnectionError) { link?.lost(error) }
}
