import Adapters
import ArgumentParser
import BridgeCore

struct SimulateBasixCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "basix",
        abstract: "Stand in for a Basix PBX: a WebSocket server with invented or recorded calls.",
        discussion: """
            Listens on loopback, wants the domain and token it is given by Basic authentication, sends layouts and the state \
            of everything to each connection, then events. The vendor's limit of connections per app_name holds, and force \
            replaces the oldest. Without --script and --session calls are invented.

            Example:
              cti-bridge simulate basix --port 9797 --rate 2 --drop-every 30s
              cti-bridge simulate basix --session before.bertseq --session after.bertseq
            """)

    @Option(help: "The domain that clients have to give.")
    var domain = "test1.example"

    @Option(help: "The token that clients have to give; simulated, so no secret.")
    var token = "simulated-token"

    @Option(help: "Connections for each app_name.")
    var limit = 2

    @Option(
        help: ArgumentHelp(
            """
            Frames of a recorded connection, each with its length in 4 bytes in front. Given again: the next connection's; \
            the last one is told to all that follow.
            """, valueName: "file"))
    var session: [String] = []

    @OptionGroup
    var server: SimulatorOptions

    func validate() throws {
        guard 0...1000 ~= limit else { throw ValidationError("--limit takes 0 to 1000.") }
        try server.validateRate()
        guard server.script == nil || session.isEmpty else { throw ValidationError("--script or --session, not both.") }
        guard !domain.contains(":"), !domain.isEmpty else {
            throw ValidationError("--domain takes a text without ':'.")
        }
    }

    func run() async throws {
        let (settings, play) = (settings, try play())
        let url = "\(server.tls == nil ? "ws" : "wss")://\(server.host)"
        try await server.serve {
            try BasixSimulator(settings, play, eventLoop: $0)
        } greeting: {
            "\(url):\($0)\(BasixConfiguration.usualPath), domain \(domain)"
        } farewell: {
            "\($0.sent) messages sent on \($0.accepted) connections, \($0.commands) commands received"
        }
    }

    private var settings: BasixSimulator.Settings {
        var settings = BasixSimulator.Settings()
        (settings.host, settings.port, settings.limit) = (server.host, server.port, limit)
        (settings.domain, settings.token) = (domain, Array(token.utf8))
        (settings.dropInterval, settings.tls) = (server.dropInterval, server.tls)
        return settings
    }

    private func play() throws -> BasixSimulator.Play {
        if let scenario = try server.scenario() { return .script(scenario, speed: server.speed) }
        if !session.isEmpty { return .recordings(try SimulatorOptions.explaining { try session.map(frames) }) }
        return .traffic(callsPerSecond: server.rate, speed: server.speed, seed: server.tellSeed())
    }

    private func frames(_ file: String) throws -> [[UInt8]] {
        var rest = try Files.read(file, limit: 64 << 20)[...]
        var frames: [[UInt8]] = []
        while !rest.isEmpty {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 4, rest.count - 4 >= length else {
                throw FileError(file, "ends in the middle of frame \(frames.count + 1)", code: nil)
            }
            frames.append(Array(rest.dropFirst(4).prefix(length)))
            rest = rest.dropFirst(4 + length)
        }
        return frames
    }
}
