import NIOCore
import WireProtocols

/// One WebSocket, either end of it: messages to a delegate. It never reconnects.
///
/// Confined to one event loop. What is sent while a burst of messages is handed over leaves in one write. The delegate of a
/// client is held weakly; that of a server's connection is held by the server until the connection ends.
package final class WebSocketConnection {
    private enum Phase {
        /// The connector is at work. → upgrading, ended
        case connecting
        /// A client's request is out. → open, ended
        case upgrading(WebSocketClientHandshake)
        /// There is a session; it knows the rest, up to its close. → ended
        case open
        /// The socket is closed, or about to be.
        case ended
    }

    package let eventLoop: any EventLoop
    private let keepAlive: WebSocketKeepAlive
    private let limits: WebSocketLimits
    private let compression: PerMessageDeflateConfiguration?
    private let upgradeTimeout: TimeAmount

    private weak var delegate: (any WebSocketConnectionDelegate)?
    private var phase = Phase.connecting
    private var session: WebSocketSession?
    private var channel: (any Channel)?
    private var timer: LoopTimer?
    private var isInBurst = false
    private let closedPromise: EventLoopPromise<Void>

    private init(
        eventLoop: any EventLoop, keepAlive: WebSocketKeepAlive, limits: WebSocketLimits,
        compression: PerMessageDeflateConfiguration?, upgradeTimeout: TimeAmount,
        delegate: any WebSocketConnectionDelegate
    ) {
        (self.eventLoop, self.keepAlive, self.limits) = (eventLoop, keepAlive, limits)
        (self.compression, self.upgradeTimeout, self.delegate) = (compression, upgradeTimeout, delegate)
        closedPromise = eventLoop.makePromise()
        timer = LoopTimer(eventLoop: eventLoop) { [weak self] in self?.deadlineReached() }
    }

    /// Begins to connect. The delegate hears of the outcome later, never during this call.
    package static func connect(
        _ configuration: WebSocketConnectionConfiguration, on eventLoop: any EventLoop,
        delegate: any WebSocketConnectionDelegate
    ) -> WebSocketConnection {
        eventLoop.preconditionInEventLoop()
        let connection = WebSocketConnection(
            eventLoop: eventLoop, keepAlive: configuration.keepAlive, limits: configuration.limits,
            compression: configuration.compression, upgradeTimeout: configuration.upgradeTimeout, delegate: delegate)
        connection.open(configuration)
        return connection
    }

    /// A server's end of a WebSocket whose 101 has been written; `start` follows once the handler is in its place.
    static func accepted(
        _ configuration: WebSocketServerConfiguration, on channel: any Channel,
        delegate: any WebSocketConnectionDelegate
    ) -> WebSocketConnection {
        let connection = WebSocketConnection(
            eventLoop: channel.eventLoop, keepAlive: configuration.keepAlive, limits: configuration.limits,
            compression: configuration.compression, upgradeTimeout: configuration.requestTimeout, delegate: delegate)
        connection.channel = channel
        return connection
    }

    // MARK: - For its user

    /// Messages can be sent.
    package var isOpen: Bool { session?.isOpen ?? false }

    /// False while what was sent is not taken by the peer: `webSocketConnectionBecameWritable` tells when it is again.
    package var isWritable: Bool { isOpen && channel?.isWritable ?? false }

    /// From the latest ping of ours to its pong.
    package var roundTrip: TimeAmount? { session?.roundTrip }

    /// The other end; nil before there is one.
    package var remoteAddress: SocketAddress? { channel?.remoteAddress }

    /// What the peer showed in the TLS handshake; nil without TLS, or before it.
    package var tlsPeer: TLSPeer? { channel.flatMap { Connector.tlsPeer(of: $0) } }

    /// Succeeds when the socket is closed, whatever closed it; also when it never came up.
    package var closed: EventLoopFuture<Void> { closedPromise.futureResult }

    /// Sends a message; drops it when the connection is not open. More than `limits.unsentBytes` that the peer does not take
    /// end the connection.
    package func send(_ message: WebSocketMessage) {
        guard isOpen else { return }
        session?.send(message, now: eventLoop.now)
        if !isInBurst { settle() }
    }

    /// While false, nothing is read from the socket: the peer has to hold what it wants to tell us, and its silence is not
    /// held against it.
    package func setReading(_ isReading: Bool) {
        guard let channel, case .open = phase else { return }
        session?.setReceiving(isReading, now: eventLoop.now)
        channel.setOption(.autoRead, value: isReading).whenFailure { _ in
            // Only a channel that is closing refuses, and that is reported on its own.
        }
        timer?.set(session?.nextDeadline)
    }

    /// Closes with a close handshake, within `keepAlive.closeTimeout`, and tells the delegate nothing more.
    @discardableResult
    package func close(_ code: WebSocketCloseCode = .normal, reason: String = "") -> EventLoopFuture<Void> {
        delegate = nil
        switch phase {
        case .connecting: phase = .ended
        case .upgrading:
            phase = .ended
            channel?.close(promise: nil)
        case .open:
            session?.close(WebSocketClose(code: code, reason: reason), now: eventLoop.now)
            // The peer's close frame has to be read.
            if session?.closesSocket == false { setReading(true) }
            settle()
        case .ended: break
        }
        return closed
    }

    /// Cuts the socket at once and tells the delegate nothing more.
    package func abort() {
        delegate = nil
        phase = .ended
        channel?.close(promise: nil)
    }

    // MARK: - Coming up

    private func open(_ configuration: WebSocketConnectionConfiguration) {
        var random = SystemRandomNumberGenerator()
        let handshake = WebSocketClientHandshake(
            configuration.request, limits: limits.handshake, random: &random)
        let request: ByteBuffer
        do {
            request = try handshake.requestBytes()
        } catch {
            // Never during the call that began it.
            eventLoop.assumeIsolated().execute { self.refuse(ConnectionError(.upgrade, .request(error))) }
            return
        }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        Connector.connect(configuration.endpoint, on: eventLoop) { channel in
            try channel.pipeline.syncOperations.addHandler(WebSocketHandler(connection: bound.value))
            bound.value.connected(channel, handshake, request)
        }.assumeIsolated().whenFailure { error in
            self.refuse(error as? ConnectionError ?? ConnectionError(.connect, .system("\(error)")))
        }
    }

    /// There is no socket.
    private func refuse(_ error: ConnectionError) {
        fail(error)
        socketClosed()
    }

    private func connected(_ channel: any Channel, _ handshake: WebSocketClientHandshake, _ request: ByteBuffer) {
        self.channel = channel
        guard case .connecting = phase else {
            channel.close(promise: nil)
            return
        }
        phase = .upgrading(handshake)
        timer?.set(eventLoop.now + upgradeTimeout)
        channel.writeAndFlush(request, promise: nil)
    }

    private func upgrade(_ step: WebSocketClientHandshake.Step) {
        switch step {
        case .incomplete: break
        case .open(let opening, let rest): start(opening, role: .client, rest: rest)
        case .refused(let refusal): fail(ConnectionError(.upgrade, .refused(refusal)))
        case .malformed(let error): fail(ConnectionError(.upgrade, .http(error)))
        case .failed(let error): fail(ConnectionError(.upgrade, .webSocket(error)))
        }
    }

    /// The handshake is done. `rest`: what the peer said behind it.
    func start(_ opening: WebSocketOpening, role: WebSocketRole, rest: ByteBuffer) {
        session = WebSocketSession(
            role: role, opening: opening, compression: compression, limits: limits, keepAlive: keepAlive,
            random: SystemRandomNumberGenerator(), now: eventLoop.now)
        phase = .open
        isInBurst = true
        delegate?.webSocketConnectionReady(self, opening: opening)
        if rest.readableBytes > 0 { received(rest) }
    }

    // MARK: - From the handler

    func received(_ bytes: ByteBuffer) {
        switch phase {
        case .upgrading(var handshake):
            let step = handshake.receive(bytes)
            phase = .upgrading(handshake)
            upgrade(step)
        case .open:
            isInBurst = true
            session?.receive(bytes, now: eventLoop.now)
            deliver()
        case .connecting, .ended: break
        }
    }

    func readComplete() {
        guard case .open = phase else { return }
        settle()
        isInBurst = false
        delegate?.webSocketConnectionReadComplete(self)
        settle()
    }

    func writabilityChanged() {
        guard case .open = phase, channel?.isWritable == true else { return }
        settle()
        if isWritable { delegate?.webSocketConnectionBecameWritable(self) }
    }

    func caught(_ error: any Error) {
        switch error {
        case let error as ConnectionError: fail(error)
        case let error as TLSError: fail(ConnectionError(stage, .tls(error)))
        default: fail(ConnectionError(stage, .system(SystemWords.of(error))))
        }
    }

    /// The socket is closed.
    func inactive() {
        switch phase {
        case .upgrading(var handshake): upgrade(handshake.connectionClosed())
        case .open:
            session?.connectionClosed()
            deliver()
        case .connecting, .ended: break
        }
        socketClosed()
    }

    private var stage: ConnectionError.Stage {
        if case .upgrading = phase { return .upgrade }
        return .established
    }

    // MARK: - The session

    private func deliver() {
        while let event = session?.nextEvent(now: eventLoop.now) {
            switch event {
            case .message(let message): delegate?.webSocketConnection(self, received: message)
            case .control(let frame): delegate?.webSocketConnection(self, receivedControl: frame)
            case .closed(let close):
                delegate?.webSocketConnection(self, receivedControl: .close(close))
                tell(ConnectionError(.established, .closed(close)))
            case .failed(let error): tell(ConnectionError(.established, .webSocket(error)))
            }
            if case .ended = phase { return }
        }
        // Between the reads of a burst nothing has to be written yet, but an end must not wait.
        if session?.isOpen != true { settle() }
    }

    /// After every input: what the session wants written, closed, and to be woken for.
    private func settle() {
        guard case .open = phase, let channel else { return }
        let closesSocket = session?.closesSocket ?? true
        if channel.isWritable || closesSocket, let output = session?.takeOutput() {
            guard !closesSocket else { return close(channel, after: output) }
            channel.writeAndFlush(output, promise: nil)
        }
        if closesSocket { return close(channel, after: nil) }
        timer?.set(session?.nextDeadline)
    }

    /// A close frame is given a second to leave.
    private func close(_ channel: any Channel, after output: ByteBuffer?) {
        phase = .ended
        guard let output, channel.isActive else {
            channel.close(promise: nil)
            return
        }
        timer?.set(eventLoop.now + .seconds(1))
        channel.writeAndFlush(output).assumeIsolated().whenComplete { _ in channel.close(promise: nil) }
    }

    private func deadlineReached() {
        switch phase {
        case .connecting: break
        case .upgrading(var handshake):
            let refusal = handshake.deadlineReached()
            let reason = refusal.map { ConnectionError.Reason.refused($0) } ?? .timedOut(Duration(upgradeTimeout))
            fail(ConnectionError(.upgrade, reason))
        case .open:
            session?.deadlineReached(now: eventLoop.now)
            deliver()
            settle()
        case .ended: channel?.close(promise: nil)
        }
    }

    // MARK: - The end

    private func tell(_ error: ConnectionError) {
        let delegate = delegate
        self.delegate = nil
        delegate?.webSocketConnection(self, failed: error)
    }

    private func fail(_ error: ConnectionError) {
        if case .ended = phase { return }
        phase = .ended
        channel?.close(promise: nil)
        tell(error)
    }

    private func socketClosed() {
        phase = .ended
        timer?.set(nil)
        timer = nil
        session = nil
        channel = nil
        closedPromise.succeed()
    }
}
