import ArgumentParser
import BridgeCore
import Glibc

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run the bridge: events of stdout sinks on standard output, logs on standard error.",
        discussion: """
            SIGTERM and SIGINT stop taking events, deliver what is left for up to 10 s and end with 0; a second one ends at \
            once. SIGHUP reopens the files of sinks.

            Example:
              cti-bridge run acme.yaml | jq -c 'select(.kind == "call.answered")'
              cti-bridge run --config-dir /etc/cti-bridge
            """)

    @Argument(help: ArgumentHelp("Configuration files, one per tenant.", valueName: "file"))
    var files: [String] = []

    @Option(help: ArgumentHelp("A directory: every *.yaml in it is one tenant.", valueName: "dir"))
    var configDir: String?

    func validate() throws {
        guard files.isEmpty != (configDir == nil) else {
            throw ValidationError("Give configuration files or --config-dir, one of the two.")
        }
    }

    func run() async throws {
        let paths = try configDir.map(Self.yamlFiles) ?? files
        let configurations = try Configurations.load(paths)
        let code = try await Self.serve(configurations)
        if code != 0 { throw ExitCode(code) }
    }

    /// Serves until a signal, or for at most `limit`. Returns the exit code.
    static func serve(_ configurations: [TenantConfiguration], limit: Duration? = nil) async throws -> Int32 {
        let log = LogOutput.standardError(json: configurations.contains { $0.log.format == .json })
        let service: Service
        do {
            service = try Service(configurations, log: log)
        } catch {
            Output.error("\(error)")
            throw ExitCode.failure
        }
        return await service.run(limit: limit)
    }

    private static func yamlFiles(_ directory: String) throws -> [String] {
        guard let all = Files.names(in: directory) else {
            Output.error("\(FileError(directory, "cannot be opened"))")
            throw ExitCode.badConfiguration
        }
        let names = all.filter { $0.hasSuffix(".yaml") && !$0.hasPrefix(".") }.map { "\(directory)/\($0)" }
        guard !names.isEmpty else {
            Output.error("\(directory): expected at least one *.yaml file, one for each tenant")
            throw ExitCode.badConfiguration
        }
        return names.sorted()
    }
}
