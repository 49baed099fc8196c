import Foundation
import NIOCore
import TestSupport
import Testing
import Transport
import WireProtocols

/// Our client against python-socketio servers of both generations.
@Suite("Socket.IO client against python-socketio servers", .timeLimit(.minutes(4)))
struct SocketIOClientLiveTests {
    @Test(
        "auto finds the generation, and everything goes both ways",
        arguments: [(4, "ready 3"), (5, "ready 4 fallback")])
    func conversation(_ generation: Int, _ ready: String) async throws {
        guard let peer = try await SocketIOPeer.server(generation: generation), let port = peer.port else { return }
        let bench = SocketIOBench()
        try await bench.open(port: port)
        try await bench.expect(ready)
        // The server says hello before it answers CONNECT; we tell it after.
        try await bench.expect("event hello")
        #expect(bench.seen.first == ready)
        #expect(try await bench.emit("echo", .string("café ☎ 📞"), asks: true) == .awaits(acknowledgement: 0))
        try await bench.expect("acknowledged 0  [\"café ☎ 📞\"]")
        #expect(try await bench.emit("push", .string("one"), .json(Array("{\"a\":[1,null]}".utf8))) == .sent)
        try await bench.expect("event pushed [\"pushed\",\"one\",{\"a\":[1,null]}]")
        try await bench.emit("push_binary")
        try await bench.expect("event blob [\"blob\",{\"b\":{\"_placeholder\":true,\"num\":0},\"n\":7}] #01020304")
        try await bench.emit("bin_echo", .binary(ByteBuffer(bytes: [0xDE, 0xAD, 0xBE, 0xEF])), asks: true)
        try await bench.expect("acknowledged 1  [{\"_placeholder\":true,\"num\":0}] #deadbeef")
        try await bench.emit("ask")
        try await bench.expect("event answered [\"answered\",[\"42\",{\"ok\":true}]]")
        try await bench.emit("burst", .json(Array("2000".utf8)))
        try await bench.expect("event n ", count: 2000)
        #expect(bench.seen.filter { $0.hasPrefix("event n ") } == (0..<2000).map { "event n [\"n\",\($0)]" })
        try await bench.close()
        try await peer.expect("disconnect /")
        #expect(!bench.seen.contains { $0.contains("odd") || $0.contains("established") })
        try await bench.end()
    }

    @Test("What worked is asked for first the next time", arguments: [(4, EngineIOVersion.v3), (5, .v4)])
    func preferring(_ generation: Int, _ version: EngineIOVersion) async throws {
        guard let peer = try await SocketIOPeer.server(generation: generation), let port = peer.port else { return }
        let bench = SocketIOBench()
        try await bench.open(port: port, preferring: version)
        try await bench.expect("ready \(version.rawValue)")
        #expect(bench.seen.first == "ready \(version.rawValue)")
        try await bench.end()
    }

    @Test(
        "The wrong generation alone is refused with the server's words",
        arguments: [(4, SocketIOVersionPolicy.eio4), (5, .eio3)])
    func wrongVersion(_ generation: Int, _ policy: SocketIOVersionPolicy) async throws {
        guard let peer = try await SocketIOPeer.server(generation: generation), let port = peer.port else { return }
        let bench = SocketIOBench()
        try await bench.open(port: port) { $0.policy = policy }
        try await bench.expect("upgrade: the server does not speak this generation of Socket.IO (HTTP 400, \"")
        #expect(bench.seen.first?.hasSuffix("set protocol to auto, or to the other version") == true)
        #expect(bench.log.refusals == [true])
        try await bench.end()
    }

    @Test("A namespace is joined beside the main one", arguments: [4, 5])
    func namespace(_ generation: Int) async throws {
        guard let peer = try await SocketIOPeer.server(generation: generation), let port = peer.port else { return }
        let bench = SocketIOBench()
        try await bench.open(port: port) { $0.namespace = "/cti" }
        try await bench.expect("ready")
        try await bench.expect("event hello [\"hello\",{\"ns\":\"/cti\"")
        try await bench.emit("echo", .string("ns"), asks: true)
        try await bench.expect("acknowledged 0  [\"ns\"]")
        try await bench.end()
    }

    @Test("An unknown namespace is named (protocol 5)")
    func unknownNamespace() async throws {
        guard let peer = try await SocketIOPeer.server(generation: 5), let port = peer.port else { return }
        let bench = SocketIOBench()
        try await bench.open(port: port) { $0.namespace = "/nope" }
        try await bench.expect(
            "handshake: the server does not know the namespace (\"Unable to connect\"): correct the namespace")
        #expect(bench.log.refusals == [true])
        try await bench.end()
    }

    // MARK: Tokens

