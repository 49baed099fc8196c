import BridgeCore
import Codecs
import NIOCore
import Transport
import WireProtocols

/// A stand-in Teleforge: pushes invented calls to a Redis, as its notifier does (RPUSH to lists, PUBLISH to channels).
/// Confined to one event loop; reconnects by itself; what falls due while Redis is away is lost, as with the vendor's dialler.
package final class TeleforgeSimulator {
    private let configuration: RedisConnectionConfiguration
    private let prefix: String
    private let eventLoop: any EventLoop
    private var traffic: TeleforgeTraffic
    private var connection: RedisConnection?
    private var isReady = false
    private var timer: LoopTimer?
    private var stopped = false
    private let onFailure: (ConnectionError) -> Void
    /// Messages sent so far.
    package private(set) var sent = 0

    /// `onFailure` hears of each attempt that failed.
    package init(
        _ configuration: RedisConnectionConfiguration, prefix: String, traffic: TeleforgeTraffic,
        eventLoop: any EventLoop, onFailure: @escaping (ConnectionError) -> Void
    ) {
        (self.configuration, self.prefix, self.traffic) = (configuration, prefix, traffic)
        (self.eventLoop, self.onFailure) = (eventLoop, onFailure)
    }

    package func start() {
        timer = LoopTimer(eventLoop: eventLoop, slack: .zero) { [weak self] in self?.timerFired() }
        connect()
    }

    package func stop() {
        stopped = true
        timer?.set(nil)
        connection?.close()
        connection = nil
    }

    private func connect() {
        connection = RedisConnection.connect(configuration, on: eventLoop, delegate: self)
    }

    private func timerFired() {
        guard !stopped else { return }
        if connection == nil { return connect() }
        guard isReady else { return }
        push()
    }

    private func push() {
        var commands = ByteBuffer()
        let now = WallClock.now()
        for message in traffic.messages(until: now) {
            sent += 1
            switch message.place {
            case .list(let name):
                configuration.writer.write(
                    .rpush, ["\(prefix):\(name)"], last: Array(message.json.utf8), into: &commands)
            case .channel(let name):
                configuration.writer.write(
                    .publish, ["\(prefix):\(name)"], last: Array(message.json.utf8), into: &commands)
            }
        }
        connection?.send(commands)
        let wait = max(0, traffic.nextDue.microseconds - WallClock.now().microseconds)
        timer?.set(.now() + .microseconds(wait))
    }
}

extension TeleforgeSimulator: RedisConnectionDelegate {
    package func redisConnectionReady(_ connection: RedisConnection, version: String?, warnings: [RedisServerError]) {
        isReady = true
        // What fell due while nobody listened is not made up for.
        _ = traffic.messages(until: WallClock.now())
        push()
    }

    package func redisConnection(_ connection: RedisConnection, received reply: RESPReply) {}

    package func redisConnectionReadComplete(_ connection: RedisConnection) {}

    package func redisConnection(_ connection: RedisConnection, failed error: ConnectionError) {
        (self.connection, isReady) = (nil, false)
        onFailure(error)
        timer?.set(.now() + .seconds(1))
    }
}
