import ArgumentParser
import BridgeCore
import CallModel
import Codecs
import Sinks
import Store

struct EventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Print stored events as JSON lines, also while the service runs.",
        discussion: """
            Times are RFC 3339 (2026-01-15T10:00:00Z) or a time ago (30m, 12h, 7d), and mean when the bridge received the \
            event.

            Example:
              cti-bridge events --tenant acme --since 1h --kind 'call.transfer.*'
              cti-bridge events --config acme.yaml --call cape:1768471200.4711 | jq .
              cti-bridge events --store acme.sqlite --follow
            """)

    @Option(help: ArgumentHelp("The tenant's configuration file.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("The tenant, under the service's directories.", valueName: "name"))
    var tenant: String?

    @Option(help: ArgumentHelp("The store itself.", valueName: "file"))
    var store: String?

    @Flag(help: "Go on with new events as they come.")
    var follow = false

    @Option(help: ArgumentHelp("From this time on.", valueName: "time"))
    var since: String?

    @Option(help: ArgumentHelp("Until this time.", valueName: "time"))
    var until: String?

    @Option(help: ArgumentHelp("Only this call, such as cape:1768471200.4711.", valueName: "id"))
    var call: String?

    @Option(help: ArgumentHelp("Only kinds like this; may be given several times.", valueName: "glob"))
    var kind: [String] = []

    @Option(help: ArgumentHelp("Only this source; may be given several times.", valueName: "name"))
    var source: [String] = []

    func validate() throws {
        guard [config, tenant, store].compactMap({ $0 }).count == 1 else {
            throw ValidationError("Give one of --config, --tenant and --store.")
        }
        for glob in kind where !Kind.allCases.contains(where: { KindGlob.matches($0.name, glob: glob) }) {
            throw ValidationError("--kind '\(glob)' matches none of the kinds; 'cti-bridge schema' lists them.")
        }
        _ = try since.map { try PointInTime.option("since", $0) }
        _ = try until.map { try PointInTime.option("until", $0) }
    }

    func run() throws {
        let path = try storePath()
        do {
            let reader = try StoreReader(path: path)
            defer { reader.close() }
            try print(reader)
        } catch let error as StoreError {
            Output.error("\(error)")
            throw ExitCode.failure
        }
    }

    private func print(_ reader: StoreReader) throws {
        let kinds = Kind.allCases.map(\.name).filter { name in kind.contains { KindGlob.matches(name, glob: $0) } }
        let filter = LineFilter(kinds: kinds, sources: source)
        let callMark = call.map { CallMark($0) }
        let last = until.flatMap(PointInTime.read)?.microseconds
        var position = 1 as Int64
        if let first = since.flatMap(PointInTime.read) {
            position = try reader.firstSeq(receivedAtOrAfter: first.microseconds)
        }
        var buffer = ByteWriter(capacity: 1 << 16)
        var isOver = false
        while !isOver {
            try reader.forEachLine(from: position) { seq, _, receivedAt, line in
                position = seq + 1
                if let last, receivedAt > last {
                    isOver = true
                    return false
                }
                guard filter.passes(line), callMark?.isOn(line) ?? true else { return true }
                buffer.append(line)
                buffer.append(UInt8(ascii: "\n"))
                if buffer.count >= 1 << 16 { isOver = !Self.flush(&buffer) }
                return !isOver
            }
            guard Self.flush(&buffer), follow, !isOver else { return }
            while try !reader.waitForLine(after: position - 1, limit: .seconds(3600)) {}
        }
    }

    private static func flush(_ buffer: inout ByteWriter) -> Bool {
        defer { buffer.removeAll() }
        return buffer.count == 0 || Output.write(buffer.bytes)
    }

    private func storePath() throws -> String {
        if let store { return store }
        if let config { return try Configurations.load([config])[0].store.path }
        return TenantOptions.ofService(tenant ?? "").store
    }
}