    @Test("The right token lets in, by query and by auth payload", arguments: [(4, true), (5, true), (5, false)])
    func rightToken(_ generation: Int, _ byQuery: Bool) async throws {
        guard let peer = try await SocketIOPeer.server(generation: generation, "--token", "s3cret/1"),
            let port = peer.port
        else { return }
        let bench = SocketIOBench()
        try await bench.open(port: port) {
            if byQuery { $0.query = [(name: "token", value: "s3cret/1")] }
            if !byQuery { $0.auth = Array("{\"token\":\"s3cret/1\"}".utf8) }
        }
        try await bench.expect("ready")
        try await bench.end()
    }

    @Test("A wrong token or none is refused, and told without it", arguments: [4, 5], ["wrong-one", nil])
    func wrongToken(_ generation: Int, _ token: String?) async throws {
        guard let peer = try await SocketIOPeer.server(generation: generation, "--token", "s3cret"),
            let port = peer.port
        else { return }
        let bench = SocketIOBench()
        try await bench.open(port: port) {
            if let token { $0.query = [(name: "token", value: token)] }
            if let token { $0.auth = Array("{\"token\":\"\(token)\"}".utf8) }
        }
        let sentence =
            generation == 4
            ? "upgrade: the server does not let us in (HTTP 401, \"Not authorized\"): correct the token"
            : "handshake: the server's application refused the connection (code 401, \"Not authorized\"): correct the token"
        try await bench.expect(sentence)
        #expect(bench.log.refusals == [true])
        #expect(!bench.seen.contains { $0.contains("wrong-one") })
        try await bench.end()
    }

    // MARK: Heartbeat and ends

    @Test("Ping 1 s, time limit 1 s: the session stays up", arguments: [4, 5])
    func heartbeat(_ generation: Int) async throws {
        guard
            let peer = try await SocketIOPeer.server(
                generation: generation, "--ping-interval", "1", "--ping-timeout", "1"), let port = peer.port
        else { return }
        let bench = SocketIOBench()
        try await bench.open(port: port)
        try await bench.expect("ready")
        let start = ContinuousClock.now
        // Twice as long as either side would wait for a sign of life.
        try await eventually("five seconds pass", within: .seconds(60)) {
            ContinuousClock.now - start > .seconds(5) || bench.seen.contains { $0.hasPrefix("established") }
        }
        try await bench.emit("echo", .string("still there"), asks: true)
        try await bench.expect("acknowledged 0  [\"still there\"]")
        if generation == 4 { #expect(try await bench.with { $0.roundTrip } != nil) }
        #expect(!bench.seen.contains { $0.hasPrefix("established") || $0.hasPrefix("odd") })
        try await bench.end()
    }

    @Test("A server that hangs is left within its own limits, though its socket stays open", arguments: [4, 5])
    func hangs(_ generation: Int) async throws {
        guard
            let peer = try await SocketIOPeer.server(
                generation: generation, "--ping-interval", "1", "--ping-timeout", "1"), let port = peer.port
        else { return }
        let bench = SocketIOBench()
        try await bench.open(port: port)
        try await bench.expect("ready")
        try await bench.emit("noreturn", asks: true)
        try await bench.expect("acknowledged 0")
        peer.process.signal(SIGSTOP)
        try await bench.emit("echo", asks: true)
        try await bench.expect("established: the server said nothing for ")
        #expect(bench.seen.contains("unacknowledged 1"))
        peer.process.signal(SIGCONT)
        try await bench.end()
    }

    @Test("SIGKILL is noticed at once, and a new attempt reaches the server that was started again", arguments: [4, 5])
    func killed(_ generation: Int) async throws {
        guard let peer = try await SocketIOPeer.server(generation: generation), let port = peer.port else { return }
        let bench = SocketIOBench()
        try await bench.open(port: port)
        try await bench.expect("ready")
        peer.process.signal(SIGKILL)
        try await bench.expect("established: the connection was cut")
        try await bench.open(port: port)
        try await bench.expect("connect: ")
        let again = try await SocketIOPeer.server(generation: generation, port: port)
        #expect(again?.port == port)
        try await bench.open(port: port)
        try await bench.expect("ready", count: 2)
        #expect(bench.log.refusals == [false, false])
        try await bench.end()
    }

    @Test("DISCONNECT by the server is told apart from a loss", arguments: [4, 5])
    func kicked(_ generation: Int) async throws {
        guard let peer = try await SocketIOPeer.server(generation: generation), let port = peer.port else { return }
        let bench = SocketIOBench()
        try await bench.open(port: port)
        try await bench.expect("ready")
        try await bench.emit("kick")
        try await bench.expect("established: the server disconnected us")
        #expect(bench.log.refusals == [false])
        #expect(try await bench.emit("late") == .notConnected)
        try await bench.end()
    }
}
