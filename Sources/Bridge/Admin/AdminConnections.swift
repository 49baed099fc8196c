import HummingbirdCore
import Logging
import NIOCore
import Synchronization

/// The connections of the admin listener, so that they can be counted and ended. From any thread.
final class AdminConnections: Sendable {
    private let channels = Mutex<[ObjectIdentifier: any Channel]>([:])
    private let readers = Mutex(0)

    var isEmpty: Bool { channels.withLock { $0.isEmpty } }

    func add(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        channels.withLock { $0[id] = channel }
        channel.closeFuture.whenComplete { [self] _ in channels.withLock { $0[id] = nil } }
    }

    func closeAll() {
        for channel in channels.withLock({ Array($0.values) }) { channel.close(promise: nil) }
    }

    /// False where `limit` readers are there already; else `leave` follows.
    func enter(limit: Int) -> Bool {
        readers.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
    }

    func leave() { readers.withLock { $0 -= 1 } }
}

/// HTTP/1.1 on connections that are known to us, and below it whatever belongs there, such as TLS.
struct AdminChannel: ServerChildChannel {
    let http: HTTP1Channel
    let connections: AdminConnections
    let initialize: (@Sendable (any Channel) throws -> Void)?

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        connections.add(channel)
        do {
            try initialize?(channel)
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
        return http.setup(channel: channel, logger: logger)
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async { await http.handle(value: value, logger: logger) }
}

/// A connection that cannot be accepted, for want of descriptors say, is not the end of the listener.
final class AcceptErrorHandler: ChannelInboundHandler {
    typealias InboundIn = any Channel

    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.warning("a connection could not be accepted", metadata: ["reason": "\(error)"])
    }
}
