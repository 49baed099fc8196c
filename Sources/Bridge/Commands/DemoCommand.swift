import Adapters
import ArgumentParser
import BridgeCore
import CallModel
import Glibc
import Sinks

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Simulate every vendor on loopback and show the events on standard output.",
        discussion: """
            Nothing outside a temporary directory is touched, and nothing leaves this machine. Ctrl-C ends it.

            Example:
              cti-bridge demo
              cti-bridge demo --for 20s | jq -c '[.kind, .call.id, .agent.id]'
            """)

    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("End by itself after this long, such as 20s.", valueName: "duration"))
    var limit: String?

    func validate() throws {
        if let limit, Quantity.duration(limit) == nil {
            throw ValidationError("'\(limit)' is no duration; write 500ms, 30s, 5m, 12h or 30d.")
        }
    }

    func run() async throws {
        let directory = try Self.temporaryDirectory()
        defer { Self.removeTree(directory) }
        let demos = AdapterRegistry.adapters.map { (vendor: $0.vendor, demo: $0.makeDemo()) }
        var sources: [SourceConfiguration] = []
        do {
            for (vendor, demo) in demos {
                Output.write("cti-bridge: starting a simulated \(vendor) on loopback\n", to: STDERR_FILENO)
                sources.append(
                    SourceConfiguration(
                        name: "\(vendor)-demo", isEnabled: true, tenant: "demo", lifecycle: .strict, raw: .onUnmapped,
                        adapter: try await demo.start(directory: directory)))
            }
        } catch {
            for (_, demo) in demos { await demo.stop() }
            Output.error("\(error)")
            throw ExitCode.failure
        }
        let tenant = TenantConfiguration(
            tenant: "demo", sources: sources,
            sinks: [
                SinkConfiguration(
                    name: "stdout", isEnabled: true, kinds: nil, sources: nil, destination: StdoutSinkConfiguration())
            ],
            store: StoreSettings(path: "\(directory)/demo.sqlite"), log: LogConfiguration(level: .warning),
            places: Places(
                tenant: "demo", environment: ["XDG_STATE_HOME": directory, "XDG_RUNTIME_DIR": directory]))
        Output.write("cti-bridge: events follow on standard output; Ctrl-C ends the demo\n", to: STDERR_FILENO)
        let code = try await RunCommand.serve([tenant], limit: limit.flatMap(Quantity.duration))
        for (_, demo) in demos { await demo.stop() }
        if code != 0 { throw ExitCode(code) }
    }

    private static func temporaryDirectory() throws -> String {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/cti-bridge-demo.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            Output.error("\(FileError(parent, "no directory can be made in it"))")
            throw ExitCode.failure
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The demo makes no directories below its own.
    private static func removeTree(_ directory: String) {
        for name in Files.names(in: directory) ?? [] { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }
}
