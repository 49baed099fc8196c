import Codecs
import NIOCore
import WireProtocols

/// A Socket.IO server of both generations: polling with every kind of body, the upgrade, and WebSocket (note, section 2.10).
/// Confined to one event loop, its sessions included.
package final class SocketIOServer {
    /// Why somebody was not let in.
    package enum Refusal: Hashable, Sendable {
        case fault(EngineIORequestFault)
        case wrongToken
        /// A web page that is not among `origins`.
        case foreignOrigin
        case wrongPath
        case tooManySessions
    }

    package struct Statistics: Sendable, Equatable {
        /// Engine.IO sessions that were opened.
        package var sessions = 0
        package var upgrades = 0
        package var refusals: [Refusal: Int] = [:]
    }

    package let eventLoop: any EventLoop
    package let configuration: SocketIOServerConfiguration
    package private(set) var statistics = Statistics()
    private weak var delegate: (any SocketIOServerDelegate)?
    private var server: WebSocketServer?
    private var sessions: [String: SocketIOServerConnection] = [:]
    private var random = SystemRandomNumberGenerator()
    private var isClosed = false

    /// The delegate is held weakly.
    package init(
        _ configuration: SocketIOServerConfiguration, on eventLoop: any EventLoop, delegate: any SocketIOServerDelegate
    ) {
        (self.configuration, self.eventLoop, self.delegate) = (configuration, eventLoop, delegate)
    }

    /// Begins to listen; succeeds with the port.
    package func start() -> EventLoopFuture<Int> {
        let server = WebSocketServer(configuration.webSocket, on: eventLoop) { [weak self] request in
            self?.decide(request) ?? .answer(status: 503)
        }
        self.server = server
        return server.start()
    }

    /// Who is in a namespace, in no order.
    package var clients: [SocketIOServerClient] { sessions.values.flatMap(\.clients) }

    /// Stops listening, tells every client, and closes all; succeeds when all are gone.
    package func close() -> EventLoopFuture<Void> {
        isClosed = true
        for session in sessions.values { session.close() }
        return server?.close() ?? eventLoop.makeSucceededVoidFuture()
    }

    // MARK: - Requests

    private func decide(_ request: WebSocketServerRequest) -> WebSocketServerDecision {
        guard isOurs(request.head.path) else { return refuse(.wrongPath, request, 404, "not found") }
        if let origin = request.head.headers.first("Origin"), !mayComeIn(origin, request.head) {
            return refuse(.foreignOrigin, request, 403, "this page may not connect")
        }
        let wanted: EngineIORequest
        do {
            wanted = try EngineIORequest(request.head, isWebSocket: request.handshake != nil)
        } catch {
            return refuse(error, request)
        }
        switch wanted {
        case .openByPolling(let version, let format):
            return open(version, .polling, request) { self.poll($0, format, request) }
        case .openOnWebSocket(let version): return open(version, .websocket, request) { .accept($0) }
        case .poll(let sid, let format): return known(sid, request) { self.poll($0, format, request) }
        case .post(let sid): return known(sid, request) { self.post($0, request) }
        case .upgrade(let sid): return known(sid, request) { self.upgrade($0, request) }
        }
    }

    private func isOurs(_ path: String) -> Bool {
        func stem(_ path: String) -> Substring { path.hasSuffix("/") ? path.dropLast() : path[...] }
        return stem(path) == stem(configuration.path)
    }

    /// A page from here may; so may those that are configured.
    private func mayComeIn(_ origin: String, _ head: HTTPRequestHead) -> Bool {
        if configuration.origins.contains(origin) { return true }
        guard let host = head.headers.first("Host"), let mark = origin.firstIndex(of: ":") else { return false }
        return origin[mark...].lowercased() == "://" + host.lowercased()
    }

    private func open(
        _ version: EngineIOVersion, _ transport: SocketIOServerSession.Transport, _ request: WebSocketServerRequest,
        then answer: (SocketIOServerConnection) -> WebSocketServerDecision
    ) -> WebSocketServerDecision {
        guard configuration.versions.contains(version) else { return refuse(.unsupportedVersion, request) }
        guard configuration.allowsPolling || transport == .websocket else { return refuse(.unknownTransport, request) }
        let hasToken: Bool
        switch token(of: request, version) {
        case .right: hasToken = true
        case .later: hasToken = false
        case .wrong: return refuse(.wrongToken, request, 401, "\"Not authorized\"", "application/json")
        }
        guard !isClosed, sessions.count < configuration.maximumSessions else {
            return refuse(.tooManySessions, request, 503, "too many sessions")
        }
        let sid = drawID()
        let connection = SocketIOServerConnection(
            self, version: version, sid: sid, transport: transport, hasToken: hasToken, address: request.remoteAddress)
        sessions[sid] = connection
        statistics.sessions += 1
        return answer(connection)
    }

    private enum TokenCheck { case right, wrong, later }

    /// Protocol 4 has to show it here, protocol 5 may show it with CONNECT.
    private func token(of request: WebSocketServerRequest, _ version: EngineIOVersion) -> TokenCheck {
        guard configuration.token != nil else { return .right }
        if let text = request.head.query("token") { return isToken(text) ? .right : .wrong }
        if let credentials = request.credentials { return credentials == configuration.token ? .right : .wrong }
        return version == .v4 ? .later : .wrong
    }

    /// In a time that does not depend on where the first difference is.
    func isToken(_ text: String) -> Bool {
        guard let token = configuration.token else { return true }
        return HTTPCredentials.bearer(Array(text.utf8)) == token
    }

    private func known(
        _ sid: String, _ request: WebSocketServerRequest,
        then answer: (SocketIOServerConnection) -> WebSocketServerDecision
    ) -> WebSocketServerDecision {
        guard let connection = sessions[sid] else { return refuse(.unknownSession, request) }
        return answer(connection)
    }

    private func poll(
        _ connection: SocketIOServerConnection, _ format: EngineIOPayload.Format, _ request: WebSocketServerRequest
    ) -> WebSocketServerDecision {
        switch connection.poll(format) {
        case .success(let reply): .reply(reply)
        case .failure(let fault): refuse(fault, request)
        }
    }

    private func post(_ connection: SocketIOServerConnection, _ request: WebSocketServerRequest)
        -> WebSocketServerDecision
    {
        if let fault = connection.post(request.body) { return refuse(fault, request) }
        return .answer(status: 200, headers: ["Content-Type": "text/html"], body: "ok")
    }

    private func upgrade(
        _ connection: SocketIOServerConnection, _ request: WebSocketServerRequest
    ) -> WebSocketServerDecision {
        if let fault = connection.requestUpgrade() { return refuse(fault, request) }
        return .accept(connection)
    }

    private func refuse(_ fault: EngineIORequestFault, _ request: WebSocketServerRequest) -> WebSocketServerDecision {
        refuse(.fault(fault), request, fault.status, fault.json, "application/json")
    }

    private func refuse(
        _ refusal: Refusal, _ request: WebSocketServerRequest, _ status: Int, _ body: String,
        _ contentType: String = "text/plain; charset=utf-8"
    ) -> WebSocketServerDecision {
        count(refusal, from: request.remoteAddress)
        return .answer(status: status, headers: ["Content-Type": contentType], body: body)
    }

    // MARK: - From the sessions

    func count(_ refusal: Refusal, from address: SocketAddress?) {
        statistics.refusals[refusal, default: 0] += 1
        delegate?.socketIOServer(self, refused: refusal, from: address)
    }

    func upgraded() { statistics.upgrades += 1 }

    func ended(_ connection: SocketIOServerConnection) { sessions[connection.sid] = nil }

    func tell(_ body: (any SocketIOServerDelegate) -> Void) {
        if let delegate { body(delegate) }
    }

    /// 120 bits that nobody guesses.
    func drawID() -> String {
        var bytes: [UInt8] = []
        for _ in 0..<15 { bytes.append(UInt8.random(in: 0...255, using: &random)) }
        return String(Base64.encode(bytes).map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }
}
