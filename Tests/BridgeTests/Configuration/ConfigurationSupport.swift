import Bridge
import BridgeCore
import Glibc

/// The kinds of CallEvent, as in section 4 of the model.
let callEventKinds = """
    call.offered call.dialing call.routed call.treatment call.queued call.ringing call.ring_stopped call.answered call.held \
    call.retrieved call.parked call.unparked call.diverted call.transfer.started call.transfer.connected \
    call.transfer.cancelled call.conferenced call.monitored call.left call.updated call.missed call.abandoned call.ended \
    call.record agent.presence agent.status agent.request queue.status queue.members callback.requested callback.changed \
    callback.attempt callback.confirmed callback.list.status voicemail.received voicemail.status alert.raised \
    directory.changed source.connected source.disconnected source.gap source.snapshot source.notice source.unmapped \
    source.heartbeat bridge.started bridge.stopped
    """.split(separator: " ").map(String.init)

/// Loads a text under a fixed name and environment.
func loadYAML(_ text: String, environment: [String: String] = configurationEnvironment) -> ConfigurationLoader.Outcome {
    ConfigurationLoader.load(
        bytes: Array(text.utf8), file: "acme.yaml", environment: environment, kinds: callEventKinds)
}

let configurationEnvironment = [
    "HOME": "/home/cti", "BASIX_TOKEN": "correct horse", "ENREACH_KEY": "correct horse",
    "REDIS_PASSWORD": "correct horse", "SHUTTLE_TOKEN": "correct-horse", "EMPTY": "",
    "ADMIN_TOKEN": "4f1a9c", "WALL_TOKEN": "77b0e2",
    "TWO_LINES": "a\nb",
]

/// Five lines that are a whole configuration; what follows belongs to the source when indented by four blanks.
let fiveLines = """
    tenant: acme
    sources:
      - name: cape
        vendor: teleforge
        redis: redis://pbx.example:6379/0

    """

/// The five lines with `keys` in the source, from line 6 and column 5 on.
func withSourceKeys(_ keys: String) -> String {
    fiveLines + keys.split(separator: "\n").map { "    \($0)\n" }.joined()
}

/// The five lines with a sink of `keys`: `sinks:` is line 6, the first key is at line 7 and column 5.
func withSinkKeys(_ keys: String) -> String {
    let lines = keys.split(separator: "\n").enumerated().map { ($0 == 0 ? "  - " : "    ") + $1 + "\n" }
    return fiveLines + "sinks:\n" + lines.joined()
}

/// A directory that goes with the value.
final class SecretDirectory {
    struct Failure: Error {
        let text: String
    }

    let path: String

    init() throws {
        var template = Array("/tmp/cti-bridge-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Failure(text: "mkdtemp: errno \(errno)") }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    private var names: [String] = []

    /// Writes a file with exactly these permission bits and answers its path.
    func write(_ name: String, _ text: String, mode: mode_t) throws -> String {
        let file = "\(path)/\(name)"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure(text: "open: errno \(errno)") }
        defer { close(descriptor) }
        names.append(name)
        let written = Array(text.utf8).withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        guard written == text.utf8.count, fchmod(descriptor, mode) == 0 else {
            throw Failure(text: "write: errno \(errno)")
        }
        return file
    }

    /// Writes the file of that name again.
    func replace(_ name: String, _ text: String, mode: mode_t = 0o600) throws {
        try remove(name)
        _ = try write(name, text, mode: mode)
    }

    func remove(_ name: String) throws {
        guard unlink("\(path)/\(name)") == 0 else { throw Failure(text: "unlink: errno \(errno)") }
    }
}
