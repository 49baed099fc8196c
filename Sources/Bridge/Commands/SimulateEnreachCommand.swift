import Adapters
import ArgumentParser
import BridgeCore

struct SimulateEnreachCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enreach",
        abstract:
            "Stand in for Enreach: discovery, EnreachAPI and the RTE hub on one port, with invented or recorded calls.",
        discussion: """
            Listens on loopback. The login is api@acme.example with the key simulated-key or the password \
            simulated-password, all simulated, so no secrets. Faults come on request: POST /simulator/drop, mute, speak, \
            close?error=TEXT&allow_reconnect=true, expire-tokens, unauthorized?count=N, unavailable?count=N.

            Example:
              cti-bridge simulate enreach --port 9798 --rate 2 --users 50 --drop-every 30s
              curl -X POST http://127.0.0.1:9798/simulator/expire-tokens
            """)

    @Option(help: "Users of the invented organisation.")
    var users = 8

    @Option(help: "Its queues.")
    var queues = 2

    @Option(help: "Its call lists.")
    var callLists = 1

    @Option(help: ArgumentHelp("What the hub's records come in: text, binary or both.", valueName: "frames"))
    var frames = "text"

    @Option(
        help: ArgumentHelp("The version that negotiations answer with: 1, or 0 as old servers do.", valueName: "0|1"))
    var negotiateVersion = 1

    @Option(help: ArgumentHelp("How long a token is good.", valueName: "duration"))
    var tokenLife = "1h"

    @OptionGroup
    var server: SimulatorOptions

    func validate() throws {
        for (name, count) in [("users", users), ("queues", queues), ("call-lists", callLists)] {
            guard 0...10_000 ~= count else { throw ValidationError("--\(name) takes 0 to 10000.") }
        }
        guard server.rate >= 0, server.rate <= 1000 else { throw ValidationError("--rate takes 0 to 1000.") }
        guard EnreachSimulator.Frames(rawValue: frames) != nil else {
            throw ValidationError("--frames takes text, binary or both.")
        }
        guard 0...1 ~= negotiateVersion else { throw ValidationError("--negotiate-version takes 0 or 1.") }
        try SimulatorOptions.validate(duration: tokenLife)
    }

    func run() async throws {
        let (settings, play) = (settings, try play())
        let url = "\(server.tls == nil ? "http" : "https")://\(server.host)"
        try await server.serve {
            try EnreachSimulator(settings, play, eventLoop: $0)
        } greeting: {
            "\(url):\($0)/ (EnreachAPI and discovery) and \(EnreachSimulator.hubPath) there (the hub), "
                + "login \(settings.user)"
        } farewell: {
            let figures = $0.state
            return "\(figures.sent) events sent on \(figures.accepted) connections, \(figures.tokens) tokens given, "
                + "\(figures.subscribedPairs) pairs subscribed"
        }
    }

    private var settings: EnreachSimulator.Settings {
        var settings = EnreachSimulator.Settings()
        (settings.host, settings.port) = (server.host, server.port)
        (settings.users, settings.queues, settings.callLists) = (users, queues, callLists)
        settings.negotiateVersion = negotiateVersion
        settings.frames = EnreachSimulator.Frames(rawValue: frames) ?? .text
        settings.tokenLife = Quantity.duration(tokenLife) ?? .seconds(3600)
        (settings.dropInterval, settings.tls) = (server.dropInterval, server.tls)
        return settings
    }

    private func play() throws -> EnreachSimulator.Play {
        if let scenario = try server.scenario() { return .script(scenario, speed: server.speed) }
        return .traffic(callsPerSecond: server.rate, speed: server.speed, seed: server.tellSeed())
    }
}
