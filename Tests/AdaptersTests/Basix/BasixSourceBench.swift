import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Transport

@testable import Adapters

/// A simulated PBX and sources on a loop of their own, over real sockets.
final class BasixBench: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let simulator: NIOLoopBoundBox<BasixSimulator?>
    private let sources: NIOLoopBoundBox<[(source: BasixSource, context: RecordingContext)]>
    let port: Int
    let settings: BasixSimulator.Settings

    init(_ play: BasixSimulator.Play, _ edit: (inout BasixSimulator.Settings) -> Void = { _ in }) async throws {
        var settings = BasixSimulator.Settings()
        edit(&settings)
        self.settings = settings
        loop = group.next()
        simulator = .makeEmptyBox(eventLoop: loop)
        sources = .makeBoxSendingValue([], eventLoop: loop)
        let (box, loop, made) = (simulator, loop, settings)
        port = try await loop.flatSubmit {
            do {
                let simulator = try BasixSimulator(made, play, eventLoop: loop)
                box.value = simulator
                return try simulator.start()
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.get()
    }

    /// Starts a source that connects to the PBX.
    func start(
        notes: [String: [UInt8]] = [:], recentCalls: [CallTracker.RecentCall] = [], token: String? = nil,
        path: String = BasixConfiguration.usualPath, appName: String = "test", force: Bool = true,
        fullEvents: Bool = true
    ) async throws -> SourceRecord {
        let seen = SourceRecord()
        let configuration = BasixConfiguration(
            host: "127.0.0.1", port: port, path: path, domain: settings.domain,
            token: Secret(token.map { Array($0.utf8) } ?? settings.token), appName: appName,
            hasFullEvents: fullEvents, force: force)
        try await loop.submit { [self] in
            let context = RecordingContext(eventLoop: loop, seen: seen, notes: notes, recentCalls: recentCalls)
            let source = BasixSource(
                name: "tokyo", configuration: configuration, raw: .onUnmapped, proxy: nil, context: context)
            sources.value.append((source, context))
            source.start()
        }.get()
        return seen
    }

    func onSimulator<Value: Sendable>(_ body: @escaping @Sendable (BasixSimulator) -> Value) async throws -> Value {
        try await loop.submit { [self] in
            guard let simulator = simulator.value else { throw TestFailure(description: "the simulator has gone") }
            return body(simulator)
        }.get()
    }

    func setStoreStuck(_ isStuck: Bool) async throws {
        try await loop.submit { for entry in self.sources.value { entry.context.isStoreStuck = isStuck } }.get()
    }

    func metrics() async throws -> (received: Int, unmapped: Int, connects: Int, disconnects: Int, up: Int) {
        try await loop.submit {
            let metrics = self.sources.value.first?.context.metrics ?? SourceMetrics()
            return (
                metrics.received.current, metrics.unmapped.current, metrics.connects.current,
                metrics.disconnects.current, metrics.up.current
            )
        }.get()
    }

    /// What the PBX says in the notation.
    func say(_ message: String) async throws { try await onSimulator { $0.say(message) } }

    func stop() async throws {
        try await loop.flatSubmit { [self] in
            EventLoopFuture.andAllComplete(sources.value.map { $0.source.stop() }, on: loop)
        }.get()
        try await loop.flatSubmit { [self] in
            sources.value = []
            return simulator.value?.stop() ?? loop.makeSucceededVoidFuture()
        }.get()
        try await loop.submit { self.simulator.value = nil }.get()
        try await group.shutdownGracefully()
    }
}
