import BridgeCore
import CallModel
import Codecs
import TestSupport
import Testing

@testable import Adapters

/// The source against python-socketio, an implementation of its own, in both generations.
@Suite("XCALLY: source and python-socketio", .serialized, .timeLimit(.minutes(4)))
struct XCALLYPeerTests {
    private static func configuration(
        _ server: ShuttleServer, version: SocketIOSettings.Version = .auto, token: String? = nil,
        namespace: String = "/"
    ) -> XCALLYConfiguration {
        XCALLYConfiguration(
            .connect(
                SocketIOSettings(
                    host: "127.0.0.1", port: server.port, version: version, namespace: namespace,
                    query: [.init("tenant", Secret(Array("acme".utf8)))],
                    token: token.map { Secret(Array($0.utf8)) })))
    }

    private static func payload(_ event: String, _ more: String = "") -> String {
        let now = WallClock.now().microseconds / 1_000_000
        return
            #"{"event":"\#(event)","queue":"CC-SIPP","agentname":"Zoë","agentnum":"1007","peer":"SIP/zoe","direction":"inbound","uniqueid":"\#(now).914","extension":"9999","callernum":"998"\#(more)}"#
    }

    private static func up(_ seen: SourceRecord, _ server: ShuttleServer) async throws {
        try await eventually("the source is up", state: { "\(seen { $0.log }) \(server.state)" }) { seen { $0.isUp } }
    }

