import BridgeCore
import Codecs
import NIOCore
import Transport
import WireProtocols

// One attempt to come up to an RTE hub, and the connection that comes of it:
//
//   preparing ──token, entities──▶ negotiating ──id──▶ opening ──101──▶ shaking hands ──{}──▶ open
//       ▲                            │  ▲  └─redirect─┘    │
//       └──401: another token, once──┘  └──404, 409: once──┘
//
// Whatever fails ends it, and its owner comes back later with another one, which begins at the hub's own URL.

/// Told what happens on an `EnreachConnection`, on its event loop, never during a call of the connection's own.
protocol EnreachConnectionDelegate: AnyObject {
    /// The hub has shaken hands.
    func connectionReady(_ connection: EnreachConnection)
    /// The hub called `MessageReceived` with this one argument.
    func connection(_ connection: EnreachConnection, received message: JSONValue)
    /// A record that is no message, or a `MessageReceived` that has not one object.
    func connection(_ connection: EnreachConnection, received record: UnsafeRawBufferPointer, problem: String)
    func connection(_ connection: EnreachConnection, ended call: Int, with outcome: EnreachConnection.Outcome)
    /// What the socket held has been handed over.
    func connectionReadComplete(_ connection: EnreachConnection)
    /// Once, and never after `close`.
    func connection(_ connection: EnreachConnection, failed error: ConnectionError)
}

/// A hub connection with the login before it. Confined to one event loop; its delegate is held weakly.
final class EnreachConnection {
    struct Settings {
        /// nil: where the token's giver says.
        var hub: HTTPURL?
        var placement: AccessTokenPlacement
        var skipsNegotiation: Bool
        var limits: HubLimits
        var timeouts: HubTimeouts
        /// TLS and proxy of the requests before the WebSocket, and of the WebSocket itself.
        var http: HTTPClientConfiguration
    }

    /// How a call ended.
    enum Outcome {
        /// nil: a method without a result.
        case result(JSONValue?)
        case failed(String)
        case timedOut
    }

    private enum Phase {
        /// Nothing was sent to the hub. → negotiating, ended
        case preparing
        /// A request of the negotiation is out. → preparing, opening, ended
        case negotiating(SignalRNegotiation)
        /// The WebSocket is asked for. → preparing, open, ended
        case opening(HubSocketRequest)
        /// There is a hub session; it knows the rest. → ended
        case open
        case ended
    }

    private let settings: Settings
    private let eventLoop: any EventLoop
    private let tokens: EnreachTokenSource
    private let clock: () -> Timestamp
    private let prepare: () -> EventLoopFuture<Void>
    private weak var delegate: (any EnreachConnectionDelegate)?

    private var phase = Phase.preparing
    private var http: HTTPClient?
    private var webSocket: WebSocketConnection?
    private var hub: HubClientSession?
    private var timer: LoopTimer?
    private var token: EnreachToken?
    private var hasRenewed = false
    private var hasNegotiatedAgain = false
    private var isReady = false
    /// Calls that wait, by the number that their owner gave them.
    private var calls: [HubCallID: Int] = [:]
    private var connectionID: String?

    /// `prepare` is awaited once there is a token, before the hub is asked for anything.
    init(
        _ settings: Settings, tokens: EnreachTokenSource, eventLoop: any EventLoop, clock: @escaping () -> Timestamp,
        delegate: any EnreachConnectionDelegate, prepare: @escaping () -> EventLoopFuture<Void>
    ) {
        (self.settings, self.tokens, self.eventLoop) = (settings, tokens, eventLoop)
        (self.clock, self.delegate, self.prepare) = (clock, delegate, prepare)
    }

    // MARK: - For its owner

    /// Begins; the delegate hears of the outcome later.
    func start() {
        timer = LoopTimer(eventLoop: eventLoop) { [weak self] in self?.deadlineReached() }
        // A token may be at hand, and then everything up to the first request happens at once.
        eventLoop.assumeIsolated().execute { self.getToken() }
    }

    /// The server's name for the connection, for logs; nil where it gave none.
    var publicID: String? { connectionID }

