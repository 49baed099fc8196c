import Foundation
import TestSupport

/// A destination of the daemon and what it got.
struct Receiver {
    let name: String
    /// Its entry in `sinks`.
    let sink: String
    /// Events, or arrays of them, in the order in which they came.
    let texts: () throws -> [String]

    static func file(_ path: String, name: String = "lines") -> Receiver {
        Receiver(name: name, sink: "{ name: \(name), type: file, path: \(path) }") {
            try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        }
    }

    /// A stream that keeps all of its entries, and a list, of a real server.
    static func stream(_ server: RedisServer, name: String = "stream") -> Receiver {
        Receiver(name: name, sink: redisSink(server, name, "stream: \"cti:stream\", max_length: none")) {
            let reply = try server.client()("XRANGE", "cti:stream", "-", "+")
            guard case .array(let entries) = reply else { throw TestFailure(description: "XRANGE: \(reply)") }
            return entries.map { entry in
                guard case .array(let parts) = entry, case .array(let fields)? = parts.last,
                    let place = fields.firstIndex(of: .text("event")), place + 1 < fields.count
                else { return "no entry with an event: \(entry)" }
                return fields[place + 1].text ?? "no text"
            }
        }
    }

    static func list(_ server: RedisServer, name: String = "list") -> Receiver {
        Receiver(name: name, sink: redisSink(server, name, "list: \"cti:list\"")) {
            let reply = try server.client()("LRANGE", "cti:list", "0", "-1")
            guard case .array(let elements) = reply else { throw TestFailure(description: "LRANGE: \(reply)") }
            return elements.map { $0.text ?? "no text" }
        }
    }

    private static func redisSink(_ server: RedisServer, _ name: String, _ keys: String) -> String {
        "{ name: \(name), type: redis, redis: \"\(server.unixURL)\", max_age: none, "
            + "retry: { initial: 20ms, maximum: 500ms }, \(keys) }"
    }

    /// Retries are quick, and nothing grows old.
    static func webhook(_ receiver: WebhookReceiver, name: String, keys: String = "timeout: 5s") -> Receiver {
        let sink =
            "{ name: \(name), type: webhook, url: \"\(receiver.url)\", max_age: none, "
            + "retry: { initial: 20ms, maximum: 500ms }, \(keys) }"
        return Receiver(name: name, sink: sink) { receiver.requests.map(\.body) }
    }
}

extension FaultScene {
    /// A command beside the daemon: its exit code and what it wrote.
    func command(_ arguments: String...) async throws -> (exit: ChildProcess.Exit, output: String) {
        let output = directory.file("command.out")
        try? FileManager.default.removeItem(atPath: output)
        let child = try ChildProcess(
            binary, arguments + ["--config", configurationPath],
            environment: [
                "XDG_STATE_HOME": directory.file("state"), "XDG_RUNTIME_DIR": directory.file("run"),
                "HOME": directory.path,
            ], output: .file(output), errors: .file(directory.file("command.err")))
        let exit = try await child.wait(within: .seconds(60), state: { directory.text("command.err") })
        return (exit, directory.text("command.out"))
    }

    /// What `status` tells of a sink; nil while the service does not answer.
    func status(ofSink name: String) async throws -> [String: Any]? {
        let answer = try await command("status", "--json")
        let status = try? JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any]
        return (status?["sinks"] as? [[String: Any]])?.first { $0["name"] as? String == name }
    }

    /// Waits until the cursors of these sinks have come to the end of the store.
    func awaitDrained(_ names: [String], by daemon: DaemonProcess, within limit: Duration) async throws {
        var left: [String: Int] = [:]
        try await eventually("nothing waits", within: limit, state: { "\(left); \(daemon.state)" }) {
            guard daemon.isRunning else { throw TestFailure(description: daemon.state) }
            for name in names { left[name] = try await status(ofSink: name)?["backlog_events"] as? Int ?? -1 }
            return left.values.allSatisfy { $0 == 0 }
        }
    }

    /// The ids of all stored events.
    func storedIDs() async throws -> Set<String> {
        let answer = try await command("events")
        guard answer.exit == .code(0) else {
            throw TestFailure(description: "events: \(answer.exit), \(directory.text("command.err"))")
        }
        return ReceiverJudge(answer.output.split(separator: "\n").map(String.init)).ids
    }
}
