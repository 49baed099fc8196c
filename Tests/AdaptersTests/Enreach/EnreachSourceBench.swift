import BridgeCore
import CallModel
import NIOCore
import TestSupport
import Transport
import WireProtocols

@testable import Adapters

/// A simulated Enreach and sources.
typealias EnreachBench = SimulatorBench<EnreachSimulator, EnreachSimulator.Settings, EnreachSource>

extension EnreachBench {
    convenience init(
        rate: Double = 0, speed: Double = 1, _ edit: (inout EnreachSimulator.Settings) -> Void = { _ in }
    ) async throws {
        var settings = EnreachSimulator.Settings()
        edit(&settings)
        try await self.init(settings: settings) {
            try EnreachSimulator($0, .traffic(callsPerSecond: rate, speed: speed, seed: 7), eventLoop: $1)
        }
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
        var settings = EnreachTestSettings()
        edit(&settings)
        let configuration = EnreachConfiguration(
            access: try access ?? login(), tokenPlace: settings.tokenPlace, negotiates: settings.negotiates,
            subscriptions: settings.subscriptions, connection: settings.connection)
        return try await start(notes: notes, recentCalls: recentCalls) {
            EnreachSource(name: "hel", configuration: configuration, raw: .onUnmapped, proxy: nil, context: $0)
        }
    }

    func perform(_ fault: EnreachSimulator.Fault) async throws { try await onSimulator { $0.perform(fault) } }

    func figures() async throws -> EnreachSimulator.Figures { try await onSimulator { $0.state } }

    func status(_ index: Int = 0) async throws -> SourceStatus.Value {
        try await onSource(index) { $1.metrics.status.current }
    }

    /// The first source looks at every entity anew, as if the interval were over.
    func enumerateNow() async throws { try await onSource { source, _ in source.enumerateNow() } }

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
}

/// What tests of a source change.
struct EnreachTestSettings {
    var tokenPlace = EnreachConfiguration.TokenPlace.header
    var negotiates = true
    var subscriptions = EnreachSubscription.everything
    var connection = EnreachConfiguration.Connection()

    init() { connection.maximumBackoff = .milliseconds(200) }
}
