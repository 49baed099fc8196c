import Codecs
import Foundation
import Synchronization

/// An independent HTTP server that takes webhooks: Python's http.server, as a process of its own.
public final class WebhookReceiver: Sendable {
    /// One request as it came, and what the reference verifier said of it.
    public struct Request: Sendable {
        public let at: Double
        public let client: Int
        public let path: String
        public let headers: [String: String]
        public let body: String
        public let status: Int
        /// Nil where no verifier is installed. `altered` and `wrongSecret`: whether it took what is not genuine.
        public let isVerified: Bool?
        public let isAlteredVerified: Bool?
        public let isWrongSecretVerified: Bool?

        public var id: String { headers["webhook-id"] ?? "" }
    }

    public let directory: TemporaryDirectory
    public let port: UInt16
    private let scheme: String
    private let interpreter: String
    private let arguments: [String]
    private let process: Mutex<ChildProcess?>

    public var url: String { "\(scheme)://127.0.0.1:\(port)/hooks/cti?key=1" }

    /// Starts one. `interpreter` knows the reference verifier, where that is wanted.
    public static func start(
        interpreter: String = "/usr/bin/python3", secret: String? = nil, tls: TestIdentity? = nil
    ) async throws -> WebhookReceiver? {
        guard FileManager.default.isExecutableFile(atPath: interpreter) else {
            printSkip("\(interpreter) is not installed")
            return nil
        }
        let directory = try TemporaryDirectory()
        var arguments = secret.map { ["--secret", $0] } ?? []
        if let tls {
            arguments += [
                "--tls", try directory.write("cert.pem", tls.certificates), try directory.write("key.pem", tls.key),
            ]
        }
        let first = try await launch(interpreter, directory, ["--port", "0"] + arguments)
        guard let port = UInt16(directory.text("port")) else { throw TestFailure(description: "no port") }
        return WebhookReceiver(directory, port, tls == nil ? "http" : "https", interpreter, arguments, first)
    }

    private init(
        _ directory: TemporaryDirectory, _ port: UInt16, _ scheme: String, _ interpreter: String, _ arguments: [String],
        _ child: ChildProcess
    ) {
        (self.directory, self.port, self.scheme, self.interpreter) = (directory, port, scheme, interpreter)
        self.arguments = arguments
        process = Mutex(child)
    }

    private static func launch(
        _ interpreter: String, _ directory: TemporaryDirectory, _ arguments: [String]
    ) async throws -> ChildProcess {
        try? FileManager.default.removeItem(atPath: directory.file("port"))
        let log = ChildProcess.Stream.file(directory.file("receiver.log"))
        let child = try ChildProcess(
            interpreter, [PythonPeer.script("webhook_receiver.py"), directory.path] + arguments, output: log,
            errors: log)
        try await eventually("the receiver listens", state: { directory.text("receiver.log") }) {
            if let exit = child.ended() {
                throw TestFailure(description: "the receiver ended: \(exit), \(directory.text("receiver.log"))")
            }
            return !directory.text("port").isEmpty
        }
        return child
    }

    /// How it answers from the next request on: the plan of `webhook_receiver.py`.
    public func plan(_ json: String) throws {
        try directory.write("plan.new", json)
        guard rename(directory.file("plan.new"), directory.file("plan")) == 0 else { throw SystemCallError("rename") }
    }

    /// `kill -9`.
    public func kill() async throws {
        guard let child = process.withLock({ $0 }) else { return }
        child.signal(SIGKILL)
        _ = try await child.wait()
        process.withLock { $0 = nil }
    }

    /// Again on the same port.
    public func restart() async throws {
        let child = try await Self.launch(interpreter, directory, ["--port", "\(port)"] + arguments)
        process.withLock { $0 = child }
    }

    /// Bytes of its log of requests: grows with each of them.
    public var loggedBytes: Int {
        (try? FileManager.default.attributesOfItem(atPath: directory.file("requests"))[.size] as? Int) ?? 0
    }

    /// Every whole request so far, in the order in which they came.
    public var requests: [Request] {
        directory.text("requests").split(separator: "\n").compactMap { line in
            guard let value = try? JSONDocument(Array(line.utf8), limits: JSONLimits(bytes: 8 << 20)).root else {
                return nil
            }
            var headers: [String: String] = [:]
            for member in value["headers"]?.members ?? [] { headers[member.name] = member.value.string }
            return Request(
                at: value["at"]?.numberText.flatMap { Double($0) } ?? 0,
                client: value["client"]?.numberText.flatMap { Int($0) } ?? 0, path: value["path"]?.string ?? "",
                headers: headers, body: value["body"]?.string ?? "",
                status: value["status"]?.numberText.flatMap { Int($0) } ?? 0,
                isVerified: value["verified"].map { $0.bool == true },
                isAlteredVerified: value["altered"].map { $0.bool == true },
                isWrongSecretVerified: value["wrong_secret"].map { $0.bool == true })
        }
    }
}
