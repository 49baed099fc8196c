import ArgumentParser

/// The command line.
struct CTIBridge: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cti-bridge",
        abstract: "Call events of PBXs as one stream of JSON lines that loses nothing.",
        discussion: """
            Results go to standard output, everything else to standard error. Exit codes: 0 fine, 1 failed, 64 wrong usage, \
            78 bad configuration.
            """,
        version: "0.1.0",
        subcommands: [
            RunCommand.self, CheckCommand.self, DemoCommand.self, SimulateCommand.self, ScenarioCommand.self,
            EventsCommand.self, StatusCommand.self, DeadLettersCommand.self, ReplayCommand.self, DecodeCommand.self,
            ProbeCommand.self, SchemaCommand.self,
        ])

}

/// The program.
public enum Program {
    /// Parses the arguments, runs the command, and ends the process with its exit code.
    public static func main() async { await CTIBridge.main() }
}
