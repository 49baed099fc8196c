import BridgeCore
import Codecs
import NIOCore
import Transport
import WireProtocols

/// A stand-in Basix PBX: a WebSocket server with the vendor's path, its authentication, its limit of connections, layouts,
/// state dumps and events. Confined to one event loop.
package final class BasixSimulator: VendorSimulator {
    package struct Settings: Sendable {
        package var host = "127.0.0.1"
        /// 0: any free one.
        package var port = 0
        package var domain = "test1.example"
        package var token: [UInt8] = Array("simulated-token".utf8)
        /// Connections for each app_name.
        package var limit = 2
        /// Every connection is cut, without a close frame, each time so much has passed.
        package var dropInterval: Duration?
        /// Certificate chain and key for wss.
        package var tls: TLSServerConfiguration?

        package init() {}
    }

    /// What there is to say.
    package enum Play: Sendable {
        /// Invented calls.
        case traffic(callsPerSecond: Double, speed: Double, seed: UInt64)
        /// A recorded scenario, from the first connection on.
        case script(JSONValue, speed: Double)
        /// Frames of recorded connections: the first connection is told the first recording, and so on; the last one is
        /// told to all that follow.
        case recordings([[[UInt8]]])
    }

    private enum Source {
        case play(any BasixPlay)
        case unstarted(JSONValue, speed: Double)
        case recordings([[[UInt8]]], next: Int)
    }

    private final class Client {
        let connection: WebSocketConnection
        let appName: String
        var notation = BasixNotationEncoder()

        init(_ connection: WebSocketConnection, appName: String) {
            (self.connection, self.appName) = (connection, appName)
        }
    }

    package static let path = BasixConfiguration.usualPath

    private let settings: Settings
    private let credentials: HTTPCredentials?
    private let eventLoop: any EventLoop
    private var source: Source
    private var server: WebSocketServer?
    /// Oldest first.
    private var clients: [Client] = []
    private var timer: LoopTimer?
    private var nextDrop: NIODeadline?

    /// Messages sent, connections accepted, turned away for their credentials, refused by the limit, and replaced.
    package private(set) var sent = 0
    package private(set) var accepted = 0
    package private(set) var unauthorized = 0
    package private(set) var limited = 0
    package private(set) var replaced = 0
    /// Data frames that clients sent. The bridge must never send one: they would control calls.
    package private(set) var commands = 0
    /// The request targets of accepted connections, in their order.
    package private(set) var targets: [String] = []

    /// Throws where a script is none.
    package init(_ settings: Settings, _ play: Play, eventLoop: any EventLoop) throws {
        (self.settings, self.eventLoop) = (settings, eventLoop)
        credentials = .basic(username: settings.domain, password: settings.token)
        switch play {
        case .traffic(let rate, let speed, let seed):
            source = .play(
                BasixTraffic(
                    callsPerSecond: rate, speed: speed, startingAt: WallClock.now(), random: SplitMix(seed: seed)))
        case .script(let scenario, let speed):
            _ = try BasixScript(scenario, startingAt: WallClock.now(), speed: speed)
            source = .unstarted(scenario, speed: speed)
        case .recordings(let recordings): source = .recordings(recordings, next: 0)
        }
    }

    package func start() throws -> EventLoopFuture<Int> {
        var configuration = WebSocketServerConfiguration(host: settings.host, port: settings.port)
        configuration.initialize = try settings.tls.map { try TLSHandler.initializer(server: $0) }
        let server = WebSocketServer(configuration, on: eventLoop) { [weak self] request in
            self?.decide(request) ?? .answer(status: 503)
        }
        self.server = server
        timer = LoopTimer(eventLoop: eventLoop, slack: .zero) { [weak self] in self?.timerFired() }
        nextDrop = settings.dropInterval.map { eventLoop.now + TimeAmount($0) }
        return server.start().assumeIsolated().map { [self] port in
            schedule()
            return port
        }.nonisolated()
    }

    package func stop() -> EventLoopFuture<Void> {
        timer?.set(nil)
        clients = []
        return server?.close() ?? eventLoop.makeSucceededVoidFuture()
    }

    /// Cuts every connection without a word.
    package func drop() {
        let cut = clients
        clients = []
        for client in cut { client.connection.abort() }
    }

    /// Says a message in the notation to every connection, beside the play.
    package func say(_ message: String) { broadcast(message) }

    // MARK: - Connections

    private func decide(_ request: WebSocketServerRequest) -> WebSocketServerDecision {
        guard request.head.path == BasixConfiguration.usualPath else { return .answer(status: 404) }
        guard let given = request.credentials, let credentials, given == credentials else {
            unauthorized += 1
            return .answer(status: 401, headers: ["WWW-Authenticate": "Basic realm=\"basix\""])
        }
        guard request.handshake != nil else { return .answer(status: 426) }
        guard let name = request.head.query("app_name"), !name.isEmpty else {
            return .answer(status: 400, body: "app_name is missing\n")
        }
        let isForced = ["force", "forced"].contains { request.head.query($0) == "true" }
        accepted += 1
        targets.append(request.head.target)
        return .accept(BasixSimulatorClient(simulator: self, appName: name, isForced: isForced))
    }

    fileprivate func opened(_ connection: WebSocketConnection, appName: String, isForced: Bool) {
        let others = clients.filter { $0.appName == appName }
        if others.count >= settings.limit {
            guard isForced, let oldest = others.first else {
                limited += 1
                send(
                    #"{"msg":"system_msg","value":"connection_limit_reached"}"#,
                    to: Client(connection, appName: appName))
                _ = connection.close(.normal)
                return
            }
            replaced += 1
            send(#"{"msg":"system_msg","value":"connection_replaced"}"#, to: oldest)
            clients.removeAll { $0 === oldest }
            _ = oldest.connection.close(.normal)
        }
        let client = Client(connection, appName: appName)
        clients.append(client)
        greet(client)
        schedule()
    }

    private func greet(_ client: Client) {
        switch source {
        case .recordings(let recordings, let next):
            for frame in recordings.isEmpty ? [] : recordings[min(next, recordings.count - 1)] {
                sent += 1
                client.connection.send(.binary(ByteBuffer(bytes: frame)))
            }
            source = .recordings(recordings, next: next + 1)
        case .unstarted(let scenario, let speed):
            // It was read before.
            guard let script = try? BasixScript(scenario, startingAt: WallClock.now(), speed: speed) else { return }
            source = .play(script)
            greet(client)
        case .play(var play):
            // What fell due before is part of the state.
            let due = play.messages(until: WallClock.now())
            source = .play(play)
            for message in due { perform(message, except: client) }
            for (element, fields) in BasixNotationEncoder.documentedLayouts
            where !["queued_channel", "parked_channel"].contains(element) {
                var spec = ByteWriter()
                spec.append("{")
                spec.field("msg", "field_spec")
                spec.field("element", element)
                spec.field("fields", list: fields)
                spec.append("}")
                send(String(decoding: spec.bytes, as: UTF8.self), to: client)
            }
            for message in play.snapshot() { send(message, to: client) }
        }
    }

    fileprivate func closed(_ connection: WebSocketConnection) { clients.removeAll { $0.connection === connection } }

    fileprivate func heard() { commands += 1 }

    // MARK: - Messages

    private func send(_ message: String, to client: Client) {
        guard let document = try? JSONDocument(Array(message.utf8), limits: JSONLimits(bytes: 64 << 20, depth: 64)),
            let frames = try? client.notation.frames(of: document.root)
        else { return }
        for frame in frames {
            sent += 1
            client.connection.send(.binary(ByteBuffer(bytes: frame)))
        }
    }

    private func broadcast(_ message: String, except skipped: Client? = nil) {
        for client in clients where client !== skipped { send(message, to: client) }
    }

    private func perform(_ message: BasixSimulatedMessage, except skipped: Client? = nil) {
        switch message.content {
        case .notation(let text): broadcast(text, except: skipped)
        case .drop: drop()
        }
    }

    private func timerFired() {
        if let due = nextDrop, due <= eventLoop.now {
            drop()
            nextDrop = settings.dropInterval.map { eventLoop.now + TimeAmount($0) }
        }
        if case .play(var play) = source {
            let due = play.messages(until: WallClock.now())
            source = .play(play)
            for message in due { perform(message) }
        }
        schedule()
    }

    private func schedule() {
        var next = nextDrop
        if case .play(let play) = source, let due = play.nextDue {
            let wait = max(0, due.microseconds - WallClock.now().microseconds)
            let deadline = eventLoop.now + .microseconds(wait)
            next = next.map { min($0, deadline) } ?? deadline
        }
        timer?.set(next)
    }
}

/// One connection, from its acceptance on.
private final class BasixSimulatorClient: WebSocketConnectionDelegate {
    private weak var simulator: BasixSimulator?
    private let appName: String
    private let isForced: Bool

    init(simulator: BasixSimulator, appName: String, isForced: Bool) {
        (self.simulator, self.appName, self.isForced) = (simulator, appName, isForced)
    }

    func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) {
        simulator?.opened(connection, appName: appName, isForced: isForced)
    }

    func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
        simulator?.heard()
    }

    func webSocketConnectionReadComplete(_ connection: WebSocketConnection) {}

    func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) {
        simulator?.closed(connection)
    }
}
