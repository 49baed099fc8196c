import NIOCore
import WireProtocols

/// A client of a Socket.IO server, over WebSocket alone. It never reconnects: one object is one attempt, in which the server
/// may be asked in both generations (note, section 2.9).
///
/// Confined to one event loop. The delegate is held weakly.
package final class SocketIOConnection {
    private enum Phase {
        /// On the way to the namespace. → connected, asking, ended
        case comingUp
        /// The namespace is connected. → ended
        case connected
        /// The server dropped us without a word; a plain request finds out what it is. → ended
        case asking(HTTPClient, ConnectionError)
        case ended
    }

    package let eventLoop: any EventLoop
    private let configuration: SocketIOConnectionConfiguration
    private weak var delegate: (any SocketIOConnectionDelegate)?
    private var choice: SocketIOVersionChoice
    private var phase = Phase.comingUp
    private var webSocket: WebSocketConnection?
    private var session: SocketIOClientSession?
    private var timer: LoopTimer?
    private var lastStatistics = SocketIOStatistics()
    private let closedPromise: EventLoopPromise<Void>

    private init(
        _ configuration: SocketIOConnectionConfiguration, known: EngineIOVersion?, eventLoop: any EventLoop,
        delegate: any SocketIOConnectionDelegate
    ) {
        (self.configuration, self.eventLoop, self.delegate) = (configuration, eventLoop, delegate)
        choice = SocketIOVersionChoice(configuration.policy, known: known)
        closedPromise = eventLoop.makePromise()
        timer = LoopTimer(eventLoop: eventLoop) { [weak self] in self?.deadlineReached() }
    }

    /// Begins to connect. The delegate hears of the outcome later, never during this call.
    ///
    /// - Parameter preferring: the version that worked last; it is asked for first.
    package static func connect(
        _ configuration: SocketIOConnectionConfiguration, preferring known: EngineIOVersion? = nil,
        on eventLoop: any EventLoop, delegate: any SocketIOConnectionDelegate
    ) -> SocketIOConnection {
        eventLoop.preconditionInEventLoop()
        let connection = SocketIOConnection(configuration, known: known, eventLoop: eventLoop, delegate: delegate)
        connection.attempt()
        return connection
    }

    // MARK: - For its user

    package var isConnected: Bool {
        if case .connected = phase { return true }
        return false
    }

    /// What was counted so far; after the end, what was counted.
    package var statistics: SocketIOStatistics { session?.statistics ?? lastStatistics }

    /// From the latest ping to its pong: of Engine.IO 3, else of the WebSocket.
    package var roundTrip: TimeAmount? { session?.roundTrip ?? webSocket?.roundTrip }

    package var remoteAddress: SocketAddress? { webSocket?.remoteAddress }
    package var tlsPeer: TLSPeer? { webSocket?.tlsPeer }

    /// Succeeds when the socket is closed, whatever closed it; also when it never came up.
    package var closed: EventLoopFuture<Void> { closedPromise.futureResult }

    /// Emits an event. Nothing is kept for later: what cannot be sent is refused by the result.
    package func emit(
        _ name: String, _ arguments: [SocketIOArgument], wantsAcknowledgement: Bool = false
    ) -> SocketIOEmission {
        guard isConnected, let webSocket, webSocket.isOpen else { return .notConnected }
        let emission = session?.emit(
            name, arguments, wantsAcknowledgement: wantsAcknowledgement, now: eventLoop.now)
        settle()
        return emission ?? .notConnected
    }

    /// Answers an event that asks for it; does nothing for one that does not.
    package func acknowledge(_ event: SocketIOEvent, with arguments: [SocketIOArgument] = []) {
        session?.acknowledge(event, with: arguments)
        settle()
    }

    /// While false, nothing is read: the server has to hold what it wants to tell us. A server that pings (Engine.IO 4) gives up
    /// after `pingTimeout`.
    package func setReading(_ isReading: Bool) {
        session?.setReceiving(isReading, now: eventLoop.now)
        webSocket?.setReading(isReading)
        settle()
    }

    /// Says goodbye (DISCONNECT, close frame), waits a second for the answer at most, and tells the delegate nothing more.
    @discardableResult
    package func close() -> EventLoopFuture<Void> {
        delegate = nil
        switch phase {
        case .comingUp, .connected:
            session?.disconnect()
            flush()
            end()
        case .asking(let client, _):
            phase = .ended
            client.close()
            closedPromise.succeed()
        case .ended: break
        }
        return closed
    }

    // MARK: - Coming up

    private func attempt() {
        session = nil
        webSocket = WebSocketConnection.connect(
            configuration.webSocket(choice.version), on: eventLoop, delegate: self)
    }

    /// The attempt under way failed before the namespace was connected.
    private func attemptFailed(_ error: ConnectionError) {
        guard case .socketIO(let reason) = error.reason else { return fail(error) }
        switch choice.failed(reason) {
        case .ask: again()
        case .giveUp(let reason):
            let error = ConnectionError(error.stage, .socketIO(reason))
            if case .refused = reason { return fail(error) }
            ask(error)
        }
    }

    /// One connection at a time: the next begins when the socket of the last is closed.
    private func again() {
        let former = webSocket.take()
        saveStatistics()
        session = nil
        timer?.set(nil)
        guard let former else { return attempt() }
        former.close().assumeIsolated().whenComplete { _ in
            if case .comingUp = self.phase { self.attempt() }
        }
    }

    /// A server of 0.9, one behind another path, and a proxy that passes no WebSockets all drop the request without an
    /// answer. A plain request tells them apart.
    private func ask(_ error: ConnectionError) {
        guard let request = configuration.plainRequest(choice.version) else { return fail(error) }
        var client = HTTPClientConfiguration(
            tls: configuration.endpoint.tls ?? TLSClientConfiguration(), proxy: configuration.endpoint.proxy)
        (client.timeouts, client.headTimeout) = (configuration.endpoint.timeouts, configuration.upgradeTimeout)
        client.bodyTimeout = configuration.upgradeTimeout
        let http = HTTPClient(client, on: eventLoop)
        closeWebSocket()
        phase = .asking(http, error)
        http.send(request).assumeIsolated().whenComplete { result in
            guard case .asking = self.phase else { return }
            http.close()
            self.phase = .ended
            self.closedPromise.succeed()
            self.tell(self.explained(error, by: try? result.get()))
        }
    }

    private func explained(_ error: ConnectionError, by answer: HTTPClientResponse?) -> ConnectionError {
        guard let answer else { return error }
        let refusal = SocketIORefusal(answer.refusal, hiding: configuration.secrets)
        switch refusal.cause {
        case .wrongPath where (try? EngineIOPayload.decode(answer.body, version: choice.version))?.first?.type == .open:
            let passes = SocketIORefusal(
                .transportUnknown, text: "it answers polling, and drops the request for a WebSocket")
            return ConnectionError(.upgrade, .socketIO(.refused(passes)))
        case .socketIO09, .wrongPath, .unauthorized: return ConnectionError(.upgrade, .socketIO(.refused(refusal)))
        case .wrongVersion, .olderServer, .unknownNamespace, .connectRefused, .plainWebSocket, .transportUnknown,
            .unknownSession, .badRequest, .unavailable, .other:
            return error
        }
    }

    // MARK: - The session

    private func deliver() {
        while let event = session?.nextEvent() {
            switch event {
            case .connected(var opening):
                phase = .connected
                opening.isFallback = choice.isFallback
                delegate?.socketIOConnectionReady(self, opening: opening)
            case .event(let event): delegate?.socketIOConnection(self, received: event)
            case .acknowledged(let number, let answer):
                delegate?.socketIOConnection(self, acknowledged: number, with: answer)
            case .unacknowledged(let number): delegate?.socketIOConnection(self, unacknowledged: number)
            case .odd(let oddity): delegate?.socketIOConnection(self, met: oddity)
            case .failed(let error): return failed(error)
            }
        }
    }

    private func failed(_ error: SocketIOError) {
        switch phase {
        case .comingUp: attemptFailed(ConnectionError(.handshake, .socketIO(error)))
        case .connected: fail(ConnectionError(.established, .socketIO(error)))
        case .asking, .ended: break
        }
    }

    private func flush() {
        while let message = session?.nextOutput() { webSocket?.send(message) }
    }

    private func settle() {
        flush()
        timer?.set(session?.nextDeadline)
    }

    private func deadlineReached() {
        session?.deadlineReached(now: eventLoop.now)
        deliver()
        settle()
    }

    // MARK: - The end

    private func fail(_ error: ConnectionError) {
        end()
        tell(error)
    }

    private func tell(_ error: ConnectionError) {
        let delegate = delegate
        self.delegate = nil
        delegate?.socketIOConnection(self, failed: error)
    }

    private func end() {
        phase = .ended
        let former = closeWebSocket()
        former.assumeIsolated().whenComplete { _ in self.closedPromise.succeed() }
    }

    @discardableResult
    private func closeWebSocket() -> EventLoopFuture<Void> {
        saveStatistics()
        session = nil
        timer?.set(nil)
        timer = nil
        defer { webSocket = nil }
        return webSocket?.close() ?? eventLoop.makeSucceededVoidFuture()
    }

    private func saveStatistics() {
        if let session { lastStatistics = session.statistics }
    }
}

