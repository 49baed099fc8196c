import BridgeCore
import CallModel
import Codecs
import NIOCore
import NIOPosix
import TestSupport
import Testing
import Transport
import WireProtocols

@testable import Adapters

/// A simulated Shuttle on a loop of its own.
private final class SimulatedShuttle: Sendable {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let simulator: NIOLoopBound<XCALLYSimulator>
    let port: Int

    init(
        _ play: XCALLYSimulator.Play = .traffic(callsPerSecond: 0.001, speed: 1, seed: 1),
        _ edit: (inout XCALLYSimulator.Settings) -> Void = { _ in }
    ) async throws {
        var settings = XCALLYSimulator.Settings()
        edit(&settings)
        let (loop, made) = (loop, settings)
        (port, simulator) = try await loop.flatSubmit {
            do {
                let simulator = try XCALLYSimulator(made, play, eventLoop: loop)
                let bound = NIOLoopBound(simulator, eventLoop: loop)
                return try simulator.start().map { ($0, bound) }
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.settled()
    }

    func on<Value: Sendable>(_ body: @escaping @Sendable (XCALLYSimulator) -> Value) async throws -> Value {
        let simulator = simulator
        return try await loop.submit { body(simulator.value) }.settled()
    }

    func say(_ event: String, _ members: String) async throws {
        let payload = #"{"event":"\#(event)",\#(members)}"#
        try await on { $0.say(event, payload) }
    }

    func stop() async throws {
        let simulator = simulator
        try await loop.flatSubmit { simulator.value.stop() }.settled()
    }

    func configuration(_ edit: (inout XCALLYConfiguration) -> Void = { _ in }) -> XCALLYConfiguration {
        XCALLYConfiguration(.connect(SocketIOSettings(host: "127.0.0.1", port: port)))
    }
}

@Suite("XCALLY: source and simulated Shuttle", .serialized, .timeLimit(.minutes(4)))
struct XCALLYSourceTests {
    private static let call = #""uniqueid":"1437069264.914","queue":"Sales","agentnum":"1007""#

    private static func up(_ seen: SourceRecord) async throws {
        try await eventually("the source is up", state: { "\(seen { $0.log })" }) { seen { $0.isUp } }
    }

    @Test(
        "Both generations and both styles are heard",
        arguments: [EngineIOVersion.v3, .v4], XCALLYSimulator.Settings.Style.allCases)
    func styles(_ version: EngineIOVersion, _ style: XCALLYSimulator.Settings.Style) async throws {
        let shuttle = try await SimulatedShuttle { ($0.versions, $0.style) = ([version], style) }
        let bench = XCALLYBench()
        let seen = try await bench.start(shuttle.configuration())
        try await Self.up(seen)
        for event in ["ringing", "up", "hangup"] { try await shuttle.say(event, Self.call) }
        try await eventually("the call is told") { seen { $0.kinds.contains(.callEnded) } }
        #expect(seen { $0.kinds } == [.callRinging, .callAnswered, .callAnswered, .callEnded])
        #expect(seen { $0.log.contains { $0.contains("engine_io=\(version.rawValue)") } })
        #expect(try await shuttle.on { $0.accepted } == 1)
        try await bench.stop()
        try await shuttle.stop()
    }

    @Test("Invented calls of both generations are told without a complaint")
    func traffic() async throws {
        let shuttle = try await SimulatedShuttle(.traffic(callsPerSecond: 50, speed: 100, seed: 7))
        let bench = XCALLYBench()
        let seen = try await bench.start(shuttle.configuration())
        try await eventually("many calls are told", state: { "\(seen { $0.log })" }) {
            seen { $0.kinds.count { $0 == .callEnded } >= 50 }
        }
        #expect(seen { !$0.kinds.contains(.sourceUnmapped) })
        let metrics = try await bench.metrics()
        #expect(metrics.received == metrics.events.values.reduce(0, +) && metrics.dropped == [:])
        try await bench.stop()
        try await shuttle.stop()
    }

    // Note, section 5, statement 1.
    @Test("A connection that is cut comes back by itself, one at a time, with a gap and nothing told twice")
    func cut() async throws {
        let shuttle = try await SimulatedShuttle()
        let bench = XCALLYBench()
        let seen = try await bench.start(shuttle.configuration())
        try await Self.up(seen)
        for round in 1...3 {
            try await shuttle.on { $0.drop() }
            try await eventually("it is up again", within: .seconds(60), state: { "\(seen { $0.log })" }) {
                seen { $0.links.count == 2 * round + 1 }
            }
            #expect(try await shuttle.on { $0.clientCount } == 1)
            try await shuttle.say("ringing", Self.call)
            try await eventually("the ring is told once") { seen { $0.kinds.count { $0 == .callRinging } == round } }
        }
        let metrics = try await bench.metrics()
        #expect(metrics.connects == 4 && metrics.disconnects == 3)
        #expect(try await shuttle.on { $0.accepted } == 4)
        try await bench.stop()
        try await shuttle.stop()
    }

    // Note, section 5, statement 2.
    @Test("A Shuttle that puts us out again and again is not stormed, and never counts as useful")
    func putOut() async throws {
        let shuttle = try await SimulatedShuttle { $0.putsOut = true }
        let bench = XCALLYBench()
        let seen = try await bench.start(shuttle.configuration())
        try await eventually("it was put out three times", within: .seconds(60), state: { "\(seen { $0.log })" }) {
            seen { $0.links.count >= 6 }
        }
        // The first failure is told, equal ones are counted.
        #expect(seen { $0.log.count { $0.hasPrefix("warning no connection") } } == 1)
        #expect(seen { $0.log.contains { $0.hasPrefix("debug no connection") && $0.contains("failures=2") } })
        try await bench.stop()
        try await shuttle.stop()
    }

    // Note, section 5, statement 9.
    @Test("Foreign events, echoes of verbs and unknown events are counted apart")
    func foreign() async throws {
        let shuttle = try await SimulatedShuttle()
        let bench = XCALLYBench()
        let seen = try await bench.start(shuttle.configuration())
        try await Self.up(seen)
        try await shuttle.on { simulator in
            simulator.say("agents", #"{"online":1}"#)
            simulator.say("RealtimeCTI", #"{"type":"x","channel":{"event":"up"}}"#)
            simulator.say("cti", #"{"event":"hold","uniqueid":"1"}"#)
            simulator.say("up", #"{"uniqueid":"1","agentnum":"2","holdtime":"soon"}"#)
        }
        try await eventually("the answer is told") { seen { $0.kinds.contains(.callAnswered) } }
        #expect(seen { $0.kinds } == [.sourceUnmapped, .sourceUnmapped, .callAnswered])
        let metrics = try await bench.metrics()
        #expect(metrics.dropped == ["foreign": 1, "echo": 1, "unusable_value": 1])
        #expect(metrics.unmapped == 2 && metrics.received == 4)
        try await bench.stop()
        try await shuttle.stop()
    }

    @Test("While the store is stuck nothing more than a bound is taken, and all of it comes when it works again")
    func backPressure() async throws {
        let shuttle = try await SimulatedShuttle()
        let bench = XCALLYBench()
        let seen = try await bench.start(shuttle.configuration())
        try await Self.up(seen)
        try await bench.setStoreStuck(true)
        let total = 20_000
        let filler = String(repeating: "x", count: 300)
        for start in stride(from: 0, to: total, by: 1000) {
            try await shuttle.on { simulator in
                for number in start..<start + 1000 {
                    simulator.say("ringing", #"{"uniqueid":"\#(number)","agentnum":"1","note":"\#(filler)"}"#)
                }
            }
        }
        try await eventually("reading stops") { seen { $0.heldReceipts > 0 } }
        let taken = try await bench.metrics().received
        try await bench.setStoreStuck(false)
        try await eventually("everything is told", state: { "\(seen { $0.kinds.count })" }) {
            seen { $0.kinds.count == total }
        }
        #expect(taken < total)
        #expect(seen { $0.links } == ["up"])
        try await bench.stop()
        try await shuttle.stop()
    }

    @Test("Others emit over the source's connection, and hear when it comes back")
    func line() async throws {
        let shuttle = try await SimulatedShuttle()
        let bench = XCALLYBench()
        let seen = try await bench.start(shuttle.configuration())
        try await Self.up(seen)
        let line = try #require(seen { $0.lines.first })
        func emit() async throws -> VendorLineEmission {
            try await line.eventLoop.submit {
                line.value.emit("RealtimeCTI", json: Array(#"{"type":"é"}"#.utf8), wantsAcknowledgement: false)
            }.settled()
        }
        #expect(try await emit() == .sent)
        try await eventually("it arrives") { try await shuttle.on { $0.emissions.first?.argument } == #"{"type":"é"}"# }
        try await bench.stopSources()
        #expect(try await emit() == .notConnected)
        try await bench.stop()
        try await shuttle.stop()
    }
}

@Suite("XCALLY: scripts that connect to us", .serialized, .timeLimit(.minutes(4)))
struct XCALLYListenerTests {
    private static func push(_ event: String, _ more: String = "") -> [UInt8] {
        Array(
            #"{"type":"crm","channel":{"event":"\#(event)","uniqueid":"1437069264.914","agentnum":"1007"\#(more),"time":"2015-07-16T17:54:30.000Z"},"reference":"77","url":"http://crm.example/77"}"#
                .utf8)
    }

    /// A script: our own client.
    private final class Script: SocketIOConnectionDelegate {
        private(set) var isReady = false
        private(set) var failure: String?
        private(set) var acknowledgements = 0
        func socketIOConnectionReady(_ connection: SocketIOConnection, opening: SocketIOOpening) { isReady = true }
        func socketIOConnection(
            _ connection: SocketIOConnection, acknowledged number: UInt64, with answer: SocketIOEvent
        ) { acknowledgements += 1 }
        func socketIOConnection(_ connection: SocketIOConnection, received event: SocketIOEvent) {}
        func socketIOConnectionReadComplete(_ connection: SocketIOConnection) {}
        func socketIOConnection(_ connection: SocketIOConnection, failed error: ConnectionError) {
            failure = "\(error)"
        }
    }

    private final class Scripts: Sendable {
        let loop: any EventLoop
        private let held: NIOLoopBoundBox<[(script: Script, connection: SocketIOConnection)]>

        init(_ loop: any EventLoop) {
            self.loop = loop
            held = .makeBoxSendingValue([], eventLoop: loop)
        }

        func connect(_ port: Int, token: String? = nil, _ policy: SocketIOVersionPolicy = .auto) async throws {
            try await loop.submit { [self] in
                var configuration = SocketIOConnectionConfiguration(
                    endpoint: EndpointConfiguration(host: "127.0.0.1", port: port))
                configuration.policy = policy
                if let token { configuration.query = [(name: "token", value: token)] }
                let script = Script()
                held.value.append(
                    (script, SocketIOConnection.connect(configuration, on: loop, delegate: script)))
            }.settled()
        }

        func emit(_ name: String, _ json: [UInt8], asks: Bool = false) async throws {
            try await loop.submit { [self] in
                for entry in held.value {
                    _ = entry.connection.emit(name, [.json(json)], wantsAcknowledgement: asks)
                }
            }.settled()
        }

        var acknowledgements: Int {
            get async throws {
                try await loop.submit { self.held.value.reduce(0) { $0 + $1.script.acknowledgements } }.settled()
            }
        }

        var ready: Int {
            get async throws { try await loop.submit { self.held.value.count { $0.script.isReady } }.settled() }
        }
        var failures: [String] {
            get async throws { try await loop.submit { self.held.value.compactMap(\.script.failure) }.settled() }
        }

        func close() async throws {
            try await loop.flatSubmit { [self] in
                EventLoopFuture.andAllComplete(held.value.map { $0.connection.close() }, on: loop)
            }.settled()
            try await loop.submit { self.held.value = [] }.settled()
        }
    }

    private static func listener(_ token: String? = nil) throws -> (configuration: XCALLYConfiguration, port: Int) {
        let port = Int(try LoopbackPort.free())
        let listener = XCALLYListener(port: port, token: token.map { Secret(Array($0.utf8)) })
        return (XCALLYConfiguration(.listen(listener)), port)
    }

    private static func isListening(_ seen: SourceRecord) async throws {
        try await eventually("it listens", state: { "\(seen { $0.log })" }) {
            seen { $0.log.contains { $0.contains("scripts may connect") } }
        }
    }

    /// A source that listens, and one script that is in.
    private static func oneScript() async throws -> (bench: XCALLYBench, seen: SourceRecord, scripts: Scripts) {
        let (configuration, port) = try listener()
        let bench = XCALLYBench()
        let seen = try await bench.start(configuration)
        try await isListening(seen)
        let scripts = Scripts(bench.loop)
        try await scripts.connect(port)
        try await eventually("it is in") { try await scripts.ready == 1 }
        return (bench, seen, scripts)
    }

    @Test(
        "A push is an event of the Shuttle; the link is up while a script is there",
        arguments: [SocketIOVersionPolicy.eio3, .eio4])
    func pushes(_ policy: SocketIOVersionPolicy) async throws {
        let (configuration, port) = try Self.listener()
        let bench = XCALLYBench()
        let seen = try await bench.start(configuration, raw: .full)
        try await Self.isListening(seen)
        let scripts = Scripts(bench.loop)
        try await scripts.connect(port, policy)
        try await scripts.connect(port, policy)
        try await eventually("both are in") { try await scripts.ready == 2 }
        #expect(seen { $0.links } == ["up"])
        try await scripts.emit("RealtimeCTI", Self.push("up", #","holdtime":"2""#))
        try await eventually("both pushes are told") { seen { $0.kinds.count == 2 } }
        let extra = seen { $0.facts.first?.body.extra.map { "\($0.name)=\($0.value)" } }
        #expect(extra == ["time=2015-07-16T17:54:30.000Z", "type=crm", "reference=77", "url=http://crm.example/77"])
        #expect(seen { $0.facts.first?.body.timing?.queueMilliseconds } == 2000)
        #expect(seen { $0.facts.first?.body.raw?.data.hasPrefix(#"{"event":"up""#) } == true)
        // Passed on as it came, without a push around it.
        try await scripts.emit(
            "hangup", Array(#"{"uniqueid":"1437069264.914","agentnum":"1007","reason":"agent"}"#.utf8))
        try await scripts.emit("AgentCTI", Array(#"{"url":"http://a","peer":"SIP/a","mode":"new_tab"}"#.utf8))
        try await eventually("the end is told") { seen { $0.kinds.contains(.callEnded) } }
        try await scripts.close()
        try await eventually("the link is down") { seen { $0.links.count == 2 } }
        #expect(seen { $0.links[1].contains("the last script is gone") })
        try await bench.stop()
    }

    @Test("Without the token nobody comes in", arguments: [SocketIOVersionPolicy.eio3, .eio4])
    func tokens(_ policy: SocketIOVersionPolicy) async throws {
        let (configuration, port) = try Self.listener("open-sesame")
        let bench = XCALLYBench()
        let seen = try await bench.start(configuration)
        try await Self.isListening(seen)
        let scripts = Scripts(bench.loop)
        try await scripts.connect(port, policy)
        try await scripts.connect(port, token: "swordfish", policy)
        try await eventually("both are refused") { try await scripts.failures.count == 2 }
        #expect(try await bench.metrics().refusals == ["unauthorized": 2] && seen { $0.links } == [])
        try await scripts.connect(port, token: "open-sesame", policy)
        try await eventually("the third is in") { try await scripts.ready == 1 }
        try await scripts.close()
        try await bench.stop()
    }

    @Test("An address that is taken is tried again until it is free")
    func addressInUse() async throws {
        let (configuration, port) = try Self.listener()
        let first = XCALLYBench()
        let holder = try await first.start(configuration)
        try await Self.isListening(holder)
        let second = XCALLYBench()
        let seen = try await second.start(configuration)
        try await eventually("it is refused") { seen { $0.log.contains { $0.contains("cannot listen") } } }
        try await first.stop()
        try await eventually("it listens", within: .seconds(60), state: { "\(seen { $0.log })" }) {
            seen { $0.log.contains { $0.contains("scripts may connect") } }
        }
        let scripts = Scripts(second.loop)
        try await scripts.connect(port)
        try await eventually("a script is in") { try await scripts.ready == 1 }
        try await scripts.close()
        try await second.stop()
    }

    @Test("A push that asks for it is acknowledged once it is on the disk, and no sooner")
    func acknowledgement() async throws {
        let (bench, seen, scripts) = try await Self.oneScript()
        try await bench.setStoreStuck(true)
        try await scripts.emit("RealtimeCTI", Self.push("ringing"), asks: true)
        // Verbs make no line, and so wait for none; this one comes behind the push, in a burst of its own.
        try await eventually("the push waits for the store") { seen { $0.heldReceipts == 1 } }
        try await scripts.emit(
            "AgentCTI", Array(#"{"url":"http://a","peer":"SIP/a","mode":"new_tab"}"#.utf8), asks: true)
        try await eventually("the verb is answered") { try await scripts.acknowledgements == 1 }
        try await bench.setStoreStuck(false)
        try await eventually("the push is answered") { try await scripts.acknowledgements == 2 }
        try await scripts.close()
        try await bench.stop()
    }

    @Test("What is pushed while the store has no room is lost, and a gap says so")
    func overflow() async throws {
        let (bench, seen, scripts) = try await Self.oneScript()
        try await bench.setStoreStuck(true)
        for _ in 0..<60 {
            try await bench.loop.submit {}.settled()
            for _ in 0..<100 { try await scripts.emit("RealtimeCTI", Self.push("ringing")) }
        }
        try await eventually("the gap is told", state: { "\(seen { $0.links })" }) {
            seen { $0.links.contains { $0.hasPrefix("down overflow") } }
        }
        try await eventually("what comes then is dropped") { (try await bench.metrics().dropped["overflow"] ?? 0) > 0 }
        try await bench.setStoreStuck(false)
        try await eventually("the link is up again") { seen { $0.links.count == 3 } }
        try await scripts.close()
        try await bench.stop()
    }
}
