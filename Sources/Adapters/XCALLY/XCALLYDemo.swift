import BridgeCore
import NIOCore
import NIOPosix
import Synchronization

extension XCALLYConfiguration {
    package static func makeDemo() -> any VendorDemo { XCALLYDemo() }
}

/// The simulated Shuttle on loopback, inside this process.
final class XCALLYDemo: VendorDemo {
    private struct Running {
        let group: MultiThreadedEventLoopGroup
        let simulator: NIOLoopBound<XCALLYSimulator>
    }

    private let running = Mutex<Running?>(nil)

    func start(directory: String) async throws -> any AdapterConfiguration {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let settings = XCALLYSimulator.Settings()
        var random = SystemRandomNumberGenerator()
        let seed = random.next()
        let started = try await loop.flatSubmit {
            do {
                let simulator = try XCALLYSimulator(
                    settings, .traffic(callsPerSecond: 1, speed: 10, seed: seed), eventLoop: loop)
                let bound = NIOLoopBound(simulator, eventLoop: loop)
                return try simulator.start().map { (port: $0, simulator: bound) }
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.get()
        running.withLock { $0 = Running(group: group, simulator: started.simulator) }
        return XCALLYConfiguration(.connect(SocketIOSettings(host: settings.host, port: started.port)))
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
