import BridgeCore
import Codecs
import Logging
import NIOCore
import Transport
import WireProtocols

/// A connection that a sink keeps for itself, where no source has one to the same Shuttle. Confined to its event loop.
///
/// What the Shuttle tells on it is passed over: a source takes that in.
final class XCALLYOwnLine: VendorLine {
    /// What `SourceLink` wants to know of a sink.
    private final class Context: LinkContext {
        let eventLoop: any EventLoop
        let logger: Logger
        let connects = Counter()
        let disconnects = Counter()

        func now() -> Timestamp { WallClock.now() }

        init(eventLoop: any EventLoop, logger: Logger) { (self.eventLoop, self.logger) = (eventLoop, logger) }
    }

    private let settings: SocketIOSettings
    private let configuration: SocketIOConnectionConfiguration
    private let context: Context
    private var users = VendorLineUsers()
    private var link: SourceLink<SocketIOConnection>?
    private var version: EngineIOVersion?

    init(_ settings: SocketIOSettings, proxy: ProxySettings?, eventLoop: any EventLoop, logger: Logger) {
        (self.settings, context) = (settings, Context(eventLoop: eventLoop, logger: logger))
        configuration = SocketIOConnectionConfiguration(settings, proxy: proxy, messageBytes: 1 << 20, depth: 16)
    }

    func start() {
        let link = SourceLink<SocketIOConnection>(
            .init(link: "emits", peer: "xcally", endpoint: settings.endpoint), endpoint: configuration.endpoint,
            context: context, reconnection: .socketIO,
            open: { [unowned self] in
                SocketIOConnection.connect(
                    configuration, preferring: version, on: context.eventLoop, delegate: self)
            },
            close: { $0.close() }, lost: { _ in })
        self.link = link
        link.start()
    }

    func stop() -> EventLoopFuture<Void> {
        let closed = link?.connection?.closed
        link?.stop()
        return closed ?? context.eventLoop.makeSucceededVoidFuture()
    }

    func emit(_ name: String, json: [UInt8], wantsAcknowledgement: Bool) -> VendorLineEmission {
        guard let connection = link?.connection, connection.isConnected else { return .notConnected }
        return VendorLineEmission(connection.emit(name, [.json(json)], wantsAcknowledgement: wantsAcknowledgement))
    }

    func add(_ user: any VendorLineUser) { users.add(user) }
}

extension XCALLYOwnLine: SocketIOConnectionDelegate {
    func socketIOConnectionReady(_ connection: SocketIOConnection, opening: SocketIOOpening) {
        version = opening.version
        link?.connected(["engine_io": "\(opening.version.rawValue)", "namespace": "\(settings.namespace)"])
        link?.becameUseful()
        users.tellReady()
    }

    func socketIOConnection(_ connection: SocketIOConnection, received event: SocketIOEvent) {
        if event.acknowledgementID != nil { connection.acknowledge(event) }
    }

    func socketIOConnectionReadComplete(_ connection: SocketIOConnection) {}

    func socketIOConnection(_ connection: SocketIOConnection, failed error: ConnectionError) { link?.lost(error) }

    func socketIOConnection(
        _ connection: SocketIOConnection, acknowledged number: UInt64, with answer: SocketIOEvent
    ) { users.tell(acknowledged: number, inTime: true) }

    func socketIOConnection(_ connection: SocketIOConnection, unacknowledged number: UInt64) {
        users.tell(acknowledged: number, inTime: false)
    }
}
