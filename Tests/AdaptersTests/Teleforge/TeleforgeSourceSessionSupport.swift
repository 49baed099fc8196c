import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport

@testable import Adapters

/// What a source did, for threads beside its loop to look at.
final class SeenOfSource: Sendable {
    struct State {
        var callIDs: [String] = []
        var kinds: [Kind] = []
        var isUp = false
        var downs: [String] = []
        var notes: [String: [UInt8]] = [:]
        var heldReceipts = 0
        var log: [String] = []
    }

    let state = Mutex(State())

    func callAsFunction<Value: Sendable>(_ look: @Sendable (State) -> Value) -> Value {
        state.withLock { look($0) }
    }
}

/// A runtime that keeps nothing but what tests ask about. Its store is durable at once, or when told to.
final class ScriptedContext: SourceContext {
    let eventLoop: any EventLoop
    let logger: Logger
    let metrics = SourceMetrics()
    private let seen: SeenOfSource
    private let initialNotes: [String: [UInt8]]
    private var pending: [(notes: [String: [UInt8]], facts: [CallFact], receipt: () -> Void)] = []
    private var facts: [CallFact] = []
    private var notes: [String: [UInt8]] = [:]
    var isStoreStuck = false {
        didSet { if !isStoreStuck { flush() } }
    }

    init(eventLoop: any EventLoop, seen: SeenOfSource, notes: [String: [UInt8]]) {
        (self.eventLoop, self.seen, initialNotes) = (eventLoop, seen, notes)
        logger = Logger(label: "test") { _ in SeenLog(seen: seen) }
    }

    func now() -> Timestamp { Timestamp(microseconds: 1_700_000_000_000_000) }

    func ingest(_ facts: [CallFact], receivedAt: Timestamp) { self.facts += facts }

    func commit(receipt: @escaping () -> Void) {
        pending.append((notes, facts, receipt))
        (notes, facts) = ([:], [])
        seen.state.withLock { $0.heldReceipts += 1 }
        if !isStoreStuck { eventLoop.assumeIsolated().execute { self.flush() } }
    }

    private func flush() {
        let commits = pending
        pending = []
        for commit in commits {
            seen.state.withLock {
                $0.heldReceipts -= 1
                $0.callIDs += commit.facts.filter { $0.kind != .callRecord }.compactMap(\.callID)
                $0.kinds += commit.facts.map(\.kind)
                $0.notes.merge(commit.notes) { $1 }
            }
            commit.receipt()
        }
    }

    func linkUp(attempt: Int) { seen.state.withLock { $0.isUp = true } }

    func linkDown(reason: String) {
        seen.state.withLock {
            $0.isUp = false
            $0.downs.append(reason)
        }
    }

    func backlogChanged() {}
    func setNote(_ key: String, _ value: [UInt8]) { notes[key] = value }
    func note(_ key: String) -> [UInt8]? { initialNotes[key] }
}

private struct SeenLog: LogHandler {
    let seen: SeenOfSource
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.trace

    init(seen: SeenOfSource) { self.seen = seen }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        seen.state.withLock { $0.log.append("\(event.level) \(event.message) \(fields.joined(separator: " "))") }
    }
}

/// A source on a loop of its own.
final class SourceBench: Sendable {
    let seen = SeenOfSource()
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let source: NIOLoopBoundBox<TeleforgeSource?>
    private let context: NIOLoopBoundBox<ScriptedContext?>

    /// `keys` are lines of a configuration file such as `pop: right`; values with commas become lists.
    init(
        _ redis: String, keys: [String: String] = [:], tls: [String: String] = [:], password: String? = nil,
        proxy: ProxySettings? = nil, notes: [String: [UInt8]] = [:]
    ) async throws {
        loop = group.next()
        source = .makeEmptyBox(eventLoop: loop)
        context = .makeEmptyBox(eventLoop: loop)
        try await loop.submit { [self] in
            let configuration = try Self.configuration(redis, keys, tls, password)
            let context = ScriptedContext(eventLoop: loop, seen: seen, notes: notes)
            let mapper = TeleforgeMapper(prefix: configuration.prefix, raw: .onUnmapped)
            let source = TeleforgeSource(
                name: "test", configuration: configuration, proxy: proxy, mapper: mapper, context: context)
            (self.source.value, self.context.value) = (source, context)
            source.start()
        }.get()
    }

    func setStoreStuck(_ isStuck: Bool) async throws {
        try await loop.submit { self.context.value?.isStoreStuck = isStuck }.get()
    }

    /// Acknowledged, stolen and received so far.
    func counts() async throws -> (acknowledged: Int, stolen: Int, received: Int) {
        try await loop.submit {
            let metrics = self.context.value?.metrics ?? SourceMetrics()
            return (metrics.acknowledged.current, metrics.stolen.current, metrics.received.current)
        }.get()
    }

    func stop() async throws {
        let loop = loop
        try await loop.flatSubmit { self.source.value?.stop() ?? loop.makeSucceededVoidFuture() }.get()
        try await loop.submit { (self.source.value, self.context.value) = (nil, nil) }.get()
        try await group.shutdownGracefully()
    }

    private static func configuration(
        _ redis: String, _ keys: [String: String], _ tls: [String: String], _ password: String?
    ) throws -> TeleforgeConfiguration {
        let mark = ConfigurationMark(line: 1, column: 1)
        func scalar(_ text: String) -> ConfigurationNode {
            ConfigurationNode(mark: mark, content: .scalar(text, isQuoted: false))
        }
        func mapping(_ entries: [(String, ConfigurationNode)]) -> ConfigurationNode {
            let entries = entries.map { ConfigurationNode.Entry(key: $0.0, keyMark: mark, value: $0.1) }
            return ConfigurationNode(mark: mark, content: .mapping(entries))
        }
        var entries = [("redis", scalar(redis))]
        for (key, value) in keys {
            if key.hasPrefix("commands.") {
                entries.append(("commands", mapping([(String(key.dropFirst(9)), scalar(value))])))
            } else if ["lists", "pubsub"].contains(key) {
                let items = value.split(separator: ",").map { scalar(String($0)) }
                entries.append((key, ConfigurationNode(mark: mark, content: .sequence(items))))
            } else {
                entries.append((key, scalar(value)))
            }
        }
        if !tls.isEmpty { entries.append(("tls", mapping(tls.sorted { $0.key < $1.key }.map { ($0, scalar($1)) }))) }
        if password != nil { entries.append(("password", mapping([("env", scalar("REDIS_PASSWORD"))]))) }
        let environment = password.map { ["REDIS_PASSWORD": $0] } ?? [:]
        let reading = ConfigurationReading(
            file: "test", environment: environment, places: Places(tenant: "test", environment: [:]))
        guard let section = ConfigurationSection(mapping(entries), title: "a source", reading: reading),
            let configuration = TeleforgeConfiguration(section)
        else { throw TestFailure(description: "\(reading.diagnostics)") }
        return configuration
    }
}
