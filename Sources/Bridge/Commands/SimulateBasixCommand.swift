import Adapters
import ArgumentParser
import BridgeCore
import Codecs
import Glibc
import NIOCore
import NIOPosix
import Transport

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

    @Option(help: ArgumentHelp("Where to listen.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(help: "0 takes any free port, which is told.")
    var port = 0

    @Option(help: "The domain that clients have to give.")
    var domain = "test1.example"

    @Option(help: "The token that clients have to give; simulated, so no secret.")
    var token = "simulated-token"

    @Option(help: "Connections for each app_name.")
    var limit = 2

    @Option(help: "New calls per second.")
    var rate = 1.0

    @Option(help: "How many times faster than life calls go by, or than recorded for --script.")
    var speed = 1.0

    @Option(help: "Seed of the invented calls; drawn and told when absent.")
    var seed: UInt64?

    @Option(
        help: ArgumentHelp("A scenario file: its messages are said from the first connection on.", valueName: "file"))
    var script: String?

    @Option(
        help: ArgumentHelp(
            """
            Frames of a recorded connection, each with its length in 4 bytes in front. Given again: the next connection's; \
            the last one is told to all that follow.
            """, valueName: "file"))
    var session: [String] = []

    @Option(help: ArgumentHelp("Cut all connections each time so much has passed.", valueName: "duration"))
    var dropEvery: String?

    @Option(help: ArgumentHelp("Certificate chain for wss; needs --key.", valueName: "file"))
    var cert: String?

    @Option(help: ArgumentHelp("Its key.", valueName: "file"))
    var key: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("End by itself after this long, such as 20s.", valueName: "duration"))
    var time: String?

    func validate() throws {
        guard 0...65535 ~= port else { throw ValidationError("--port takes 0 to 65535.") }
        guard 0...1000 ~= limit else { throw ValidationError("--limit takes 0 to 1000.") }
        guard rate > 0, rate <= 1000 else { throw ValidationError("--rate takes more than 0, at most 1000.") }
        guard speed >= 0.01, speed <= 1000 else { throw ValidationError("--speed takes 0.01 to 1000.") }
        guard script == nil || session.isEmpty else { throw ValidationError("--script or --session, not both.") }
        guard (cert == nil) == (key == nil) else { throw ValidationError("--cert and --key belong together.") }
        guard !domain.contains(":"), !domain.isEmpty else {
            throw ValidationError("--domain takes a text without ':'.")
        }
        for text in [time, dropEvery].compactMap({ $0 }) where Quantity.duration(text) == nil {
            throw ValidationError("'\(text)' is no duration; write 500ms, 30s, 5m, 12h or 30d.")
        }
    }

    func run() async throws {
        let settings = settings
        let play = try play()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let started: (port: Int, simulator: NIOLoopBound<BasixSimulator>)
        do {
            started = try await loop.flatSubmit {
                do {
                    let simulator = try BasixSimulator(settings, play, eventLoop: loop)
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
        let scheme = cert == nil ? "ws" : "wss"
        Output.write(
            "cti-bridge: listening on \(scheme)://\(host):\(started.port)\(BasixConfiguration.usualPath), domain \(domain); "
                + "Ctrl-C ends it\n", to: STDERR_FILENO)
        try await Task.sleep(for: time.flatMap(Quantity.duration) ?? .seconds(100 * 365 * 86_400))
        let figures = try await loop.submit {
            let simulator = started.simulator.value
            return (simulator.sent, simulator.accepted, simulator.commands)
        }.get()
        try await loop.flatSubmit { started.simulator.value.stop() }.get()
        try await group.shutdownGracefully()
        Output.write(
            "cti-bridge: \(figures.0) messages sent on \(figures.1) connections, \(figures.2) commands received\n",
            to: STDERR_FILENO)
    }

    private var settings: BasixSimulator.Settings {
        var settings = BasixSimulator.Settings()
        (settings.host, settings.port, settings.limit) = (host, port, limit)
        (settings.domain, settings.token) = (domain, Array(token.utf8))
        settings.dropInterval = dropEvery.flatMap(Quantity.duration)
        if let cert, let key {
            settings.tls = TLSServerConfiguration(identity: TLSIdentity(certificates: .file(cert), key: .file(key)))
        }
        return settings
    }

    private func play() throws -> BasixSimulator.Play {
        do {
            if let script {
                let bytes = try Files.read(script, limit: 64 << 20)
                return .script(
                    try JSONDocument(bytes, limits: JSONLimits(bytes: 64 << 20, depth: 64)).root, speed: speed)
            }
            if !session.isEmpty { return .recordings(try session.map(frames)) }
        } catch {
            Output.error("\(error)")
            throw ExitCode.failure
        }
        var random = SystemRandomNumberGenerator()
        let seed = seed ?? random.next()
        Output.write("cti-bridge: inventing calls, seed \(seed)\n", to: STDERR_FILENO)
        return .traffic(callsPerSecond: rate, speed: speed, seed: seed)
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
