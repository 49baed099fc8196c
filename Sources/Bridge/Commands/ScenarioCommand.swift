import Adapters
import ArgumentParser
import BridgeCore

struct ScenarioCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scenario",
        abstract: "Play recorded vendor messages through the pipeline, with the clock of the recording.",
        discussion: """
            Compares the lines with the expected ones and shows the first difference of each file (exit code 1), or prints \
            the lines with --print.

            Example:
              cti-bridge scenario tests/*.json
              cti-bridge scenario --print recording.json | jq .
            """)

    @Argument(help: ArgumentHelp("Scenario files.", valueName: "file"))
    var files: [String]

    @Flag(help: "Print the lines instead of comparing them.")
    var print = false

    func run() throws {
        var failed = 0
        for file in files {
            do {
                let scenario = try Scenario(Files.read(file, limit: 64 << 20))
                let lines = try scenario.play { AdapterRegistry.adapter($0) }
                if print {
                    guard Output.write(lines.map { $0 + "\n" }.joined()) else { return }
                } else if let difference = difference(lines, scenario.expected) {
                    failed += 1
                    Output.write("\(file): \(difference)\n")
                } else {
                    Output.write("\(file): \(lines.count) lines as expected\n")
                }
            } catch {
                failed += 1
                Output.error("\(file): \(error)")
            }
        }
        if failed > 0 { throw ExitCode.failure }
    }

    private func difference(_ lines: [String], _ expected: [String]) -> String? {
        for (index, line) in lines.enumerated() {
            guard index < expected.count else { return "line \(index + 1) is not expected:\n  \(line)" }
            guard line != expected[index] else { continue }
            let common = zip(line.utf8, expected[index].utf8).prefix { $0 == $1 }.count
            return """
                line \(index + 1) differs at byte \(common):
                  expected \(expected[index])
                  found    \(line)
                """
        }
        return lines.count < expected.count ? "line \(lines.count + 1) is missing:\n  \(expected[lines.count])" : nil
    }
}
