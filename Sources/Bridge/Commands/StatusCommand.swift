import ArgumentParser
import Codecs

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how a running service is: sources, calls, sinks, backlog, last errors.",
        discussion: """
            Exit code 1 where the service does not answer.

            Example:
              cti-bridge status --tenant acme
              cti-bridge status --config acme.yaml --json | jq '.sinks[] | select(.state != "up")'
            """)

    @OptionGroup var options: TenantOptions

    @Flag(help: "As one JSON object.")
    var json = false

    func run() throws {
        let answer = try Orders.reporting { try ControlClient(path: try options.find().control).ask(.status) }
        guard !json else {
            var writer = ByteWriter()
            writer.append(json: answer)
            writer.append("\n")
            Output.write(writer.bytes)
            return
        }
        Output.write(Self.text(answer))
    }

    static func text(_ status: JSONValue) -> String {
        func text(_ value: JSONValue?) -> String { value?.string ?? value?.numberText ?? "" }
        let store = status["store"]
        var lines = [
            "tenant \(text(status["tenant"])), process \(text(status["pid"])), since \(text(status["started_at"]))",
            "store \(text(store?["path"])), seq \(text(store?["first_seq"])) to \(text(store?["last_seq"])), "
                + "\(text(status["open_calls"])) calls open",
        ]
        let sources = status["sources"]?.elements ?? []
        lines += [""]
        lines += TextTable.lines(
            [["SOURCE", "VENDOR", "STATE", "RECEIVED", "UNMAPPED", "BACKLOG", "LAST ERROR"]]
                + sources.map {
                    [
                        text($0["name"]), text($0["vendor"]), text($0["state"]), text($0["received"]),
                        text($0["unmapped"]), text($0["backlog"]), error($0["last_error"]),
                    ]
                })
        let sinks = status["sinks"]?.elements ?? []
        lines += [""]
        lines += TextTable.lines(
            [
                [
                    "SINK", "TYPE", "STATE", "CURSOR", "BACKLOG", "WAITS", "DELIVERED", "SKIPPED", "PARKED", "DEAD",
                    "LAST ERROR",
                ]
            ]
                + sinks.map {
                    [
                        text($0["name"]), text($0["type"]), text($0["state"]), text($0["cursor"]),
                        text($0["backlog_events"]), "\(text($0["backlog_seconds"])) s", text($0["delivered"]),
                        text($0["skipped"]), text($0["parked_letters"]), text($0["dead_letters"]),
                        error($0["last_error"]),
                    ]
                })
        return lines.joined(separator: "\n") + "\n"
    }

    private static func error(_ value: JSONValue?) -> String {
        guard let value else { return "" }
        return "\(value["at"]?.string ?? "") \(value["reason"]?.string ?? "")"
    }
}
