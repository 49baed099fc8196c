import BridgeCore
import CallModel
import NIOCore
import NIOPosix
import TestSupport

@testable import Adapters

/// A simulated PBX and sources on a loop of their own, over real sockets. `Settings` are the simulator's.
final class SimulatorBench<Simulator: VendorSimulator, Settings: Sendable, Tested: Source & SendableMetatype>: Sendable
{
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let simulator: NIOLoopBoundBox<Simulator?>
    private let sources: NIOLoopBoundBox<[(source: Tested, context: RecordingContext)]>
    let port: Int
    let settings: Settings

    init(
        settings: Settings, _ make: @escaping @Sendable (Settings, any EventLoop) throws -> Simulator
    ) async throws {
        self.settings = settings
        loop = group.next()
        simulator = .makeEmptyBox(eventLoop: loop)
        sources = .makeBoxSendingValue([], eventLoop: loop)
        let (box, loop) = (simulator, loop)
        port = try await loop.flatSubmit {
            do {
                let simulator = try make(settings, loop)
                box.value = simulator
                return try simulator.start()
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.settled()
    }

    /// Starts a source.
    func start(
        notes: [String: [UInt8]], recentCalls: [CallTracker.RecentCall],
        _ make: @escaping @Sendable (RecordingContext) -> Tested
    ) async throws -> SourceRecord {
        let record = SourceRecord()
        try await loop.submit { [self] in
            let context = RecordingContext(eventLoop: loop, seen: record, notes: notes, recentCalls: recentCalls)
            let source = make(context)
            sources.value.append((source, context))
            source.start()
        }.settled()
        return record
    }

    func onSimulator<Value: Sendable>(_ body: @escaping @Sendable (Simulator) -> Value) async throws -> Value {
        try await loop.submit { [self] in
            guard let simulator = simulator.value else { throw TestFailure(description: "the simulator has gone") }
            return body(simulator)
        }.settled()
    }

    func onSource<Value: Sendable>(
        _ index: Int = 0, _ body: @escaping @Sendable (Tested, RecordingContext) -> Value
    ) async throws -> Value {
        try await loop.submit { body(self.sources.value[index].source, self.sources.value[index].context) }.settled()
    }

    func setStoreStuck(_ isStuck: Bool) async throws {
        try await loop.submit { for entry in self.sources.value { entry.context.isStoreStuck = isStuck } }.settled()
    }

    func metrics(
        _ index: Int = 0
    ) async throws -> (received: Int, unmapped: Int, connects: Int, disconnects: Int, up: Int) {
        try await onSource(index) { _, context in
            let metrics = context.metrics
            return (
                metrics.received.current, metrics.unmapped.current, metrics.connects.current,
                metrics.disconnects.current, metrics.up.current
            )
        }
    }

    func stopSources() async throws {
        try await loop.flatSubmit { [self] in
            EventLoopFuture.andAllComplete(sources.value.map { $0.source.stop() }, on: loop)
        }.settled()
    }

    func stop() async throws {
        try await stopSources()
        try await loop.flatSubmit { [self] in
            sources.value = []
            return simulator.value?.stop() ?? loop.makeSucceededVoidFuture()
        }.settled()
        try await loop.submit { self.simulator.value = nil }.settled()
        try await group.shutdownGracefully()
    }
}
