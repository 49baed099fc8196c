import CallModel
import Codecs
import Foundation
import TestSupport
import Testing

@Suite("Silence, memory and outages")
struct TrackerTimeTests {
    @Test(
        "A silent call is given up after the time of its state",
        arguments: [
            ([Kind.callOffered], 900.0), ([.callDialing], 900), ([.callOffered, .callTreatment], 900),
            ([.callOffered, .callRinging], 900), ([.callOffered, .callQueued], 14_400),
            ([.callOffered, .callAnswered], 43_200), ([.callOffered, .callAnswered, .callHeld], 43_200),
            ([.callOffered, .callAnswered, .callParked], 43_200),
        ])
    func timeouts(_ kinds: [Kind], _ silence: Double) throws {
        var scene = Scene()
        for kind in kinds { scene.apply(plainFact(kind), at: 0) }
        #expect(scene.tracker.nextDeadline == at(silence))
        #expect(scene.advance(to: silence - 0.000001).isEmpty)
        let end = try #require(scene.advance(to: silence).first)
        #expect(end.kind == .callEnded)
        #expect(end.body.outcome?.closure == .timedOut)
        #expect(end.uncertainMilliseconds == Int64(silence * 1000))
        #expect(end.origin == .synthetic)
        #expect(scene.tracker.counters.timedOut == 1)
        #expect(scene.tracker.openCallCount == 0)
        #expect(scene.advance(to: silence + 60).isEmpty)
        #expect(scene.tracker.nextDeadline == nil)
    }

    @Test("Any line of a call starts its silence anew")
    func touched() {
        var scene = Scene()
        scene.apply(plainFact(.callOffered), at: 0)
        scene.apply(plainFact(.callUpdated), at: 800)
        #expect(scene.tracker.nextDeadline == at(1700))
    }

    @Test("There is no second opener, neither while the call lingers nor after it")
    func tombstone() {
        var scene = Scene()
        scene.apply(plainFact(.callOffered), at: 0)
        scene.apply(plainFact(.callEnded), at: 1)
        for seconds in [2.0, 100, 3600, 86_000] {
            scene.advance(to: seconds)
            #expect(scene.apply(plainFact(.callOffered), at: seconds).isEmpty)
            #expect(scene.apply(plainFact(.callDialing), at: seconds).isEmpty)
            #expect(scene.apply(plainFact(.callEnded), at: seconds).isEmpty)
        }
        #expect(scene.apply(plainFact(.callAnswered), at: 86_001).map(\.brief) == ["call.answered agent:1 late"])
        #expect(scene.events.map { $0.call?.seq } == [1, 2, 3])
    }

