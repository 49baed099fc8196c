import BridgeCore
import CallModel
import Codecs
import Foundation
import TestSupport
import Testing

@testable import Adapters

@Suite("Basix: source and simulated PBX", .serialized)
struct BasixSourceTests {
    private static let quiet = BasixSimulator.Play.traffic(callsPerSecond: 0.001, speed: 1, seed: 1)

    private static func channel(_ uuid: String, _ more: String = "") -> String {
        let now = WallClock.now().microseconds
        return
            #"{"msg":"info_event","element":"channel","event":"added","info":{"uuid":"\#(uuid)","direction":"inbound","peer_location":"external","calling_number":"0355550201","called_number":"0355550100","offer_timestamp":\#(now)\#(more)}}"#
    }

    private func upAndDumped(_ seen: SourceRecord) async throws {
        try await eventually("the source is up and has the channels", state: { "\(seen { $0.log })" }) {
            seen { $0.isUp && $0.facts.contains { $0.presentCalls != nil } }
        }
    }

    @Test("It connects with domain, token and query, is up with the first layout, and never sends a frame")
    func connects() async throws {
        let bench = try await BasixBench(Self.quiet)
        let seen = try await bench.start(appName: "bridge 1")
        try await upAndDumped(seen)
        let target = try await bench.onSimulator { $0.targets.first ?? "" }
        #expect(
            target == "/basix/api/ws_cti?app_name=bridge%201&full_events=true&force=true&forced=true")
        try await bench.say(Self.channel("c1"))
        try await eventually("the call is told") { seen { $0.kinds.contains(.callOffered) } }
        let metrics = try await bench.metrics()
        #expect(metrics.up == 1 && metrics.connects == 1 && metrics.received > 10 && metrics.unmapped == 0)
        #expect(seen { $0.notes["scope"] != nil && $0.notes["directory"] != nil })
        #expect(try await bench.onSimulator { $0.commands } == 0)
        try await bench.stop()
    }

    @Test("A connection that is cut comes back with a gap, and the dump reconciles")
    func reconnects() async throws {
        let bench = try await BasixBench(Self.quiet)
        let seen = try await bench.start()
        try await upAndDumped(seen)
        try await bench.say(Self.channel("c1"))
        try await eventually("the call is told") { seen { $0.kinds.contains(.callOffered) } }
        try await bench.onSimulator { $0.drop() }
        try await eventually("it is up again", state: { "\(seen { $0.links })" }) {
            seen { $0.links.count == 3 && $0.facts.count { $0.presentCalls != nil } == 2 }
        }
        #expect(seen { $0.links[1].hasPrefix("down disconnect: established:") })
        // The simulated PBX knows nothing of a channel that was only said.
        #expect(seen { $0.facts.last { $0.presentCalls != nil }?.presentCalls?.contains("c1") } == false)
        let metrics = try await bench.metrics()
        #expect(metrics.disconnects == 1 && metrics.connects == 2 && metrics.up == 1)
        try await bench.stop()
    }

    @Test("A wrong token is refused: said once, not tried again at once, and no link was up")
    func unauthorized() async throws {
        let bench = try await BasixBench(Self.quiet)
        let seen = try await bench.start(token: "wrong")
        try await eventually("it is refused") { seen { $0.log.contains { $0.contains("HTTP 401") } } }
        #expect(seen { $0.log.contains { $0.hasPrefix("warning") && $0.contains("retry_in=6") } })
        #expect(
            seen { $0.links } == [] && seen { $0.log.allSatisfy { !$0.contains("wrong") || !$0.contains("token=") } })
        #expect(try await bench.onSimulator { $0.unauthorized } == 1)
        try await bench.stop()
    }

    @Test("A wrong path is refused in the same way")
    func wrongPath() async throws {
        let bench = try await BasixBench(Self.quiet)
        let seen = try await bench.start(path: "/elsewhere")
        try await eventually("it is refused") { seen { $0.log.contains { $0.contains("HTTP 404") } } }
        try await bench.stop()
    }

    @Test("At the limit a source without force is told so, says it loudly, and waits; its link never was up")
    func limit() async throws {
        let bench = try await BasixBench(Self.quiet) { $0.limit = 1 }
        let first = try await bench.start()
        try await upAndDumped(first)
        let second = try await bench.start(force: false)
        try await eventually("it is told", state: { "\(second { $0.log })" }) {
            second { $0.kinds.contains(.sourceNotice) && $0.log.contains { $0.contains("set force: true") } }
        }
        #expect(second { $0.log.contains { $0.hasPrefix("error basix does not let us stay connected") } })
        #expect(second { $0.log.contains { $0.contains("retry_in=6") } })
        #expect(second { $0.links } == [] && first { $0.isUp })
        #expect(try await bench.onSimulator { $0.limited } == 1)
        try await bench.stop()
    }

    @Test("With force the oldest connection is replaced; that one does not fight back, and its gap says so")
    func replaced() async throws {
        let bench = try await BasixBench(Self.quiet) { $0.limit = 1 }
        let first = try await bench.start()
        try await upAndDumped(first)
        let second = try await bench.start()
        try await upAndDumped(second)
        try await eventually("the first one is replaced") { first { !$0.isUp } }
        #expect(first { $0.links.last?.hasPrefix("down replaced:") == true })
        #expect(
            first { $0.log.contains { $0.contains("took our place") } && $0.log.contains { $0.contains("retry_in=6") } }
        )
        #expect(second { $0.isUp && $0.links == ["up"] })
        #expect(try await bench.onSimulator { $0.replaced } == 1)
        try await bench.stop()
    }

    @Test("Recorded sessions are told as they were: one connection after the other")
    func recordings() async throws {
        let before = try BasixSessionFixture("session-reconnect-before")
        let after = try BasixSessionFixture("session-reconnect-after")
        let bench = try await BasixBench(.recordings([before.frames, after.frames]))
        let seen = try await bench.start()
        try await upAndDumped(seen)
        try await eventually("the first one is told") { seen { $0.kinds.contains(.callQueued) } }
        try await bench.onSimulator { $0.drop() }
        try await eventually("the second one is told") { seen { $0.facts.count { $0.presentCalls != nil } == 2 } }
        #expect(seen { $0.facts.last { $0.presentCalls != nil }?.presentCalls } == [])
        #expect(seen { !$0.kinds.contains(.sourceUnmapped) })
        try await bench.stop()
    }

    @Test("Nine unreadable messages are kept as they came; the tenth in a row ends the connection")
    func unreadable() async throws {
        let junk: [UInt8] = [131, 255]
        let good = try BasixSessionFixture("session-reconnect-before").frames
        let bench = try await BasixBench(
            .recordings([
                good + Array(repeating: junk, count: 9) + good.suffix(1) + Array(repeating: junk, count: 10), good,
            ]))
        let seen = try await bench.start()
        try await eventually("it gives up and comes back", state: { "\(seen { $0.links })" }) {
            seen { $0.links.count == 3 }
        }
        #expect(seen { $0.kinds.count { $0 == .sourceUnmapped } } == 19)
        #expect(seen { $0.links[1].contains("10 messages in a row") })
        #expect(try await bench.metrics().unmapped == 19)
        try await bench.stop()
    }

    @Test("While the store is stuck nothing more than a bound is taken, and all of it comes when it works again")
    func backPressure() async throws {
        let bench = try await BasixBench(Self.quiet)
        let seen = try await bench.start()
        try await upAndDumped(seen)
        try await bench.setStoreStuck(true)
        let total = 30_000
        for start in stride(from: 0, to: total, by: 1000) {
            try await bench.onSimulator { simulator in
                for number in start..<start + 1000 {
                    simulator.say(
                        Self.channel("c\(number)", #","calling_name":"\#(String(repeating: "x", count: 400))""#))
                }
            }
        }
        try await eventually("reading stops") { seen { $0.heldReceipts > 0 } }
        let taken = try await bench.metrics().received
        try await bench.setStoreStuck(false)
        try await eventually("everything is told", state: { "\(seen { $0.kinds.count })" }) {
            seen { $0.kinds.count { $0 == .callOffered } == total || !$0.isUp }
        }
        #expect(taken < total)
        try await bench.stop()
    }

    @Test("A restart with another scope ends nothing that it cannot see")
    func otherScope() async throws {
        let bench = try await BasixBench(Self.quiet)
        var call = CallTracker.RecentCall(
            id: "gone", direction: .inbound, wasAnswered: true, lastOccurred: WallClock.now())
        call.connected = ["agent:1001"]
        call.legs = ["gone", "p"]
        let other = try await bench.start(
            notes: ["scope": Array("something else".utf8)], recentCalls: [call], appName: "a")
        try await upAndDumped(other)
        #expect(other { $0.facts.first { $0.presentCalls != nil }?.presentCalls?.contains("gone") } == true)
        let same = try await bench.start(
            notes: ["scope": other { $0.notes["scope"] ?? [] }], recentCalls: [call], appName: "b")
        try await upAndDumped(same)
        #expect(same { $0.facts.first { $0.presentCalls != nil }?.presentCalls?.contains("gone") } == false)
        try await bench.stop()
    }

    @Test("A scenario as a script is said to whoever connects, at its distances in time")
    func script() async throws {
        let bytes = try Array(
            String(
                contentsOfFile: "\(ReplayScenario.directory)/09-basix-group-call-park.json", encoding: .utf8
            ).utf8)
        let scenario = try JSONDocument(bytes, limits: JSONLimits(bytes: 1 << 20, depth: 64)).root
        let bench = try await BasixBench(.script(scenario, speed: 100))
        let seen = try await bench.start()
        try await eventually("the call has ended", state: { "\(seen { $0.kinds })" }) {
            seen { $0.kinds.contains(.callEnded) }
        }
        let calls = seen { $0.kinds.filter(\.isCall) }
        #expect(
            calls == [
                .callOffered, .callQueued, .callRinging, .callRinging, .callAnswered, .callRingStopped, .callParked,
                .callUnparked, .callEnded,
            ])
        try await bench.stop()
    }
}
