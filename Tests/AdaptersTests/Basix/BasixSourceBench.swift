import BridgeCore
import CallModel
import NIOCore

@testable import Adapters

/// A simulated PBX and sources.
typealias BasixBench = SimulatorBench<BasixSimulator, BasixSimulator.Settings, BasixSource>

extension BasixBench {
    convenience init(
        _ play: BasixSimulator.Play, _ edit: (inout BasixSimulator.Settings) -> Void = { _ in }
    ) async throws {
        var settings = BasixSimulator.Settings()
        edit(&settings)
        try await self.init(settings: settings) { try BasixSimulator($0, play, eventLoop: $1) }
    }

    /// Starts a source that connects to the PBX.
    func start(
        notes: [String: [UInt8]] = [:], recentCalls: [CallTracker.RecentCall] = [], token: String? = nil,
        path: String = BasixConfiguration.usualPath, appName: String = "test", force: Bool = true,
        fullEvents: Bool = true
    ) async throws -> SourceRecord {
        let configuration = BasixConfiguration(
            host: "127.0.0.1", port: port, path: path, domain: settings.domain,
            token: Secret(token.map { Array($0.utf8) } ?? settings.token), appName: appName,
            hasFullEvents: fullEvents, force: force)
        return try await start(notes: notes, recentCalls: recentCalls) {
            BasixSource(name: "tokyo", configuration: configuration, raw: .onUnmapped, proxy: nil, context: $0)
        }
    }

    /// What the PBX says in the notation.
    func say(_ message: String) async throws { try await onSimulator { $0.say(message) } }
}
