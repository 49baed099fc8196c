import BridgeCore
import Codecs
import Foundation
import Logging
import NIOCore
import NIOPosix
import Sinks
import TestSupport
import Testing
import Transport
import WireProtocols

@testable import Bridge

/// A listener with one feed.
private final class AdminBench: Sendable {
    let feed: FeedSink
    let server: AdminServer
    let port: Int

    init(
        tokens: [AdminConfiguration.Token] = [AdminBench.token("ops")], readers: Int = 10,
        identity: TLSSettings.Identity? = nil, limits: AdminServer.Limits = .init(), isOpen: Bool = true
    ) throws {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        feed = FeedSink(SinkContext(name: "live", tenant: "acme", logger: logger))
        if isOpen { _ = feed.open(cursor: 0, stream: UUID128(high: 1, low: 2)) }
        let port = Int(try LoopbackPort.free())
        self.port = port
        let configuration = AdminConfiguration(
            listen: ListenAddress(host: "127.0.0.1", port: port), identity: identity, tokens: tokens,
            origins: ["https://wall.example"], maximumReaders: readers)
        server = try AdminServer(
            configuration,
            service: .init(
                status: { MultiThreadedEventLoopGroup.singleton.any().makeSucceededFuture(Self.status()) },
                feeds: [feed]), limits: limits, logger: logger)
    }

    static func token(_ text: String) -> AdminConfiguration.Token {
        AdminConfiguration.Token(name: text, secret: SecretReference(Secret(Array(text.utf8))))
    }

    private static func status() -> TenantStatus {
        let metrics = SinkMetrics()
        metrics.set(state: .waiting)
        metrics.delivered.add(7)
        let source = SourceMetrics()
        source.refusals.add("401", 3)
        source.status.update { $0.links["a"] = .init() }
        let now = Timestamp(microseconds: 1_768_471_200_000_000)
        return TenantStatus(
            tenant: "acme", process: 1, startedAt: now, now: now.advanced(by: .seconds(90)),
            stream: UUID128(high: 1, low: 2), store: "/x", firstSeq: 3, lastSeq: 9, openCalls: 2,
            sources: [.init(name: "cape", vendor: "teleforge", metrics: source)],
            sinks: [
                .init(
                    name: "live", type: "feed", metrics: metrics, backlog: 4, backlogSince: now, letters: ["dead": 5],
                    readers: (2, 1))
            ])
    }

    func offer(_ seqs: ClosedRange<Int64>, padding: Int = 0) async {
        var (bytes, ends): ([UInt8], [Int]) = ([], [])
        for seq in seqs {
            bytes += Array("{\"seq\":\(seq),\"x\":\"\(String(repeating: "x", count: padding))\"}\n".utf8)
            ends.append(bytes.count)
        }
        _ = await feed.deliver(
            DeliveryBatch(bytes: bytes, ends: ends, seqs: Array(seqs), throughSeq: seqs.upperBound))
    }

    func connection(receiveBuffer: Int32? = nil) throws -> LoopbackConnection {
        try LoopbackConnection(port: port, receiveBuffer: receiveBuffer)
    }

    /// A reader whose answer has begun.
    func reader(receiveBuffer: Int32? = nil) throws -> (connection: LoopbackConnection, text: String) {
        let connection = try connection(receiveBuffer: receiveBuffer)
        try connection.send(Self.get("/feed/live"))
        return (connection, try connection.receive { $0.contains("retry: ") || !$0.hasPrefix("HTTP/1.1 200") })
    }

    static func get(_ target: String, _ fields: String = "Authorization: Bearer ops\r\n") -> String {
        "GET \(target) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n"
    }

    /// One exchange on a connection that is closed behind it.
    func answer(_ request: String) throws -> String {
        let connection = try connection()
        try connection.send(request)
        return try connection.receive()
    }
}