extension SocketIOConnection: WebSocketConnectionDelegate {
    package func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) {
        guard connection === webSocket else { return }
        session = SocketIOClientSession(configuration.client, version: choice.version, now: eventLoop.now)
        settle()
    }

    package func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
        guard connection === webSocket else { return }
        session?.receive(message, now: eventLoop.now)
        deliver()
    }

    package func webSocketConnectionReadComplete(_ connection: WebSocketConnection) {
        guard connection === webSocket else { return }
        settle()
        if isConnected { delegate?.socketIOConnectionReadComplete(self) }
    }

    package func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) {
        guard connection === webSocket else { return }
        let wasOpen = session?.isOpen ?? false
        session?.connectionClosed()
        deliver()
        switch phase {
        case .comingUp: attemptFailed(wasOpen ? error : beforeOpening(error))
        case .connected: fail(error)
        case .asking, .ended: break
        }
    }

    /// What the end of a WebSocket before the open packet says about the server.
    private func beforeOpening(_ error: ConnectionError) -> ConnectionError {
        let secrets = configuration.secrets
        let ended = SocketIOError.endedBeforeOpening(SocketIORefusal.hide(secrets, in: "\(error)"))
        switch error.reason {
        case .refused(let refusal):
            return ConnectionError(.upgrade, .socketIO(.refused(SocketIORefusal(refusal, hiding: secrets))))
        case .webSocket(.violation(.httpInstead(let text), _)):
            let refusal = SocketIORefusal(http: text, hiding: secrets)
            return ConnectionError(.upgrade, .socketIO(refusal.map { .refused($0) } ?? ended))
        case .webSocket(.violation), .webSocket(.cut), .closed: return ConnectionError(.handshake, .socketIO(ended))
        case .http(let http) where http.code == .noAnswer: return ConnectionError(.upgrade, .socketIO(ended))
        default: return error
        }
    }
}
