import BridgeCore
import CallModel
import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Transport
import WireProtocols

extension TeleforgeConfiguration {
    package static func makeDemo() -> any VendorDemo { TeleforgeDemo() }
}

/// A real, private redis-server on a socket below the demo's directory, and the simulator that pushes to it.
final class TeleforgeDemo: VendorDemo {
    private struct Running {
        let server: ChildServer
        let group: MultiThreadedEventLoopGroup
        let simulator: NIOLoopBound<TeleforgeSimulator>
    }

    private let running = Mutex<Running?>(nil)

    func start(directory: String) async throws -> any AdapterConfiguration {
        let socket = "\(directory)/redis.sock"
        let server = try ChildServer.start(
            program: "redis-server",
            arguments: ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", directory],
            package: "redis-server")
        try await server.waitUntilReady(limit: .seconds(10)) { UnixSocket.accepts(socket) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let simulator = try await loop.submit {
            var random = SystemRandomNumberGenerator()
            let traffic = TeleforgeTraffic(
                callsPerSecond: 2, speed: 10, startingAt: WallClock.now(), random: SplitMix(seed: random.next()))
            let simulator = TeleforgeSimulator(
                RedisConnectionConfiguration(
                    endpoint: RedisEndpoint(unixPath: socket), credentials: nil, writer: RESPCommandWriter()),
                prefix: "enigma:notifications", traffic: traffic, eventLoop: loop,
                onFailure: { _ in
                    // Redis is ours and local: it is only away while everything is being stopped.
                })
            simulator.start()
            return NIOLoopBound(simulator, eventLoop: loop)
        }.get()
        running.withLock { $0 = Running(server: server, group: group, simulator: simulator) }
        return TeleforgeConfiguration(endpoint: .unix(path: socket), topics: [.agents])
    }

    func stop() async {
        let parts = running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let parts else { return }
        try? await parts.simulator.eventLoop.submit { parts.simulator.value.stop() }.get()
        try? await parts.group.shutdownGracefully()
        await parts.server.stop()
    }
}
