import BridgeCore
import Codecs
import NIOCore
import NIOPosix
import Transport
import WireProtocols

/// The hub connection alone, as a client of any kind would use it: each event's name and call are read, and that is all.
final class HubReader: WebSocketConnectionDelegate {
    private static let subscription =
        #"[[{"EntityId":"00000000-0000-0001-0000-000000000001","EventName":"UserCallInComing"}]]"#

    private let expected: Int
    private let ended: EventLoopPromise<String>
    private let clock = ContinuousClock()
    private var began: ContinuousClock.Instant?
    private var hub: HubClientSession?
    private var connection: WebSocketConnection?
    private var messages = 0
    private var bytes = 0

    private init(expected: Int, ended: EventLoopPromise<String>) { (self.expected, self.ended) = (expected, ended) }

    static func run(port: Int, events: Int) async throws -> String {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let ended = loop.makePromise(of: String.self)
        loop.scheduleTask(in: EnreachReader.timeLimit) { ended.fail(ReplayError("not done in time")) }
        let reader = try await loop.submit {
            let reader = HubReader(expected: events, ended: ended)
            var configuration = WebSocketConnectionConfiguration(
                endpoint: EndpointConfiguration(host: "127.0.0.1", port: port), target: "/rte")
            configuration.credentials = .bearer(Array("bench".utf8))
            reader.connection = WebSocketConnection.connect(configuration, on: loop, delegate: reader)
            return NIOLoopBound(reader, eventLoop: loop)
        }.get()
        let summary = try await ended.futureResult.get()
        try await loop.flatSubmit { reader.value.connection?.close() ?? loop.makeSucceededVoidFuture() }.get()
        try await group.shutdownGracefully()
        return summary
    }

    func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) {
        hub = HubClientSession(now: connection.eventLoop.now)
        settle(connection)
    }

    func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
        let now = connection.eventLoop.now
        hub?.receive(message, now: now)
        while let event = hub?.nextEvent(now: now) {
            switch event {
            case .opened: _ = try? hub?.invoke("Subscribe", arguments: Array(Self.subscription.utf8), now: now)
            case .invocation(let invocation): take(invocation)
            case .result, .callFailed, .unreadable, .ended: break
            }
        }
    }

    private func take(_ invocation: HubInvocation) {
        guard invocation.calls("MessageReceived"), let message = invocation.arguments[0] else { return }
        if messages == 0 { began = clock.now }
        messages += 1
        bytes +=
            message.member(ignoringCase: "subscription")?.member(ignoringCase: "eventName")?.string?.utf8.count ?? 0
        bytes += message.member(ignoringCase: "data")?.member(ignoringCase: "callId")?.string?.utf8.count ?? 0
        guard messages == expected, let began else { return }
        let (seconds, attoseconds) = (clock.now - began).components
        ended.succeed(
            "{\"messages\": \(messages), \"bytes\": \(bytes), \"seconds\": \(Double(seconds) + Double(attoseconds) / 1e18)}"
        )
    }

    func webSocketConnectionReadComplete(_ connection: WebSocketConnection) { settle(connection) }

    func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) { ended.fail(error) }

    private func settle(_ connection: WebSocketConnection) {
        while let message = hub?.nextOutput() { connection.send(message) }
    }
}
