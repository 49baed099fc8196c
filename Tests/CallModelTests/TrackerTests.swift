import CallModel
import Codecs
import TestSupport
import Testing

@Suite("Life of a call")
struct TrackerTests {
    // MARK: Rings

    @Test("A ring that is told again within two seconds is a repeat; later it is a new ring, and the old one is closed")
    func ringsAgain() throws {
        var scene = Scene(closingProfile())
        scene.apply(plainFact(.callRinging), at: 0)
        #expect(scene.apply(plainFact(.callRinging), at: 1.999).isEmpty)
        let again = scene.apply(plainFact(.callRinging), at: 2)
        #expect(again.map(\.brief) == ["call.ring_stopped agent:1 no_answer", "call.ringing agent:1"])
        let stop = try #require(again.first)
        #expect(stop.origin == .synthetic)
        #expect(stop.uncertainMilliseconds == 2000)
        #expect(stop.body.timing?.ringMilliseconds == 2000)
        #expect(again.last?.call?.alerting == 1)
        #expect(PromiseJudge.faults(of: scene.events).faults == [])
    }

    @Test("A source without a retry time never rings the same phone twice at once")
    func ringsOnce() {
        var scene = Scene()
        scene.apply(plainFact(.callRinging), at: 0)
        #expect(scene.apply(plainFact(.callRinging), at: 60).isEmpty)
        #expect(scene.tracker.counters.repeatedStates == 1)
    }

