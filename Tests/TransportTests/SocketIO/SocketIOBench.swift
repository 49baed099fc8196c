import Codecs
import NIOCore
import NIOPosix
import TestSupport
import Transport
import WireProtocols

/// A Socket.IO client on a loop of its own, and what its delegate heard.
final class SocketIOBench: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let parts: NIOLoopBoundBox<(SocketIOConnection, SocketIORecorder)?>
    let log = WebSocketLog()

    init() {
        loop = group.next()
        parts = .makeEmptyBox(eventLoop: loop)
    }

    static func configuration(
        _ port: Int, _ adjust: (inout SocketIOConnectionConfiguration) -> Void = { _ in }
    ) -> SocketIOConnectionConfiguration {
        var configuration = SocketIOConnectionConfiguration(
            endpoint: EndpointConfiguration(host: "127.0.0.1", port: port))
        adjust(&configuration)
        return configuration
    }

    /// Begins a connection in place of the one before.
    func open(
        port: Int, preferring: EngineIOVersion? = nil,
        _ adjust: (inout SocketIOConnectionConfiguration) -> Void = { _ in }
    ) async throws {
        let configuration = Self.configuration(port, adjust)
        try await loop.submit { [self] in
            let recorder = SocketIORecorder(log)
            parts.value = (
                SocketIOConnection.connect(configuration, preferring: preferring, on: loop, delegate: recorder),
                recorder
            )
        }.settled()
    }

    var seen: [String] { log.seen }

    /// Runs `body` on the loop with the connection.
    func with<Result: Sendable>(_ body: @escaping @Sendable (SocketIOConnection) -> Result) async throws -> Result? {
        try await loop.submit { self.parts.value.map { body($0.0) } }.settled()
    }

    @discardableResult
    func emit(_ name: String, _ arguments: SocketIOArgument..., asks: Bool = false) async throws -> SocketIOEmission? {
        try await with { $0.emit(name, arguments, wantsAcknowledgement: asks) }
    }

    /// Waits until the delegate has heard something that begins with `text`, `count` times.
    func expect(_ text: String, count: Int = 1, within limit: Duration = .seconds(60)) async throws {
        try await eventually("\(text)", within: limit, state: { "\(self.seen.map { String($0.prefix(300)) })" }) {
            self.seen.filter { $0.hasPrefix(text) }.count >= count
        }
    }

    /// The first thing that the delegate heard and that begins with `text`.
    func first(_ text: String) -> String? { seen.first { $0.hasPrefix(text) } }

    /// Closes in an orderly way.
    func close() async throws {
        let closed = try await loop.submit { self.parts.value.map { $0.0.close() } }.settled()
        try await closed?.settled()
    }

    func end() async throws {
        try await close()
        try await loop.submit { self.parts.value = nil }.settled()
        try await group.shutdownGracefully()
    }
}

/// Writes down what it hears, and answers questions as the recorded clients did.
final class SocketIORecorder: SocketIOConnectionDelegate {
    private let log: WebSocketLog

    init(_ log: WebSocketLog) { self.log = log }

    func socketIOConnectionReady(_ connection: SocketIOConnection, opening: SocketIOOpening) {
        log.add("ready \(opening.version.rawValue)\(opening.isFallback ? " fallback" : "")")
    }

    func socketIOConnection(_ connection: SocketIOConnection, received event: SocketIOEvent) {
        log.add("event " + SocketIOWords.of(event))
        guard event.name == "question" else { return }
        connection.acknowledge(event, with: [.string("42"), .json(Array("{\"ok\":true}".utf8))])
    }

    func socketIOConnectionReadComplete(_ connection: SocketIOConnection) {}

    func socketIOConnection(_ connection: SocketIOConnection, failed error: ConnectionError) { log.add(error) }

    func socketIOConnection(
        _ connection: SocketIOConnection, acknowledged number: UInt64, with answer: SocketIOEvent
    ) { log.add("acknowledged \(number) \(SocketIOWords.of(answer))") }

    func socketIOConnection(_ connection: SocketIOConnection, unacknowledged number: UInt64) {
        log.add("unacknowledged \(number)")
    }

    func socketIOConnection(_ connection: SocketIOConnection, met oddity: SocketIOOddity) {
        log.add("odd \(oddity.rawValue)")
    }
}

