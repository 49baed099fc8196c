import ArgumentParser
import BridgeCore
import Glibc
import NIOCore
import NIOPosix
import Transport

struct ProbeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Open a URL stage by stage; show times and what the peer shows.",
        discussion: """
            ws:// and wss:// stay open and show each message as a line, until the peer closes, --for is over, or Ctrl-C. \
            http:// and https:// are asked for once, redis:// and rediss:// are greeted. Passwords are read from the \
            environment.

            Example:
              cti-bridge probe wss://pbx.example/ws --for 10s
              TOKEN=... cti-bridge probe 'wss://bcs.example/basix/api/ws_cti?app_name=probe' --user test1.example --secret-env TOKEN
              cti-bridge probe rediss://pbx.example:6380/0 --ca ca.pem
            """)

    @Argument(help: ArgumentHelp("ws, wss, http, https, redis or rediss.", valueName: "url"))
    var url: String

    @Flag(help: "With ws and wss: return each message.")
    var echo = false

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("With ws and wss: close after this long, such as 20s.", valueName: "duration"))
    var limit: String?

    @Option(help: "User name; needs --secret-env.")
    var user: String?

    @Option(
        help: ArgumentHelp(
            "The environment variable with the password of --user; without --user, with a bearer token (http, ws) or the password (redis).",
            valueName: "name"))
    var secretEnv: String?

    @Option(help: ArgumentHelp("With TLS: trust the certificates in this file, not the system's.", valueName: "pem"))
    var ca: String?

    @Flag(help: "With TLS: believe whoever answers; show what is wrong with the certificate.")
    var insecure = false

    func validate() throws {
        do {
            _ = try target()
        } catch {
            throw ValidationError("\(error)")
        }
        if let limit, Quantity.duration(limit) == nil {
            throw ValidationError("'\(limit)' is no duration; write 500ms, 30s, 5m, 12h or 30d.")
        }
        if user != nil, secretEnv == nil { throw ValidationError("--user needs --secret-env.") }
    }

    func run() async throws {
        let report = ProbeReport { Output.write($0 + "\n") }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let probe = Probe(
            target: try target(), echoes: echo, limit: limit.flatMap(Quantity.duration), report: report,
            eventLoop: group.next())
        guard SignalSource.install([SIGINT, SIGTERM], receive: { _ in probe.stop() }) else {
            Output.error("the system has no pipe or thread left")
            throw ExitCode.failure
        }
        do {
            try await probe.run()
        } catch {
            Output.error("\(error)")
            throw ExitCode.failure
        }
        try await group.shutdownGracefully()
    }

    private func target() throws(ProbeTargetError) -> ProbeTarget {
        var secret: [UInt8]?
        if let name = secretEnv {
            guard let value = getenv(name).map({ String(cString: $0) }) else {
                throw ProbeTargetError("\(name) is not set")
            }
            secret = Array(value.utf8)
        }
        var tls = TLSClientConfiguration()
        if let ca { tls.trust = .certificates(.file(ca)) }
        if insecure { tls.verification = .insecure }
        let target = try ProbeTarget(url, username: user, secret: secret, tls: tls)
        if !target.isWebSocket, echo || limit != nil { throw ProbeTargetError("--echo and --for are for ws and wss") }
        if !target.isSecure, ca != nil || insecure { throw ProbeTargetError("--ca and --insecure are for TLS") }
        return target
    }
}