@Suite(.timeLimit(.minutes(2)), .serialized)
struct AdminServerTests {
    private func fetch(
        _ url: String, tls: TLSClientConfiguration = TLSClientConfiguration(), token: String? = "ops"
    ) async throws -> HTTPClientResponse {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let request = HTTPClientRequest(
            "GET", try #require(HTTPURL(url)), credentials: token.flatMap { .bearer(Array($0.utf8)) })
        return try await loop.flatSubmit {
            let client = HTTPClient(HTTPClientConfiguration(tls: tls), on: loop)
            let answer = client.send(request)
            answer.assumeIsolated().whenComplete { _ in client.close() }
            return answer
        }.get()
    }

    @Test func `Health, status and metrics are told to our own client`() async throws {
        let bench = try AdminBench()
        let url = "http://127.0.0.1:\(bench.port)"
        let health = try await fetch("\(url)/health", token: nil)
        #expect(health.status == 200 && String(buffer: health.body) == "ok\n")
        #expect(try await fetch("\(url)/status", token: nil).status == 401)
        let status = try await fetch("\(url)/status")
        #expect(status.head.headers.first("content-type") == "application/json")
        #expect(status.head.headers.first("cache-control") == "no-store")
        let root = try JSONDocument(Array(status.body.readableBytesView)).root
        #expect(root["sinks"]?.elements.first?["readers"]?.numberText == "2" && root["open_calls"]?.numberText == "2")
        let metrics = try await fetch("\(url)/metrics")
        #expect(metrics.head.headers.first("content-type")?.hasPrefix("text/plain; version=0.0.4") == true)
        let lines = String(buffer: metrics.body).split(separator: "\n")
        for line in [
            #"ctibridge_open_calls{tenant="acme"} 2"#, #"ctibridge_store_last_seq{tenant="acme"} 9"#,
            #"ctibridge_source_refusals_total{tenant="acme",source="cape",vendor="teleforge",cause="401"} 3"#,
            #"ctibridge_source_state{tenant="acme",source="cape",vendor="teleforge",state="stopped"} 1"#,
            #"ctibridge_sink_delivered_total{tenant="acme",sink="live",type="feed"} 7"#,
            #"ctibridge_sink_backlog_events{tenant="acme",sink="live",type="feed"} 4"#,
            #"ctibridge_sink_backlog_seconds{tenant="acme",sink="live",type="feed"} 90"#,
            #"ctibridge_sink_letters{tenant="acme",sink="live",type="feed",state="dead"} 5"#,
            #"ctibridge_sink_state{tenant="acme",sink="live",type="feed",state="waiting"} 1"#,
            #"ctibridge_sink_state{tenant="acme",sink="live",type="feed",state="up"} 0"#,
            #"ctibridge_sink_readers{tenant="acme",sink="live",type="feed"} 2"#,
        ] { #expect(lines.contains(Substring(line)), "\(line)") }
        #expect(lines.filter { $0.hasPrefix("# TYPE ") }.count == Set(lines.filter { $0.hasPrefix("# TYPE ") }).count)
        await bench.server.close()
        await #expect(throws: (any Error).self) { try await fetch("\(url)/health") }
    }

    @Test func `A feed is an event stream that ends with the service`() async throws {
        let bench = try AdminBench()
        let (connection, head) = try bench.reader()
        #expect(head.contains("content-type: text/event-stream\r\n") && head.contains("cache-control: no-store\r\n"))
        #expect(head.contains("vary: Origin\r\n"))
        await bench.offer(1...2)
        let events = try connection.receive { $0.contains("\"seq\":2,") }
        #expect(events.contains("id: 1\ndata: {\"seq\":1,\"x\":\"\"}\n\n"))
        await bench.offer(3...3)
        await bench.feed.close()
        let rest = try connection.receive { $0.hasSuffix("0\r\n\r\n") }
        #expect(rest.contains("id: 3\n") && rest.hasSuffix("0\r\n\r\n"), "the stream ends in order")
        #expect(
            try bench.answer(AdminBench.get("/feed/live")).isEmpty, "a browser gives up at a status, not at silence")
        await bench.server.close()
        #expect(try connection.receive().isEmpty)
    }

    @Test func `Who comes before the feed is open waits for it`() async throws {
        let bench = try AdminBench(isOpen: false)
        let connection = try bench.connection()
        try connection.send(AdminBench.get("/feed/live"))
        _ = bench.feed.open(cursor: 0, stream: UUID128(high: 1, low: 2))
        #expect(try connection.receive { $0.contains("retry: ") }.hasPrefix("HTTP/1.1 200"))
        await bench.server.close()
    }

    @Test func `HEAD has the fields alone`() async throws {
        let bench = try AdminBench()
        let connection = try bench.connection()
        for target in ["/status", "/health", "/metrics"] {
            try connection.send(AdminBench.get(target).replacing("GET", with: "HEAD"))
            let answer = try connection.receive { $0.contains("\r\n\r\n") }
            #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("\r\n\r\n"), "\(answer)")
            #expect(!answer.contains("content-length: 0\r\n"))
        }
        try connection.send(AdminBench.get("/feed/live").replacing("GET", with: "HEAD"))
        let feed = try connection.receive()
        #expect(feed.hasPrefix("HTTP/1.1 200 OK\r\n") && feed.contains("content-type: text/event-stream\r\n"))
        #expect(feed.lowercased().contains("connection: close\r\n") && !feed.contains("retry"))
        await bench.server.close()
    }

    // MARK: - Limits

    @Test(arguments: [
        ("GET /health HTTP/1.1\r\nHost: x\r\nX-A: \(String(repeating: "a", count: 40_000))\r\n\r\n", "HTTP/1.1 400"),
        ("GET /health?\(String(repeating: "a", count: 40_000)) HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400"),
        ("GET /health HTTP/1.1\r\nHost: x\r\n\((0..<200).map { "X-\($0): a\r\n" }.joined())\r\n", "HTTP/1.1 400"),
        ("rubbish\r\n\r\n", "HTTP/1.1 400"),
        ("POST /status HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc", "HTTP/1.1 413"),
        ("GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "HTTP/1.1 413"),
    ])
    func `What is too large, a body or no HTTP is refused and the connection ends`(
        request: String, expected: String
    ) async throws {
        let bench = try AdminBench(limits: .init(closing: .milliseconds(100)))
        let answer = try bench.answer(request)
        #expect(answer.hasPrefix(expected), "\(answer.prefix(300))")
        await bench.server.close()
    }

    @Test func `A request that does not come to its end is not waited for`() async throws {
        let bench = try AdminBench(limits: .init(requestTimeout: .milliseconds(300)))
        let (silent, slow) = (try bench.connection(), try bench.connection())
        try slow.send("GET /health HTTP/1.1\r\nHost:")
        #expect(try silent.receive().isEmpty && slow.receive().isEmpty)
        // Nor is the next request of a connection.
        let kept = try bench.connection()
        try kept.send(AdminBench.get("/health"))
        #expect(try kept.receive().hasSuffix("ok\n"))
        await bench.server.close()
    }

    @Test func `There are so many readers at most; who leaves makes room`() async throws {
        let bench = try AdminBench(readers: 3)
        var readers = try (0..<3).map { _ in try bench.reader() }
        let refused = try bench.reader()
        #expect(refused.text.hasPrefix("HTTP/1.1 503") && refused.text.contains("retry-after: 5\r\n"))
        #expect(try bench.answer(AdminBench.get("/health", "Connection: close\r\n")).hasPrefix("HTTP/1.1 200"))
        readers.removeLast()
        try await eventually("he is let go at once") { bench.feed.readerCount.current == 2 }
        try await eventually("his place is free") { try bench.reader().text.hasPrefix("HTTP/1.1 200") }
        await bench.server.close()
    }

    @Test func `Connections beyond the limit wait, and are served when there is room`() async throws {
        let bench = try AdminBench(readers: 1, limits: .init(requestTimeout: .milliseconds(500), otherConnections: 1))
        let idle = try (0..<6).map { _ in try bench.connection() }
        // Those before are idle, and put out in turn.
        #expect(try bench.answer(AdminBench.get("/health", "Connection: close\r\n")).hasPrefix("HTTP/1.1 200"))
        #expect(idle.count == 6)
        await bench.server.close()
    }

    @Test func `Who does not read is let go, and others get everything meanwhile`() async throws {
        let bench = try AdminBench(limits: .init(keepAlive: .seconds(1)))
        let (stuck, quick) = (try bench.reader(receiveBuffer: 4096), try bench.reader())
        let collected = Task.detached { try quick.connection.receive { $0.contains("\"seq\":101,") } }
        for seq in 1...100 as ClosedRange<Int64> { await bench.offer(seq...seq, padding: 100_000) }
        await bench.offer(101...101)
        let seqs = ServerSentEvent.parse(Self.dechunked(quick.text + (try await collected.value))).map(\.seq)
        #expect(seqs.prefix(100).elementsEqual(1...100))
        try await eventually("the one who does not read is let go") { bench.feed.droppedCount.current == 1 }
        #expect(bench.feed.readerCount.current == 1)
        let got = try stuck.connection.receive()
        #expect(got.count < 8_000_000, "his connection has ended")
        await bench.server.close()
    }

    /// The body of an answer without the lengths of its chunks: our lines are no hexadecimal numbers.
    private static func dechunked(_ text: String) -> String {
        let body = text.components(separatedBy: "\r\n\r\n").dropFirst().joined(separator: "\r\n\r\n")
        return body.components(separatedBy: "\r\n").filter { Int($0, radix: 16) == nil }.joined()
    }

    @Test func `A comment comes while nothing else does`() async throws {
        let bench = try AdminBench(limits: .init(keepAlive: .milliseconds(100)))
        let (connection, _) = try bench.reader()
        let text = try connection.receive { $0.components(separatedBy: ":\n\n").count > 3 }
        #expect(text.contains("3\r\n:\n\n\r\n"))
        await bench.server.close()
    }

    @Test func `The end does not wait for readers who do not read`() async throws {
        let bench = try AdminBench(limits: .init(closing: .milliseconds(200)))
        let stuck = try bench.reader(receiveBuffer: 4096)
        for seq in 1...100 as ClosedRange<Int64> { await bench.offer(seq...seq, padding: 100_000) }
        await bench.feed.close()
        await bench.server.close()
        #expect(bench.feed.readerCount.current == 0)
        _ = stuck
    }

    // MARK: - Start, SIGHUP, TLS

    @Test func `A port that is taken is a sentence`() async throws {
        let first = try AdminBench()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let configuration = AdminConfiguration(listen: ListenAddress(host: "127.0.0.1", port: first.port))
        let error = #expect(throws: AdminError.self) {
            try AdminServer(
                configuration,
                service: .init(
                    status: { MultiThreadedEventLoopGroup.singleton.any().makeFailedFuture(AdminError("none")) },
                    feeds: []), logger: logger)
        }
        #expect(
            error?.description == "admin cannot listen on 127.0.0.1:\(first.port): another process listens there")
        await first.server.close()
    }

