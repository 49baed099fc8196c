import BridgeCore
import Logging
import NIOCore
import Synchronization
import Transport
import WireProtocols

/// Sends commands over one connection and waits for their answers. It connects when there is something to send.
final class RedisSinkLink: Sendable {
    private let eventLoop: any EventLoop
    private let exchange: NIOLoopBoundBox<RedisExchange>
    private let lastNumber = Atomic(0)

    /// - Parameter timeout: from commands to the last of their answers.
    init(
        _ configuration: RedisConnectionConfiguration, timeout: TimeAmount, logger: Logger, on eventLoop: any EventLoop
    ) {
        self.eventLoop = eventLoop
        exchange = .makeBoxSendingValue(
            RedisExchange(configuration, timeout: timeout, logger: logger, on: eventLoop), eventLoop: eventLoop)
    }

    /// One at a time. Ends at once when the task is cancelled.
    func send(_ commands: ByteBuffer, answers count: Int) async -> RedisAnswers {
        let number = lastNumber.wrappingAdd(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            do {
                return try await eventLoop.flatSubmit { [exchange] in
                    exchange.value.begin(number, commands, answers: count)
                }.get()
            } catch {
                // Only a loop that has ended fails it.
                return RedisAnswers(failure: ConnectionError(.established, .system("\(error)")))
            }
        } onCancel: {
            eventLoop.execute { [exchange] in exchange.value.giveUp(number) }
        }
    }

    /// What is sent next goes over a new connection.
    func reconnect() { eventLoop.execute { [exchange] in exchange.value.renew() } }

    func close() async {
        // Fails only on a loop that has ended, and then nothing is left to close.
        try? await eventLoop.submit { [exchange] in exchange.value.close() }.get()
    }
}

/// The connection and what is under way on it. Confined to its event loop.
private final class RedisExchange: RedisConnectionDelegate {
    private struct UnderWay {
        let number: Int
        let commands: ByteBuffer
        let count: Int
        var answers: [RedisAnswer] = []
        let promise: EventLoopPromise<RedisAnswers>
    }

    private let configuration: RedisConnectionConfiguration
    private let timeout: TimeAmount
    private let logger: Logger
    private let eventLoop: any EventLoop
    private var timer: LoopTimer?
    private var connection: RedisConnection?
    private var isReady = false
    private var underWay: UnderWay?
    /// The connection is to be given up once nothing is under way.
    private var isToBeRenewed = false
    private var isClosed = false
    /// What was given up before it began.
    private var givenUp = 0

    init(
        _ configuration: RedisConnectionConfiguration, timeout: TimeAmount, logger: Logger, on eventLoop: any EventLoop
    ) {
        (self.configuration, self.timeout, self.logger) = (configuration, timeout, logger)
        self.eventLoop = eventLoop
    }

    // MARK: - In

    func begin(_ number: Int, _ commands: ByteBuffer, answers count: Int) -> EventLoopFuture<RedisAnswers> {
        guard !isClosed, underWay == nil, number > givenUp else {
            return eventLoop.makeSucceededFuture(
                RedisAnswers(failure: ConnectionError(.established, .system("given up"))))
        }
        let promise = eventLoop.makePromise(of: RedisAnswers.self)
        underWay = UnderWay(number: number, commands: commands, count: count, promise: promise)
        if isReady {
            sendUnderWay()
        } else if connection == nil {
            // Every stage of coming up has its own limit.
            connection = RedisConnection.connect(configuration, on: eventLoop, delegate: self)
        }
        return promise.futureResult
    }

    func giveUp(_ number: Int) {
        guard underWay?.number == number else {
            givenUp = max(givenUp, number)
            return
        }
        fail(ConnectionError(.established, .system("given up")))
    }

    func renew() {
        isToBeRenewed = true
        dropIfToBeRenewed()
    }

    func close() {
        isClosed = true
        fail(ConnectionError(.established, .system("the sink is closed")))
    }

    // MARK: - From the connection

    func redisConnectionReady(_ connection: RedisConnection, version: String?, warnings: [RedisServerError]) {
        isReady = true
        logger.debug("connected to redis", metadata: ["endpoint": "\(configuration.endpoint)"])
        for warning in warnings { logger.warning("redis: \(warning)") }
        if case .insecure? = configuration.endpoint.connection.tls?.verification {
            logger.warning(
                "whoever answers is believed (verify: insecure): the peer's certificate is not checked",
                metadata: ["endpoint": "\(configuration.endpoint)"])
        }
        sendUnderWay()
    }

    func redisConnection(_ connection: RedisConnection, received reply: RESPReply) {
        guard underWay != nil else {
            return fail(
                ConnectionError(.established, .misbehaved("the server answered what nobody asked: connecting anew")))
        }
        underWay?.answers.append(RedisAnswer(reply))
        if let done = underWay, done.answers.count == done.count { complete(RedisAnswers(answers: done.answers)) }
    }

    func redisConnectionReadComplete(_ connection: RedisConnection) {}

    func redisConnection(_ connection: RedisConnection, failed error: ConnectionError) { fail(error) }

    // MARK: - Private

    private func sendUnderWay() {
        guard let underWay else { return }
        let timer =
            timer
            ?? LoopTimer(eventLoop: eventLoop, slack: .milliseconds(100)) { [weak self] in
                guard let self else { return }
                fail(ConnectionError(.established, .timedOut(Duration(timeout))))
            }
        self.timer = timer
        timer.set(.now() + timeout)
        connection?.send(underWay.commands)
    }

    private func complete(_ answers: RedisAnswers) {
        timer?.set(nil)
        let promise = underWay?.promise
        underWay = nil
        dropIfToBeRenewed()
        promise?.succeed(answers)
    }

    /// The connection is given up, with what was under way on it.
    private func fail(_ error: ConnectionError) {
        drop()
        if let underWay { complete(RedisAnswers(answers: underWay.answers, failure: error)) }
    }

    private func dropIfToBeRenewed() {
        guard isToBeRenewed, underWay == nil else { return }
        drop()
    }

    private func drop() {
        connection?.close()
        (connection, isReady, isToBeRenewed) = (nil, false, false)
    }
}
