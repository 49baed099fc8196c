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

/// What a source did, for threads beside its loop to look at.
final class BasixSeen: Sendable {
    struct State {
        var kinds: [Kind] = []
        /// Ups and downs of the link, with the reason and the name of the gap.
        var links: [String] = []
        var isUp = false
        var notes: [String: [UInt8]] = [:]
        var heldReceipts = 0
        var log: [String] = []
        var facts: [CallFact] = []
    }

    let state = Mutex(State())

    func callAsFunction<Value: Sendable>(_ look: @Sendable (State) -> Value) -> Value {
        state.withLock { look($0) }
    }
}

/// A runtime that keeps nothing but what tests ask about. Its store is durable at once, or when told to.
final class BasixContext: SourceContext {
    let eventLoop: any EventLoop
    let logger: Logger
    let metrics = SourceMetrics()
    let recentCalls: [CallTracker.RecentCall]
    private let seen: BasixSeen
    private let initialNotes: [String: [UInt8]]
    private var waiting: [() -> Void] = []
    var isStoreStuck = false {
        didSet {
            guard !isStoreStuck else { return }
            let receipts = waiting
            waiting = []
            seen.state.withLock { $0.heldReceipts = 0 }
            for receipt in receipts { receipt() }
        }
    }

    init(
        eventLoop: any EventLoop, seen: BasixSeen, notes: [String: [UInt8]], recentCalls: [CallTracker.RecentCall]
    ) {
        (self.eventLoop, self.seen, initialNotes, self.recentCalls) = (eventLoop, seen, notes, recentCalls)
        logger = Logger(label: "test") { _ in BasixLog(seen: seen) }
    }

    func now() -> Timestamp { WallClock.now() }

    func ingest(_ facts: inout [CallFact], receivedAt: Timestamp) {
        let taken = facts
        facts.removeAll()
        seen.state.withLock {
            $0.kinds += taken.map(\.kind)
            $0.facts += taken
        }
    }

    func commit(receipt: @escaping () -> Void) {
        guard isStoreStuck else { return eventLoop.assumeIsolated().execute(receipt) }
        waiting.append(receipt)
        seen.state.withLock { $0.heldReceipts += 1 }
    }

    func linkUp(attempt: Int) {
        seen.state.withLock {
            $0.isUp = true
            $0.links.append("up")
        }
    }

    func linkDown(reason: String) { linkDown(reason: reason, lastGood: now(), gap: .disconnect) }

    func linkDown(reason: String, lastGood: Timestamp, gap: Gap.Reason) {
        seen.state.withLock {
            $0.isUp = false
            $0.links.append("down \(gap.rawValue): \(reason)")
        }
    }

    func backlogChanged() {}
    func setNote(_ key: String, _ value: [UInt8]) { seen.state.withLock { $0.notes[key] = value } }
    func note(_ key: String) -> [UInt8]? { initialNotes[key] }
}

private struct BasixLog: LogHandler {
    let seen: BasixSeen
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(seen: BasixSeen) { self.seen = seen }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        seen.state.withLock { $0.log.append("\(event.level) \(event.message) \(fields.joined(separator: " "))") }
    }
}

/// A simulated PBX and sources on a loop of their own, over real sockets.
final class BasixBench: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let simulator: NIOLoopBoundBox<BasixSimulator?>
    private let sources: NIOLoopBoundBox<[(source: BasixSource, context: BasixContext)]>
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
    ) async throws -> BasixSeen {
        let seen = BasixSeen()
        let configuration = BasixConfiguration(
            host: "127.0.0.1", port: port, path: path, domain: settings.domain,
            token: Secret(token.map { Array($0.utf8) } ?? settings.token), appName: appName,
            hasFullEvents: fullEvents, force: force)
        try await loop.submit { [self] in
            let context = BasixContext(eventLoop: loop, seen: seen, notes: notes, recentCalls: recentCalls)
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
