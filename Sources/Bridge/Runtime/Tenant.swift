import BridgeCore
import CallModel
import Codecs
import Glibc
import Logging
import NIOCore
import Sinks
import Store

/// One tenant while it runs: its store, the pipeline and sources on one event loop, and a pump for each sink.
final class Tenant: Sendable {
    /// What the service has to react to.
    enum Event: Sendable {
        /// Nobody reads a sink any more.
        case sinkGone(name: String, reason: String)
        /// Nothing more can be written; the next start begins a new file.
        case storeDamaged(StoreError)
        case failed(String)
    }

    /// How long a stop may take for taking leave of the sources, and for the sinks.
    static let sourceLimit = TimeAmount.seconds(5)
    static let sinkLimit = Duration.seconds(10)

    let name: String
    let logger: Logger
    private let store: Store
    private let pumps: [SinkPump]
    private let core: LoopBound<TenantCore>
    private let control: ControlServer?
    private let admin: AdminServer?
    private let eventLoop: any EventLoop

    /// Opens the store and reads back what the tracker needs. Blocks: for the start of the process only.
    init(
        _ configuration: TenantConfiguration, eventLoop: any EventLoop, logger: Logger,
        onStatus: @escaping @Sendable (String) -> Void, onEvent: @escaping @Sendable (Event) -> Void
    ) throws {
        (name, self.eventLoop) = (configuration.tenant, eventLoop)
        var logger = logger
        logger[metadataKey: "tenant"] = "\(configuration.tenant)"
        self.logger = logger
        let notices = StoreNotices(logger: logger, onEvent: onEvent)
        store = try Store.open(
            StoreConfiguration(
                path: configuration.store.path, retention: configuration.store.retention,
                maxSizeBytes: Int64(configuration.store.maximumBytes)),
            newStream: Self.newStream, notify: { notices.take($0) })
        do {
            let sources = configuration.sources.filter(\.isEnabled)
            let profiles = [Self.bridgeProfile(configuration.tenant)] + sources.map { $0.adapter.profile(of: $0) }
            let (restored, past) = try TrackerRestorer.restore(from: store, profiles: profiles)
            logger.info(
                "store opened",
                metadata: [
                    "path": "\(configuration.store.path)", "stream": "\(store.stream)", "last_seq": "\(store.lastSeq)",
                    "read_back": "\(past.linesRead)",
                ])
            if past.unreadable > 0 {
                logger.warning(
                    "stored lines that are no events were passed over; calls they belong to may be told incompletely",
                    metadata: ["lines": "\(past.unreadable)"])
            }
            let (lines, metrics) = (VendorLines(), sources.map { _ in SourceMetrics() })
            pumps = try Self.pumps(configuration, store: store, logger: logger, lines: lines)
            let box = TransferBox((restored, sources, past))
            let (store, tenantLogger) = (store, logger)
            core = try eventLoop.submit {
                let (restored, sources, past) = box.value
                let core = TenantCore(
                    store: store, restored: restored, past: past, sources: sources, metrics: metrics, lines: lines,
                    eventLoop: eventLoop, logger: tenantLogger, onStatus: onStatus)
                return LoopBound(core, on: eventLoop)
            }.wait()
            notices.bind(core)
            let answering = Self.control(
                configuration, store: store, sources: zip(sources, metrics).map { ($0, $1) }, pumps: pumps, core: core,
                eventLoop: eventLoop)
            let feeds = pumps.compactMap { $0.sink as? FeedSink }
            admin = try configuration.admin.map {
                try AdminServer($0, service: .init(status: { answering.status() }, feeds: feeds), logger: logger)
            }
            control = Self.listen(configuration.places.control, answering, eventLoop, logger)
        } catch {
            store.close()
            throw error
        }
    }

    var sinkCount: Int { pumps.count }

    // MARK: Life

    /// Serves the sinks until `stop`, and starts the sources. Tells the ends of pumps by `onEvent`.
    func run(onEvent: @escaping @Sendable (Event) -> Void) async {
        core.execute { $0.start() }
        await withTaskGroup(of: Void.self) { group in
            for pump in pumps {
                group.addTask {
                    do {
                        if case .gone(let reason) = try await pump.run() {
                            onEvent(.sinkGone(name: pump.sink.name, reason: reason))
                        }
                    } catch {
                        onEvent(.failed("sink \(pump.sink.name): \(error)"))
                    }
                }
            }
        }
    }

    /// Sources first, then the last lines, then the sinks until their limit. `run` returns when this is done.
    func stop() async {
        let leaving = eventLoop.makePromise(of: Void.self)
        core.execute { $0.stop(within: Self.sourceLimit).cascade(to: leaving) }
        try? await leaving.futureResult.get()
        let (store, logger) = (store, logger)
        do {
            try await onThread("store stop") { try store.flush() }
            let finished = eventLoop.makePromise(of: Void.self)
            core.execute { core in
                core.finish()
                finished.succeed()
            }
            try await finished.futureResult.get()
        } catch {
            logger.error("what was not written stays with the sources", metadata: ["reason": "\(error)"])
        }
        for pump in pumps { pump.finish(within: Self.sinkLimit) }
    }