    @Test func `Files of tokens are read anew at SIGHUP`() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("token", "before\n")
        let token = AdminConfiguration.Token(name: "ops", secret: try SecretReference(path: path, isGuarded: false))
        let bench = try AdminBench(tokens: [token])
        func status(_ token: String) throws -> String {
            String(
                try bench.answer(AdminBench.get("/status", "Authorization: Bearer \(token)\r\nConnection: close\r\n"))
                    .prefix(12))
        }
        #expect(try status("before") == "HTTP/1.1 200")
        try directory.write("token", "after\n")
        #expect(try status("after") == "HTTP/1.1 401")
        bench.server.reopen()
        #expect(try status("after") == "HTTP/1.1 200" && status("before") == "HTTP/1.1 401")
        try directory.write("token", "")
        bench.server.reopen()
        #expect(try status("after") == "HTTP/1.1 200", "what cannot be read changes nothing")
        await bench.server.close()
    }

    @Test func `It speaks TLS with a certificate of its own`() async throws {
        let directory = try TemporaryDirectory()
        let authority = try TestAuthority()
        let identity = try authority.issue()
        let bench = try AdminBench(
            identity: TLSSettings.Identity(
                certificate: try directory.write("cert.pem", identity.certificates),
                key: .file(try directory.write("key.pem", identity.key))))
        let tls = TLSClientConfiguration(trust: .certificates(.bytes(Array(authority.certificate.utf8))))
        let answer = try await fetch("https://127.0.0.1:\(bench.port)/health", tls: tls)
        #expect(String(buffer: answer.body) == "ok\n")
        await bench.server.close()
    }
}
