import BridgeCore
import CallModel
import Codecs
import TestSupport
import Testing

@testable import Adapters

@Suite("Basix: simulated traffic")
struct BasixTrafficTests {
    private static let start = Timestamp(microseconds: 1_768_471_200_000_000)

    private static func document(_ text: String) throws -> JSONValue {
        try JSONDocument(Array(text.utf8), limits: JSONLimits(bytes: 16 << 20, depth: 64)).root
    }

    /// A run of mapper and tracker over simulated traffic, with links that are lost for a while and processes that are killed.
    private struct Run: ~Copyable {
        var traffic: BasixTraffic
        var random: SeededGenerator
        var replayer = BasixReplayer(name: "tokyo", raw: .off)
        var tracker: CallTracker
        var source: Int
        var directory: [UInt8] = []
        var events: [CallEvent] = []
        var isUp = false
        var now = BasixTrafficTests.start
        var downUntil: Timestamp?

        init(seed: UInt64) {
            random = SeededGenerator(seed: seed)
            traffic = BasixTraffic(
                callsPerSecond: 2, speed: 10, startingAt: now, random: SplitMix(seed: seed))
            tracker = CallTracker(stream: UUID128(high: 1, low: 2))
            source = tracker.register(Self.profile)
        }

        static var profile: SourceProfile {
            var profile = SourceProfile(vendor: "basix", name: "tokyo", tenant: "acme")
            BasixConfiguration.complete(&profile)
            return profile
        }

        mutating func collect() { events += tracker.takeOutput().map(\.event) }

        mutating func apply(_ facts: [CallFact]) {
            for fact in facts { tracker.apply(fact, from: source, receivedAt: now) }
            collect()
        }

        mutating func take(_ message: String) throws {
            var facts: [CallFact] = []
            try replayer.facts(of: BasixTrafficTests.document(message), at: now, into: &facts)
            apply(facts)
        }

        mutating func connect() throws {
            // What is under way at this moment is part of the dump.
            _ = traffic.messages(until: now)
            tracker.linkUp(source: source, attempt: 1, at: now)
            replayer.linkUp()
            isUp = true
            collect()
            for message in traffic.snapshot().shuffled(using: &random) { try take(message) }
        }

        mutating func disconnect() {
            replayer.linkDown()
            tracker.linkDown(source: source, reason: "test", lastGood: now, at: now)
            isUp = false
            collect()
        }

        mutating func restart() throws {
            if let note = replayer.takeNote() { directory = note }
            tracker = CallTracker(stream: UUID128(high: 1, low: 2))
            source = tracker.register(Self.profile)
            for event in events { tracker.restore(try LineReader.read(LineWriter.text(event))) }
            tracker.runStarted(afterCrash: true)
            replayer = BasixReplayer(
                name: "tokyo", raw: .off, recentCalls: tracker.takeRecentCalls(of: source), directory: directory)
            isUp = false
        }

        /// Everything that is due until `end`; `losses` is how often in a thousand messages something goes wrong.
        mutating func play(until end: Timestamp, losses: Int) throws {
            while let due = nextDue(), due <= end {
                now = max(now, due)
                if let until = downUntil, until <= now {
                    downUntil = nil
                    try connect()
                }
                var facts: [CallFact] = []
                replayer.advance(to: now, into: &facts)
                apply(facts)
                tracker.advance(to: now)
                collect()
                for message in traffic.messages(until: now) where isUp {
                    guard case .notation(let text) = message.content else { continue }
                    try take(text)
                    if Int.random(in: 0..<1000, using: &random) < losses { try lose() }
                }
            }
            now = max(now, end)
        }

        private func nextDue() -> Timestamp? {
            [traffic.nextDue, replayer.nextDeadline, tracker.nextDeadline, downUntil].compactMap { $0 }.min()
        }

        private mutating func lose() throws {
            if Bool.random(using: &random) { try restart() } else { disconnect() }
            downUntil = now.advanced(by: .milliseconds(Int64.random(in: 0...8000, using: &random)))
        }
    }

    private static func kinds(_ events: [CallEvent]) -> Set<Kind> { Set(events.map(\.kind)) }

    @Test("Calls of ten minutes keep every promise, are never late, and make nearly every kind that the mapping knows")
    func undisturbed() throws {
        let seed = SeededGenerator.printedSeed(for: "simulated Basix traffic")
        var run = Run(seed: seed)
        try run.connect()
        try run.play(until: Self.start.advanced(by: .seconds(600)), losses: 0)
        let judge = PromiseJudge.faults(of: run.events)
        #expect(judge.faults == [])
        #expect(run.events.filter(\.late).map(\.kind) == [])
        #expect(run.events.count > 3000)
        let expected: Set<Kind> = [
            .callOffered, .callDialing, .callRouted, .callTreatment, .callQueued, .callRinging, .callRingStopped,
            .callAnswered, .callParked, .callUnparked, .callTransferStarted, .callTransferConnected, .callConferenced,
            .callLeft, .callUpdated, .callAbandoned, .callEnded, .agentPresence, .queueMembers, .directoryChanged,
            .sourceSnapshot,
        ]
        #expect(Self.kinds(run.events).isSuperset(of: expected))
        #expect(!Self.kinds(run.events).contains(.sourceUnmapped))
        // Every call that is open has a channel, and the other way round.
        let open = judge.open.count
        #expect(open <= run.traffic.channelCount && (run.traffic.channelCount == 0) == (open == 0))
    }

    @Test("With links lost and processes killed at random, no call opens twice, none stays open, and gaps are declared")
    func disturbed() throws {
        let seed = SeededGenerator.printedSeed(for: "disturbed Basix traffic")
        for round in 0..<UInt64(runsLongTests ? 200 : 6) {
            var run = Run(seed: seed &+ round)
            try run.connect()
            try run.play(until: Self.start.advanced(by: .seconds(120)), losses: 30)
            // Calm at last: what the PBX still has is open, the rest has ended.
            if run.isUp { run.disconnect() }
            run.downUntil = nil
            run.now = run.now.advanced(by: .seconds(1))
            try run.connect()
            var facts: [CallFact] = []
            run.now = run.now.advanced(by: .seconds(6))
            run.replayer.advance(to: run.now, into: &facts)
            run.apply(facts)
            let judge = PromiseJudge.faults(of: run.events)
            #expect(judge.faults == [], "seed \(seed &+ round)")
            let open = judge.open.count
            #expect(open <= run.traffic.channelCount, "seed \(seed &+ round): \(judge.open)")
            #expect(run.events.contains { $0.kind == .sourceGap })
            let lost = run.events.filter { $0.body.outcome?.closure == .reconciled }
            #expect(lost.allSatisfy { $0.uncertainMilliseconds != nil }, "seed \(seed &+ round)")
        }
    }

    @Test("The same seed gives the same traffic")
    func repeatable() {
        func messages(_ seed: UInt64) -> [String] {
            var traffic = BasixTraffic(
                callsPerSecond: 5, startingAt: Self.start, random: SplitMix(seed: seed))
            return traffic.messages(until: Self.start.advanced(by: .seconds(60))).map { message in
                guard case .notation(let text) = message.content else { return "" }
                return text
            }
        }
        #expect(messages(7) == messages(7) && messages(7) != messages(8) && messages(7).count > 500)
    }
}
