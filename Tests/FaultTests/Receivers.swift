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
