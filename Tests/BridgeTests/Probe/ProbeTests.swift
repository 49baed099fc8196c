import BridgeCore
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing
import Transport
import WireProtocols

@testable import Bridge

@Suite struct ProbeTests {
    @Test("A WebSocket is shown stage by stage, then frame by frame; messages are returned where asked")
    func webSocket() async throws {
        let scene = try await ProbeScene()
        let lines = try await scene.run("ws://127.0.0.1:\(scene.port)/ws?x=1", echoes: true)
        #expect(lines.first == "ws://127.0.0.1:\(scene.port)")
        #expect(lines.dropFirst().prefix(3).map { $0.prefix { $0 != " " } } == ["resolve", "connect", "upgrade"])
        #expect(lines.contains { $0.hasPrefix("upgrade") && $0.hasSuffix(" ms  101") })
        #expect(lines.contains("  X-Greeting: hello") && lines.contains("  Set-Cookie: (hidden)"))
        let frames = lines.filter { "<>".contains($0.prefix(1)) }.map { $0.prefix(2) + $0.split(separator: " ms  ")[1] }
        #expect(
            frames == [
                "< text 7  a\\nb\\u{1b}[1m", "> text 7  a\\nb\\u{1b}[1m",
                "< binary 70  \(String(repeating: "07", count: 64)) ... 6 bytes more",
                "> binary 70  \(String(repeating: "07", count: 64)) ... 6 bytes more", "< close  1000 (normal): done",
            ])
        #expect(scene.heard == ["text 7", "binary 70"])
        try await scene.end()
    }

    @Test("It is closed when asked to")
    func stops() async throws {
        let scene = try await ProbeScene()
        let lines = try await scene.run("ws://127.0.0.1:\(scene.port)/quiet", limit: .milliseconds(50))
        #expect(lines.last?.hasSuffix("close  1000 (normal)") == true && lines.last?.hasPrefix(">") == true)
        try await scene.end()
    }

    @Test("What refuses is shown with its fields, and told")
    func refused() async throws {
        let scene = try await ProbeScene()
        for (url, sentence, shown) in [
            ("ws://127.0.0.1:\(scene.port)/none", "upgrade: the server answered HTTP 404", "  nothing\\there"),
            ("ws://127.0.0.1:1/", "connect: ", ""),
            ("redis://127.0.0.1:\(scene.port)/0", "handshake: the peer does not speak RESP2", ""),
        ] {
            let error = await #expect(throws: ConnectionError.self) { _ = try await scene.run(url) }
            #expect(error.map { "\($0)" }?.hasPrefix(sentence) == true)
            #expect(shown.isEmpty || scene.lines.contains(shown))
        }
        try await scene.end()
    }

    @Test("A web page is shown with its fields, over TLS with the certificate")
    func http() async throws {
        let authority = try TestAuthority()
        let scene = try await ProbeScene(identity: try authority.issue())
        let trusting = TLSClientConfiguration(trust: .certificates(.bytes(Array(authority.certificate.utf8))))
        let lines = try await scene.run("https://localhost:\(scene.port)/page", tls: trusting)
        #expect(
            lines.contains { $0.hasPrefix("tls ") && $0.contains("TLSv1.3") && $0.hasSuffix("certificate verified") })
        #expect(lines.contains("  subject  CN=pbx.test,O=cti-bridge tests"))
        #expect(lines.contains("  names    localhost, 127.0.0.1"))
        #expect(lines.contains { $0.hasPrefix("request") && $0.hasSuffix("200 OK") })
        #expect(lines.suffix(2) == ["  body: 4 bytes", "  page"])
        await #expect(throws: ConnectionError.self) { _ = try await scene.run("https://localhost:\(scene.port)/page") }
        let insecure = try await scene.run(
            "https://localhost:\(scene.port)/page", tls: TLSClientConfiguration(verification: .insecure))
        #expect(insecure.contains { $0.contains("certificate NOT verified") })
        let secure = try await scene.run("wss://localhost:\(scene.port)/ws", echoes: true, tls: trusting)
        #expect(secure.contains { $0.hasPrefix("upgrade") })
        try await scene.end()
    }

    @Test("A Redis server is greeted")
    func redis() async throws {
        guard let server = try await RedisServer.start() else { return }
        let scene = try await ProbeScene()
        let lines = try await scene.run(server.url)
        #expect(lines.contains { $0.hasPrefix("handshake") && $0.contains("  Redis ") })
        #expect(lines.last.map { $0.hasPrefix("ping") && $0.hasSuffix("PONG") } == true)
        try await scene.end()
    }

    @Test(
        "What cannot be probed is told in one sentence without the URL",
        arguments: [
            ("pbx.example", "the URL has no scheme"), ("ftp://x/", "'ftp' cannot be probed"),
            ("ws://u:pa55@x/", "a user or password"),
            ("ws:///", "the URL has no host"), ("ws://x:0/", "the port is not one"),
            ("ws://x/ä", "the URL has a blank"),
            ("ws://x/#a", "a '#' part"), ("redis://x/a", "behind the host"), ("redis://x/0?y", "behind the host"),
            ("ws://x_/^", nil),
        ] as [(String, String?)])
    func targets(url: String, sentence: String?) {
        do {
            _ = try ProbeTarget(url, tls: TLSClientConfiguration())
            #expect(sentence == nil)
        } catch {
            #expect(sentence.map { error.description.hasPrefix($0) } == true, "\(error)")
            #expect(!error.description.contains("pa55"))
        }
    }

    @Test("Credentials are made of user and secret, and refused where they cannot be sent")
    func credentials() throws {
        let tls = TLSClientConfiguration()
        guard
            case .webSocket(let basic) = try ProbeTarget("ws://x/", username: "u", secret: Array("p".utf8), tls: tls)
                .kind,
            case .http(let bearer) = try ProbeTarget("http://x/", secret: Array("t".utf8), tls: tls).kind
        else { throw TestFailure(description: "other kinds") }
        #expect(basic.credentials == .basic(username: "u", password: Array("p".utf8)))
        #expect(bearer.credentials == .bearer(Array("t".utf8)))
        #expect(throws: ProbeTargetError.self) { try ProbeTarget("ws://x/", username: "a:b", secret: [65], tls: tls) }
        #expect(throws: ProbeTargetError.self) { try ProbeTarget("ws://x/", secret: [10], tls: tls) }
    }

    @Test("Times are aligned and to the microsecond")
    func times() {
        #expect(ProbeReport.milliseconds(.microseconds(7)) == "    0.007 ms")
        #expect(ProbeReport.milliseconds(.seconds(75)) == "75000.000 ms")
        #expect(ProbeReport.milliseconds(.milliseconds(12_345_678)) == "12345678.000 ms")
    }
}

