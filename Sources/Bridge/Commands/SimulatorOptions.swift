import Adapters
import ArgumentParser
import BridgeCore
import Codecs
import Glibc
import NIOCore
import Transport

/// What the commands that stand in for a PBX as a server have in common.
struct SimulatorOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Where to listen.", valueName: "address"))
    var host = "127.0.0.1"

    @Option(help: "0 takes any free port, which is told.")
    var port = 0

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

    @Option(help: ArgumentHelp("For TLS: the certificate chain; needs --key.", valueName: "pem"))
    var cert: String?

    @Option(help: ArgumentHelp("For TLS: the key of --cert.", valueName: "pem"))
    var key: String?

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("End by itself after this long, such as 20s.", valueName: "duration"))
    var time: String?

    func validate() throws {
        guard 0...65535 ~= port else { throw ValidationError("--port takes 0 to 65535.") }
        guard speed >= 0.01, speed <= 1000 else { throw ValidationError("--speed takes 0.01 to 1000.") }
        guard (cert == nil) == (key == nil) else { throw ValidationError("--cert and --key belong together.") }
        for text in [time, dropEvery].compactMap({ $0 }) { try Self.validate(duration: text) }
    }

    static func validate(duration text: String) throws {
        guard Quantity.duration(text) != nil else {
            throw ValidationError("'\(text)' is no duration; write 500ms, 30s, 5m, 12h or 30d.")
        }
    }

    /// For simulators that always have calls.
    func validateRate() throws {
        guard rate > 0, rate <= 1000 else { throw ValidationError("--rate takes more than 0, at most 1000.") }
    }

    var dropInterval: Duration? { dropEvery.flatMap(Quantity.duration) }

    var tls: TLSServerConfiguration? {
        guard let cert, let key else { return nil }
        return TLSServerConfiguration(identity: TLSIdentity(certificates: .file(cert), key: .file(key)))
    }

    /// The scenario of --script, where it is given. Explains what is wrong with the file.
    func scenario() throws -> JSONValue? {
        guard let script else { return nil }
        return try Self.explaining {
            let bytes = try Files.read(script, limit: 64 << 20)
            return try JSONDocument(bytes, limits: JSONLimits(bytes: 64 << 20, depth: 64)).root
        }
    }

    /// The seed of --seed, or one that is drawn; tells it.
    func tellSeed() -> UInt64 {
        var random = SystemRandomNumberGenerator()
        let seed = seed ?? random.next()
        Output.write("cti-bridge: inventing calls, seed \(seed)\n", to: STDERR_FILENO)
        return seed
    }

    /// Runs the simulator until --for is over.
    ///
    /// - Parameters:
    ///   - greeting: what to say of a server on that port, behind "listening on".
    ///   - farewell: what to say of it in the end.
    func serve<Simulator: VendorSimulator>(
        _ make: @escaping @Sendable (any EventLoop) throws -> Simulator, greeting: (Int) -> String,
        farewell: @escaping @Sendable (Simulator) -> String
    ) async throws {
        let running = try await Self.explaining { try await RunningSimulator(make) }
        Output.write("cti-bridge: listening on \(greeting(running.port)); Ctrl-C ends it\n", to: STDERR_FILENO)
        try await Task.sleep(for: time.flatMap(Quantity.duration) ?? .seconds(100 * 365 * 86_400))
        let figures = try await running.read(farewell)
        try await running.stop()
        Output.write("cti-bridge: \(figures)\n", to: STDERR_FILENO)
    }

    static func explaining<Value>(_ work: () async throws -> Value) async throws -> Value {
        do {
            return try await work()
        } catch {
            throw explained(error)
        }
    }

    static func explaining<Value>(_ work: () throws -> Value) throws -> Value {
        do {
            return try work()
        } catch {
            throw explained(error)
        }
    }

    private static func explained(_ error: any Error) -> ExitCode {
        Output.error("\(error)")
        return .failure
    }
}
