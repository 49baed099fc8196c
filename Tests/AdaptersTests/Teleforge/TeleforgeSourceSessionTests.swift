import CallModel
import TestSupport
import Testing

@testable import Adapters

/// The source against a real redis-server.
@Suite(.serialized) struct TeleforgeSourceSessionTests {
    static let inbound = "enigma:notifications:inbound"

    @Test(
        "A backlog and lone elements are taken in, removed from either end and the link is up",
        arguments: ["left", "right"])
    func drains(end: String) async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        var elements = TeleforgeElements(seed: 1)
        let backlog = (0..<3000).map { _ in elements.inbound() }
        try client.push(Self.inbound, backlog.map(\.json))
        let bench = try await SourceBench(server.url, keys: ["pop": end])
        try await eventually("the backlog is drained", state: { "\(bench.seen { $0.log.suffix(5) })" }) {
            try client.length(Self.inbound) == 0
        }
        let expected = backlog.map(\.callReference)
        #expect(bench.seen { $0.callIDs } == (end == "left" ? expected : expected.reversed()))
        for _ in 0..<20 {
            let lone = elements.inbound()
            try client.push(Self.inbound, [lone.json])
            try await eventually("a lone element is removed") { try client.length(Self.inbound) == 0 }
        }
        try await eventually("the link is up") { bench.seen { $0.isUp } }
        try await eventually("all is counted") { try await bench.counts() == (3020, 0, 3020) }
        try await bench.stop()
    }

    @Test("Nothing is removed while the store is stuck, and at most two batches are held")
    func storesFirst() async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        var elements = TeleforgeElements(seed: 2)
        let bench = try await SourceBench(server.url)
        try await eventually("the link is up") { bench.seen { $0.isUp } }
        try await bench.setStoreStuck(true)
        try client.push(Self.inbound, (0..<5000).map { _ in elements.inbound().json })
        try await eventually("two batches are held") { bench.seen { $0.heldReceipts } == 2 }
        let taken = try await bench.counts().received
        #expect(try client.length(Self.inbound) == 5000 && taken <= 2 * 512)
        try await bench.setStoreStuck(false)
        try await eventually("the backlog is drained") { try client.length(Self.inbound) == 0 }
        #expect(Set(bench.seen { $0.callIDs }).count == 5000)
        try await bench.stop()
    }

    @Test("A list with other people's elements is refused and keeps every one, until they are gone")
    func refusesForeignLists() async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        try client.push(Self.inbound, [#"{"type":"queue_calls","payload":{}}"#, #"{"type":"status"}"#])
        let bench = try await SourceBench(server.url)
        try await eventually("it is said") { bench.seen { $0.log.contains { $0.contains("nothing was taken") } } }
        #expect(try client.length(Self.inbound) == 2)
        #expect(bench.seen { $0.isUp } == false)
        try await bench.stop()
        #expect(try client.length(Self.inbound) == 2)
    }

    @Test("What is not JSON behind a Teleforge element becomes source.unmapped, once, and is removed")
    func unmapped() async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        var elements = TeleforgeElements(seed: 3)
        try client.push(Self.inbound, ["not json", elements.inbound().json, "neither"])
        let bench = try await SourceBench(server.url)
        try await eventually("all is removed") { try client.length(Self.inbound) == 0 }
        #expect(bench.seen { $0.kinds } == [.sourceUnmapped, .callAnswered, .sourceUnmapped])
        try await eventually("the note is empty again") {
            bench.seen { $0.notes["teleforge.unmapped.\(Self.inbound)"] } == []
        }
        #expect(bench.seen { $0.notes["teleforge.trusted.\(Self.inbound)"] } == [1])
        try await bench.stop()
    }

    @Test("A key of another type stops that key only")
    func wrongType() async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        var elements = TeleforgeElements(seed: 4)
        try client("SET", "enigma:notifications:cdr", "x")
        let bench = try await SourceBench(server.url)
        try await eventually("it is said") { bench.seen { $0.log.contains { $0.contains("the key is not a list") } } }
        try client.push(Self.inbound, [elements.inbound().json])
        try await eventually("the other list is read") { try client.length(Self.inbound) == 0 }
        try await bench.stop()
    }

    @Test("Connections that are killed come back, and no element is lost or repeated")
    func clientKill() async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        var elements = TeleforgeElements(seed: 5)
        let bench = try await SourceBench(server.url)
        var expected: [String] = []
        for _ in 0..<10 {
            let some = (0..<200).map { _ in elements.inbound() }
            expected += some.map(\.callReference)
            try client.push(Self.inbound, some.map(\.json))
            try client("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        }
        try await eventually("all is removed") { try client.length(Self.inbound) == 0 }
        #expect(Set(bench.seen { $0.callIDs }) == Set(expected))
        #expect(bench.seen { $0.log.contains { $0.contains("warning no connection to redis") } })
        try await bench.stop()
    }

    @Test("User, password, database, a renamed command and the smallest ACL")
    func accessControl() async throws {
        guard let server = try await RedisServer.start(arguments: ["--rename-command", "LREM", "removed-3"]) else {
            return
        }
        let client = try server.client()
        var elements = TeleforgeElements(seed: 6)
        let rules = ["~enigma:notifications:*", "resetchannels", "&enigma:notifications:*"]
        let commands = "+hello +auth +select +ping +client|setname +blmove +lrange +lrem +psubscribe"
        let user = ["ACL", "SETUSER", "bridge", "on", ">p w"] + rules + commands.split(separator: " ").map(String.init)
        #expect(try client.command(user) == .text("OK"))
        try client("SELECT", "3")
        let url = "redis://127.0.0.1:\(server.port)/3"
        let keys = ["username": "bridge", "commands.LREM": "removed-3", "pubsub": "agents"]
        let bench = try await SourceBench(url, keys: keys, password: "p w")
        try client.push(Self.inbound, (0..<500).map { _ in elements.inbound().json })
        try await eventually("all is removed", state: { "\(bench.seen { $0.log })" }) {
            try client.length(Self.inbound) == 0
        }
        try await eventually("the link is up, the subscription too") { bench.seen { $0.isUp } }
        try await eventually("all is counted") { try await bench.counts().acknowledged == 500 }
        try await bench.stop()
    }

    @Test("A server that was restarted while idle is found again")
    func restart() async throws {
        guard let server = try await RedisServer.start(durable: true) else { return }
        var elements = TeleforgeElements(seed: 10)
        let bench = try await SourceBench(server.url)
        try await eventually("the link is up") { bench.seen { $0.isUp } }
        try await server.kill()
        try await eventually("the link is down") { !bench.seen { $0.isUp } }
        try await server.start()
        let client = try server.client()
        try client.push(Self.inbound, [elements.inbound().json])
        try await eventually("the element is taken") { try client.length(Self.inbound) == 0 }
        try await eventually("the link is up again") { bench.seen { $0.isUp } }
        try await bench.stop()
    }

    @Test("A wrong password is a refusal that shows no password")
    func wrongPassword() async throws {
        guard let server = try await RedisServer.start() else { return }
        try server.client()("CONFIG", "SET", "requirepass", "right")
        let bench = try await SourceBench(server.unixURL, password: "hushed")
        try await eventually("it is said") {
            bench.seen { $0.log.contains { $0.contains("refused the user name or password") } }
        }
        #expect(!bench.seen { $0.log.contains { $0.contains("hushed") } })
        try await bench.stop()
        withExtendedLifetime(server) {}
    }

    @Test("A unix socket serves, and without BLMOVE the list is polled")
    func polls() async throws {
        guard let server = try await RedisServer.start(arguments: ["--rename-command", "BLMOVE", ""]) else { return }
        let client = try server.client()
        var elements = TeleforgeElements(seed: 7)
        let bench = try await SourceBench(server.unixURL)
        try await eventually("it polls") { bench.seen { $0.log.contains { $0.contains("polling") } } }
        for _ in 0..<3 {
            try client.push(Self.inbound, [elements.inbound().json])
            try await eventually("it is removed") { try client.length(Self.inbound) == 0 }
        }
        #expect(bench.seen { $0.isUp })
        try await bench.stop()
    }

    @Test("At most once pops, and what was popped when it stops is still stored")
    func atMostOnce() async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        var elements = TeleforgeElements(seed: 8)
        let bench = try await SourceBench(server.url, keys: ["delivery": "at_most_once"])
        try client.push(Self.inbound, (0..<300).map { _ in elements.inbound().json })
        try await eventually("all is popped") { try client.length(Self.inbound) == 0 }
        try await bench.stop()
        #expect(bench.seen { $0.callIDs.count } == 300)
    }

    @Test("Published agent states arrive, and losing only the subscription takes the link down and up again")
    func published() async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        let bench = try await SourceBench(server.url, keys: ["pubsub": "agents,dialers"])
        try await eventually("the link is up") { bench.seen { $0.isUp } }
        let message = #"{"type":"status","payload":{"ref":"1001","status":"available"}}"#
        #expect(try client("PUBLISH", "enigma:notifications:agents:1001", message).integer == 1)
        try await eventually("it arrives") { bench.seen { $0.kinds } == [.agentStatus] }
        try client("CLIENT", "KILL", "TYPE", "pubsub")
        try await eventually("the link went down and up", within: .seconds(10)) {
            bench.seen { $0.downs.count } == 1 && bench.seen { $0.isUp }
        }
        #expect(try client("PUBLISH", "enigma:notifications:agents:1001", message).integer == 1)
        try await eventually("it arrives") { bench.seen { $0.kinds.count } == 2 }
        try await bench.stop()
    }

    @Test("Another consumer is noticed, and everything is stored or taken by it")
    func secondConsumer() async throws {
        guard let server = try await RedisServer.start() else { return }
        let client = try server.client()
        var elements = TeleforgeElements(seed: 9)
        let bench = try await SourceBench(server.url)
        try await eventually("the link is up") { bench.seen { $0.isUp } }
        try await bench.setStoreStuck(true)
        let some = (0..<50).map { _ in elements.inbound() }
        try client.push(Self.inbound, some.map(\.json))
        try await eventually("something is held") { bench.seen { $0.heldReceipts } > 0 }
        for _ in 0..<5 { try client("LPOP", Self.inbound) }
        try await bench.setStoreStuck(false)
        try await eventually("all is gone") { try client.length(Self.inbound) == 0 }
        try await eventually("it is said") { bench.seen { $0.log.contains { $0.contains("another consumer") } } }
        let stored = Set(bench.seen { $0.callIDs })
        #expect(some.dropFirst(5).allSatisfy { stored.contains($0.callReference) })
        try await bench.stop()
    }
}
