import NIOCore
import Transport
import WireProtocols

/// Greets a Redis server, shows what it says of itself, and asks for one answer.
final class RedisProbe: ProbeUser {
    private let configuration: RedisConnectionConfiguration
    private let report: ProbeReport
    private let ended: EventLoopPromise<Void>
    private var connection: RedisConnection?

    init(_ configuration: RedisConnectionConfiguration, _ report: ProbeReport, _ ended: EventLoopPromise<Void>) {
        (self.configuration, self.report, self.ended) = (configuration, report, ended)
    }

    func start(on eventLoop: any EventLoop) {
        connection = RedisConnection.connect(configuration, on: eventLoop, delegate: self)
    }

    func stop() {
        connection?.close()
        ended.succeed()
    }
}

extension RedisProbe: RedisConnectionDelegate {
    func redisConnectionReady(_ connection: RedisConnection, version: String?, warnings: [RedisServerError]) {
        report.stage("handshake", "Redis \(version ?? "of unknown version"), RESP2")
        for warning in warnings { report.line("  \(warning)") }
        var ping = ByteBuffer()
        configuration.writer.write(.ping, into: &ping)
        connection.send(ping)
    }

    func redisConnection(_ connection: RedisConnection, received reply: RESPReply) {
        let error = reply.kind == .error ? RedisServerError(reply: reply.text ?? "").advice : nil
        report.stage("ping", error ?? reply.text ?? "an answer that is no text")
        stop()
    }

    func redisConnectionReadComplete(_ connection: RedisConnection) {}

    func redisConnection(_ connection: RedisConnection, failed error: ConnectionError) { ended.fail(error) }
}
