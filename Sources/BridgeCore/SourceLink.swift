import Codecs
import Logging
import NIOCore
import Transport

/// What a link needs of its owner's surroundings.
package protocol LinkContext: AnyObject {
    var eventLoop: any EventLoop { get }
    var logger: Logger { get }
    /// Attempts, and connections that were up and went down.
    var connects: Counter { get }
    var disconnects: Counter { get }
    /// Where it is shown what the link is at; nil: nowhere.
    var status: SourceStatus? { get }
    /// Wall clock now.
    func now() -> Timestamp
}

extension LinkContext {
    package var status: SourceStatus? { nil }
}

/// One connection of a source or sink that comes back by itself, for ever, until `stop`: the connect loop, its waits, and
/// what the log tells of them. One attempt at a time, one live connection. Confined to the event loop of its context.
///
/// The owner is the connection's delegate and passes on what it hears: `connected` when the peer has greeted us, `lost`
/// when the connection failed.
package final class SourceLink<Connection> {
    /// What the log calls it.
    package struct Names: Sendable {
        /// What the link is for, among the links of its owner.
        package var link: String
        /// The peer, such as "redis", in the messages.
        package var peer: String
        /// A URL without secrets.
        package var endpoint: String

        package init(link: String, peer: String, endpoint: String) {
            (self.link, self.peer, self.endpoint) = (link, peer, endpoint)
        }
    }

    package private(set) var connection: Connection?
    /// Attempts since the connection was last of use.
    package var attempts: Int { reconnection.attempts }

    private let names: Names
    private let isInsecure: Bool
    private let context: any LinkContext
    private let open: () -> Connection
    private let close: (Connection) -> Void
    private let wasLost: (ConnectionError) -> Void
    private var reconnection: Reconnection
    private var random = SystemRandomNumberGenerator()
    private var timer: LoopTimer?
    private var isStopped = false
    private var lastFailure: (error: ConnectionError, count: Int)?

    /// `open` begins to connect and answers at once; `close` ends a connection that then tells its delegate nothing
    /// more; `lost` is told of every failure, before the next attempt is planned. All three had better hold their owner
    /// weakly.
    package init(
        _ names: Names, endpoint: EndpointConfiguration, context: any LinkContext,
        reconnection: Reconnection = Reconnection(), open: @escaping () -> Connection,
        close: @escaping (Connection) -> Void, lost: @escaping (ConnectionError) -> Void
    ) {
        (self.names, self.context, self.reconnection) = (names, context, reconnection)
        (self.open, self.close, wasLost) = (open, close, lost)
        isInsecure = endpoint.tls?.verification == .insecure
    }

    package func start() {
        timer = LoopTimer(eventLoop: context.eventLoop, slack: .zero) { [weak self] in self?.connect() }
        connect()
    }

    /// Closes. The owner hears nothing more.
    package func stop() {
        isStopped = true
        timer?.set(nil)
        if let connection { close(connection) }
        connection = nil
        note { $0.phase = .stopped }
    }

    /// Gives the connection up and connects anew, later where `error` is a refusal. The owner is told.
    package func fail(_ error: ConnectionError) {
        guard let connection else { return }
        close(connection)
        lost(error)
    }

    /// The link does what it is for: a later failure is news again, and attempts are counted anew.
    package func becameUseful() {
        reconnection.becameUseful()
        lastFailure = nil
        note { $0.attempts = 0 }
    }

    /// The peer has greeted us, and what the link is for is not there yet.
    package func beganToRestore() { note { $0.phase = .restoring } }

    private func note(_ change: (inout SourceStatus.Link) -> Void) {
        context.status?.update { change(&$0.links[names.link, default: SourceStatus.Link()]) }
    }

    // MARK: - From the connection's delegate

    /// The peer has greeted us. `details` go into the log.
    package func connected(_ details: Logger.Metadata = [:]) {
        reconnection.connected(at: context.eventLoop.now)
        note { $0.phase = .up }
        let metadata: Logger.Metadata = [
            "link": "\(names.link)", "endpoint": "\(names.endpoint)", "attempts": "\(attempts)",
        ]
        context.logger.info("connected to \(names.peer)", metadata: metadata.merging(details) { $1 })
        guard isInsecure else { return }
        context.logger.warning(
            "whoever answers is believed (verify: insecure): the peer's certificate is not checked", metadata: metadata)
    }

    package func lost(_ error: ConnectionError) {
        connection = nil
        if reconnection.isConnected { context.disconnects.add() }
        let policy = reconnection.lost(isRefusal: error.isRefusal, at: context.eventLoop.now, using: &random)
        // Never sooner than the peer asks for, up to a quarter of an hour, and still not all at once.
        let asked = error.retryAfter.map { min($0, .seconds(900)) * Double.random(in: 1...1.1, using: &random) }
        let wait = max(policy, asked ?? .zero)
        let failure = SourceStatus.Failure(kind: error.kind, text: "\(error)", at: context.now())
        context.status?.update { $0.lastFailure = failure }
        note { $0.phase = .waiting }
        wasLost(error)
        guard !isStopped else { return }
        report(error, retryIn: wait)
        timer?.set(context.eventLoop.now + TimeAmount(wait))
    }

    private func connect() {
        guard !isStopped, connection == nil else { return }
        reconnection.attempted()
        context.connects.add()
        note {
            $0.phase = .connecting
            $0.attempts = reconnection.attempts
        }
        connection = open()
    }

    /// The first of a row of equal failures is told, the others are counted until it ends.
    private func report(_ error: ConnectionError, retryIn wait: Duration) {
        let count = lastFailure?.error == error ? (lastFailure?.count ?? 0) + 1 : 1
        lastFailure = (error, count)
        let metadata: Logger.Metadata = [
            "link": "\(names.link)", "endpoint": "\(names.endpoint)", "reason": "\(error)", "retry_in": "\(wait)",
            "failures": "\(count)",
        ]
        context.logger.log(
            level: count == 1 ? .warning : .debug, "no connection to \(names.peer)", metadata: metadata)
    }
}
