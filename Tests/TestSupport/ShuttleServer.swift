import Codecs
import Foundation
import Synchronization

/// A Shuttle stand-in on python-socketio, in a process of its own: `Fixtures/shuttle_server.py`.
public final class ShuttleServer: Sendable {
    /// The generations, by the list of packages that each needs.
    public enum Generation: String, CaseIterable, Sendable {
        /// Engine.IO 3, Socket.IO protocol 4.
        case old = "socketio4"
        /// Engine.IO 4, Socket.IO protocol 5.
        case new = "socketio5"
    }

    public struct Options: Sendable {
        public var token: String?
        public var pingInterval = 25.0
        public var pingTimeout = 20.0
        public var namespace = "/"
        public init() {}
    }

    public let port: Int
    private let directory: TemporaryDirectory
    private let arguments: [String]
    private let interpreter: String
    private let process: Mutex<ChildProcess>

    /// nil, with a printed reason, where the packages are not installed.
    public init?(_ generation: Generation, _ options: Options = Options()) async throws {
        guard let interpreter = PythonPeer.interpreter(generation.rawValue) else { return nil }
        (self.interpreter, directory) = (interpreter, try TemporaryDirectory())
        port = Int(try LoopbackPort.free())
        try directory.write("commands", "")
        var arguments = [
            PythonPeer.script("shuttle_server.py"), "--port", "\(port)", "--commands", directory.file("commands"),
            "--ping-interval", "\(options.pingInterval)", "--ping-timeout", "\(options.pingTimeout)", "--namespace",
            options.namespace,
        ]
        if let token = options.token { arguments += ["--token", token] }
        self.arguments = arguments
        process = Mutex(try Self.spawn(interpreter, arguments, directory))
        try await waitUntilListening(1)
    }

    private static func spawn(
        _ interpreter: String, _ arguments: [String], _ directory: TemporaryDirectory
    ) throws -> ChildProcess {
        try ChildProcess(
            interpreter, arguments, output: .file(directory.file("output")), errors: .file(directory.file("errors")))
    }

    private func waitUntilListening(_ times: Int) async throws {
        try await eventually("the Shuttle stand-in listens", within: .seconds(60), state: { self.state }) {
            said { $0["listening"] != nil }.count == times
        }
    }

    public var state: String { "\(directory.text("output").suffix(2000))\(directory.text("errors").suffix(2000))" }

    /// What it said so far.
    public func said(where matches: (JSONValue) -> Bool = { _ in true }) -> [JSONValue] {
        directory.text("output").split(separator: "\n").compactMap {
            (try? JSONDocument(Array($0.utf8), limits: JSONLimits(bytes: 1 << 20, depth: 32)))?.root
        }.filter(matches)
    }

    /// First arguments of the events with this name that clients emitted.
    public func received(_ name: String) -> [JSONValue] {
        said { $0["event"]?.string == name }.compactMap { $0["arguments"]?.elements.first }
    }

    /// Clients that are in the namespace.
    public var clientCount: Int {
        said { $0["connected"] != nil }.count - said { $0["disconnected"] != nil }.count
    }

    /// Emits to every client; each argument is a JSON text.
    public func emit(_ name: String, _ arguments: String...) throws {
        try command(#"{"emit":["\#(name)"\#(arguments.map { "," + $0 }.joined())]}"#)
    }

    /// Ends the namespace of every client.
    public func disconnectClients() throws { try command(#"{"disconnect":true}"#) }

    private func command(_ line: String) throws {
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: directory.file("commands")))
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: Array((line.replacing("\n", with: " ") + "\n").utf8))
    }

    /// SIGKILL, without a word to anybody.
    public func kill() async throws {
        let child = process.withLock { $0 }
        child.signal(SIGKILL)
        _ = try await child.wait()
    }

    /// Starts it again on the same port, with no memory of what was commanded before.
    public func restart() async throws {
        try directory.write("commands", "")
        let before = said { $0["listening"] != nil }.count
        let next = try Self.spawn(interpreter, arguments, directory)
        process.withLock { $0 = next }
        try await waitUntilListening(before + 1)
    }
}
