import Adapters
import ArgumentParser
import BridgeCore
import Codecs
import Glibc
import NIOCore
import NIOPosix
import Transport
import WireProtocols

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Stand in for a PBX with realistic traffic, for integrators without one.",
        subcommands: [
            SimulateTeleforgeCommand.self, SimulateBasixCommand.self, SimulateEnreachCommand.self,
            SimulateXCALLYCommand.self,
        ])
}

struct SimulateTeleforgeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "teleforge",
        abstract: "Push invented calls to the Teleforge lists of a given Redis.",
        discussion: "Example:\n  cti-bridge simulate teleforge --redis redis://127.0.0.1:6379/0 --rate 5 --for 1m")

    @Option(help: ArgumentHelp("redis://HOST:PORT/DATABASE, rediss:// for TLS, or unix:///PATH", valueName: "url"))
    var redis: String

    @Option(
        help: ArgumentHelp("With rediss://: trust the certificates in this file, not the system's.", valueName: "pem"))
    var ca: String?

    @Option(help: ArgumentHelp("With rediss://: our certificate; needs --key.", valueName: "pem"))
    var cert: String?

    @Option(help: ArgumentHelp("With rediss://: the key of --cert.", valueName: "pem"))
    var key: String?

    @Flag(help: "With rediss://: believe whoever answers.")
    var insecure = false

    @Option(help: "New calls per second.")
    var rate = 1.0

    @Option(help: "How many times faster than life calls go by.")
    var speed = 1.0

    @Option(help: "Prefix of lists and channels.")
    var prefix = "enigma:notifications"

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("End by itself after this long, such as 20s.", valueName: "duration"))
    var limit: String?

    @Option(help: "Seed of the invented calls; drawn and told when absent.")
    var seed: UInt64?

    func validate() throws {
        guard let endpoint else {
            throw ValidationError(
                "'\(redis)' is no Redis URL; write redis://HOST:PORT/DATABASE, rediss:// for TLS, or unix:///PATH."
            )
        }
        guard endpoint.connection.tls != nil || ca == nil && cert == nil && key == nil && !insecure else {
            throw ValidationError("--ca, --cert, --key and --insecure are for TLS: write rediss://HOST:PORT/DATABASE.")
        }
        guard (cert == nil) == (key == nil) else { throw ValidationError("--cert and --key go together.") }
        guard rate > 0, rate <= 100_000 else { throw ValidationError("--rate takes more than 0, at most 100000.") }
        guard speed >= 0.01, speed <= 1000 else { throw ValidationError("--speed takes 0.01 to 1000.") }
        if let limit, Quantity.duration(limit) == nil {
            throw ValidationError("'\(limit)' is no duration; write 500ms, 30s, 5m, 12h or 30d.")
        }
    }

    private var endpoint: RedisEndpoint? {
        guard let url = try? ConfigurationURL(redis, schemes: ["redis", "rediss", "unix"], hostless: ["unix"]) else {
            return nil
        }
        if url.scheme == "unix" { return RedisEndpoint(unixPath: url.path) }
        let database = url.path.dropFirst()
        guard let number = database.isEmpty ? 0 : Int(database) else { return nil }
        let tls = url.scheme == "rediss" ? tls : nil
        return RedisEndpoint(
            EndpointConfiguration(host: url.host, port: url.port ?? 6379, tls: tls), database: number)
    }

    private var tls: TLSClientConfiguration {
        var identity: TLSIdentity?
        if let cert, let key { identity = TLSIdentity(certificates: .file(cert), key: .file(key)) }
        return TLSClientConfiguration(
            trust: ca.map { .certificates(.file($0)) } ?? .system, identity: identity,
            verification: insecure ? .insecure : .full)
    }

    func run() async throws {
        guard let endpoint else { return }
        var random = SystemRandomNumberGenerator()
        let seed = seed ?? random.next()
        Output.write("cti-bridge: pushing calls to \(endpoint), seed \(seed); Ctrl-C ends it\n", to: STDERR_FILENO)
        let (rate, speed, prefix) = (rate, speed, prefix)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let simulator = try await loop.submit {
            let simulator = TeleforgeSimulator(
                RedisConnectionConfiguration(endpoint: endpoint, credentials: nil, writer: RESPCommandWriter()),
                prefix: prefix,
                traffic: TeleforgeTraffic(
                    callsPerSecond: rate, speed: speed, startingAt: WallClock.now(), random: SplitMix(seed: seed)),
                eventLoop: loop, onFailure: { Output.error("\($0); trying again every second") })
            simulator.start()
            return NIOLoopBound(simulator, eventLoop: loop)
        }.get()
        try await Task.sleep(for: limit.flatMap(Quantity.duration) ?? .seconds(100 * 365 * 86_400))
        let sent = try await loop.submit {
            simulator.value.stop()
            return simulator.value.sent
        }.get()
        try await group.shutdownGracefully()
        Output.write("cti-bridge: \(sent) messages sent\n", to: STDERR_FILENO)
    }
}
