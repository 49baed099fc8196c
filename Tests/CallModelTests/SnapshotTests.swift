import CallModel
import Codecs
import TestSupport
import Testing

@Suite("State dumps")
struct SnapshotTests {
    private static func profile() -> SourceProfile {
        var profile = SourceProfile(vendor: "basix", name: "tokyo", tenant: "acme")
        profile.recoverable = .snapshot
        profile.presenceIsState = true
        profile.keepsLegs = true
        return profile
    }

    /// The state dump of calls that shows `calls`.
    private static func snapshot(_ calls: Set<String>) -> CallFact {
        var fact = CallFact(.sourceSnapshot, event: "initial_info/channel")
        fact.identity = .stream
        fact.origin = .synthetic
        fact.presentCalls = calls
        fact.body.detail = .snapshot(Snapshot(entity: "channel", items: Int64(calls.count)))
        return fact
    }

    private static func vanished(_ event: CallEvent?) -> Int64? {
        guard case .snapshot(let snapshot) = event?.body.detail else { return nil }
        return snapshot.vanished
    }

    @Test("A dump ends what it does not show before its own line, which counts them")
    func reconciles() throws {
        var scene = Scene(Self.profile())
        scene.tracker.linkUp(source: scene.source, attempt: 1, at: at(0))
        for call in ["a", "b", "c"] { scene.apply(plainFact(.callOffered, call), at: 1) }
        scene.tracker.linkDown(source: scene.source, reason: "closed", lastGood: at(5), at: at(5))
        scene.tracker.linkUp(source: scene.source, attempt: 2, at: at(20))
        _ = scene.take()
        let events = scene.apply(Self.snapshot(["a"]), at: 21)
        #expect(events.map(\.kind) == [.callEnded, .callEnded, .sourceSnapshot])
        #expect(events.prefix(2).allSatisfy { $0.uncertainMilliseconds == 16_000 && $0.occurredAt == at(21) })
        #expect(Self.vanished(events.last) == 2)
        // From here on nothing is unseen any more.
        let again = scene.apply(Self.snapshot([]), at: 30)
        #expect(again.map(\.kind) == [.callEnded, .sourceSnapshot])
        #expect(again.first?.uncertainMilliseconds == nil)
    }

    @Test("Links that come and go without a dump leave calls unseen since the first of them went")
    func unseenSinceTheFirst() throws {
        var scene = Scene(Self.profile())
        scene.tracker.linkUp(source: scene.source, attempt: 1, at: at(0))
        scene.apply(plainFact(.callOffered, "a"), at: 1)
        scene.apply(plainFact(.callRinging, "a"), at: 1)
        for start in [5.0, 25, 45] {
            scene.tracker.linkDown(source: scene.source, reason: "closed", lastGood: at(start), at: at(start))
            scene.tracker.linkUp(source: scene.source, attempt: 1, at: at(start + 10))
        }
        _ = scene.take()
        var stop = plainFact(.callRingStopped, "a")
        (stop.origin, stop.isUnseen) = (.synthetic, true)
        #expect(scene.apply(stop, at: 60).first?.uncertainMilliseconds == 55_000)
        #expect(scene.apply(Self.snapshot([]), at: 60).first?.uncertainMilliseconds == 55_000)
    }