    @Test("It joins, tells calls of both styles, and is one client", arguments: ShuttleServer.Generation.allCases)
    func tells(_ generation: ShuttleServer.Generation) async throws {
        guard let server = try await ShuttleServer(generation) else { return }
        let bench = XCALLYBench()
        let seen = try await bench.start(Self.configuration(server))
        try await Self.up(seen, server)
        try server.emit("ringing", Self.payload("ringing"))
        try server.emit("cti", Self.payload("up"), #""AAAAZ0""#)
        try server.emit("hangup", Self.payload("hangup", #","talktime":"2","reason":"agent""#))
        try await eventually("the call is told", state: { "\(seen { $0.kinds })" }) {
            seen { $0.kinds.contains(.callEnded) }
        }
        #expect(seen { $0.kinds } == [.callRinging, .callAnswered, .callAnswered, .callEnded])
        #expect(seen { $0.facts.first?.body.agent?.name } == "Zoë")
        let metrics = try await bench.metrics()
        #expect(metrics.events == ["ringing": 1, "up": 1, "hangup": 1])
        #expect(metrics.up == 1 && metrics.connects == 1 && metrics.received == 3)
        #expect(server.clientCount == 1)
        let query = server.said { $0["connected"] != nil }.first?["query"]?.string ?? ""
        #expect(query.contains("tenant=acme"))
        try await bench.stop()
        try await eventually("it has left", state: { server.state }) { server.clientCount == 0 }
    }

    @Test(
        "The version that is asked for is spoken, or the refusal names it",
        arguments: ShuttleServer.Generation.allCases, [SocketIOSettings.Version.eio3, .eio4])
    func versions(_ generation: ShuttleServer.Generation, _ version: SocketIOSettings.Version) async throws {
        guard let server = try await ShuttleServer(generation) else { return }
        let bench = XCALLYBench()
        let seen = try await bench.start(Self.configuration(server, version: version))
        if (generation == .old) == (version == .eio3) {
            try await Self.up(seen, server)
        } else {
            try await eventually("it is refused", state: { "\(seen { $0.log })" }) {
                seen { $0.log.contains { $0.hasPrefix("warning no connection") && $0.contains("protocol") } }
            }
            #expect(seen { $0.links } == [])
            #expect(try await bench.metrics().refusals == ["wrong_version": 1])
        }
        try await bench.stop()
    }

    @Test(
        "A token lets in, a wrong one is refused and not tried again at once",
        arguments: ShuttleServer.Generation.allCases)
    func tokens(_ generation: ShuttleServer.Generation) async throws {
        var options = ShuttleServer.Options()
        options.token = "open sesame"
        guard let server = try await ShuttleServer(generation, options) else { return }
        let bench = XCALLYBench()
        let wrong = try await bench.start(Self.configuration(server, token: "swordfish"))
        try await eventually("it is refused", state: { "\(wrong { $0.log })" }) {
            wrong { $0.log.contains { $0.hasPrefix("warning no connection") && $0.contains("retry_in=3") } }
        }
        #expect(wrong { $0.links } == [] && wrong { $0.log.allSatisfy { !$0.contains("swordfish") } })
        #expect(try await bench.metrics().refusals.values.reduce(0, +) == 1)
        let right = try await bench.start(Self.configuration(server, token: "open sesame"))
        try await Self.up(right, server)
        try await bench.stop()
    }

    @Test("A namespace of its own is joined", arguments: ShuttleServer.Generation.allCases)
    func namespaces(_ generation: ShuttleServer.Generation) async throws {
        var options = ShuttleServer.Options()
        options.namespace = "/cti"
        guard let server = try await ShuttleServer(generation, options) else { return }
        let bench = XCALLYBench()
        let seen = try await bench.start(Self.configuration(server, namespace: "/cti"))
        try await Self.up(seen, server)
        try server.emit("up", Self.payload("up"))
        try await eventually("the call is told") { seen { $0.kinds.contains(.callAnswered) } }
        try await bench.stop()
    }

    // Note, section 5, statement 6.
    @Test(
        "Killed in the middle of a call, the server is found again, and the gap says so",
        arguments: ShuttleServer.Generation.allCases)
    func killed(_ generation: ShuttleServer.Generation) async throws {
        var options = ShuttleServer.Options()
        (options.pingInterval, options.pingTimeout) = (1, 1)
        guard let server = try await ShuttleServer(generation, options) else { return }
        let bench = XCALLYBench()
        let seen = try await bench.start(Self.configuration(server))
        try await Self.up(seen, server)
        try server.emit("ringing", Self.payload("ringing"))
        try await eventually("the ring is told") { seen { $0.kinds.contains(.callRinging) } }
        try await server.kill()
        try await eventually("it is down") { seen { !$0.isUp } }
        try await server.restart()
        try await eventually("it is up again", within: .seconds(60), state: { "\(seen { $0.log })" }) {
            seen { $0.isUp }
        }
        try server.emit("hangup", Self.payload("hangup", #","talktime":"2","reason":"agent""#))
        try await eventually("the end is told") { seen { $0.kinds.contains(.callEnded) } }
        #expect(seen { $0.links.count } == 3 && seen { $0.links[1].hasPrefix("down disconnect: established:") })
        let metrics = try await bench.metrics()
        #expect(metrics.disconnects == 1 && metrics.up == 1)
        try await bench.stop()
    }

    @Test("With a heartbeat of a second it stays for many of them", arguments: ShuttleServer.Generation.allCases)
    func heartbeat(_ generation: ShuttleServer.Generation) async throws {
        var options = ShuttleServer.Options()
        (options.pingInterval, options.pingTimeout) = (1, 1)
        guard let server = try await ShuttleServer(generation, options) else { return }
        let bench = XCALLYBench()
        let seen = try await bench.start(Self.configuration(server))
        try await Self.up(seen, server)
        // The claim is about time: more than twice what the server would wait for.
        try await Task.sleep(for: .seconds(5))
        #expect(seen { $0.links } == ["up"], "\(server.state)")
        try await bench.stop()
    }

    @Test(
        "A server that ends the namespace is asked again, and that is counted apart",
        arguments: ShuttleServer.Generation.allCases)
    func disconnected(_ generation: ShuttleServer.Generation) async throws {
        guard let server = try await ShuttleServer(generation) else { return }
        let bench = XCALLYBench()
        let seen = try await bench.start(Self.configuration(server))
        try await Self.up(seen, server)
        try server.disconnectClients()
        try await eventually("it is up again", within: .seconds(60), state: { "\(seen { $0.log })" }) {
            seen { $0.links.count == 3 }
        }
        #expect(seen { $0.links[1].contains("the server disconnected us") })
        #expect(try await bench.metrics().refusals == ["disconnected": 1])
        #expect(server.clientCount == 1)
        try await bench.stop()
    }
}
