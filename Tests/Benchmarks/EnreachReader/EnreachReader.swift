import Adapters
import BridgeCore
import CallModel
import Codecs
import Glibc
import Logging
import NIOCore
import NIOPosix

/// Measurements of the Enreach source, see signalr.py and `make bench-signalr`:
///
///     enreach-reader mapped PORT EVENTS     receives events as the daemon does, up to the tracker's lines, on one event loop
///     enreach-reader received PORT EVENTS   receives them and reads the name and the call of each
///     enreach-reader pairs USERS            subscribes to all 24 events of so many users at the simulated hub on loopback
@main
struct EnreachReader {
    /// For one measurement. What takes longer is broken.
    static let timeLimit = TimeAmount.seconds(120)

    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        let numbers = arguments.dropFirst().compactMap { Int($0) }
        switch (arguments.first, numbers.count) {
        case ("pairs", 1): try await subscribe(users: numbers[0])
        case ("received", 2): print(try await HubReader.run(port: numbers[0], events: numbers[1]))
        case ("mapped", 2):
            let configuration = try configuration(
                url: "http://127.0.0.1:\(numbers[0])/rte", login: nil,
                subscription: [
                    ("users", ["00000000-0000-0001-0000-000000000001"]),
                    ("queues", ["00000000-0000-0002-0000-000000000001"]),
                ])
            print(try await run(configuration, expecting: numbers[1]))
        default:
            print("usage: enreach-reader mapped PORT EVENTS | received PORT EVENTS | pairs USERS")
            exit(64)
        }
    }

    /// How long from the start of the source to its link: login, lists, negotiation and all calls of Subscribe.
    private static func subscribe(users: Int) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let started = try await loop.flatSubmit {
            do {
                var settings = EnreachSimulator.Settings()
                settings.users = users
                let simulator = try EnreachSimulator(
                    settings, .traffic(callsPerSecond: 0, speed: 1, seed: 1), eventLoop: loop)
                let bound = NIOLoopBound(simulator, eventLoop: loop)
                return try simulator.start().map { (port: $0, simulator: bound) }
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.get()
        for _ in 0..<5 {
            let configuration = try configuration(
                url: "http://127.0.0.1:\(started.port)/", login: "api@acme.example", subscription: [("users", [])])
            let began = ContinuousClock.now
            _ = try await run(configuration, expecting: nil)
            let took = ContinuousClock.now - began
            let figures = try await loop.submit { started.simulator.value.state }.get()
            print("\(users * 24) pairs subscribed in \(took), \(figures.subscribeCalls) calls so far")
        }
        try await loop.flatSubmit { started.simulator.value.stop() }.get()
        try await group.shutdownGracefully()
    }

    /// Runs a source until so many events came, or until its link is up; returns what was measured.
    private static func run(_ configuration: any AdapterConfiguration, expecting count: Int?) async throws -> String {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let ended = loop.makePromise(of: String.self)
        loop.scheduleTask(in: timeLimit) { ended.fail(ReplayError("not done within \(timeLimit)")) }
        let running = try await loop.submit {
            let context = CountingContext(
                expected: count, profile: configuration.profile(of: source(configuration)), eventLoop: loop,
                ended: ended)
            let source = configuration.makeSource(source(configuration), context: context)
            source.start()
            return NIOLoopBound(source, eventLoop: loop)
        }.get()
        let summary = try await ended.futureResult.get()
        try await loop.flatSubmit { running.value.stop() }.get()
        try await group.shutdownGracefully()
        return summary
    }

    private static func source(_ configuration: any AdapterConfiguration) -> SourceConfiguration {
        SourceConfiguration(
            name: "hel", isEnabled: true, tenant: "bench", lifecycle: .strict, raw: .onUnmapped, adapter: configuration)
    }

    /// As a file would say it. With a login `url` is that of EnreachAPI. An empty list of ids means all.
    private static func configuration(
        url: String, login: String?, subscription: [(String, [String])]
    ) throws -> any AdapterConfiguration {
        let mark = ConfigurationMark(line: 1, column: 1)
        func node(_ text: String) -> ConfigurationNode {
            ConfigurationNode(mark: mark, content: .scalar(text, isQuoted: false))
        }
        func mapping(_ entries: [(String, ConfigurationNode)]) -> ConfigurationNode {
            ConfigurationNode(
                mark: mark,
                content: .mapping(entries.map { ConfigurationNode.Entry(key: $0.0, keyMark: mark, value: $0.1) }))
        }
        func list(_ nodes: [ConfigurationNode]) -> ConfigurationNode {
            ConfigurationNode(mark: mark, content: .sequence(nodes))
        }
        func secret() -> ConfigurationNode { mapping([("env", node("TOKEN"))]) }
        let wanted = mapping(
            subscription.map { ($0.0, $0.1.isEmpty ? node("all") : list($0.1.map { node($0) })) })
        let access =
            login.map {
                [("api_url", node(url)), ("login", mapping([("user", node($0)), ("secret_key", secret())]))]
            } ?? [("url", node(url)), ("token", secret())]
        let reading = ConfigurationReading(
            file: "bench", environment: ["TOKEN": login == nil ? "bench" : "simulated-key"],
            places: Places(tenant: "bench", environment: [:]))
        let section = ConfigurationSection(
            mapping(access + [("subscriptions", list([wanted]))]), title: "a source", reading: reading)
        guard let section, let configuration = AdapterRegistry.adapter("enreach")?.init(section) else {
            throw ReplayError("\(reading.diagnostics)")
        }
        return configuration
    }
}

/// Takes facts as the pipeline does, through a tracker, and counts. Time runs from the first event to the last.
private final class CountingContext: SourceContext {
    let eventLoop: any EventLoop
    let logger = Logger(label: "bench") { StreamLogHandler.standardError(label: $0) }
    let metrics = SourceMetrics()
    /// nil: the link alone.
    private let expected: Int?
    private let ended: EventLoopPromise<String>
    private let clock = ContinuousClock()
    private var began: ContinuousClock.Instant?
    private var tracker: CallTracker
    private let source: Int
    private var lines = 0

    init(expected: Int?, profile: SourceProfile, eventLoop: any EventLoop, ended: EventLoopPromise<String>) {
        (self.expected, self.eventLoop, self.ended) = (expected, eventLoop, ended)
        tracker = CallTracker(stream: UUID128(high: 1, low: 1))
        source = tracker.register(profile)
    }

    func now() -> Timestamp { WallClock.now() }

    func ingest(_ facts: inout [CallFact], receivedAt: Timestamp) {
        if began == nil { began = clock.now }
        tracker.apply(&facts, from: source, receivedAt: receivedAt)
        lines += tracker.takeOutput().count
    }

    func commit(receipt: @escaping () -> Void) {
        receipt()
        guard let expected, metrics.received.current >= expected, let began else { return }
        let (seconds, attoseconds) = (clock.now - began).components
        let time = Double(seconds) + Double(attoseconds) / 1e18
        ended.succeed(
            "{\"messages\": \(metrics.received.current), \"lines\": \(lines), \"unmapped\": \(metrics.unmapped.current), "
                + "\"seconds\": \(time)}")
    }

    func linkUp(attempt: Int) {
        tracker.linkUp(source: source, attempt: attempt, at: now())
        if expected == nil { ended.succeed("up") }
    }

    func linkDown(reason: String) { ended.fail(ReplayError(reason)) }
    func backlogChanged() {}
    func setNote(_ key: String, _ value: [UInt8]) {}
    func note(_ key: String) -> [UInt8]? { nil }
}