    @Test("An answer closes the other rings: answered elsewhere in this attempt, not answered before it")
    func closesOtherRings() {
        var scene = Scene(closingProfile())
        scene.apply(plainFact(.callRinging, who: "1"), at: 0)
        scene.apply(plainFact(.callRinging, who: "2"), at: 20)
        scene.apply(plainFact(.callRinging, who: "3"), at: 21)
        let events = scene.apply(plainFact(.callAnswered, who: "2"), at: 25)
        #expect(
            events.map(\.brief) == [
                "call.answered agent:2", "call.ring_stopped agent:1 no_answer",
                "call.ring_stopped agent:3 answered_elsewhere",
            ])
        #expect(events.map(\.origin) == [.live, .synthetic, .synthetic])
        #expect(events.last?.call?.alerting == 0)
        #expect(events.allSatisfy { $0.call?.state == .talking })
    }

    @Test("Where the vendor reports stops itself, an answer closes only its own ring")
    func leavesOtherRings() {
        var scene = Scene()
        scene.apply(plainFact(.callRinging, who: "1"), at: 0)
        scene.apply(plainFact(.callRinging, who: "2"), at: 0)
        #expect(scene.apply(plainFact(.callAnswered, who: "2"), at: 3).map(\.brief) == ["call.answered agent:2"])
        let stop = scene.apply(plainFact(.callRingStopped, who: "1"), at: 3)
        #expect(stop.map(\.brief) == ["call.ring_stopped agent:1 answered_elsewhere"])
    }

    // MARK: Order

    @Test("A fact older than a written line is late and takes nothing back")
    func late() {
        var scene = Scene()
        scene.apply(plainFact(.callOffered), at: 0)
        scene.apply(plainFact(.callAnswered, who: "1"), at: 5)
        let ring = scene.apply(fact(.callRinging) { ($0.body.agent, $0.occurredAt) = (Agent(id: "2"), at(3)) }, at: 6)
        #expect(ring.map(\.brief) == ["call.ringing agent:2 late"])
        #expect(ring.first?.call?.state == .talking)
        let next = scene.apply(fact(.callUpdated) { $0.occurredAt = at(5) }, at: 7)
        #expect(next.map(\.brief) == ["call.updated"])
        #expect(scene.tracker.counters.late == 1)
    }

    @Test("After the end new facts are late, repeats are dropped, and records are as they are")
    func afterTheEnd() {
        var scene = Scene()
        scene.apply(plainFact(.callAnswered), at: 0)
        scene.apply(plainFact(.callEnded), at: 9)
        #expect(scene.apply(plainFact(.callAnswered), at: 10).isEmpty)
        #expect(scene.apply(plainFact(.callAnswered, who: "2"), at: 11).map(\.brief) == ["call.answered agent:2 late"])
        #expect(scene.apply(plainFact(.callAnswered, who: "2"), at: 12).isEmpty)
        #expect(scene.apply(plainFact(.callRecord), at: 13).map(\.brief) == ["call.record answered"])
        #expect(scene.apply(plainFact(.callRecord), at: 14).isEmpty)
        #expect(scene.apply(plainFact(.callMissed), at: 15).map(\.brief) == ["call.missed agent:1"])
        #expect(scene.events.map { $0.call?.seq } == [1, 2, 3, 4, 5, 6])
    }

    @Test(
        "Every late line fits the schema, while the call lingers and after it",
        arguments: Kind.allCases.filter(\.isCall))
    func lateLinesAreValid(_ kind: Kind) throws {
        let validator = try SchemaValidator.callEvent()
        for wait in [1.0, 600] {
            var scene = Scene()
            scene.apply(plainFact(.callOffered), at: 0)
            scene.apply(plainFact(.callEnded), at: 1)
            scene.advance(to: 1 + wait)
            for event in scene.apply(plainFact(kind), at: 1 + wait) {
                #expect(validator.faults(of: event.line) == [], "\(event.line)")
            }
        }
    }

    // MARK: Records and abandons

    @Test("A record closes a call that is still open")
    func recordCloses() {
        var scene = Scene()
        scene.apply(plainFact(.callAnswered), at: 0)
        let events = scene.apply(plainFact(.callRecord), at: 60)
        #expect(events.map(\.kind) == [.callEnded, .callRecord])
        #expect(events.first?.body.outcome?.closure == .vendor)
        #expect(events.first?.body.timing?.talkMilliseconds == 60_000)
    }

    @Test("A record of an unknown call tells its whole life")
    func recordAlone() {
        var scene = Scene()
        let record = fact(.callRecord) {
            ($0.identity, $0.occurredAt) = (.parts(["record", "c1"]), at(-5))
            ($0.body.detail, $0.body.outcome) = (.record(Record(id: "c1")), Outcome(disposition: .noAnswer))
            ($0.direction, $0.opener) = (.outbound, CallFact.Opener(kind: .callDialing, occurredAt: at(-65)))
        }
        let events = scene.apply(record, at: 0)
        #expect(events.map(\.brief) == ["call.dialing", "call.ended no_answer", "call.record no_answer"])
        #expect(events.first?.occurredAt == at(-65))
        #expect(events.first?.timeSource == .derived)
        #expect(events.first?.origin == .synthetic)
        #expect(events[1].body.timing?.totalMilliseconds == 60_000)
        #expect(events.allSatisfy { $0.call?.direction == .outbound })
    }

    @Test("An abandon is followed by its end; of an answered call there is only the end")
    func abandons() {
        var scene = Scene()
        scene.apply(plainFact(.callQueued), at: 0)
        let events = scene.apply(fact(.callAbandoned), at: 30)
        #expect(events.map(\.brief) == ["call.abandoned abandoned", "call.ended abandoned"])
        #expect(events.allSatisfy { $0.body.timing?.queueMilliseconds == 30_000 && $0.body.queue?.id == "q1" })
        scene.apply(plainFact(.callAnswered, "c2"), at: 40)
        #expect(scene.apply(fact(.callAbandoned, "c2"), at: 50).map(\.brief) == ["call.ended agent:1 answered"])
    }

    // MARK: Transfers

    @Test("Transfers are numbered, and one that is open when the next begins is cancelled")
    func transfers() {
        var scene = Scene()
        scene.apply(plainFact(.callAnswered), at: 0)
        func numbers(_ events: [CallEvent]) -> [String] {
            events.map { event in
                guard case .transfer(let transfer) = event.body.detail else { return event.kind.name }
                return "\(event.kind.name.dropFirst(14)) \(transfer.number) \(event.origin.rawValue)"
            }
        }
        #expect(numbers(scene.apply(plainFact(.callTransferStarted), at: 1)) == ["started 1 live"])
        #expect(
            numbers(scene.apply(plainFact(.callTransferStarted), at: 2)) == ["cancelled 1 synthetic", "started 2 live"])
        #expect(numbers(scene.apply(plainFact(.callTransferConnected), at: 3)) == ["connected 2 live"])
        #expect(numbers(scene.apply(plainFact(.callTransferCancelled), at: 4)) == ["cancelled 3 live"])
        #expect(scene.apply(plainFact(.callLeft, who: "1"), at: 5).isEmpty, "the transferring agent is out")
    }

    @Test("A call that everybody left waits for somebody else, and then ends with the time of leaving")
    func transferGrace() throws {
        var scene = Scene(closingProfile())
        scene.apply(plainFact(.callAnswered), at: 0)
        scene.apply(plainFact(.callLeft), at: 10)
        #expect(scene.tracker.nextDeadline == at(15))
        #expect(scene.advance(to: 14.999).isEmpty)
        let end = try #require(scene.advance(to: 15).first)
        #expect(end.brief == "call.ended agent:1 answered")
        #expect((end.occurredAt, end.timeSource, end.origin) == (at(10), .derived, .synthetic))
        #expect(end.body.timing?.talkMilliseconds == 10_000)

        scene.apply(plainFact(.callAnswered, "c2"), at: 20)
        scene.apply(plainFact(.callLeft, "c2"), at: 30)
        scene.apply(plainFact(.callRinging, "c2", who: "2"), at: 34)
        #expect(scene.advance(to: 40).isEmpty)
    }

    @Test("Calls whose waiting ends together end in the order of their last lines, before and after a restart")
    func graceOrder() throws {
        var whole = Scene(closingProfile())
        for call in ["c1", "c2"] {
            whole.apply(plainFact(.callAnswered, call), at: 0)
            whole.apply(plainFact(.callLeft, call), at: 1)
        }
        whole.apply(plainFact(.callUpdated, "c1"), at: 2)
        var again = Scene(closingProfile())
        for event in whole.events { again.tracker.restore(event) }
        var kept = Scene(closingProfile())
        let found = kept.tracker.restoreCheckpoint(whole.tracker.checkpoint())
        let pointers = try #require(found)
        for pointer in pointers {
            let id = whole.events.first { $0.seq == pointer.lastSeq }?.call?.id
            kept.tracker.restoreCall(whole.events.filter { $0.call?.id == id }, pointer)
        }
        let expected = whole.advance(to: 60).map(\.line)
        #expect(expected.count == 2)
        #expect(again.advance(to: 60).map(\.line) == expected)
        #expect(kept.advance(to: 60).map(\.line) == expected)
    }

    // MARK: Sparse

    @Test("A sparse source gets no synthetic lines")
    func sparse() {
        var profile = closingProfile()
        profile.lifecycle = .sparse
        var scene = Scene(profile)
        #expect(scene.apply(plainFact(.callRinging, who: "1"), at: 0).map(\.brief) == ["call.ringing agent:1"])
        scene.apply(plainFact(.callRinging, who: "2"), at: 0)
        #expect(scene.apply(plainFact(.callAnswered, who: "2"), at: 5).map(\.brief) == ["call.answered agent:2"])
        #expect(scene.apply(plainFact(.callRinging, who: "1"), at: 20).isEmpty)
        #expect(scene.apply(plainFact(.callEnded), at: 30).map(\.kind) == [.callEnded])
    }

    // MARK: States

    @Test("An unchanged state is not told again, and each change has a number of its own")
    func states() {
        func status(_ state: AgentStatus.State) -> CallFact {
            fact(.agentStatus, nil) {
                ($0.identity, $0.body.agent, $0.body.detail) = (.state, Agent(id: "7"), .status(AgentStatus(state)))
            }
        }
        var scene = Scene()
        scene.apply(status(.ready), at: 0)
        #expect(scene.apply(status(.ready), at: 1).isEmpty)
        scene.apply(status(.talking), at: 2)
        scene.apply(status(.ready), at: 3)
        #expect(scene.events.count == 3)
        #expect(Set(scene.events.map(\.id)).count == 3)
        #expect(scene.tracker.counters.repeatedStates == 1)
    }
}
