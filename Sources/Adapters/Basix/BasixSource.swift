import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore
import Transport
import WireProtocols

/// One Basix PBX over a WebSocket that comes back by itself. Confined to the tenant's event loop.
///
/// Nothing waits at the server and nothing is acknowledged. While the store cannot keep up the socket is left unread; when
/// the server cuts it for that, the gap is told, and the state dump after the reconnect brings back what it can.
package final class BasixSource: Source {
    private static let directoryNote = "directory"
    private static let scopeNote = "scope"

    package let name: String

    private let configuration: BasixConfiguration
    private let endpoint: EndpointConfiguration
    private let context: any SourceContext
    private let reader: BasixMessageReader
    private var mapper: BasixMapper
    private var session: BasixSession
    private var link: SourceLink<WebSocketConnection>?
    private var timer: LoopTimer?
    private var unstored = UnstoredMessages()
    private var arrived = 0
    private var burstBegan: Timestamp?
    private var isStopped = false
    /// When the server was last heard of.
    private var lastHeard: Timestamp
    /// Set while a message of the server is why the link is given up.
    private var gap = Gap.Reason.disconnect

    init(
        name: String, configuration: BasixConfiguration, raw: RawPolicy, proxy: ProxySettings?,
        context: any SourceContext
    ) {
        (self.name, self.configuration, self.context) = (name, configuration, context)
        endpoint = EndpointConfiguration(
            host: configuration.host, port: configuration.port,
            tls: configuration.tls.map { TLSClientConfiguration($0) },
            proxy: proxy.map { ProxyConfiguration($0) })
        reader = BasixMessageReader(limits: BERTLimits(bytes: configuration.maximumMessageBytes))
        session = BasixSession(configuration)
        lastHeard = context.now()
        let scope = Array(configuration.scope.utf8)
        let knownScope = context.note(Self.scopeNote)
        mapper = BasixMapper(
            source: name, raw: raw, recentCalls: context.recentCalls, directory: context.note(Self.directoryNote) ?? [],
            isSameScope: knownScope.map { $0 == scope } ?? true)
        if knownScope != scope { context.setNote(Self.scopeNote, scope) }
    }

    package func start() {
        timer = LoopTimer(eventLoop: context.eventLoop, slack: .zero) { [weak self] in self?.deadlineReached() }
        if configuration.tls == nil {
            context.logger.warning("the token crosses the network in the clear; use wss:// unless it is this machine's")
        }
        let scheme = configuration.tls == nil ? "ws" : "wss"
        let link = SourceLink<WebSocketConnection>(
            .init(
                link: "events", peer: "basix",
                endpoint: "\(scheme)://\(configuration.host):\(configuration.port)\(configuration.path)"),
            endpoint: endpoint, context: context, reconnection: Self.reconnection,
            open: { [unowned self] in open() }, close: { $0.close() },
            lost: { [weak self] error in self?.linkLost(error) })
        self.link = link
        link.start()
    }

    /// A connect loop that starts at a second, and is slow where it was refused: the limit of connections and a wrong token
    /// do not go away by themselves.
    private static var reconnection: Reconnection {
        Reconnection(
            backoff: Backoff(
                initial: .seconds(1), maximum: .seconds(60), refusal: .seconds(60), maximumRefusal: .seconds(600)),
            healthyAfter: .seconds(60))
    }

    package func stop() -> EventLoopFuture<Void> {
        isStopped = true
        flush()
        timer?.set(nil)
        let closed = link?.connection?.closed
        link?.stop()
        return closed ?? context.eventLoop.makeSucceededVoidFuture()
    }

    private func open() -> WebSocketConnection {
        var settings = WebSocketConnectionConfiguration(
            endpoint: endpoint, target: HTTPTarget.make(path: configuration.path, query: session.opening()))
        settings.credentials = .basic(username: configuration.domain, password: configuration.token.bytes)
        settings.limits.messageBytes = configuration.maximumMessageBytes
        settings.keepAlive.closeTimeout = .seconds(2)
        return WebSocketConnection.connect(settings, on: context.eventLoop, delegate: self)
    }

    // MARK: - Messages

    private func take(_ frame: UnsafeRawBufferPointer) {
        let now = burstBegan ?? context.now()
        (burstBegan, arrived) = (now, arrived + 1)
        context.metrics.received.add()
        let unmapped = mapper.unmappedCount
        let step: BasixSession.Step
        do {
            let message = try reader.read(frame)
            step = session.received(BasixSession.Kind(message))
            if step.isUp { becomeUp() }
            _ = mapper.take(message, frame: frame, receivedAt: now)
        } catch {
            step = session.received(.unreadable)
            mapper.take(error, frame: frame, receivedAt: now)
        }
        finish(step, unmappedBefore: unmapped)
    }

    /// The server speaks binary frames only.
    private func take(text: ByteBuffer) {
        let now = burstBegan ?? context.now()
        (burstBegan, arrived) = (now, arrived + 1)
        context.metrics.received.add()
        let unmapped = mapper.unmappedCount
        let step = session.received(.foreign)
        mapper.take(
            text: String(decoding: text.readableBytesView.prefix(RawPayload.maximumBytes), as: UTF8.self),
            isTruncated: text.readableBytes > RawPayload.maximumBytes, receivedAt: now)
        finish(step, unmappedBefore: unmapped)
    }

    private func finish(_ step: BasixSession.Step, unmappedBefore: Int) {
        context.metrics.unmapped.add(mapper.unmappedCount - unmappedBefore)
        if step.isUseful { link?.becameUseful() }
        if let failure = step.failure { giveUp(failure) }
    }

    private func becomeUp() {
        // What came before it, such as a notice, is told before it.
        flush()
        context.metrics.up.set(1)
        let attempts = link?.attempts ?? 1
        link?.connected()
        context.linkUp(attempt: max(1, attempts))
    }

    private func giveUp(_ reason: BasixSession.CloseReason) {
        flush()
        gap = reason == .replaced ? .replaced : .disconnect
        if reason.isRefusal {
            context.logger.error("basix does not let us stay connected", metadata: ["reason": "\(reason)"])
        }
        link?.fail(
            ConnectionError(.established, reason.isRefusal ? .declined("\(reason)") : .misbehaved("\(reason)")))
    }

    // MARK: - To the pipeline

    private func flush() {
        let facts = mapper.takeFacts()
        let note = mapper.takeNote()
        let count = arrived
        arrived = 0
        let now = burstBegan ?? context.now()
        burstBegan = nil
        if let note { context.setNote(Self.directoryNote, note) }
        guard !facts.isEmpty || note != nil else { return }
        context.ingest(facts, receivedAt: now)
        context.commit { [weak self] in
            guard let self, unstored.stored(count) else { return }
            link?.connection?.setReading(true)
        }
        if unstored.handedIn(count) { link?.connection?.setReading(false) }
    }

    // MARK: - Time

    private func deadlineReached() {
        guard !isStopped else { return }
        if let reason = session.deadlineReached(now: context.eventLoop.now) { giveUp(reason) }
        let now = context.now()
        if let due = mapper.nextDeadline(), due <= now {
            flush()
            mapper.advance(to: now)
            burstBegan = now
            flush()
        }
        schedule()
    }

    private func schedule() {
        guard !isStopped else { return }
        var next = session.nextDeadline
        if let due = mapper.nextDeadline() {
            let wait = max(0, due.microseconds - context.now().microseconds) + 1000
            let deadline = context.eventLoop.now + .microseconds(wait)
            next = next.map { min($0, deadline) } ?? deadline
        }
        timer?.set(next)
    }

    private func linkLost(_ error: ConnectionError) {
        let wasUp = session.isUp
        flush()
        mapper.disconnected()
        session.connectionClosed()
        unstored.linkLost()
        schedule()
        defer { gap = .disconnect }
        guard wasUp else { return }
        context.metrics.up.set(0)
        context.linkDown(reason: "\(error)", lastGood: Self.isOrderly(error) ? context.now() : lastHeard, gap: gap)
    }

    /// The link was good until the very end; else nothing is known since the server was last heard of.
    private static func isOrderly(_ error: ConnectionError) -> Bool {
        switch error.reason {
        case .closed, .declined, .misbehaved: true
        default: false
        }
    }
}

extension BasixSource: WebSocketConnectionDelegate {
    package func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) {
        lastHeard = context.now()
        reader.reset()
        mapper.connected()
        session.connected(now: context.eventLoop.now)
        schedule()
    }

    package func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
        // The rest of a burst behind the message that ended the conversation.
        guard !isStopped, link?.connection === connection else { return }
        switch message {
        case .binary(let buffer): buffer.withUnsafeReadableBytes { take($0) }
        case .text(let buffer): take(text: buffer)
        }
    }

    package func webSocketConnectionReadComplete(_ connection: WebSocketConnection) {
        lastHeard = context.now()
        flush()
        schedule()
    }

    package func webSocketConnection(
        _ connection: WebSocketConnection, receivedControl frame: WebSocketControlFrame
    ) { lastHeard = context.now() }

    package func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) {
        link?.lost(error)
    }
}