    /// Calls a method of the hub. `delegate` is told how it ended, under `number`.
    func invoke(_ call: EnreachSession.Call) {
        do throws(HubUsageError) {
            guard let id = try hub?.invoke(call.method, arguments: call.arguments, now: eventLoop.now) else { return }
            calls[id] = call.number
        } catch {
            // Batches are cut to fit; what does not is told like any other failed call, later.
            let sentence = "\(error)"
            eventLoop.assumeIsolated().execute {
                self.delegate?.connection(self, ended: call.number, with: .failed(sentence))
            }
        }
        settle()
    }

    /// While false the hub has to hold what it wants to tell us; we go on pinging, and its silence is not held against it.
    func setReading(_ isReading: Bool) {
        hub?.setReceiving(isReading, now: eventLoop.now)
        webSocket?.setReading(isReading)
        settle()
    }

    /// Says good-bye where there is somebody to say it to, and tells the delegate nothing more. The future succeeds when the
    /// socket is gone.
    @discardableResult
    func close() -> EventLoopFuture<Void> {
        delegate = nil
        hub?.close(now: eventLoop.now)
        settle()
        return end()
    }

    // MARK: - Coming up

    private func getToken() {
        guard case .preparing = phase else { return }
        tokens.token(now: clock()).assumeIsolated().whenComplete { result in
            guard case .preparing = self.phase else { return }
            switch result {
            case .failure(let error): self.fail(Self.connectionError(error, stage: .login))
            case .success(let token): self.got(token)
            }
        }
    }

    private func got(_ token: EnreachToken) {
        // Another one was asked for after a 401; the same again is no other.
        if hasRenewed, token == self.token {
            return fail(
                ConnectionError(
                    .negotiate,
                    .declined(
                        "the hub refused the token, and whoever gives tokens has no other one yet; renew it there")))
        }
        self.token = token
        prepare().assumeIsolated().whenComplete { result in
            guard case .preparing = self.phase else { return }
            switch result {
            case .failure(let error): self.fail(Self.connectionError(error, stage: .request))
            case .success: self.negotiate(token)
            }
        }
    }

    private func negotiate(_ token: EnreachToken) {
        guard let url = settings.hub ?? token.hub else {
            return fail(ConnectionError(.negotiate, .unusableAddress("nobody said where the hub is; set url")))
        }
        let negotiation = SignalRNegotiation(
            HubURL(url), credentials: token.credentials, placement: settings.placement,
            skipsNegotiation: settings.skipsNegotiation)
        take(negotiation.begin(), of: negotiation)
    }

    private func take(_ step: SignalRNegotiation.Step, of negotiation: SignalRNegotiation) {
        switch step {
        case .request(let request):
            phase = .negotiating(negotiation)
            post(request)
        case .connect(let request):
            phase = .opening(request)
            connectionID = request.connectionID
            open(request)
        }
    }

    private func post(_ request: SignalRNegotiation.Request) {
        let client = http ?? HTTPClient(settings.http, on: eventLoop)
        http = client
        client.send(
            HTTPClientRequest(
                "POST", request.url, headers: request.headers, credentials: request.credentials, isRepeatable: true)
        ).assumeIsolated().whenComplete { result in
            guard case .negotiating(var negotiation) = self.phase else { return }
            switch result {
            case .failure(let error): self.fail(Self.connectionError(error, stage: .negotiate))
            case .success(let response):
                do throws(SignalRNegotiationError) {
                    let step = try negotiation.receive(response.head, body: response.body)
                    self.take(step, of: negotiation)
                } catch { self.react(to: error, at: .negotiate) }
            }
        }
    }

    private func open(_ request: HubSocketRequest) {
        let endpoint = EndpointConfiguration(
            host: request.url.host, port: request.url.port, tls: request.url.isSecure ? settings.http.tls : nil,
            proxy: settings.http.proxy, timeouts: settings.http.timeouts)
        var configuration = WebSocketConnectionConfiguration(endpoint: endpoint, target: request.url.target)
        configuration.credentials = request.credentials
        configuration.limits.messageBytes = max(configuration.limits.messageBytes, settings.limits.recordBytes + 1)
        // The hub protocol has clocks of its own, and a control frame does not count for them.
        configuration.keepAlive = WebSocketKeepAlive(
            pingInterval: nil, receiveTimeout: nil, closeTimeout: .seconds(2))
        webSocket = WebSocketConnection.connect(configuration, on: eventLoop, delegate: self)
    }

