import BridgeCore
import CallModel
import Codecs
import NIOCore
import NIOPosix
import TestSupport
import Transport
import WireProtocols

@testable import Adapters

/// A simulated Enreach and sources on a loop of their own, over real sockets.
final class EnreachBench: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let simulator: NIOLoopBoundBox<EnreachSimulator?>
    private let sources: NIOLoopBoundBox<[(source: EnreachSource, context: RecordingContext)]>
    let port: Int
    let settings: EnreachSimulator.Settings

    init(
        rate: Double = 0, speed: Double = 1, _ edit: (inout EnreachSimulator.Settings) -> Void = { _ in }
    ) async throws {
        var settings = EnreachSimulator.Settings()
        edit(&settings)
        self.settings = settings
        loop = group.next()
        simulator = .makeEmptyBox(eventLoop: loop)
        sources = .makeBoxSendingValue([], eventLoop: loop)
        let (box, loop, made) = (simulator, loop, settings)
        port = try await loop.flatSubmit {
            do {
                let simulator = try EnreachSimulator(
                    made, .traffic(callsPerSecond: rate, speed: speed, seed: 7), eventLoop: loop)
                box.value = simulator
                return try simulator.start()
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.get()
    }

    /// Where the simulator is, or would be.
    func url(_ target: String = "/") throws -> HTTPURL {
        guard let url = HTTPURL(isSecure: false, host: "127.0.0.1", port: port, target: target) else {
            throw TestFailure(description: "no URL")
        }
        return url
    }

    /// The login of the simulator.
    func login(key: String = "simulated-key") throws -> EnreachConfiguration.Access {
        .login(
            EnreachLogin(
                user: settings.user, credential: .secretKey(Secret(Array(key.utf8))), place: .api(try url())))
    }

    /// Starts a source. Times are short enough for tests and long enough for a loaded machine.
    func start(
        access: EnreachConfiguration.Access? = nil, notes: [String: [UInt8]] = [:],
        recentCalls: [CallTracker.RecentCall] = [],
        _ edit: @Sendable @escaping (inout EnreachTestSettings) -> Void = { _ in }
    ) async throws -> SourceRecord {
        let record = SourceRecord()
        let access = try access ?? login()
        try await loop.submit { [self] in
            var settings = EnreachTestSettings()
            edit(&settings)
            let configuration = EnreachConfiguration(
                access: access, tokenPlace: settings.tokenPlace, negotiates: settings.negotiates,
                subscriptions: settings.subscriptions, connection: settings.connection)
            let context = RecordingContext(
                eventLoop: loop, seen: record, notes: notes, recentCalls: recentCalls)
            let source = EnreachSource(
                name: "hel", configuration: configuration, raw: .onUnmapped, proxy: nil, context: context)
            sources.value.append((source, context))
            source.start()
        }.get()
        return record
    }

    func onSimulator<Value: Sendable>(_ body: @escaping @Sendable (EnreachSimulator) -> Value) async throws -> Value {
        try await loop.submit { [self] in
            guard let simulator = simulator.value else { throw TestFailure(description: "the simulator has gone") }
            return body(simulator)
        }.get()
    }

    func perform(_ fault: EnreachSimulator.Fault) async throws { try await onSimulator { $0.perform(fault) } }

    func figures() async throws -> EnreachSimulator.Figures { try await onSimulator { $0.state } }

    func status(_ index: Int = 0) async throws -> SourceStatus.Value {
        try await loop.submit { self.sources.value[index].context.metrics.status.current }.get()
    }

    func metrics(
        _ index: Int = 0
    ) async throws -> (received: Int, unmapped: Int, connects: Int, disconnects: Int, up: Int) {
        try await loop.submit {
            let metrics = self.sources.value[index].context.metrics
            return (
                metrics.received.current, metrics.unmapped.current, metrics.connects.current,
                metrics.disconnects.current, metrics.up.current
            )
        }.get()
    }

    func setStoreStuck(_ isStuck: Bool) async throws {
        try await loop.submit { for entry in self.sources.value { entry.context.isStoreStuck = isStuck } }.get()
    }

    /// Looks at every entity anew, as if the interval were over.
    func enumerateNow() async throws {
        try await loop.submit { for entry in self.sources.value { entry.source.enumerateNow() } }.get()
    }

    /// A queue call's message: `name` such as `QueueCallInComing`.
    func say(_ name: String, call: String, queue: Int = 0, more: String = "") async throws {
        try await onSimulator { simulator in
            let id = simulator.queueIDs[queue]
            simulator.say(
                name, of: id,
                data:
                    #"{"callId":"\#(call)","legId":"1","callerNumber":"+358401234567","targetNumber":"+358942450100","queueId":"\#(id)","queueName":"Support"\#(more)}"#
            )
        }
    }

    func stopSources() async throws {
        try await loop.flatSubmit { [self] in
            EventLoopFuture.andAllComplete(sources.value.map { $0.source.stop() }, on: loop)
        }.get()
    }

    func stop() async throws {
        try await stopSources()
        try await loop.flatSubmit { [self] in
            sources.value = []
            return simulator.value?.stop() ?? loop.makeSucceededVoidFuture()
        }.get()
        try await loop.submit { self.simulator.value = nil }.get()
        try await group.shutdownGracefully()
    }
}

/// What tests of a source change.
struct EnreachTestSettings {
    var tokenPlace = EnreachConfiguration.TokenPlace.header
    var negotiates = true
    var subscriptions = EnreachSubscription.everything
    var connection = EnreachConfiguration.Connection()

    init() { connection.maximumBackoff = .milliseconds(200) }
}
