import Bridge
import BridgeCore
import Codecs
import Logging
import NIOCore
import Sinks
import TestSupport
import Testing
import Transport
import WireProtocols

/// What a stream holds.
private struct Entry: Equatable {
    let serverID: String
    let fields: [String: String]

    static func all(_ server: RedisServer, _ stream: String) throws -> [Entry] {
        guard case .array(let entries) = try server.client()("XRANGE", stream, "-", "+") else { return [] }
        return entries.compactMap { entry in
            guard case .array(let parts) = entry, parts.count == 2, case .array(let flat) = parts[1] else { return nil }
            let words = flat.compactMap(\.text)
            let pairs = stride(from: 0, to: words.count - 1, by: 2).map { (words[$0], words[$0 + 1]) }
            return Entry(serverID: parts[0].text ?? "", fields: Dictionary(uniqueKeysWithValues: pairs))
        }
    }
}

extension RedisServer {
    fileprivate func streamSeqs(_ stream: String) throws -> [Int64] {
        try Entry.all(self, stream).map { Int64($0.fields["seq"] ?? "") ?? -1 }
    }

    fileprivate func listSeqs(_ list: String) throws -> [Int64] {
        guard case .array(let elements) = try client()("LRANGE", list, "0", "-1") else { return [] }
        return elements.flatMap { SinksTests.seqs(in: Array((($0.text ?? "") + "\n").utf8)) }
    }

    /// The numbers of the lines in a stream or a list; none where it cannot be asked.
    func seqs(of key: String) -> [Int64] {
        let type = try? client()("TYPE", key).text
        return (try? type == "list" ? listSeqs(key) : streamSeqs(key)) ?? []
    }
}

