import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore
import Transport
import WireProtocols

/// One Shuttle over a Socket.IO connection that comes back by itself. Confined to the tenant's event loop.
///
/// There is no history at the vendor: what happens while the link is down is a gap, and calls that were open stay open until
/// something later tells of them. Others may emit over this connection: it is a `VendorLine`.
package final class XCALLYSource: Source {
    package let name: String

    private let settings: SocketIOSettings
    private let connectionSettings: SocketIOConnectionConfiguration
    private let context: any SourceContext
    private let line: XCALLYLine
    private var session = XCALLYSession()
    private var intake: XCALLYIntake?
    private var link: SourceLink<SocketIOConnection>?
    private var timer: LoopTimer?
    private var pingsMissed = 0
    private var isStopped = false
    /// When the server was last heard of.
    private var lastHeard: Timestamp

    init(
        name: String, configuration: XCALLYConfiguration, settings: SocketIOSettings, raw: RawPolicy,
        proxy: ProxySettings?, context: any SourceContext
    ) {
        (self.name, self.settings, self.context) = (name, settings, context)
        connectionSettings = SocketIOConnectionConfiguration(
            settings, proxy: proxy, messageBytes: configuration.maximumMessageBytes,
            depth: configuration.maximumDepth)
        line = XCALLYLine()
        lastHeard = context.now()
        intake = XCALLYIntake(context: context, raw: raw, limits: configuration.jsonLimits) { [weak self] isReading in
            self?.link?.connection?.setReading(isReading)
        }
        context.offer(line)
    }

    package func start() {
        timer = LoopTimer(eventLoop: context.eventLoop, slack: .zero) { [weak self] in self?.deadlineReached() }
        let link = SourceLink<SocketIOConnection>(
            .init(link: "events", peer: "xcally", endpoint: settings.endpoint), endpoint: connectionSettings.endpoint,
            context: context, reconnection: .socketIO,
            open: { [unowned self] in
                SocketIOConnection.connect(
                    connectionSettings, preferring: session.version, on: context.eventLoop, delegate: self)
            },
            close: { $0.close() }, lost: { [weak self] error in self?.linkLost(error) })
        self.link = link
        link.start()
    }

    package func stop() -> EventLoopFuture<Void> {
        isStopped = true
        intake?.flush()
        timer?.set(nil)
        line.connection = nil
        let closed = link?.connection?.closed
        link?.stop()
        return closed ?? context.eventLoop.makeSucceededVoidFuture()
    }

    // MARK: - The link

    private func linkLost(_ error: ConnectionError) {
        countFailure(error)
        let wasUp = session.isUp
        intake?.flush()
        intake?.connectionChanged()
        line.connection = nil
        session.connectionClosed()
        schedule()
        guard wasUp else { return }
        context.metrics.up.set(0)
        context.linkDown(
            reason: "\(error)", lastGood: error.isOrderly ? context.now() : lastHeard, gap: .disconnect)
    }

    private func countFailure(_ error: ConnectionError) {
        countPings()
        pingsMissed = 0
        guard case .socketIO(let problem) = error.reason else { return }
        switch problem {
        case .refused(let refusal): context.metrics.refusals.add(refusal.cause.rawValue)
        case .refusedInBothVersions: context.metrics.refusals.add(SocketIORefusal.Cause.wrongVersion.rawValue)
        // Not a lost connection: somebody over there wants us to go.
        case .disconnected: context.metrics.refusals.add("disconnected")
        case .timedOut, .silent, .closed, .endedBeforeOpening, .violation: break
        }
    }

    private func countPings() {
        guard let missed = link?.connection?.statistics.pingsMissed, missed > pingsMissed else { return }
        context.metrics.pingsMissed.add(missed - pingsMissed)
        pingsMissed = missed
    }

    // MARK: - Time

    private func deadlineReached() {
        guard !isStopped else { return }
        switch session.deadlineReached(now: context.eventLoop.now) {
        case .useful: link?.becameUseful()
        case .silent(let hours):
            context.logger.warning(
                "connected, and not told of a single call; look whether this is the right service, and whether there are calls",
                metadata: ["link": "events", "endpoint": "\(settings.endpoint)", "hours": "\(hours)"])
        case nil: break
        }
        schedule()
    }

    private func schedule() {
        if !isStopped { timer?.set(session.nextDeadline) }
    }
}

extension XCALLYSource: SocketIOConnectionDelegate {
    package func socketIOConnectionReady(_ connection: SocketIOConnection, opening: SocketIOOpening) {
        lastHeard = context.now()
        session.connected(version: opening.version, now: context.eventLoop.now)
        context.metrics.up.set(1)
        let attempts = link?.attempts ?? 1
        link?.connected([
            "engine_io": "\(opening.version.rawValue)", "fallback": "\(opening.isFallback)",
            "namespace": "\(settings.namespace)",
        ])
        context.linkUp(attempt: max(1, attempts))
        line.connection = connection
        schedule()
    }

    package func socketIOConnection(_ connection: SocketIOConnection, received event: SocketIOEvent) {
        // The rest of a burst behind what ended the conversation.
        guard !isStopped, link?.connection === connection, let intake else { return }
        if intake.take(event), session.heardOfCall(now: context.eventLoop.now) { link?.becameUseful() }
        // Nobody documents that a Shuttle asks for one; a peer that does should not wait.
        if event.acknowledgementID != nil { connection.acknowledge(event) }
    }

    package func socketIOConnectionReadComplete(_ connection: SocketIOConnection) {
        lastHeard = context.now()
        intake?.flush()
        schedule()
    }

    package func socketIOConnection(_ connection: SocketIOConnection, met oddity: SocketIOOddity) {
        context.metrics.dropped.add(oddity.rawValue)
    }

    package func socketIOConnection(
        _ connection: SocketIOConnection, acknowledged number: UInt64, with answer: SocketIOEvent
    ) { line.tell(acknowledged: number, inTime: true) }

    package func socketIOConnection(_ connection: SocketIOConnection, unacknowledged number: UInt64) {
        line.tell(acknowledged: number, inTime: false)
    }

    package func socketIOConnection(_ connection: SocketIOConnection, failed error: ConnectionError) {
        link?.lost(error)
    }
}

extension ConnectionError {
    /// The link was good until the very end; else nothing is known since the server was last heard of.
    fileprivate var isOrderly: Bool {
        switch reason {
        case .closed, .declined, .misbehaved: true
        case .socketIO(let problem):
            switch problem {
            case .disconnected, .closed, .refused, .violation: true
            case .timedOut, .silent, .refusedInBothVersions, .endedBeforeOpening: false
            }
        default: false
        }
    }
}
