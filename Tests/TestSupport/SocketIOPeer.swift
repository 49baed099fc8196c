import Foundation

/// python-socketio of one generation as a process: 4.x speaks protocol 4 on Engine.IO 3, 5.x protocol 5 on Engine.IO 4.
public final class SocketIOPeer: Sendable {
    public let process: ChildProcess
    private let directory: TemporaryDirectory

    /// A server on a free port, or on `port`; nil, with a printed reason, where the packages are not installed.
    public static func server(generation: Int, port: Int = 0, _ options: String...) async throws -> SocketIOPeer? {
        guard let peer = try start(generation, "socketio_server.py", ["--port", "\(port)"] + options) else {
            return nil
        }
        try await eventually("it listens", within: .seconds(60), state: { peer.output }) {
            if peer.process.ended() != nil { throw TestFailure(description: peer.output) }
            return peer.port != nil
        }
        return peer
    }

    /// A client in its conversation.
    public static func client(generation: Int, _ arguments: String...) throws -> SocketIOPeer? {
        try start(generation, "socketio_client.py", arguments)
    }

    /// A stock script of a Shuttle, which pushes.
    public static func script(generation: Int, _ arguments: [String]) throws -> SocketIOPeer? {
        try start(generation, "shuttle_script.py", arguments)
    }

    /// The client of 2015.
    public static func client2015(_ arguments: String...) throws -> SocketIOPeer? {
        try start(4, "socketio_client_2015.py", arguments)
    }

    private static func start(_ generation: Int, _ script: String, _ arguments: [String]) throws -> SocketIOPeer? {
        guard let interpreter = PythonPeer.interpreter("socketio\(generation)") else { return nil }
        let directory = try TemporaryDirectory()
        let process = try ChildProcess(
            interpreter, ["-B", "-W", "ignore", PythonPeer.script(script)] + arguments,
            output: .file(directory.file("output")), errors: .file(directory.file("errors")))
        return SocketIOPeer(process, directory)
    }

    private init(_ process: ChildProcess, _ directory: TemporaryDirectory) {
        (self.process, self.directory) = (process, directory)
    }

    public var lines: [String] { directory.text("output").split(separator: "\n").map(String.init) }
    public var output: String { directory.text("output") + directory.text("errors") }

    public var port: Int? {
        lines.first { $0.hasPrefix("ready ") }.flatMap { Int($0.dropFirst(6)) }
    }

    public func expect(_ line: String, count: Int = 1) async throws {
        try await eventually("\(line)", within: .seconds(60), state: { self.output }) {
            lines.filter { $0 == line }.count >= count
        }
    }
}