/// The sink against a real redis-server.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct RedisSinkTests {
    private func sink(
        _ endpoint: RedisEndpoint, _ destination: RedisSink.Destination,
        _ change: (inout RedisSink.Options) -> Void = { _ in }
    ) -> RedisSink {
        var options = RedisSink.Options(
            server: RedisConnectionConfiguration(endpoint: endpoint), destination: destination)
        options.timeout = .seconds(20)
        change(&options)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return RedisSink(name: "bus", options: options, logger: logger)
    }

    private func endpoint(_ server: RedisServer) -> RedisEndpoint {
        RedisEndpoint(host: "127.0.0.1", port: Int(server.port))
    }

    private func stream(_ name: String = "cti:events", _ trimming: RedisSink.Trimming? = nil) throws
        -> RedisSink.Destination
    {
        .stream(try LineTemplate(name), trimming)
    }

    private func retry(_ outcome: DeliveryOutcome) throws -> (through: Int64?, reason: String) {
        guard case .retry(let through, let reason, nil) = outcome else {
            throw TestFailure(description: "no retry, but \(outcome)")
        }
        return (through, reason)
    }

    // MARK: - What is written

    @Test func `Entries of a stream carry id, kind, seq and the event, over TCP and a unix socket`() async throws {
        guard let server = try await RedisServer.start() else { return }
        for (name, endpoint) in [
            ("cti:tcp", endpoint(server)), ("cti:unix", RedisEndpoint(unixPath: server.socketPath)),
        ] {
            let sink = sink(endpoint, try stream(name))
            #expect(await sink.open(cursor: 5, stream: testStream) == 5)
            #expect(await sink.deliver(delivery(6...6)) == .delivered)
            #expect(await sink.deliver(delivery(7...206)) == .delivered)
            let entries = try Entry.all(server, name)
            #expect(entries.map { $0.fields["seq"] } == (6...206).map { "\($0)" })
            let first = try #require(entries.first)
            #expect(first.fields["id"] == "\(UUID128(high: 6, low: 7))" && first.fields["kind"] == "call.answered")
            #expect(first.fields["event"] == String(decoding: line(6).dropLast(), as: UTF8.self))
            #expect(first.fields.count == 4)
            await sink.close()
        }
        try await eventually("the server has seen them close") {
            try server.client()("CLIENT", "LIST").text?.contains("name=cti-bridge") == false
        }
    }

    @Test func `A stream is trimmed by length and by age, roughly or exactly`() async throws {
        guard let server = try await RedisServer.start() else { return }
        let exact = sink(endpoint(server), try stream("cti:exact", .init(.length(50), isExact: true)))
        #expect(await exact.deliver(delivery(1...200)) == .delivered)
        #expect(try server.streamSeqs("cti:exact") == Array(151...200))
        // Whole nodes of 100 entries go.
        let rough = sink(endpoint(server), try stream("cti:rough", .init(.length(50))))
        for first in stride(from: Int64(1), through: 801, by: 200) {
            #expect(await rough.deliver(delivery(first...first + 199)) == .delivered)
        }
        let left = try server.streamSeqs("cti:rough")
        #expect((50...250).contains(left.count) && left.last == 1000)
        // What is there already is an hour old by the server's clock.
        let client = try server.client()
        let hourAgo = (WallClock.now().microseconds / 1000) - 3_600_000
        try client("XADD", "cti:aged", "\(hourAgo)-0", "seq", "0")
        let aged = sink(endpoint(server), try stream("cti:aged", .init(.age(.seconds(600)), isExact: true)))
        #expect(await aged.deliver(delivery(1...3)) == .delivered)
        #expect(try server.streamSeqs("cti:aged") == [1, 2, 3])
        for sink in [exact, rough, aged] { await sink.close() }
    }

    @Test func `Lists take lines at either end and keep the newest`() async throws {
        guard let server = try await RedisServer.start() else { return }
        let name = { try LineTemplate($0) }
        let right = sink(endpoint(server), .list(try name("q:right"), .right, length: nil))
        #expect(await right.deliver(delivery(1...10)) == .delivered)
        #expect(try server.listSeqs("q:right") == Array(1...10))
        #expect(
            try server.client()("LINDEX", "q:right", "0").text == String(decoding: line(1).dropLast(), as: UTF8.self))
        let left = sink(endpoint(server), .list(try name("q:left"), .left, length: 4))
        #expect(await left.deliver(delivery(1...10)) == .delivered)
        #expect(await left.deliver(delivery(11...11)) == .delivered)
        #expect(try server.listSeqs("q:left") == [11, 10, 9, 8])
        let bounded = sink(endpoint(server), .list(try name("q:bounded"), .right, length: 4))
        #expect(await bounded.deliver(delivery(1...10)) == .delivered)
        #expect(try server.listSeqs("q:bounded") == [7, 8, 9, 10])
        for sink in [right, left, bounded] { await sink.close() }
    }

    @Test func `Channels are published to, whether somebody listens or not`() async throws {
        guard let server = try await RedisServer.start() else { return }
        let sink = sink(endpoint(server), .channel(try LineTemplate("cti:{agent}")))
        #expect(sink.policy.maximumAge == RedisSink.usualMaximumAgeOfChannels)
        #expect(await sink.deliver(delivery(1...1)) == .delivered)
        let listener = try server.client()
        try listener("SUBSCRIBE", "cti:1001")
        #expect(await sink.deliver(delivery(2...30) { callLine($0) }) == .delivered)
        for seq in 2...30 as ClosedRange<Int64> {
            let event = String(decoding: callLine(seq).dropLast(), as: UTF8.self)
            #expect(try listener.next() == .array([.text("message"), .text("cti:1001"), .text(event)]))
        }
        await sink.close()
    }

    @Test func `Keys are made from events, and there are no more of them than configured`() async throws {
        guard let server = try await RedisServer.start() else { return }
        let sink = sink(endpoint(server), try stream("cti:{tenant}")) { $0.maximumKeys = 3 }
        let tenants = ["a", "b:*", "a", "c", "d", "e", "a", "d"]
        let batch = delivery(1...8) { line($0, tenant: tenants[Int($0) - 1]) }
        #expect(await sink.deliver(batch) == .delivered)
        #expect(try server.streamSeqs("cti:a") == [1, 3, 7])
        #expect(try server.streamSeqs("cti:b%3A%2A") == [2])
        #expect(try server.streamSeqs("cti:\(RedisSink.overflow)") == [5, 6, 8])
        #expect(try server.client()("DBSIZE").integer == 4)
        await sink.close()
    }

    // MARK: - Refusals

    @Test func `A key of another type is retried, and the others' lines are not written again meanwhile`() async throws
    {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        try client("SET", "cti:b", "text")
        let sink = sink(endpoint(server), try stream("cti:{tenant}"))
        let batch = delivery(1...6) { line($0, tenant: ["a", "b", "c"][Int($0) % 3]) }
        for _ in 0..<3 {
            let (through, reason) = try retry(await sink.deliver(batch))
            #expect(through == nil && reason.contains("'cti:{tenant}' holds something of another type"))
        }
        #expect(try server.streamSeqs("cti:a") == [3, 6] && server.streamSeqs("cti:c") == [2, 5])
        // Another line with a number that was taken is another line.
        #expect(await sink.deliver(delivery(2...2) { line($0, tenant: "c", text: "replayed") }) == .delivered)
        #expect(try server.streamSeqs("cti:c") == [2, 5, 2])
        try client("DEL", "cti:b")
        #expect(await sink.deliver(batch) == .delivered)
        #expect(try server.streamSeqs("cti:b") == [1, 4])
        #expect(try server.streamSeqs("cti:a") == [3, 6])
        await sink.close()
    }

    @Test func `A server without memory takes a batch as a whole, later`() async throws {
        guard let server = try await RedisServer.start(arguments: ["--maxmemory-policy", "noeviction"]) else { return }
        let client = try server.client()
        let sink = sink(endpoint(server), try stream())
        #expect(await sink.deliver(delivery(1...2)) == .delivered)
        try client("CONFIG", "SET", "maxmemory", "1")
        let (through, reason) = try retry(await sink.deliver(delivery(3...50)))
        #expect(through == nil && reason.contains("maxmemory"))
        try client("CONFIG", "SET", "maxmemory", "0")
        #expect(try server.streamSeqs("cti:events") == [1, 2])
        #expect(await sink.deliver(delivery(3...50)) == .delivered)
        #expect(try server.streamSeqs("cti:events") == Array(1...50))
        await sink.close()
    }

    @Test func `A replica is left for the name's next address, and one without enough replicas is waited for`()
        async throws
    {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        let relay = try await CuttingRelay(to: server.socketPath)
        let sink = sink(RedisEndpoint(host: "127.0.0.1", port: relay.port), try stream())
        try client("REPLICAOF", "127.0.0.1", "1")
        #expect(try retry(await sink.deliver(delivery(1...2))).reason.contains("read-only replica"))
        try client("REPLICAOF", "NO", "ONE")
        #expect(await sink.deliver(delivery(1...2)) == .delivered)
        #expect(relay.connectionCount == 2)
        try client("CONFIG", "SET", "min-replicas-to-write", "1")
        #expect(try retry(await sink.deliver(delivery(3...4))).reason.contains("too few replicas"))
        try client("CONFIG", "SET", "min-replicas-to-write", "0")
        #expect(await sink.deliver(delivery(3...4)) == .delivered)
        #expect(relay.connectionCount == 2)
        #expect(try server.streamSeqs("cti:events") == [1, 2, 3, 4])
        await sink.close()
        await relay.close()
    }

    @Test func `An event that the server cannot read is rejected, and the others go on`() async throws {
        guard let server = try await RedisServer.start(arguments: ["--proto-max-bulk-len", "1mb"]) else { return }
        let sink = sink(endpoint(server), try stream())
        let batch = delivery(1...3) { line($0, text: String(repeating: "x", count: $0 == 2 ? 2 << 20 : 1)) }
        guard case .rejected(nil, let reason) = await sink.deliver(batch) else {
            Issue.record("not rejected")
            return
        }
        #expect(reason.contains("larger than the server reads"))
        #expect(await sink.deliver(delivery(1...1)) == .delivered)
        guard
            case .rejected(nil, _) = await sink.deliver(
                delivery(2...2) { line($0, text: String(repeating: "x", count: 2 << 20)) })
        else {
            Issue.record("not rejected")
            return
        }
        #expect(await sink.deliver(delivery(3...3)) == .delivered)
        #expect(try server.streamSeqs("cti:events") == [1, 3])
        await sink.close()
    }

    @Test func `A user with the commands and keys that are needed is enough, and less is told`() async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        let rights = ["~cti:*", "+xadd", "+rpush", "+ltrim", "+multi", "+exec", "+hello", "+auth", "+client|setname"]
        try client.command(["ACL", "SETUSER", "bridge", "on", ">correct horse", "resetkeys", "-@all"] + rights)
        let right = RedisCredentials(username: "bridge", password: Array("correct horse".utf8))
        let stream = sink(endpoint(server), try stream()) { $0.server.credentials = right }
        #expect(await stream.deliver(delivery(1...3)) == .delivered)
        let list = sink(endpoint(server), .list(try LineTemplate("cti:list"), .right, length: 2)) {
            $0.server.credentials = right
        }
        #expect(await list.deliver(delivery(1...3)) == .delivered)
        #expect(try server.listSeqs("cti:list") == [2, 3])
        let other = sink(endpoint(server), try self.stream("other:events")) { $0.server.credentials = right }
        #expect(try retry(await other.deliver(delivery(1...3))).reason.contains("ACL forbids"))
        // Without MULTI lines are taken one by one; without LTRIM they are taken all the same.
        try client("ACL", "SETUSER", "bridge", "-multi", "-exec")
        #expect(await stream.deliver(delivery(4...6)) == .delivered)
        #expect(try server.streamSeqs("cti:events") == Array(1...6))
        try client("ACL", "SETUSER", "bridge", "+multi", "+exec", "-ltrim")
        #expect(try retry(await list.deliver(delivery(4...6))).reason.contains("ACL forbids"))
        let wrong = sink(endpoint(server), try self.stream()) {
            $0.server.credentials = RedisCredentials(username: "bridge", password: Array("battery staple".utf8))
        }
        let reason = try retry(await wrong.deliver(delivery(4...4))).reason
        #expect(reason.contains("refused the user name or password") && !reason.contains("staple"))
        for sink in [stream, list, other, wrong] { await sink.close() }
    }

    // MARK: - Connections

    @Test func `A restarted server is found again, and a closed connection costs one attempt at most`() async throws {
        guard let server = try await RedisServer.start(durable: true) else { return }
        let sink = sink(endpoint(server), try stream())
        #expect(await sink.deliver(delivery(1...10)) == .delivered)
        try await server.kill()
        #expect(try retry(await sink.deliver(delivery(11...12))).reason.contains("refused"))
        try await server.start()
        #expect(await sink.deliver(delivery(11...12)) == .delivered)
        try server.client()("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        var attempts = 1
        while await sink.deliver(delivery(13...14)) != .delivered { attempts += 1 }
        #expect(attempts <= 2)
        #expect(try server.streamSeqs("cti:events") == Array(1...14))
        await sink.close()
    }

    @Test func `A server that says nothing is given up`() async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        let sink = sink(endpoint(server), try stream()) { $0.timeout = .milliseconds(300) }
        #expect(await sink.deliver(delivery(1...1)) == .delivered)
        try client("CLIENT", "PAUSE", "60000", "WRITE")
        #expect(try retry(await sink.deliver(delivery(2...3))).reason.contains("no answer within"))
        try client("CLIENT", "UNPAUSE")
        try await eventually("it is taken") { await sink.deliver(delivery(2...3)) == .delivered }
        #expect(Set(try server.streamSeqs("cti:events")) == [1, 2, 3])
        await sink.close()
        // Nor does one that never accepts.
        let full = try FullListener()
        var unreachable = RedisEndpoint(host: "127.0.0.1", port: full.port)
        unreachable.connection.timeouts.connect = .milliseconds(300)
        let lost = self.sink(unreachable, try stream())
        #expect(try retry(await lost.deliver(delivery(1...1))).reason.contains("no answer within"))
        await lost.close()
    }

    @Test func `A cancelled delivery ends at once, and the next one works`() async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        let sink = sink(endpoint(server), try stream()) { $0.timeout = .seconds(100) }
        try client("CLIENT", "PAUSE", "60000", "WRITE")
        await withTaskGroup(of: DeliveryOutcome.self) { group in
            group.addTask { await sink.deliver(delivery(1...1)) }
            try? await eventually("the command has arrived") {
                try client("CLIENT", "LIST").text?.contains("cmd=xadd") == true
            }
            group.cancelAll()
            guard case .retry = await group.next() else {
                Issue.record("no retry")
                return
            }
        }
        await withTaskGroup(of: DeliveryOutcome.self) { group in
            group.cancelAll()
            group.addTask { await sink.deliver(delivery(1...1)) }
            guard case .retry = await group.next() else {
                Issue.record("no retry")
                return
            }
        }
        try client("CLIENT", "UNPAUSE")
        #expect(await sink.deliver(delivery(2...2)) == .delivered)
        await sink.close()
        #expect(try retry(await sink.deliver(delivery(3...3))).reason.contains("given up"))
    }

    @Test func `A connection cut at any byte, there or back, leaves a batch whole or not there`() async throws {
        guard let server = try await RedisServer.start() else { return }
        let relay = try await CuttingRelay(to: server.socketPath)
        let seed = SeededGenerator.printedSeed(for: "redis cuts")
        var random = SeededGenerator(seed: seed)
        let sink = sink(RedisEndpoint(host: "127.0.0.1", port: relay.port), try stream())
        var last: Int64 = 0
        var cuts = 0
        for round in 0..<60 {
            let batch = delivery(last + 1...last + 20)
            relay.cut(
                after: round % 2 == 0
                    ? .init(towards: Int.random(in: 1...12_000, using: &random), back: nil)
                    : .init(towards: nil, back: Int.random(in: 1...900, using: &random)))
            var attempts = 0
            while case .retry(nil, _, nil) = await sink.deliver(batch) {
                (attempts, cuts) = (attempts + 1, cuts + 1)
                try #require(attempts < 10, "seed \(seed)")
            }
            last += 20
        }
        relay.cut(after: .init())
        #expect(cuts > 20, "seed \(seed)")
        var seen: [Int64] = []
        let entries = try Entry.all(server, "cti:events")
        for start in stride(from: 0, to: entries.count, by: 20) {
            let batch = entries[start..<min(start + 20, entries.count)].map { Int64($0.fields["seq"] ?? "") ?? -1 }
            let first = try #require(batch.first)
            #expect(batch == Array(first...first + 19), "seed \(seed)")
            if seen.last != batch.last { seen += batch }
        }
        #expect(seen == Array(1...1200), "seed \(seed)")
        // Equal events have equal ids, and nothing else has.
        let bySeq = Dictionary(grouping: entries) { $0.fields["seq"] ?? "" }
        #expect(bySeq.values.allSatisfy { Set($0.map { $0.fields["id"] }).count == 1 })
        #expect(Set(entries.map { $0.fields["id"] }).count == 1200)
        await sink.close()
        await relay.close()
    }

    @Test func `Over TLS with an authority of our own, and not without it`() async throws {
        let root = try TestAuthority()
        let tls = RedisServer.TLS(try root.issue(), clientAuthority: root.certificate)
        guard let server = try await RedisServer.start(tls: tls) else { return }
        let bridge = try root.issue("bridge", names: [])
        let directory = try TemporaryDirectory()
        let settings = TLSClientConfiguration(
            trust: .certificates(.file(try directory.write("ca.pem", root.certificate))),
            identity: TLSIdentity(
                certificates: .file(try directory.write("cert.pem", bridge.certificates)),
                key: .file(try directory.write("key.pem", bridge.key))))
        let endpoint = EndpointConfiguration(host: "127.0.0.1", port: Int(server.port), tls: settings)
        let sink = sink(RedisEndpoint(endpoint), try stream())
        #expect(await sink.deliver(delivery(1...300)) == .delivered)
        #expect(try server.streamSeqs("cti:events") == Array(1...300))
        await sink.close()
        let strange = EndpointConfiguration(host: "127.0.0.1", port: Int(server.port), tls: TLSClientConfiguration())
        let other = self.sink(RedisEndpoint(strange), try stream())
        #expect(try retry(await other.deliver(delivery(1...1))).reason.contains("tls"))
        await other.close()
    }

    // MARK: - With the pump

    @Test func `Connections cut and the server killed while a pump delivers: nothing is lost, order is kept`()
        async throws
    {
        guard let server = try await RedisServer.start(durable: true) else { return }
        let seed = SeededGenerator.printedSeed(for: "redis kills")
        var random = SeededGenerator(seed: seed)
        let sink = sink(endpoint(server), try stream()) { $0.batchLines = 20 }
        let feed = ScriptedFeed()
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        var policy = sink.policy
        policy.retries.initial = .milliseconds(10)
        policy.retries.maximum = .milliseconds(100)
        let pump = SinkPump(
            sink: sink, feed: feed.feed, preparation: LinePreparation(policy: policy), policy: policy,
            metrics: SinkMetrics(), logger: logger)
        async let ending = pump.run()
        for round in 0..<8 {
            feed.commit(500)
            let goal = feed.feed.lastSeq() - Int64.random(in: 1...400, using: &random)
            try await eventually("some are taken", state: { "\(feed.cursor)" }) { feed.cursor >= goal }
            if round % 2 == 0 {
                try server.client()("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            } else {
                try await server.kill()
                try await server.start()
            }
        }
        try await eventually("all are taken", state: { "\(feed.cursor)" }) { feed.cursor == 4000 }
        pump.finish(within: .seconds(10))
        #expect(try await ending == .finished)
        var known: Set<Int64> = []
        let firsts = try server.streamSeqs("cti:events").filter { known.insert($0).inserted }
        #expect(firsts == Array(1...4000), "seed \(seed)")
    }
}
