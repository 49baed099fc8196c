import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing
import Transport
import WireProtocols

@testable import Sinks

/// A line of a test, and who uses it. Confined to its loop.
private final class ScriptedLine: VendorLine {
    var users = VendorLineUsers()
    var isUp = false
    var isFull = false
    var sent: [String] = []
    var asked = 0

    func emit(_ name: String, json: [UInt8], wantsAcknowledgement: Bool) -> VendorLineEmission {
        guard isUp else { return .notConnected }
        if isFull { return .refused(reason: "test") }
        sent.append("\(name) \(String(decoding: json, as: UTF8.self))")
        guard wantsAcknowledgement else { return .sent }
        asked += 1
        return .awaits(acknowledgement: UInt64(asked))
    }

    func add(_ user: any VendorLineUser) { users.add(user) }
}

/// Batches as the pump delivers them.
private func batch(_ events: [CallEvent]) -> DeliveryBatch {
    var writer = ByteWriter()
    var ends: [Int] = []
    for event in events {
        LineWriter.write(event, to: &writer)
        ends.append(writer.count)
    }
    return DeliveryBatch(
        bytes: writer.bytes, ends: ends, seqs: (1...max(1, Int64(events.count))).map { $0 },
        throughSeq: Int64(events.count))
}

private func now(_ kind: Kind, ago: Duration = .zero, _ edit: (inout CallEvent) -> Void = { _ in }) -> CallEvent {
    shuttleEvent(kind) {
        $0.receivedAt = WallClock.now().advanced(by: .zero - ago)
        edit(&$0)
    }
}

private let stream = UUID128(high: 3, low: 4)

@Suite("XCALLY: sink", .timeLimit(.minutes(4)))
struct XCALLYSinkTests {
    /// A sink on a line of the source `rome`.
    private final class Bench: Sendable {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let lines = VendorLines()
        let line: NIOLoopBound<ScriptedLine>
        let sink: XCALLYSink

        init(_ limits: XCALLYEmitter.Limits = XCALLYEmitter.Limits(), rules: XCALLYRules? = nil) async throws {
            let loop = loop
            let lines = lines
            line = try await loop.submit {
                let line = ScriptedLine()
                lines.offer(line, of: "rome", on: loop)
                return NIOLoopBound(line, eventLoop: loop)
            }.settled()
            var usual = XCALLYRules(appName: "cti-bridge")
            usual.push.kinds = Set(XCALLYRules.kinds)
            sink = XCALLYSink(
                SinkContext(name: "shuttle", tenant: "acme", logger: Logger(label: "test"), lines: lines),
                route: .via(source: "rome"), rules: rules ?? usual, limits: limits)
        }

        func onLine<Value: Sendable>(_ body: @escaping @Sendable (ScriptedLine) -> Value) async throws -> Value {
            try await loop.submit { body(self.line.value) }.settled()
        }

        func setUp(_ isUp: Bool) async throws {
            try await onLine { line in
                line.isUp = isUp
                if isUp { line.users.tellReady() }
            }
        }

        var sent: [String] {
            get async throws { try await onLine { $0.sent.map { String($0.prefix { $0 != " " }) } } }
        }
    }

    @Test("Messages go out at once, in order, while the line is up; the cursor never waits")
    func sends() async throws {
        let bench = try await Bench()
        try await bench.setUp(true)
        #expect(try await bench.sink.open(cursor: 5, stream: stream) == 5)
        let events = [now(.callRinging), now(.callLeft), now(.callAnswered), now(.callEnded)]
        #expect(await bench.sink.deliver(batch(events)) == .delivered)
        let sent = try await bench.onLine { $0.sent }
        #expect(sent.map { $0.contains(#""event":"ringing""#) } == [true, false, false])
        #expect(sent.last?.contains(#""event":"hangup""#) == true)
        #expect(bench.sink.figures.sent.current == ["RealtimeCTI": 3])
        await bench.sink.close()
    }

