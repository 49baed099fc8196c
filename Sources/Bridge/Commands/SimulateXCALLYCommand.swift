import Adapters
import ArgumentParser
import BridgeCore
import Codecs
import Glibc
import NIOCore
import NIOPosix
import Transport
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

    @Option(help: ArgumentHelp("Where to listen.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(help: "0 takes any free port, which is told.")
    var port = 0

    @Option(help: "The path of the server.")
    var path = SocketIOSettings.usualPath

    @Option(help: "The generations to speak: both, eio3 (Socket.IO 1 and 2) or eio4 (3 and 4).")
    var version = Version.both

    @Option(help: "named: each event under its own name; enveloped: all under one, told apart by the payload.")
    var style = Style.named

    @Option(help: "The token that clients have to give; simulated, so no secret. Without it everybody may come in.")
    var token: String?

    @Option(help: "New calls per second.")
    var rate = 1.0

    @Option(help: "How many times faster than life calls go by, or than recorded for --script.")
    var speed = 1.0

    @Option(help: "Seed of the invented calls; drawn and told when absent.")
    var seed: UInt64?

    @Option(
        help: ArgumentHelp("A scenario file: its messages are said from the first connection on.", valueName: "file"))
    var script: String?

    @Option(help: ArgumentHelp("Cut all connections each time so much has passed.", valueName: "duration"))
    var dropEvery: String?

    @Flag(help: "Put everybody who joins out again at once.")
    var refuse = false

    @Option(help: ArgumentHelp("Certificate chain for https; needs --key.", valueName: "file"))
    var cert: String?

    @Option(help: ArgumentHelp("Its key.", valueName: "file"))
    var key: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("End by itself after this long, such as 20s.", valueName: "duration"))
    var time: String?

    func validate() throws {
        guard 0...65535 ~= port else { throw ValidationError("--port takes 0 to 65535.") }
        guard path.hasPrefix("/") else { throw ValidationError("--path takes a path such as /socket.io/.") }
        guard rate > 0, rate <= 1000 else { throw ValidationError("--rate takes more than 0, at most 1000.") }
        guard speed >= 0.01, speed <= 1000 else { throw ValidationError("--speed takes 0.01 to 1000.") }
        guard (cert == nil) == (key == nil) else { throw ValidationError("--cert and --key belong together.") }
        guard token?.isEmpty != true else { throw ValidationError("--token takes a text.") }
        for text in [time, dropEvery].compactMap({ $0 }) where Quantity.duration(text) == nil {
            throw ValidationError("'\(text)' is no duration; write 500ms, 30s, 5m, 12h or 30d.")
        }
    }

    func run() async throws {
        let settings = settings
        let play = try play()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let started: (port: Int, simulator: NIOLoopBound<XCALLYSimulator>)
        do {
            started = try await loop.flatSubmit {
                do {
                    let simulator = try XCALLYSimulator(
                        settings, play, eventLoop: loop, onEmission: { Self.show($0) })
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
        Output.write(
            "cti-bridge: listening on \(cert == nil ? "http" : "https")://\(host):\(started.port); Ctrl-C ends it\n",
            to: STDERR_FILENO)
        try await Task.sleep(for: time.flatMap(Quantity.duration) ?? .seconds(100 * 365 * 86_400))
        let figures = try await loop.submit {
            let simulator = started.simulator.value
            return (simulator.sent, simulator.accepted, simulator.refused, simulator.emitted)
        }.get()
        try await loop.flatSubmit { started.simulator.value.stop() }.get()
        try await group.shutdownGracefully()
        let emitted = figures.3.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        Output.write(
            """
            cti-bridge: \(figures.0) events sent to \(figures.1) clients, \(figures.2) requests refused, received: \
            \(emitted.isEmpty ? "nothing" : emitted.joined(separator: ", "))

            """, to: STDERR_FILENO)
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
        (settings.host, settings.port, settings.path) = (host, port, path)
        settings.token = token.map { Array($0.utf8) }
        settings.style = style == .named ? .named : .enveloped
        settings.dropInterval = dropEvery.flatMap(Quantity.duration)
        settings.putsOut = refuse
        switch version {
        case .both: settings.versions = [.v3, .v4]
        case .eio3: settings.versions = [.v3]
        case .eio4: settings.versions = [.v4]
        }
        if let cert, let key {
            settings.tls = TLSServerConfiguration(identity: TLSIdentity(certificates: .file(cert), key: .file(key)))
        }
        return settings
    }

    private func play() throws -> XCALLYSimulator.Play {
        if let script {
            do {
                let bytes = try Files.read(script, limit: 64 << 20)
                return .script(
                    try JSONDocument(bytes, limits: JSONLimits(bytes: 64 << 20, depth: 64)).root, speed: speed)
            } catch {
                Output.error("\(error)")
                throw ExitCode.failure
            }
        }
        var random = SystemRandomNumberGenerator()
        let seed = seed ?? random.next()
        Output.write("cti-bridge: inventing calls, seed \(seed)\n", to: STDERR_FILENO)
        return .traffic(callsPerSecond: rate, speed: speed, seed: seed)
    }
}
