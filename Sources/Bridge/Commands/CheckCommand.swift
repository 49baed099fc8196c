import ArgumentParser
import BridgeCore

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Check configuration files; tell every mistake with its line and column.",
        discussion: "Example:\n  cti-bridge check /etc/cti-bridge/*.yaml")

    @Argument(help: ArgumentHelp("Configuration files, one per tenant.", valueName: "file"))
    var files: [String]

    func run() throws {
        for (path, configuration) in zip(files, try Configurations.load(files)) {
            let sources = configuration.sources.map { "\($0.name) (\($0.vendor)\($0.isEnabled ? "" : ", off"))" }
            let sinks = configuration.sinks.map { "\($0.name) (\($0.type)\($0.isEnabled ? "" : ", off"))" }
            Output.write(
                """
                \(path): tenant \(configuration.tenant); sources \(sources.joined(separator: ", ")); \
                sinks \(sinks.joined(separator: ", ")); store \(configuration.store.path)

                """)
        }
    }
}
