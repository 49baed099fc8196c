import BridgeCore
import NIOCore
import NIOPosix
import Synchronization

/// A vendor's side that listens on loopback, for `simulate`, `demo` and tests. Confined to one event loop.
package protocol VendorSimulator: AnyObject, SendableMetatype {
    /// Begins to listen; succeeds with the port.
    func start() throws -> EventLoopFuture<Int>
    func stop() -> EventLoopFuture<Void>
}

/// A simulator that listens, on a thread of its own.
package struct RunningSimulator<Simulator: VendorSimulator>: Sendable {
    package let port: Int
    private let group: MultiThreadedEventLoopGroup
    private let simulator: NIOLoopBound<Simulator>

    /// `make` is called on the simulator's loop. Throws what it throws, and where the port cannot be had.
    package init(_ make: @escaping @Sendable (any EventLoop) throws -> Simulator) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        do {
            (port, simulator) = try await loop.flatSubmit {
                do {
                    let simulator = try make(loop)
                    let bound = NIOLoopBound(simulator, eventLoop: loop)
                    return try simulator.start().map { ($0, bound) }
                } catch {
                    return loop.makeFailedFuture(error)
                }
            }.get()
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Looks at it on its loop.
    package func read<Value: Sendable>(_ look: @escaping @Sendable (Simulator) -> Value) async throws -> Value {
        try await simulator.eventLoop.submit { look(simulator.value) }.get()
    }

    package func stop() async throws {
        try await simulator.eventLoop.flatSubmit { simulator.value.stop() }.get()
        try await group.shutdownGracefully()
    }
}

/// The part of a demo whose PBX is a simulator in this process.
final class SimulatorDemo<Simulator: VendorSimulator>: VendorDemo {
    private let make: @Sendable (UInt64, any EventLoop) throws -> Simulator
    private let configuration: @Sendable (Int) throws -> any AdapterConfiguration
    private let running = Mutex<RunningSimulator<Simulator>?>(nil)

    /// - Parameters:
    ///   - make: from a seed for its calls.
    ///   - configuration: how to connect to it at that port.
    init(
        _ make: @escaping @Sendable (UInt64, any EventLoop) throws -> Simulator,
        configuration: @escaping @Sendable (Int) throws -> any AdapterConfiguration
    ) {
        (self.make, self.configuration) = (make, configuration)
    }

    func start(directory: String) async throws -> any AdapterConfiguration {
        var random = SystemRandomNumberGenerator()
        let seed = random.next()
        let started = try await RunningSimulator { [make] loop in try make(seed, loop) }
        running.withLock { $0 = started }
        return try configuration(started.port)
    }

    func stop() async {
        let started = running.withLock { running in
            defer { running = nil }
            return running
        }
        try? await started?.stop()
    }
}
