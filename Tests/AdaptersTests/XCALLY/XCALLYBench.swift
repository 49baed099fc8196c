import BridgeCore
import CallModel
import Codecs
import NIOCore
import NIOPosix
import TestSupport

@testable import Adapters

/// Sources on a loop of their own, over real sockets.
final class XCALLYBench: Sendable {
    struct Metrics: Equatable {
        var received = 0
        var unmapped = 0
        var connects = 0
        var disconnects = 0
        var up = 0
        var pingsMissed = 0
        var refusals: [String: Int] = [:]
        var events: [String: Int] = [:]
        var dropped: [String: Int] = [:]
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop: any EventLoop
    let lines = VendorLines()
    private let sources: NIOLoopBoundBox<[(source: any Source, context: RecordingContext)]>

    init() {
        loop = group.next()
        sources = .makeBoxSendingValue([], eventLoop: loop)
    }

    /// Starts a source with this configuration.
    func start(_ configuration: XCALLYConfiguration, raw: RawPolicy = .onUnmapped) async throws -> SourceRecord {
        let seen = SourceRecord()
        try await loop.submit { [self] in
            let context = RecordingContext(eventLoop: loop, seen: seen, notes: [:], recentCalls: [])
            let source = configuration.makeSource(
                SourceConfiguration(
                    name: "rome", isEnabled: true, tenant: "acme", lifecycle: .strict, raw: raw,
                    adapter: configuration), context: context)
            sources.value.append((source, context))
            source.start()
        }.settled()
        return seen
    }

    func metrics() async throws -> Metrics {
        try await loop.submit {
            let metrics = self.sources.value.first?.context.metrics ?? SourceMetrics()
            return Metrics(
                received: metrics.received.current, unmapped: metrics.unmapped.current,
                connects: metrics.connects.current, disconnects: metrics.disconnects.current, up: metrics.up.current,
                pingsMissed: metrics.pingsMissed.current, refusals: metrics.refusals.current,
                events: metrics.events.current, dropped: metrics.dropped.current)
        }.settled()
    }

    func setStoreStuck(_ isStuck: Bool) async throws {
        try await loop.submit { for entry in self.sources.value { entry.context.isStoreStuck = isStuck } }.settled()
    }

    /// Stops them; the loop lives on.
    func stopSources() async throws {
        try await loop.flatSubmit { [self] in
            EventLoopFuture.andAllComplete(sources.value.map { $0.source.stop() }, on: loop)
        }.settled()
    }

    func stop() async throws {
        try await stopSources()
        try await loop.submit { self.sources.value = [] }.settled()
        try await group.shutdownGracefully()
    }
}
