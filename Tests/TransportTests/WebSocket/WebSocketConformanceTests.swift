import Foundation
import NIOCore
import TestSupport
import Testing
import Transport
import WireProtocols

/// Both ends against the Python package `websockets`, which shares no code with us.
@Suite struct WebSocketConformanceTests {
    /// The peer's option: bits of server and client, `s` and `c` for those without context takeover. 8 bits stand
    /// only where we compress: zlib cannot, and so neither can the peer.
    static let deflates = ["none", "15,15", "15,15,s,c", "9,15", "15,9", "12,10,s", "10,12,c"]

    /// The system's Python; nil, with a printed reason, where it does not have the package.
    private static func peer(_ arguments: [String], output: String) async throws -> ChildProcess? {
        let check = try await ChildProcess.run("/usr/bin/env", ["-i", "/usr/bin/python3", "-c", "import websockets"])
        guard check.exit == .code(0) else {
            printSkip("the Python package websockets is not installed (Debian: python3-websockets)")
            return nil
        }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("TestSupport/Fixtures/websocket_peer.py").path
        return try ChildProcess(
            "/usr/bin/python3", ["-B", script] + arguments, output: .file(output), errors: .file(output))
    }

    /// Ours of what the peer's option says.
    private static func configuration(_ deflate: String) -> PerMessageDeflateConfiguration? {
        deflate == "none" ? nil : PerMessageDeflateConfiguration(minimumBytes: 0)
    }

    @Test("Our client and the peer's server understand each other", arguments: deflates + ["15,8"])
    func client(deflate: String) async throws {
        let directory = try TemporaryDirectory()
        guard let peer = try await Self.peer(["server", deflate], output: directory.file("output")) else { return }
        var port: Int?
        try await eventually("it listens", state: { directory.text("output") }) {
            if peer.ended() != nil { throw TestFailure(description: directory.text("output")) }
            port = directory.text("output").split(separator: "\n").first.flatMap { Int($0) }
            return port != nil
        }
        let bench = WebSocketBench(port: try #require(port)) { $0.compression = Self.configuration(deflate) }
        try await bench.open()
        try await bench.expect(deflate == "none" ? "ready" : "ready compressed")
        let repeated = String(repeating: "again and again ", count: 200)
        _ = try await bench.with { connection in
            connection.send(.text("grüß €😀"))
            connection.send(.text(repeated))
            connection.send(.text(repeated))
            connection.send(.text(""))
            connection.send(.binary(ByteBuffer(repeating: 7, count: 3 << 20)))
            connection.send(.text("!fragments 300"))
            connection.send(.text("!ping"))
            connection.send(.text("!close 4001 tschüß"))
        }
        try await bench.expect("established: the peer closed the WebSocket with 4001: tsch....")
        let heard = bench.seen.filter { $0.hasPrefix("text") || $0.hasPrefix("binary") || $0 == "ping" }
        #expect(
            heard == [
                "text grüß €😀", "text \(repeated)", "text \(repeated)", "text ", "binary \(3 << 20)",
                "text " + String(repeating: "€uro ", count: 300), "ping", "text ponged",
            ])
        try await eventually("the peer has our answer", state: { directory.text("output") }) {
            directory.text("output").contains("closed sent 4001 (private use) tschüß; then received 4001")
        }
        try await bench.end()
        peer.signal(SIGTERM)
    }

    @Test("Our server and the peer's client understand each other", arguments: deflates + ["8,15"])
    func server(deflate: String) async throws {
        let directory = try TemporaryDirectory()
        let server = try await WebSocketServerBench(
            { $0.compression = Self.configuration(deflate) },
            decide: { request, log in
                guard request.head.headers.first("X-Extra") == "1" else { return .answer(status: 403) }
                return .accept(
                    WebSocketRecorder(log, answer: { connection, message in connection.send(message) }),
                    subprotocol: "a")
            })
        let url = "ws://127.0.0.1:\(server.port)/"
        guard let peer = try await Self.peer(["client", url, deflate], output: directory.file("output")) else {
            try await server.end()
            return
        }
        let exit = try await peer.wait(state: { directory.text("output") })
        #expect(exit == .code(0), "\(directory.text("output"))")
        let isCompressed = deflate != "none"
        #expect(
            directory.text("output").split(separator: "\n").map(String.init) == [
                #"{"step": "subprotocol", "value": "a"}"#,
                #"{"step": "extensions", "value": \#(isCompressed ? 1 : 0)}"#,
                #"{"step": "text", "value": true}"#, #"{"step": "empty", "value": true}"#,
                #"{"step": "binary", "value": true}"#, #"{"step": "large", "value": true}"#,
                #"{"step": "repeated", "value": true}"#, #"{"step": "repeated", "value": true}"#,
                #"{"step": "fragments", "value": true}"#, #"{"step": "ping", "value": true}"#,
                #"{"step": "close", "value": [4001, ""]}"#,
            ])
        try await eventually("we heard why", state: { "\(server.log.seen.suffix(2))" }) {
            server.log.seen.contains("established: the peer closed the WebSocket with 4001: tsch....")
        }
        #expect(server.log.seen.contains("ping"))
        try await server.end()
    }
}
