import BridgeCore
import TestSupport
import Testing

@testable import Adapters

/// The source against a real redis-server with TLS.
@Suite(.serialized) struct TeleforgeTLSTests {
    static let inbound = "enigma:notifications:inbound"

    private static func drains(_ bench: SourceBench, _ server: RedisServer) async throws {
        let client = try server.client()
        var elements = TeleforgeElements(seed: 7)
        try client.push(Self.inbound, (0..<2000).map { _ in elements.inbound().json })
        try await eventually("the list is drained", state: { "\(bench.seen { $0.log.suffix(5) })" }) {
            try client.length(Self.inbound) == 0
        }
        #expect(bench.seen { Set($0.callIDs).count } == 2000)
    }

    @Test("Lists are drained over rediss, with an authority of our own and a client certificate")
    func drains() async throws {
        let root = try TestAuthority()
        let tls = RedisServer.TLS(try root.issue(), clientAuthority: root.certificate)
        guard let server = try await RedisServer.start(tls: tls) else { return }
        let directory = try TemporaryDirectory()
        let bridge = try root.issue("bridge", names: [])
        let bench = try await SourceBench(
            server.url, keys: ["pubsub": "agents"],
            tls: [
                "ca": try directory.write("ca.pem", root.certificate),
                "cert": try directory.write("cert.pem", bridge.certificates),
                "key": try directory.write("key.pem", bridge.key),
            ])
        try await Self.drains(bench, server)
        try await eventually("the link is up") { bench.seen { $0.isUp } }
        #expect(
            bench.seen { $0.log.contains { $0.contains("info connected to redis") && $0.contains("=rediss://127") } })
        try await bench.stop()
    }

    @Test("Without verification it warns at each connect")
    func insecure() async throws {
        guard let server = try await RedisServer.start(tls: .init(try TestAuthority.selfSigned())) else { return }
        let bench = try await SourceBench(server.url, keys: ["lists": "inbound"], tls: ["verify": "insecure"])
        try await Self.drains(bench, server)
        let warning = "warning whoever answers is believed (verify: insecure)"
        #expect(bench.seen { $0.log.count { $0.hasPrefix(warning) } } == 1)
        try await server.stop()
        try await server.start()
        try await eventually("it is said again") { bench.seen { $0.log.count { $0.hasPrefix(warning) } } == 2 }
        try await bench.stop()
    }

    @Test("A server that wants a certificate, of another name, unknown, or without TLS is told in one sentence")
    func faults() async throws {
        let root = try TestAuthority()
        let ca = try TemporaryDirectory()
        let trust = ["ca": try ca.write("ca.pem", root.certificate)]
        guard
            let server = try await RedisServer.start(
                tls: .init(try root.issue(), clientAuthority: root.certificate)),
            let plain = try await RedisServer.start()
        else { return }
        let table: [(String, [String: String], String)] = [
            (server.url, trust, "tls: the peer wants a client certificate: set tls.cert and tls.key"),
            (
                server.url, trust.merging(["server_name": "pbx.test"]) { $1 },
                "tls: the certificate is for localhost, 127.0.0.1 and not for pbx.test: connect by a name that is in it"
            ),
            (server.url, [:], "is issued by CN=Test Root,O=cti-bridge tests, which is not trusted here"),
            (plain.url.replacing("redis:", with: "rediss:"), trust, "tls: "),
        ]
        for (url, tls, sentence) in table {
            let bench = try await SourceBench(url, keys: ["lists": "inbound"], tls: tls)
            try await eventually("\(sentence) is said", state: { "\(bench.seen { $0.log })" }) {
                bench.seen {
                    $0.log.contains { $0.hasPrefix("warning no connection to redis") && $0.contains(sentence) }
                }
            }
            #expect(bench.seen { !$0.isUp && $0.downs.isEmpty })
            try await bench.stop()
        }
    }

    @Test("The simulator pushes over rediss")
    func simulates() async throws {
        let root = try TestAuthority()
        guard let server = try await RedisServer.start(tls: .init(try root.issue())) else { return }
        let directory = try TemporaryDirectory()
        let ca = try directory.write("ca.pem", root.certificate)
        let (exit, output) = try await ChildProcess.run(
            try DaemonProcess.binary(),
            [
                "simulate", "teleforge", "--redis", server.url, "--ca", ca, "--rate", "200", "--speed", "1000", "--for",
                "1s",
            ])
        #expect(exit == .code(0), "\(output)")
        #expect(try server.client()("DBSIZE").integer ?? 0 > 0, "\(output)")
    }

    @Test("A proxy that refuses the way is told, and its credentials are not")
    func proxyRefusal() async throws {
        let proxy = ProxySettings(
            host: "127.0.0.1", port: 1, username: "cti", password: Secret(Array("hunter2".utf8)))
        let bench = try await SourceBench("redis://pbx.invalid:6379/0", keys: ["lists": "inbound"], proxy: proxy)
        try await eventually("it is said", state: { "\(bench.seen { $0.log })" }) {
            bench.seen { $0.log.contains { $0.contains("connect: proxy ") && $0.contains("connection refused") } }
        }
        #expect(bench.seen { !$0.log.joined().contains("hunter2") })
        try await bench.stop()
    }
}
