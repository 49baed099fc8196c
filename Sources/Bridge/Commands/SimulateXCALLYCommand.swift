import Adapters
import ArgumentParser
import BridgeCore
import Codecs
import WireProtocols

struct SimulateXCALLYCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "xcally",
        abstract: "Stand in for an xCALLY Shuttle: a Socket.IO server with invented or recorded calls.",
        discussion: """
            Listens on loopback, speaks Engine.IO 3 and 4, and tells everybody who joins of calls in the vendor's sequences. \
            What scripts emit (RealtimeCTI, AgentCTI, AgentCTINotification) is written to standard output, a JSON array of \
            name and argument a line. Without --script calls are invented.

            Example:
              cti-bridge simulate xcally --port 8888 --rate 2 --drop-every 30s
              cti-bridge simulate xcally --port 8888 --version eio3 --style enveloped --token secret
            """)

    enum Version: String, ExpressibleByArgument, CaseIterable {
        case both, eio3, eio4
    }

    enum Style: String, ExpressibleByArgument, CaseIterable {
        case named, enveloped
    }

    @Option(help: "The path of the server.")
    var path = SocketIOSettings.usualPath

    @Option(help: "The generations to speak: both, eio3 (Socket.IO 1 and 2) or eio4 (3 and 4).")
    var version = Version.both

    @Option(help: "named: each event under its own name; enveloped: all under one, told apart by the payload.")
    var style = Style.named

    @Option(help: "The token that clients have to give; simulated, so no secret. Without it everybody may come in.")
    var token: String?

    @Flag(help: "Put everybody who joins out again at once.")
    var refuse = false

    @OptionGroup
    var server: SimulatorOptions

    func validate() throws {
        guard path.hasPrefix("/") else { throw ValidationError("--path takes a path such as /socket.io/.") }
        try server.validateRate()
        guard token?.isEmpty != true else { throw ValidationError("--token takes a text.") }
    }

    func run() async throws {
        let (settings, play) = (settings, try play())
        let url = "\(server.tls == nil ? "http" : "https")://\(server.host)"
        try await server.serve {
            try XCALLYSimulator(settings, play, eventLoop: $0, onEmission: { Self.show($0) })
        } greeting: {
            "\(url):\($0)"
        } farewell: {
            let emitted = $0.emitted.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            return "\($0.sent) events sent to \($0.accepted) clients, \($0.refused) requests refused, received: "
                + (emitted.isEmpty ? "nothing" : emitted.joined(separator: ", "))
        }
    }

    private static func show(_ emission: XCALLYSimulator.Emission) {
        var line = ByteWriter(capacity: 512)
        line.append("[")
        line.append(jsonString: emission.name)
        if !emission.argument.isEmpty {
            line.append(",")
            line.append(utf8: emission.argument)
        }
        line.append("]\n")
        Output.write(line.bytes)
    }

    private var settings: XCALLYSimulator.Settings {
        var settings = XCALLYSimulator.Settings()
        (settings.host, settings.port, settings.path) = (server.host, server.port, path)
        settings.token = token.map { Array($0.utf8) }
        settings.style = style == .named ? .named : .enveloped
        (settings.dropInterval, settings.tls) = (server.dropInterval, server.tls)
        settings.putsOut = refuse
        switch version {
        case .both: settings.versions = [.v3, .v4]
        case .eio3: settings.versions = [.v3]
        case .eio4: settings.versions = [.v4]
        }
        return settings
    }

    private func play() throws -> XCALLYSimulator.Play {
        if let scenario = try server.scenario() { return .script(scenario, speed: server.speed) }
        return .traffic(callsPerSecond: server.rate, speed: server.speed, seed: server.tellSeed())
    }
}
