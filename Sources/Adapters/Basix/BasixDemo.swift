import BridgeCore
import NIOCore
import NIOPosix
import Synchronization

extension BasixConfiguration {
    package static func makeDemo() -> any VendorDemo { BasixDemo() }
}

/// The simulated PBX on loopback, inside this process.
final class BasixDemo: VendorDemo {
    private struct Running {
        let group: MultiThreadedEventLoopGroup
        let simulator: NIOLoopBound<BasixSimulator>
    }

    private let running = Mutex<Running?>(nil)

    func start(directory: String) async throws -> any AdapterConfiguration {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let settings = BasixSimulator.Settings()
        var random = SystemRandomNumberGenerator()
        let seed = random.next()
        let started = try await loop.flatSubmit {
            do {
                let simulator = try BasixSimulator(
                    settings, .traffic(callsPerSecond: 1, speed: 10, seed: seed), eventLoop: loop)
                let bound = NIOLoopBound(simulator, eventLoop: loop)
                return try simulator.start().map { (port: $0, simulator: bound) }
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.get()
        running.withLock { $0 = Running(group: group, simulator: started.simulator) }
        return BasixConfiguration(
            host: settings.host, port: started.port, domain: settings.domain, token: Secret(settings.token),
            appName: "cti-bridge-demo")
    }

    func stop() async {
        let parts = running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let parts else { return }
        try? await parts.simulator.eventLoop.flatSubmit { parts.simulator.value.stop() }.get()
        try? await parts.group.shutdownGracefully()
    }
}