    /// What an answer over HTTP that does not lead on asks for.
    private func react(to error: SignalRNegotiationError, at stage: ConnectionError.Stage) {
        webSocket = nil
        switch error.reaction {
        case .renewToken where !hasRenewed && tokens.refused() == .renew:
            hasRenewed = true
            phase = .preparing
            getToken()
        case .negotiateAgain where !hasNegotiatedAgain:
            hasNegotiatedAgain = true
            phase = .preparing
            if let token { negotiate(token) } else { getToken() }
        case .renewToken:
            if hasRenewed { _ = tokens.refused() }
            fail(ConnectionError(stage, .negotiation(error)))
        case .proceed, .negotiateAgain, .backOff, .retryAfter, .refuse:
            fail(ConnectionError(stage, .negotiation(error)))
        }
    }

    private static func connectionError(_ error: any Error, stage: ConnectionError.Stage) -> ConnectionError {
        guard let error = error as? ConnectionError else { return ConnectionError(stage, .system("\(error)")) }
        return error.stage == .request ? ConnectionError(stage, error.reason) : error
    }

    // MARK: - The hub

    private func pump() {
        let now = eventLoop.now
        while case .open = phase, let event = hub?.nextEvent(now: now) { take(event) }
        settle()
    }

    private func settle() {
        while let message = hub?.nextOutput() { webSocket?.send(message) }
        timer?.set(hub?.nextDeadline)
    }

    private func take(_ event: HubClientSession.Event) {
        switch event {
        case .opened:
            isReady = true
            tokens.accepted()
            http?.close()
            http = nil
            delegate?.connectionReady(self)
        case .invocation(let invocation): take(invocation)
        case .result(let id, let value): ended(id, .result(value))
        case .callFailed(let id, .timedOut): ended(id, .timedOut)
        // The end of the connection follows, and says all.
        case .callFailed(_, .disconnected): break
        case .callFailed(let id, let error): ended(id, .failed("\(error)"))
        case .unreadable(let record, let error):
            record.withUnsafeReadableBytes { delegate?.connection(self, received: $0, problem: "\(error)") }
        case .ended(.closedHere): break
        case .ended(let end): fail(ConnectionError(isReady ? .established : .handshake, .hub(end)))
        }
    }

    /// Names of methods have no case here. What else the hub calls is none of ours; where it wants an answer the session declines.
    private func take(_ invocation: HubInvocation) {
        guard invocation.calls("MessageReceived") else { return }
        if let message = invocation.arguments[0], message.kind == .object, invocation.arguments[1] == nil {
            delegate?.connection(self, received: message)
        } else {
            invocation.record.source.withUnsafeBytes {
                delegate?.connection(self, received: $0, problem: "MessageReceived without one object")
            }
        }
    }

    private func ended(_ id: HubCallID, _ outcome: Outcome) {
        guard let number = calls.removeValue(forKey: id) else { return }
        delegate?.connection(self, ended: number, with: outcome)
    }

    private func deadlineReached() {
        hub?.deadlineReached(now: eventLoop.now)
        pump()
    }

    // MARK: - The end

    private func fail(_ error: ConnectionError) {
        if case .ended = phase { return }
        let delegate = delegate
        self.delegate = nil
        // What is still in the output, such as a Close record, leaves before the WebSocket ends.
        settle()
        end()
        delegate?.connection(self, failed: error)
    }

    @discardableResult
    private func end() -> EventLoopFuture<Void> {
        phase = .ended
        timer?.set(nil)
        http?.close()
        http = nil
        hub = nil
        defer { webSocket = nil }
        return webSocket?.close() ?? eventLoop.makeSucceededVoidFuture()
    }
}

extension EnreachConnection: WebSocketConnectionDelegate {
    func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) {
        guard case .opening = phase else { return }
        phase = .open
        hub = HubClientSession(limits: settings.limits, timeouts: settings.timeouts, now: eventLoop.now)
        settle()
    }

    func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
        hub?.receive(message, now: eventLoop.now)
        pump()
    }

    func webSocketConnectionReadComplete(_ connection: WebSocketConnection) {
        guard case .open = phase else { return }
        delegate?.connectionReadComplete(self)
        settle()
    }

    func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) {
        switch phase {
        case .opening(let request):
            guard error.stage == .upgrade, case .refused(let refusal) = error.reason else { return fail(error) }
            react(to: .refused(SignalRRefusal(request.step, refusal)), at: .upgrade)
        case .open: fail(error)
        case .preparing, .negotiating, .ended: break
        }
    }
}
