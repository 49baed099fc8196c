import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Transport
import WireProtocols

/// A client's WebSocket on a loop of its own, and what its delegate heard.
final class WebSocketBench: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let configuration: WebSocketConnectionConfiguration
    private let parts: NIOLoopBoundBox<(WebSocketConnection, WebSocketRecorder)?>
    let recorder = WebSocketLog()

    init(
        port: Int, target: String = "/", tls: TLSClientConfiguration? = nil,
        _ adjust: (inout WebSocketConnectionConfiguration) -> Void = { _ in }
    ) {
        loop = group.next()
        parts = .makeEmptyBox(eventLoop: loop)
        var configuration = WebSocketConnectionConfiguration(
            endpoint: EndpointConfiguration(host: "127.0.0.1", port: port, tls: tls), target: target)
        adjust(&configuration)
        self.configuration = configuration
    }

    var seen: [String] { recorder.seen }

    func open() async throws {
        try await loop.submit { [self] in
            let delegate = WebSocketRecorder(recorder)
            parts.value = (WebSocketConnection.connect(configuration, on: loop, delegate: delegate), delegate)
        }.settled()
    }

    /// Runs `body` on the loop with the connection.
    func with<Result: Sendable>(_ body: @escaping @Sendable (WebSocketConnection) -> Result) async throws -> Result? {
        try await loop.submit { self.parts.value.map { body($0.0) } }.settled()
    }

    func send(_ text: String) async throws { _ = try await with { $0.send(.text(text)) } }

    /// Waits until the delegate has heard something that begins with `text`.
    func expect(_ text: String, within limit: Duration = .seconds(30)) async throws {
        try await eventually("\(text)", within: limit, state: { "\(self.seen.map { String($0.prefix(200)) })" }) {
            self.seen.contains { $0.hasPrefix(text) }
        }
    }

    /// Closes in an orderly way and takes everything down.
    func end() async throws {
        let closed = try await loop.submit { self.parts.value.map { $0.0.close() } }.settled()
        try await closed?.settled()
        try await loop.submit { self.parts.value = nil }.settled()
        try await group.shutdownGracefully()
    }
}

/// What delegates heard, readable from anywhere.
final class WebSocketLog: Sendable {
    private let heard = Mutex<[String]>([])
    private let failures = Mutex<[ConnectionError]>([])
    var seen: [String] { heard.withLock { $0 } }
    /// Of each failure.
    var refusals: [Bool] { failures.withLock { $0.map(\.isRefusal) } }

    func add(_ text: String) { heard.withLock { $0.append(text) } }

    func add(_ error: ConnectionError) {
        failures.withLock { $0.append(error) }
        add("\(error)")
    }
}

/// Writes down what it hears; on the server's side it may answer.
final class WebSocketRecorder: WebSocketConnectionDelegate {
    private let log: WebSocketLog
    private let answer: (WebSocketConnection, WebSocketMessage) -> Void
    private let ready: (WebSocketConnection) -> Void

    init(
        _ log: WebSocketLog, ready: @escaping (WebSocketConnection) -> Void = { _ in },
        answer: @escaping (WebSocketConnection, WebSocketMessage) -> Void = { _, _ in }
    ) {
        (self.log, self.ready, self.answer) = (log, ready, answer)
    }

    func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) {
        let parts = [opening.subprotocol, opening.compression.map { _ in "compressed" }].compactMap { $0 }
        log.add((["ready"] + parts).joined(separator: " "))
        ready(connection)
    }

    func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
        switch message {
        case .text(let bytes): log.add("text \(String(buffer: bytes))")
        case .binary(let bytes): log.add("binary \(bytes.readableBytes)")
        }
        answer(connection, message)
    }

    func webSocketConnectionReadComplete(_ connection: WebSocketConnection) { log.add("complete") }

    func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) { log.add(error) }

    func webSocketConnection(_ connection: WebSocketConnection, receivedControl frame: WebSocketControlFrame) {
        switch frame {
        case .ping: log.add("ping")
        case .pong: log.add("pong")
        case .close(let close): log.add("close \(close)")
        }
    }

    func webSocketConnectionBecameWritable(_ connection: WebSocketConnection) { log.add("writable") }
}

/// A WebSocket server on a loop of its own.
final class WebSocketServerBench: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let server: NIOLoopBound<WebSocketServer>
    let port: Int
    /// What the delegates of all its connections heard.
    let log = WebSocketLog()

    /// `decide` gets the request and a log for the delegates that it makes.
    init(
        _ adjust: (inout WebSocketServerConfiguration) -> Void = { _ in },
        decide: @escaping @Sendable (WebSocketServerRequest, WebSocketLog) -> WebSocketServerDecision =
            WebSocketServerBench.echo
    ) async throws {
        loop = group.next()
        var configuration = WebSocketServerConfiguration()
        adjust(&configuration)
        let (loop, log, settled) = (loop, log, configuration)
        server = try await loop.submit {
            NIOLoopBound(WebSocketServer(settled, on: loop) { decide($0, log) }, eventLoop: loop)
        }.settled()
        let bound = server
        port = try await loop.flatSubmit { bound.value.start() }.settled()
    }

    /// Returns each message.
    static func echo(_ request: WebSocketServerRequest, _ log: WebSocketLog) -> WebSocketServerDecision {
        .accept(WebSocketRecorder(log, answer: { connection, message in connection.send(message) }))
    }

    func with<Result: Sendable>(_ body: @escaping @Sendable (WebSocketServer) -> Result) async throws -> Result {
        let server = server
        return try await loop.submit { body(server.value) }.settled()
    }

    func end() async throws {
        let server = server
        try await loop.flatSubmit { server.value.close() }.settled()
        try await group.shutdownGracefully()
    }
}