    @Test("While the line is down few and young messages are kept, and sent when it is back")
    func waits() async throws {
        var limits = XCALLYEmitter.Limits()
        limits.messages = 3
        let bench = try await Bench(limits)
        _ = try await bench.sink.open(cursor: 0, stream: stream)
        for _ in 0..<5 { #expect(await bench.sink.deliver(batch([now(.callAnswered)])) == .delivered) }
        #expect(await bench.sink.deliver(batch([now(.callRinging, ago: .seconds(61))])) == .delivered)
        #expect(try await bench.sent == [])
        let figures = bench.sink.figures
        #expect((figures.overflowed.current, figures.stale.current, figures.waiting.current) == (2, 1, 3))
        try await bench.setUp(true)
        #expect(try await bench.sent == ["RealtimeCTI", "RealtimeCTI", "RealtimeCTI"])
        #expect(figures.waiting.current == 0)
        await bench.sink.close()
    }

    @Test("Acknowledgements are counted, those that do not come as well, and those of others not at all")
    func acknowledgements() async throws {
        var limits = XCALLYEmitter.Limits()
        limits.wantsAcknowledgement = true
        let bench = try await Bench(limits)
        try await bench.setUp(true)
        _ = try await bench.sink.open(cursor: 0, stream: stream)
        _ = await bench.sink.deliver(batch([now(.callRinging), now(.callAnswered)]))
        try await bench.onLine { line in
            line.users.tell(acknowledged: 1, inTime: true)
            line.users.tell(acknowledged: 1, inTime: true)
            line.users.tell(acknowledged: 2, inTime: false)
            line.users.tell(acknowledged: 77, inTime: true)
        }
        let figures = bench.sink.figures
        #expect((figures.acknowledged.current, figures.unacknowledged.current) == (1, 1))
        await bench.sink.close()
    }

    @Test("What cannot be sent as it is does not hold up the rest")
    func refused() async throws {
        let bench = try await Bench()
        try await bench.setUp(true)
        try await bench.onLine { $0.isFull = true }
        _ = try await bench.sink.open(cursor: 0, stream: stream)
        #expect(await bench.sink.deliver(batch([now(.callRinging)])) == .delivered)
        try await bench.onLine { $0.isFull = false }
        #expect(await bench.sink.deliver(batch([now(.callRinging)])) == .delivered)
        #expect(try await bench.sent.count == 1 && bench.sink.figures.refused.current == 1)
        await bench.sink.close()
    }

    @Test("Lines that are none are counted and passed over")
    func unreadable() async throws {
        let bench = try await Bench()
        try await bench.setUp(true)
        _ = try await bench.sink.open(cursor: 0, stream: stream)
        let line = Array("no line\n".utf8)
        let broken = DeliveryBatch(bytes: line, ends: [line.count], seqs: [1], throughSeq: 1)
        #expect(await bench.sink.deliver(broken) == .delivered)
        #expect(bench.sink.figures.unreadable.current == 1)
        await bench.sink.close()
    }

    @Test("A source that has not started yet is waited for")
    func missing() async throws {
        let sink = XCALLYSink(
            SinkContext(name: "shuttle", tenant: "acme", logger: Logger(label: "test")), route: .via(source: "rome"),
            rules: XCALLYRules(appName: "x"), limits: XCALLYEmitter.Limits())
        await #expect(throws: XCALLYSinkError.self) { try await sink.open(cursor: 0, stream: stream) }
    }

    @Test(
        "On a connection of its own it reaches a Shuttle of either generation, and again after that was killed",
        arguments: ShuttleServer.Generation.allCases)
    func ownConnection(_ generation: ShuttleServer.Generation) async throws {
        var options = ShuttleServer.Options()
        options.token = "open sesame"
        guard let server = try await ShuttleServer(generation, options) else { return }
        let settings = SocketIOSettings(
            host: "127.0.0.1", port: server.port, token: Secret(Array("open sesame".utf8)))
        var limits = XCALLYEmitter.Limits()
        limits.wantsAcknowledgement = true
        var rules = XCALLYRules(appName: "cti-bridge")
        rules.screenPop = XCALLYRules.ScreenPop(url: try XCALLYTemplate("https://crm.example/{callId}", asURL: true))
        let sink = XCALLYSink(
            SinkContext(name: "shuttle", tenant: "acme", logger: Logger(label: "test")),
            route: .own(settings, proxy: nil), rules: rules, limits: limits)
        _ = try await sink.open(cursor: 0, stream: stream)
        // Kept until the connection is there.
        #expect(await sink.deliver(batch([now(.callAnswered)])) == .delivered)
        try await eventually("both arrive", state: { server.state }) {
            server.received("RealtimeCTI").count == 1 && server.received("AgentCTI").count == 1
        }
        let push = try #require(server.received("RealtimeCTI").first)
        #expect(push["type"]?.string == "cti-bridge" && push["channel"]?["event"]?.string == "up")
        #expect(push["channel"]?["time"]?.string == "2015-07-16T17:54:30.000Z" && push["reference"] == nil)
        let pop = try #require(server.received("AgentCTI").first)
        #expect(pop["url"]?.string == "https://crm.example/rome%3A1437069264.914" && pop["mode"]?.string == "new_tab")
        try await eventually("both are acknowledged") { sink.figures.acknowledged.current == 2 }

        try await server.kill()
        #expect(await sink.deliver(batch([now(.callAnswered)])) == .delivered)
        try await server.restart()
        #expect(await sink.deliver(batch([now(.callAnswered)])) == .delivered)
        try await eventually("it is back", within: .seconds(60), state: { server.state }) {
            server.received("RealtimeCTI").count >= 2
        }
        await sink.close()
        try await eventually("it has left", state: { server.state }) {
            server.said { $0["disconnected"] != nil }.count >= 1
        }
    }
}
