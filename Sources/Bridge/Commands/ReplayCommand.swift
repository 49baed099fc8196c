import ArgumentParser
import BridgeCore
import Codecs

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Have stored events delivered to one sink again, marked replayed.",
        discussion: """
            Ids stay as they are, "replayed": true is added. The sink's filter, mask and format count as always; events are \
            delivered however old they are, beside what is new. Where the service does not run, they are delivered after \
            its start. Times are RFC 3339 (2026-01-15T10:00:00Z) or a time ago (30m, 12h, 7d).

            Example:
              cti-bridge replay --tenant acme --sink crm --since 2h --until 1h
              cti-bridge replay --config acme.yaml --sink crm --call cape:1768471200.4711
            """)

    @OptionGroup var options: TenantOptions

    @Option(help: ArgumentHelp("The sink that gets them.", valueName: "name"))
    var sink: String

    @Option(help: ArgumentHelp("Events received from this time on.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Events received until this time.", valueName: "time"))
    var until: String?

    @Option(help: ArgumentHelp("Events of this call.", valueName: "id"))
    var call: String?

    func validate() throws {
        guard since != nil || call != nil else { throw ValidationError("Give --since, --call, or both.") }
        let from = try since.map { try PointInTime.option("since", $0) }
        let to = try until.map { try PointInTime.option("until", $0) }
        if let from, let to, from > to { throw ValidationError("--since is later than --until.") }
    }

    func run() throws {
        let (from, to) = (since.flatMap(PointInTime.read), until.flatMap(PointInTime.read))
        let answer = try Orders.carryOut(.replay(sink: sink, since: from, until: to, call: call), options) {
            ControlAnswer.replay(
                try $0.replay(to: sink, since: from, until: to, call: call, at: WallClock.now()))
        }
        let range = "\(answer["from_seq"]?.numberText ?? "?") to \(answer["through_seq"]?.numberText ?? "?")"
        Output.write("replaying to \(sink): seq \(range)\(call.map { ", of call \($0)" } ?? "")\n")
    }
}

/// Times as commands take them: RFC 3339, or a time ago.
enum PointInTime {
    /// The value of an option, for its validation.
    static func option(_ name: String, _ text: String) throws -> Timestamp {
        if let time = read(text) { return time }
        throw ValidationError(
            "--\(name) '\(text)' is no time: write one such as 2026-01-15T10:00:00Z, or a time ago such as 30m, 12h, 7d."
        )
    }

    static func read(_ text: String) -> Timestamp? {
        if let ago = Quantity.duration(text) { return WallClock.now().advanced(by: .zero - ago) }
        return Timestamp(text)
    }
}