enum SocketIOWords {
    /// The name, the whole payload with its escapes resolved, and the attachments in hexadecimal.
    static func of(_ event: SocketIOEvent) -> String {
        var writer = ByteWriter()
        writer.append(json: event.payload.root)
        let bytes = event.attachments.map { attachment in
            " #" + attachment.readableBytesView.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        return event.name + " " + String(decoding: writer.bytes, as: UTF8.self) + bytes.joined()
    }

    static func json(_ value: JSONValue) -> SocketIOArgument {
        var writer = ByteWriter()
        writer.append(json: value)
        return .json(writer.bytes)
    }
}

/// A Socket.IO server on a loop of its own, with the application of the recorded servers.
final class SocketIOServerBench: Sendable {
    private final class Application: SocketIOServerDelegate {
        private let log: WebSocketLog

        init(_ log: WebSocketLog) { self.log = log }

        func socketIOServer(_ server: SocketIOServer, connected client: SocketIOServerClient) {
            log.add("connected \(client.namespace) \(client.version.rawValue)")
            _ = client.emit("hello", [.json(Array("{\"ns\":\"\(client.namespace)\"}".utf8))])
        }

        func socketIOServer(_ server: SocketIOServer, client: SocketIOServerClient, received event: SocketIOEvent) {
            log.add("event \(client.transport?.rawValue ?? "-") \(SocketIOWords.of(event))")
            let arguments = event.arguments.map { value in
                event.attachment(value).map { .binary($0) } ?? SocketIOWords.json(value)
            }
            switch event.name {
            case "echo", "bin_echo": client.acknowledge(event, with: Array(arguments.prefix(1)))
            case "noreturn": client.acknowledge(event)
            case "push": _ = client.emit("pushed", arguments)
            case "push_binary": _ = client.emit("blob", [.binary(ByteBuffer(bytes: [1, 2, 3, 4]))])
            case "ask": _ = client.emit("question", [.string("6x7?")], wantsAcknowledgement: true)
            case "RealtimeCTI": _ = client.emit("seen", arguments)
            case "kick": client.disconnect()
            default: break
            }
        }

        func socketIOServer(
            _ server: SocketIOServer, client: SocketIOServerClient, disconnected reason: SocketIOServerClient.End
        ) { log.add("disconnected \(client.namespace): \(reason)") }

        func socketIOServer(
            _ server: SocketIOServer, client: SocketIOServerClient, acknowledged number: UInt64,
            with answer: SocketIOEvent
        ) { _ = client.emit("answered", [SocketIOWords.json(answer.payload.root)]) }

        func socketIOServer(_ server: SocketIOServer, client: SocketIOServerClient, unacknowledged number: UInt64) {
            log.add("unacknowledged \(number)")
        }

        func socketIOServer(
            _ server: SocketIOServer, refused refusal: SocketIOServer.Refusal, from address: SocketAddress?
        ) { log.add("refused \(refusal)") }
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let parts: NIOLoopBound<(SocketIOServer, any SocketIOServerDelegate)>
    let port: Int
    let log = WebSocketLog()

    init(_ adjust: (inout SocketIOServerConfiguration) -> Void = { _ in }) async throws {
        loop = group.next()
        var configuration = SocketIOServerConfiguration()
        configuration.session.namespaces = ["/", "/cti"]
        adjust(&configuration)
        let (loop, log, settled) = (loop, log, configuration)
        parts = try await loop.submit {
            let application = Application(log)
            return NIOLoopBound(
                (SocketIOServer(settled, on: loop, delegate: application), application), eventLoop: loop)
        }.settled()
        let bound = parts
        port = try await loop.flatSubmit { bound.value.0.start() }.settled()
    }

    func with<Result: Sendable>(_ body: @escaping @Sendable (SocketIOServer) -> Result) async throws -> Result {
        let parts = parts
        return try await loop.submit { body(parts.value.0) }.settled()
    }

    func expect(_ text: String, count: Int = 1) async throws {
        try await eventually("\(text)", state: { "\(self.log.seen.map { String($0.prefix(300)) })" }) {
            self.log.seen.filter { $0.hasPrefix(text) }.count >= count
        }
    }

    func close() async throws {
        let parts = parts
        try await loop.flatSubmit { parts.value.0.close() }.settled()
    }

    func end() async throws {
        try await close()
        try await group.shutdownGracefully()
    }
}