    /// After `run` has returned.
    func close() async {
        await admin?.close()
        await control?.close()
        let store = store
        try? await onThread("store close") { store.close() }
    }

    func reopen() {
        admin?.reopen()
        for pump in pumps { pump.reopen() }
    }

    /// Blocking work, off the cooperative pool.
    private func onThread(_ name: String, _ work: @escaping @Sendable () throws -> Void) async throws {
        let thread = try ThreadExecutor(name: name)
        defer { thread.shutdown() }
        try await withTaskExecutorPreference(thread) { try work() }
    }

    // MARK: Parts

    /// The bridge speaks of itself as a source, so that its lines have ids like all others.
    static func bridgeProfile(_ tenant: String) -> SourceProfile {
        SourceProfile(vendor: "bridge", name: "cti-bridge", tenant: tenant)
    }

    static func newStream() -> UUID128 {
        var random = SystemRandomNumberGenerator()
        return UUID128(
            milliseconds: UInt64(max(0, WallClock.now().microseconds / 1000)), random: (random.next(), random.next()))
    }

    private static func control(
        _ configuration: TenantConfiguration, store: Store, sources: [(SourceConfiguration, SourceMetrics)],
        pumps: [SinkPump], core: LoopBound<TenantCore>, eventLoop: any EventLoop
    ) -> TenantControl {
        let types = Dictionary(configuration.sinks.map { ($0.name, $0.type) }, uniquingKeysWith: { first, _ in first })
        return TenantControl(
            tenant: configuration.tenant, store: store, storePath: configuration.store.path,
            sources: sources.map { TenantStatus.Source(name: $0.name, vendor: $0.vendor, metrics: $1) },
            sinks: pumps.map { TenantControl.Sink(type: types[$0.sink.name] ?? "", pump: $0) }, eventLoop: eventLoop,
            openCalls: {
                let promise = eventLoop.makePromise(of: Int.self)
                core.execute { promise.succeed($0.openCallCount) }
                return promise.futureResult
            })
    }

    /// The service runs without it as well.
    private static func listen(
        _ path: String, _ control: TenantControl, _ eventLoop: any EventLoop, _ logger: Logger
    ) -> ControlServer? {
        do {
            return try ControlServer(path: path, on: eventLoop) { control.answer($0) }
        } catch {
            logger.warning("status and orders cannot be asked for", metadata: ["reason": "\(error)"])
            return nil
        }
    }

    private static func pumps(
        _ configuration: TenantConfiguration, store: Store, logger: Logger, lines: VendorLines
    ) throws -> [SinkPump] {
        let sinks = configuration.sinks.filter(\.isEnabled)
        for known in store.cursors.keys where !configuration.sinks.contains(where: { $0.name == known }) {
            logger.warning("a sink is no longer configured; its cursor is dropped", metadata: ["sink": "\(known)"])
            store.forget(sink: known)
        }
        // Registered before anything may be removed: lines are kept for every sink from its cursor on.
        for sink in sinks where store.cursor(of: sink.name) == nil {
            store.advance(sink: sink.name, to: store.firstSeq - 1)
        }
        return try sinks.map { try pump($0, tenant: configuration.tenant, store: store, logger: logger, lines: lines) }
    }

    private static func pump(
        _ sink: SinkConfiguration, tenant: String, store: Store, logger: Logger, lines: VendorLines
    ) throws -> SinkPump {
        var logger = logger
        logger[metadataKey: "sink"] = "\(sink.name)"
        let (filter, transform) = (sink.filter, sink.transform)
        let past = LinePreparation(filter: filter, transform: transform)
        let context = SinkContext(
            name: sink.name, tenant: tenant, logger: logger, lines: lines,
            history: { after, lines, bytes in
                try store.next(after: after, maxLines: lines, maxBytes: bytes).map { past.batch($0) }
            },
            extent: { (store.firstSeq, store.lastSeq) })
        let made = try sink.destination.makeSink(context)
        let policy = sink.delivery.applied(to: made.policy)
        return SinkPump(
            sink: made, feed: DeliveryFeed(store: store, sink: sink.name),
            preparation: LinePreparation(filter: filter, transform: transform, policy: policy), policy: policy,
            metrics: SinkMetrics(), logger: logger)
    }
}

/// Moves values that no thread shares into a closure.
private final class TransferBox<Value>: @unchecked Sendable {
    // Made on one thread, read once on another that waits for it; never used again by the first.
    let value: Value
    init(_ value: Value) { self.value = value }
}