    @Test("The reason of a gap is the one that the link was lost for", arguments: Gap.Reason.allCases)
    func gapReason(_ reason: Gap.Reason) throws {
        var scene = Scene(Self.profile())
        for (second, expected) in [(0.0, reason), (10, .disconnect)] {
            scene.tracker.linkUp(source: scene.source, attempt: 1, at: at(second))
            scene.tracker.linkDown(
                source: scene.source, reason: "lost", lastGood: at(second + 1), at: at(second + 1), gap: expected)
            scene.tracker.linkUp(source: scene.source, attempt: 1, at: at(second + 2))
            guard case .gap(let gap) = try #require(scene.take().last).body.detail else {
                throw TestFailure(description: "no gap")
            }
            #expect(gap.reason == expected)
        }
    }

    @Test("Presence that is a state is written when it changes, also back, and known again after a restart")
    func presence() throws {
        func presence(_ raw: String) -> CallFact {
            var fact = CallFact(.agentPresence, event: "user/updated")
            fact.identity = .state
            fact.body.agent = Agent(id: "7")
            var presence = Presence(.unknown)
            presence.raw = raw
            fact.body.detail = .presence(presence)
            return fact
        }
        var scene = Scene(Self.profile())
        let written = ["0", "0", "2", "2", "0"].enumerated().map { index, raw in
            scene.apply(presence(raw), at: Double(index)).count
        }
        #expect(written == [1, 0, 1, 0, 1])
        #expect(Set(scene.events.map(\.id)).count == 3)

        var restarted = Scene(Self.profile())
        for event in scene.events { restarted.tracker.restore(try LineReader.read(event.line)) }
        #expect(restarted.apply(presence("0"), at: 10).isEmpty)
        #expect(restarted.apply(presence("2"), at: 11).count == 1)
    }

    @Test("An entity that a dump repeats is no news, one that comes back after its removal is")
    func entities() {
        func entity(_ change: Entity.Change, label: String = "one") -> CallFact {
            var fact = CallFact(.directoryChanged, event: "user/x")
            fact.identity = .state
            var entity = Entity(.user, id: "7", change: change)
            entity.label = label
            fact.body.detail = .entity(entity)
            return fact
        }
        var scene = Scene(Self.profile())
        let steps = [
            entity(.snapshot), entity(.snapshot), entity(.updated), entity(.updated, label: "two"),
            entity(.snapshot, label: "two"), entity(.removed, label: "two"), entity(.removed, label: "two"),
            entity(.added, label: "two"),
        ]
        let written = steps.enumerated().map { scene.apply($1, at: Double($0)).count }
        #expect(written == [1, 0, 0, 1, 0, 1, 0, 1])
    }

    // MARK: Open calls after a restart

    /// A call that rings, one that talks, one parked, one in a transfer, one waiting, and one that has ended.
    private static let steps: [(fact: CallFact, second: Double, leg: String, peer: String?)] = [
        (plainFact(.callOffered, "ring"), 1, "ring", nil),
        (plainFact(.callRinging, "ring", who: "1"), 2, "r1", "ring"),
        (plainFact(.callRinging, "ring", who: "2"), 3, "r2", "ring"),
        (plainFact(.callDialing, "talk"), 4, "talk", nil),
        (plainFact(.callAnswered, "talk"), 5, "talk", "t1"),
        (plainFact(.callOffered, "park"), 6, "park", nil),
        (plainFact(.callAnswered, "park"), 7, "park", "p1"),
        (plainFact(.callParked, "park"), 8, "park", nil),
        (plainFact(.callOffered, "move"), 9, "move", nil),
        (plainFact(.callAnswered, "move"), 10, "move", "m1"),
        (plainFact(.callTransferStarted, "move"), 11, "move", nil),
        (plainFact(.callOffered, "wait"), 12, "wait", nil),
        (plainFact(.callQueued, "wait"), 13, "wait", nil),
        (plainFact(.callOffered, "ivr"), 14, "ivr", nil),
        (plainFact(.callTreatment, "ivr"), 15, "ivr", nil),
        (plainFact(.callOffered, "gone"), 16, "gone", nil),
        (plainFact(.callEnded, "gone"), 17, "gone", nil),
    ]

    private static func lives() -> Scene {
        var scene = Scene(profile())
        for step in steps {
            var fact = step.fact
            (fact.leg, fact.peerLeg, fact.occurredAt) = (step.leg, step.peer, at(step.second))
            fact.identity = .timed(at(step.second).microseconds)
            scene.apply(fact, at: step.second)
        }
        return scene
    }

    private static func text(_ call: CallTracker.RecentCall) -> String {
        var words = [call.id, call.legs.joined(separator: "+")]
        if !call.alerting.isEmpty { words.append("rings " + call.alerting.joined(separator: ",")) }
        if !call.connected.isEmpty { words.append("with " + call.connected.joined(separator: ",")) }
        if call.wasAnswered { words.append("answered") }
        if let slot = call.parkedSlot { words.append("in \(slot)") }
        if let queue = call.queueID { words.append("waits \(queue)") }
        if call.isInTreatment { words.append("treated") }
        if let who = call.transferrer { words.append("moved by \(who)") }
        if call.hasEnded { words.append("over") }
        return words.joined(separator: " ")
    }

    private static let expected = [
        "ring ring+r1+r2 rings agent:1,agent:2", "talk talk+t1 with agent:1 answered",
        "park park+p1 answered in 901", "move move+m1 with agent:1 answered moved by agent:1", "wait wait waits q1",
        "ivr ivr treated", "gone gone over",
    ]

    @Test("A restart knows the open calls with their legs, from stored events alone")
    func recentCallsFromEvents() throws {
        let scene = Self.lives()
        var restarted = Scene(Self.profile())
        for event in scene.events { restarted.tracker.restore(try LineReader.read(event.line)) }
        let open = restarted.tracker.takeRecentCalls(of: restarted.source)
        #expect(open.map(Self.text) == Self.expected)
        #expect(open.map(\.lastOccurred) == [3, 5, 8, 11, 13, 15, 17].map { at($0) })
        let again = restarted.tracker.takeRecentCalls(of: restarted.source)
        #expect(again.allSatisfy { $0.legs.isEmpty })
    }

    @Test("A restart knows them from a checkpoint and the lines of each call, wherever that was taken")
    func recentCallsFromCheckpoint() throws {
        let whole = Self.lives()
        for count in 0...whole.events.count {
            var before = Scene(Self.profile())
            for event in whole.events.prefix(count) { before.tracker.restore(event) }
            let checkpoint = before.tracker.checkpoint()
            var restarted = Scene(Self.profile())
            let restored = restarted.tracker.restoreCheckpoint(checkpoint)
            let pointers = try #require(restored)
            for pointer in pointers {
                let last = whole.events[Int(pointer.lastSeq) - 1]
                let chain = whole.events.prefix(Int(pointer.lastSeq)).filter { $0.call?.id == last.call?.id }
                restarted.tracker.restoreCall(chain, pointer)
            }
            for event in whole.events.dropFirst(count) { restarted.tracker.restore(event) }
            let open = restarted.tracker.takeRecentCalls(of: restarted.source)
            #expect(open.map(Self.text) == Self.expected, "checkpoint after \(count)")
        }
    }

    @Test("When calls were last seen survives a checkpoint")
    func unseenInCheckpoint() throws {
        var scene = Scene(Self.profile())
        scene.tracker.linkUp(source: scene.source, attempt: 1, at: at(0))
        scene.apply(plainFact(.callOffered, "a"), at: 1)
        scene.tracker.linkDown(source: scene.source, reason: "closed", lastGood: at(5), at: at(5))
        scene.tracker.linkUp(source: scene.source, attempt: 2, at: at(20))
        _ = scene.take()
        var restarted = Scene(Self.profile())
        let restored = restarted.tracker.restoreCheckpoint(scene.tracker.checkpoint())
        let pointers = try #require(restored)
        for pointer in pointers { restarted.tracker.restoreCall(scene.events.filter { $0.call != nil }, pointer) }
        restarted.tracker.runStarted(afterCrash: true)
        restarted.tracker.linkUp(source: restarted.source, attempt: 1, at: at(40))
        _ = restarted.take()
        let end = restarted.apply(Self.snapshot([]), at: 41).first
        #expect(end?.kind == .callEnded && end?.uncertainMilliseconds == 36_000)
    }
}
