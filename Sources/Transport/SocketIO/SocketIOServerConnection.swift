import Codecs
import NIOCore
import WireProtocols

/// One Engine.IO session of a server: its requests, its WebSocket, and its clients, one for each namespace that was joined.
final class SocketIOServerConnection {
    let sid: String
    let version: EngineIOVersion
    let address: SocketAddress?
    private weak var server: SocketIOServer?
    private let eventLoop: any EventLoop
    private let hasToken: Bool
    private var session: SocketIOServerSession
    private var members: [String: SocketIOServerClient] = [:]
    /// Whose emit waits for an acknowledgement.
    private var asked: [UInt64: SocketIOServerClient] = [:]
    private var webSocket: WebSocketConnection?
    private var reply: WebSocketServerReply?
    private var timer: LoopTimer?
    private var isPumping = false

    init(
        _ server: SocketIOServer, version: EngineIOVersion, sid: String, transport: SocketIOServerSession.Transport,
        hasToken: Bool, address: SocketAddress?
    ) {
        (self.server, eventLoop, self.version, self.sid) = (server, server.eventLoop, version, sid)
        (self.hasToken, self.address) = (hasToken, address)
        session = SocketIOServerSession(
            server.configuration.session, version: version, sid: sid, transport: transport, now: eventLoop.now)
        timer = LoopTimer(eventLoop: eventLoop, slack: .milliseconds(100)) { [weak self] in self?.deadlineReached() }
        timer?.set(session.nextDeadline)
    }

    var clients: [SocketIOServerClient] { Array(members.values) }
    var transport: SocketIOServerSession.Transport { session.transport }

    // MARK: - Requests

    /// An answer, there or to come.
    func poll(_ format: EngineIOPayload.Format) -> Result<WebSocketServerReply, EngineIORequestFault> {
        defer { pump() }
        switch session.polled(format, now: eventLoop.now) {
        case .refuse(let fault): return .failure(fault)
        case .answer(let answer):
            let reply = WebSocketServerReply()
            Self.give(answer, to: reply)
            return .success(reply)
        case .wait:
            let reply = WebSocketServerReply { [weak self] in self?.pollDropped() }
            self.reply = reply
            return .success(reply)
        }
    }

    private static func give(_ answer: SocketIOServerSession.PollAnswer, to reply: WebSocketServerReply) {
        reply.send(
            status: 200, headers: ["Content-Type": answer.contentType, "Cache-Control": "no-store"], body: answer.body)
    }

    private func pollDropped() {
        reply = nil
        session.pollDropped()
        pump()
    }

    func post(_ body: ByteBuffer) -> EngineIORequestFault? {
        defer { pump() }
        return session.posted(body, now: eventLoop.now)
    }

    func requestUpgrade() -> EngineIORequestFault? {
        defer { pump() }
        return session.upgradeRequested(now: eventLoop.now)
    }

    // MARK: - For the clients

    func emit(
        _ name: String, _ arguments: [SocketIOArgument], to namespace: String, wantsAcknowledgement: Bool
    ) -> SocketIOEmission {
        defer { pump() }
        let emission = session.emit(
            name, arguments, to: namespace, wantsAcknowledgement: wantsAcknowledgement, now: eventLoop.now)
        if case .awaits(let number) = emission { asked[number] = members[namespace] }
        return emission
    }

    func acknowledge(_ event: SocketIOEvent, with arguments: [SocketIOArgument]) {
        session.acknowledge(event, with: arguments)
        pump()
    }

    func disconnect(_ namespace: String) {
        guard let client = members.removeValue(forKey: namespace) else { return }
        session.disconnect(namespace)
        pump()
        tell { $0.socketIOServer($1, client: client, disconnected: .putOut) }
    }

    func close() {
        session.close()
        pump()
    }

    func abort() {
        webSocket.take()?.abort()
        close()
    }

    // MARK: - The session

    private func deadlineReached() {
        session.deadlineReached(now: eventLoop.now)
        pump()
    }

    /// After every input: tells what happened, says what is to be said, and waits for the next deadline. What is done meanwhile
    /// by who is told is part of it.
    private func pump() {
        guard !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        repeat {
            while let event = session.nextEvent() { take(event) }
            while let message = session.nextMessage() { webSocket?.send(message) }
            // A WebSocket that takes no more has failed meanwhile.
        } while session.hasEvents
        if reply != nil, let answer = session.takePollAnswer(), let reply = reply.take() {
            Self.give(answer, to: reply)
        }
        if session.closesWebSocket { webSocket.take()?.close() }
        timer?.set(session.nextDeadline)
    }

    private func take(_ event: SocketIOServerSession.Event) {
        switch event {
        case .connectionRequested(let namespace, let query, let auth): admit(namespace, query, auth)
        case .event(let event):
            guard let client = members[event.namespace] else { return }
            tell { $0.socketIOServer($1, client: client, received: event) }
        case .acknowledged(let number, let answer):
            guard let client = asked.removeValue(forKey: number) else { return }
            tell { $0.socketIOServer($1, client: client, acknowledged: number, with: answer) }
        case .unacknowledged(let number):
            guard let client = asked.removeValue(forKey: number) else { return }
            tell { $0.socketIOServer($1, client: client, unacknowledged: number) }
        case .disconnected(let namespace):
            guard let client = members.removeValue(forKey: namespace) else { return }
            tell { $0.socketIOServer($1, client: client, disconnected: .disconnected) }
        case .ended(let reason): ended(reason)
        }
    }

    private func admit(_ namespace: String, _ query: String?, _ auth: JSONDocument?) {
        guard let server else { return }
        guard hasToken || shows(server, query, auth) else {
            session.refuse(namespace, message: "Not authorized", code: 401)
            return server.count(.wrongToken, from: address)
        }
        let client = SocketIOServerClient(self, id: server.drawID(), namespace: namespace)
        members[namespace] = client
        session.accept(namespace, socketID: client.id)
        tell { $0.socketIOServer($1, connected: client) }
    }

    private func shows(_ server: SocketIOServer, _ query: String?, _ auth: JSONDocument?) -> Bool {
        let inQuery = query.flatMap { HTTPRequestHead(method: "GET", target: "/?" + $0).query("token") }
        return (auth?.root["token"]?.string ?? inQuery).map { server.isToken($0) } ?? false
    }

    private func ended(_ reason: SocketIOServerEnd) {
        let gone = members.values
        members = [:]
        for client in gone { tell { $0.socketIOServer($1, client: client, disconnected: .session(reason)) } }
        server?.ended(self)
    }

    private func tell(_ body: (any SocketIOServerDelegate, SocketIOServer) -> Void) {
        guard let server else { return }
        server.tell { body($0, server) }
    }
}

extension SocketIOServerConnection: WebSocketConnectionDelegate {
    func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) {
        webSocket = connection
        pump()
    }

    func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
        guard connection === webSocket else { return }
        let wasPolling = session.transport == .polling
        session.received(message, now: eventLoop.now)
        if wasPolling, session.transport == .websocket { server?.upgraded() }
        pump()
    }

    func webSocketConnectionReadComplete(_ connection: WebSocketConnection) {}

    func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) {
        guard connection === webSocket else { return }
        webSocket = nil
        session.webSocketClosed()
        pump()
    }
}