private final class HeardLog: Sendable {
    let lines = Mutex<[String]>([])
    func add(_ text: String) { lines.withLock { $0.append(text) } }
}

/// A server with a WebSocket and pages, and probes of it.
private final class ProbeScene: Sendable {
    private final class Greeter: WebSocketConnectionDelegate {
        private let log: HeardLog
        private let isQuiet: Bool
        private var count = 0

        init(isQuiet: Bool, _ log: HeardLog) { (self.isQuiet, self.log) = (isQuiet, log) }

        func webSocketConnectionReady(_ connection: WebSocketConnection, opening: WebSocketOpening) {
            guard !isQuiet else { return }
            connection.send(.text("a\nb\u{1b}[1m"))
            connection.send(.binary(ByteBuffer(repeating: 7, count: 70)))
        }

        func webSocketConnection(_ connection: WebSocketConnection, received message: WebSocketMessage) {
            switch message {
            case .text(let bytes): log.add("text \(bytes.readableBytes)")
            case .binary(let bytes): log.add("binary \(bytes.readableBytes)")
            }
            count += 1
            if count == 2 { connection.close(.normal, reason: "done") }
        }

        func webSocketConnectionReadComplete(_ connection: WebSocketConnection) {}
        func webSocketConnection(_ connection: WebSocketConnection, failed error: ConnectionError) {}
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let server: NIOLoopBound<WebSocketServer>
    private let written = Mutex<[String]>([])
    private let received = HeardLog()
    let port: Int

    init(identity: TestIdentity? = nil) async throws {
        var configuration = WebSocketServerConfiguration()
        if let identity {
            let context = try TLSContext(
                TLSServerConfiguration(
                    identity: TLSIdentity(
                        certificates: .bytes(Array(identity.certificates.utf8)), key: .bytes(Array(identity.key.utf8))))
            )
            configuration.initialize = { try $0.pipeline.syncOperations.addHandler(try TLSHandler(server: context)) }
        }
        let (loop, settled, log) = (group.next(), configuration, received)
        server = try await loop.submit {
            NIOLoopBound(WebSocketServer(settled, on: loop) { Self.decide($0, log) }, eventLoop: loop)
        }.get()
        let bound = server
        port = try await loop.flatSubmit { bound.value.start() }.get()
    }

    private static func decide(_ request: WebSocketServerRequest, _ log: HeardLog) -> WebSocketServerDecision {
        switch request.head.path {
        case "/ws", "/quiet":
            .accept(
                Greeter(isQuiet: request.head.path == "/quiet", log),
                headers: ["X-Greeting": "hello", "Set-Cookie": "id=secret"])
        case "/page": .answer(status: 200, body: "page")
        default: .answer(status: 404, body: "nothing\there")
        }
    }

    var heard: [String] { received.lines.withLock { $0 } }
    var lines: [String] { written.withLock { $0 } }

    func run(
        _ url: String, echoes: Bool = false, limit: Duration? = nil,
        tls: TLSClientConfiguration = TLSClientConfiguration()
    ) async throws -> [String] {
        written.withLock { $0 = [] }
        let report = ProbeReport { line in self.written.withLock { $0.append(line) } }
        try await Probe(
            target: try ProbeTarget(url, tls: tls), echoes: echoes, limit: limit, report: report,
            eventLoop: group.next()
        ).run()
        return lines
    }

    func end() async throws {
        let server = server
        try await group.next().flatSubmit { server.value.close() }.get()
        try await group.shutdownGracefully()
    }
}
