import BridgeCore
import NIOCore
import NIOPosix
import Synchronization
import WireProtocols

extension EnreachConfiguration {
    package static func makeDemo() -> any VendorDemo { EnreachDemo() }
}

/// The simulated Enreach on loopback, inside this process.
final class EnreachDemo: VendorDemo {
    private struct Running {
        let group: MultiThreadedEventLoopGroup
        let simulator: NIOLoopBound<EnreachSimulator>
    }

    private let running = Mutex<Running?>(nil)

    func start(directory: String) async throws -> any AdapterConfiguration {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let settings = EnreachSimulator.Settings()
        var random = SystemRandomNumberGenerator()
        let seed = random.next()
        let started = try await loop.flatSubmit {
            do {
                let simulator = try EnreachSimulator(
                    settings, .traffic(callsPerSecond: 1, speed: 10, seed: seed), eventLoop: loop)
                let bound = NIOLoopBound(simulator, eventLoop: loop)
                return try simulator.start().map { (port: $0, simulator: bound) }
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.get()
        running.withLock { $0 = Running(group: group, simulator: started.simulator) }
        guard let url = HTTPURL("http://\(settings.host):\(started.port)/") else {
            throw ReplayError("the simulated Enreach has no usable address")
        }
        return EnreachConfiguration(
            access: .login(
                EnreachLogin(
                    user: settings.user, credential: .secretKey(Secret(settings.secretKey)), place: .api(url))))
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