    @Test("A call whose tombstone is gone, but not the id of its end, lives no second time")
    func forgottenCall() async {
        // In a process of its own: where a known end is asked for again and again, this does not come to an end.
        await #expect(processExitsWith: .success) {
            alarm(10)
            var scene = Scene()
            scene.apply(plainFact(.callOffered), at: 0)
            scene.apply(plainFact(.callEnded), at: 1)
            scene.advance(to: 100)
            let day = 90_000.0
            scene.apply(plainFact(.callAnswered, who: "2"), at: day)
            scene.advance(to: day + 50_000)
            let judge = PromiseJudge.faults(of: scene.events)
            try #require(judge.faults == [] && judge.open == [])
            let record = scene.apply(plainFact(.callRecord), at: day + 50_001)
            try #require(record.map(\.kind) == [.callRecord])
        }
    }

    @Test("When memory is full, ended calls go first, then the longest silent one is closed")
    func eviction() throws {
        var limits = TrackerLimits()
        limits.calls = 2
        var scene = Scene(limits: limits)
        scene.apply(plainFact(.callOffered, "a"), at: 0)
        scene.apply(plainFact(.callOffered, "b"), at: 1)
        scene.apply(plainFact(.callUpdated, "a"), at: 2)
        let events = scene.apply(plainFact(.callOffered, "c"), at: 3)
        #expect(events.map { "\($0.kind.name) \($0.call?.id ?? "")" } == ["call.ended hel:b", "call.offered hel:c"])
        let end = try #require(events.first)
        #expect(end.body.outcome?.closure == .evicted)
        #expect(end.uncertainMilliseconds == 2000)
        scene.apply(plainFact(.callEnded, "a"), at: 4)
        #expect(scene.apply(plainFact(.callOffered, "d"), at: 5).map(\.kind) == [.callOffered])
        #expect(scene.tracker.counters.evicted == 1)
        #expect(scene.apply(plainFact(.callAnswered, "b"), at: 6).map(\.brief) == ["call.answered agent:1 late"])
    }

    @Test("Nothing is evicted for a fact that opens no call")
    func noNeedlessEviction() {
        var limits = TrackerLimits()
        limits.calls = 1
        var scene = Scene(limits: limits)
        scene.apply(plainFact(.callOffered, "a"), at: 0)
        #expect(scene.apply(plainFact(.callMissed, "unknown"), at: 1).map(\.kind) == [.callMissed])
        #expect(scene.tracker.openCallCount == 1)
    }

    @Test("A snapshot ends what it does not show, and says how uncertain that is")
    func reconcile() throws {
        var scene = Scene()
        for call in ["a", "b", "c"] { scene.apply(plainFact(.callOffered, call), at: 0) }
        scene.apply(plainFact(.callAnswered, "c"), at: 1)
        let count = scene.tracker.reconcile(
            source: scene.source, present: ["a"], at: at(30), linkLostAt: at(10), event: "initial_info")
        let events = scene.take()
        #expect(count == 2)
        #expect(events.map(\.brief) == ["call.ended unknown", "call.ended agent:1 answered"])
        #expect(events.allSatisfy { $0.body.outcome?.closure == .reconciled && $0.uncertainMilliseconds == 20_000 })
        #expect(events.allSatisfy { $0.occurredAt == at(30) && $0.origin == .synthetic })
        #expect(scene.tracker.openCallCount == 1)
    }

    @Test("An outage is a gap, and every call that lived through it says so")
    func gaps() throws {
        var scene = Scene()
        scene.tracker.linkUp(source: scene.source, attempt: 1, at: at(0))
        #expect(scene.take().map(\.kind) == [.sourceConnected])
        scene.apply(plainFact(.callOffered, "a"), at: 1)
        scene.tracker.linkDown(source: scene.source, reason: "closed", lastGood: at(5), at: at(8))
        scene.tracker.linkDown(source: scene.source, reason: "closed", lastGood: at(5), at: at(9))
        let down = scene.take()
        #expect(down.map(\.kind) == [.sourceDisconnected])
        #expect(down.first?.occurredAt == at(5))
        scene.tracker.linkUp(source: scene.source, attempt: 2, at: at(20))
        let up = scene.take()
        #expect(up.map(\.kind) == [.sourceConnected, .sourceGap])
        guard case .gap(let gap) = try #require(up.last).body.detail else { throw TestFailure(description: "no gap") }
        #expect((gap.from, gap.to, gap.reason, gap.recentCalls) == (at(5), at(20), .disconnect, 1))
        #expect(gap.id == up.last?.id)
        #expect(scene.apply(plainFact(.callUpdated, "a"), at: 21).first?.call?.gaps == 1)
        #expect(scene.apply(plainFact(.callOffered, "b"), at: 22).first?.call?.gaps == nil)
    }

    @Test("A vendor's ring time of any size is no reason to stop")
    func hugeRingTime() async {
        await #expect(processExitsWith: .success) {
            for milliseconds in [Int64.max, .min, -1, .max - 2000] {
                var scene = Scene(closingProfile())
                scene.apply(plainFact(.callRinging, who: "1"), at: 0)
                scene.apply(plainFact(.callRinging, who: "2"), at: 1)
                var answer = plainFact(.callAnswered, who: "2")
                answer.body.timing = Timing(source: .vendor)
                answer.body.timing?.ringMilliseconds = milliseconds
                try #require(scene.apply(answer, at: 5).count == 2)
            }
        }
    }
}
