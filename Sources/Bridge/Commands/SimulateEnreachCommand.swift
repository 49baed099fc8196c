import Adapters
import ArgumentParser
import BridgeCore
import Codecs
import Glibc
import NIOCore
import NIOPosix
import Transport

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

    @Option(help: ArgumentHelp("Where to listen.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(help: "0 takes any free port, which is told.")
    var port = 0

    @Option(help: "Users of the invented organisation.")
    var users = 8

    @Option(help: "Its queues.")
    var queues = 2

    @Option(help: "Its call lists.")
    var callLists = 1

    @Option(help: "New calls per second.")
    var rate = 1.0

    @Option(help: "How many times faster than life calls go by, or than recorded for --script.")
    var speed = 1.0

    @Option(help: "Seed of the invented calls; drawn and told when absent.")
    var seed: UInt64?

    @Option(
        help: ArgumentHelp("A scenario file: its messages are said from the first connection on.", valueName: "file"))
    var script: String?

    @Option(help: ArgumentHelp("What the hub's records come in: text, binary or both.", valueName: "frames"))
    var frames = "text"

    @Option(
        help: ArgumentHelp("The version that negotiations answer with: 1, or 0 as old servers do.", valueName: "0|1"))
    var negotiateVersion = 1

    @Option(help: ArgumentHelp("How long a token is good.", valueName: "duration"))
    var tokenLife = "1h"

    @Option(help: ArgumentHelp("Cut all connections each time so much has passed.", valueName: "duration"))
    var dropEvery: String?

    @Option(help: ArgumentHelp("For https and wss: the certificate chain; needs --key.", valueName: "pem"))
    var cert: String?

    @Option(help: ArgumentHelp("For https and wss: the key of --cert.", valueName: "pem"))
    var key: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("End by itself after this long, such as 20s.", valueName: "duration"))
    var time: String?

    func validate() throws {
        guard 0...65535 ~= port else { throw ValidationError("--port takes 0 to 65535.") }
        for (name, count) in [("users", users), ("queues", queues), ("call-lists", callLists)] {
            guard 0...10_000 ~= count else { throw ValidationError("--\(name) takes 0 to 10000.") }
        }
        guard rate >= 0, rate <= 1000 else { throw ValidationError("--rate takes 0 to 1000.") }
        guard speed >= 0.01, speed <= 1000 else { throw ValidationError("--speed takes 0.01 to 1000.") }
        guard EnreachSimulator.Frames(rawValue: frames) != nil else {
            throw ValidationError("--frames takes text, binary or both.")
        }
        guard 0...1 ~= negotiateVersion else { throw ValidationError("--negotiate-version takes 0 or 1.") }
        guard (cert == nil) == (key == nil) else { throw ValidationError("--cert and --key belong together.") }
        for text in [time, dropEvery, tokenLife].compactMap({ $0 }) where Quantity.duration(text) == nil {
            throw ValidationError("'\(text)' is no duration; write 500ms, 30s, 5m, 12h or 30d.")
        }
    }

    func run() async throws {
        let settings = settings
        let play = try play()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let started: (port: Int, simulator: NIOLoopBound<EnreachSimulator>)
        do {
            started = try await loop.flatSubmit {
                do {
                    let simulator = try EnreachSimulator(settings, play, eventLoop: loop)
                    let bound = NIOLoopBound(simulator, eventLoop: loop)
                    return try simulator.start().map { (port: $0, simulator: bound) }
                } catch {
                    return loop.makeFailedFuture(error)
                }
            }.get()
        } catch {
            Output.error("\(error)")
            throw ExitCode.failure
        }
        let scheme = cert == nil ? "http" : "https"
        Output.write(
            "cti-bridge: listening on \(scheme)://\(host):\(started.port)/ (EnreachAPI and discovery) and "
                + "\(EnreachSimulator.hubPath) there (the hub), login \(settings.user); Ctrl-C ends it\n",
            to: STDERR_FILENO)
        try await Task.sleep(for: time.flatMap(Quantity.duration) ?? .seconds(100 * 365 * 86_400))
        let figures = try await loop.submit { started.simulator.value.state }.get()
        try await loop.flatSubmit { started.simulator.value.stop() }.get()
        try await group.shutdownGracefully()
        Output.write(
            "cti-bridge: \(figures.sent) events sent on \(figures.accepted) connections, \(figures.tokens) tokens given, "
                + "\(figures.subscribedPairs) pairs subscribed\n", to: STDERR_FILENO)
    }

    private var settings: EnreachSimulator.Settings {
        var settings = EnreachSimulator.Settings()
        (settings.host, settings.port) = (host, port)
        (settings.users, settings.queues, settings.callLists) = (users, queues, callLists)
        settings.negotiateVersion = negotiateVersion
        settings.frames = EnreachSimulator.Frames(rawValue: frames) ?? .text
        settings.tokenLife = Quantity.duration(tokenLife) ?? .seconds(3600)
        settings.dropInterval = dropEvery.flatMap(Quantity.duration)
        if let cert, let key {
            settings.tls = TLSServerConfiguration(identity: TLSIdentity(certificates: .file(cert), key: .file(key)))
        }
        return settings
    }

    private func play() throws -> EnreachSimulator.Play {
        do {
            if let script {
                let bytes = try Files.read(script, limit: 64 << 20)
                return .script(
                    try JSONDocument(bytes, limits: JSONLimits(bytes: 64 << 20, depth: 64)).root, speed: speed)
            }
        } catch {
            Output.error("\(error)")
            throw ExitCode.failure
        }
        var random = SystemRandomNumberGenerator()
        let seed = seed ?? random.next()
        Output.write("cti-bridge: inventing calls, seed \(seed)\n", to: STDERR_FILENO)
        return .traffic(callsPerSecond: rate, speed: speed, seed: seed)
    }
}
