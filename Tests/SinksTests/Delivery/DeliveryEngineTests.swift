import BridgeCore
import Codecs
import TestSupport
import Testing

@testable import Bridge

private typealias Line = EngineRun.Line

private let threeDays = Duration.seconds(3 * 86_400)

private func policy(
    concurrency: Int = 8, batch: Int = 1, rate: Int? = nil, maximumAge: Duration? = nil,
    budget: Duration? = threeDays
) -> DeliveryPolicy {
    DeliveryPolicy(
        concurrency: concurrency, batchLines: batch, rate: rate, maximumAge: maximumAge,
        retries: .init(initial: .milliseconds(500), maximum: .seconds(60), budget: budget))
}

struct DeliveryEngineTests {
    @Test func `Calls go side by side, the lines of one call one after the other`() {
        let lines = (0..<400).map { Line(call: $0 % 40) }
        var run = EngineRun(lines, policy: policy()) { _, _, random in
            (.delivered, .milliseconds(Int.random(in: 1...50, using: &random)))
        }
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        #expect(run.mostFlights == 8)
        #expect(run.taken.count == 400 && run.taken != run.taken.sorted(), "calls overtake each other")
    }

    @Test func `With one delivery at a time everything arrives in order, in batches`() {
        var run = EngineRun((0..<1000).map { Line(call: $0) }, policy: policy(concurrency: 1, batch: 100)) { _, _, _ in
            (.delivered, .milliseconds(1))
        }
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        #expect(run.taken == Array(1...1000))
        #expect(run.attempts.count == 10)
    }

    @Test func `A batch takes lines of several calls, in order`() {
        var run = EngineRun((0..<300).map { Line(call: $0 % 30) }, policy: policy(concurrency: 4, batch: 25)) {
            _, _, random in (.delivered, .milliseconds(Int.random(in: 1...20, using: &random)))
        }
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        #expect(run.attempts.count < 60)
        #expect(run.attempts.allSatisfy { $0.seqs == $0.seqs.sorted() })
    }

    @Test func `A line that the destination cannot stand holds up its own call alone, and not the cursor`() {
        let lines = (0..<2000).map { Line(call: $0 % 50, at: .seconds($0)) }
        var run = EngineRun(lines, policy: policy()) { seqs, _, _ in
            (seqs == [8] ? .retry(through: nil, reason: "500") : .delivered, .milliseconds(20))
        }
        run.run(for: .seconds(1500))
        // Its call waits, all the others have got everything.
        #expect(run.taken.allSatisfy { $0 % 50 != 8 })
        #expect(run.taken.count == 1500 - 30)
        #expect(run.letters.count == 30 && run.letters.allSatisfy { $0 % 50 == 8 })
        #expect(run.engine.cursor >= 1490, "what is parked does not hold the cursor: \(run.engine.cursor)")
        let others = Dictionary(grouping: run.attempts) { $0.seqs[0] }
        let latest = run.taken.map { seq in (others[seq]?[0].at ?? .zero) - .seconds(seq - 1) }.max() ?? .zero
        #expect(latest <= .seconds(1), "nobody else waits for it: \(latest)")
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        #expect(run.dead == [8])
    }

    @Test func `After several failures one delivery at a time asks, less and less often`() {
        var run = EngineRun((0..<100).map { Line(call: $0) }, policy: policy()) { _, now, _ in
            (now < .seconds(600) ? .retry(through: nil, reason: "refused") : .delivered, .milliseconds(1))
        }
        run.run(for: .seconds(590))
        // One a second at first, from lines that have not been tried; then at most twice a minute on average.
        #expect(run.attempts.count < 140, "\(run.attempts.count) attempts")
        #expect(run.engine.isDown)
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        #expect(run.now < .seconds(665), "the destination is found again within the longest wait: \(run.now)")
    }

    @Test func `Nobody asks before the time that the destination named`() {
        var run = EngineRun((0..<50).map { Line(call: $0) }, policy: policy()) { _, now, _ in
            (
                now < .seconds(1) ? .retry(through: nil, reason: "429", after: .seconds(100)) : .delivered,
                .milliseconds(1)
            )
        }
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        let late = run.attempts.filter { $0.at > .milliseconds(10) }
        #expect(late.allSatisfy { $0.at >= .seconds(100) })
    }

    @Test(arguments: [1, 8]) func `A single refused line is dead at once, of several each is tried by itself`(
        batch: Int
    ) {
        let bad: Set<Int64> = [3, 4, 17]
        var run = EngineRun((0..<20).map { Line(call: $0 % 5) }, policy: policy(concurrency: 2, batch: batch)) {
            seqs, _, _ in
            (bad.isDisjoint(with: seqs) ? .delivered : .rejected(through: nil, reason: "422"), .milliseconds(1))
        }
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        #expect(Set(run.dead) == bad)
        #expect(run.now < .seconds(1))
    }

    @Test func `Live events are skipped once they are too old, records never`() {
        let lines = (0..<600).map { Line(call: $0 % 20, record: $0 % 3 == 0, at: .seconds($0)) }
        var run = EngineRun(lines, policy: policy(maximumAge: .seconds(30))) { _, now, _ in
            (now < .seconds(300) ? .retry(through: nil, reason: "refused") : .delivered, .milliseconds(1))
        }
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        #expect(run.dead.isEmpty)
        #expect(run.taken.filter { $0 % 3 == 1 }.count == 200)
        for (at, seqs) in run.attempts where run.lines[Int(seqs[0]) - 1].isRecord == false {
            #expect(at <= .seconds(seqs[0] - 1 + 30))
        }
        #expect((180...222).contains(run.engine.counts.skipped), "\(run.engine.counts.skipped)")
    }

    @Test func `A live event that is parked grows old as others do, a record does not`() {
        // A call that rings, is answered and ends, and others that get through all the time.
        let call = [Line(call: 1, record: false), Line(call: 1, record: false), Line(call: 1, record: true)]
        let lines = call + (0..<2000).map { Line(call: 2 + $0, at: .seconds($0)) }
        var run = EngineRun(lines, policy: policy(maximumAge: .seconds(300))) { seqs, now, _ in
            (seqs[0] <= 3 && now < .seconds(1000) ? .retry(through: nil, reason: "500") : .delivered, .milliseconds(5))
        }
        run.run(for: .seconds(100))
        #expect(run.letters == [1, 2, 3])
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        #expect(run.engine.counts.skipped == 2 && run.taken.contains(3) && run.dead.isEmpty)
    }

    @Test func `A live event behind a record is skipped too once it is too old`() {
        var engine = DeliveryEngine(
            policy: policy(concurrency: 1, batch: 10, maximumAge: .seconds(60)), cursor: 0, trialSince: noon)
        let items = (1...4 as ClosedRange<Int64>).map { seq in
            DeliveryItem(
                DeliveryBatch(bytes: [48, 10], ends: [2], seqs: [seq], throughSeq: seq), origin: .store,
                traits: .init(lane: 0, isRecord: seq % 2 == 1, receivedAt: noon))
        }
        func time(_ now: Duration) -> DeliveryTime { DeliveryTime(monotonic: now, wall: noon.advanced(by: now)) }
        engine.offer(items, through: 4, at: time(.zero))
        guard case .deliver(let attempt) = engine.next(at: time(.seconds(61))) else {
            Issue.record("nothing is delivered")
            return
        }
        #expect(attempt.batch.seqs == [1, 3])
        #expect(engine.counts.skipped == 2)
        var random = SeededGenerator(seed: 1)
        engine.complete(attempt.id, .delivered, at: time(.seconds(62)), using: &random)
        #expect(engine.cursor == 4 && engine.isIdle)
    }

    @Test func `A destination that takes a part each time is asked again soon`() {
        var run = EngineRun((0..<500).map { Line(call: $0) }, policy: policy(concurrency: 1, batch: 10)) { seqs, _, _ in
            (seqs.count > 1 ? .retry(through: seqs[0], reason: "a part") : .delivered, .milliseconds(1))
        }
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        #expect(run.taken == Array(1...500) && run.now < .seconds(300), "\(run.now)")
    }

    @Test func `Live events that nobody takes for hours leave nothing behind`() {
        let lines = (0..<20_000).map { Line(call: $0, record: false, at: .milliseconds(200 * $0)) }
        var run = EngineRun(lines, policy: policy(maximumAge: .seconds(30))) { _, _, _ in
            (.retry(through: nil, reason: "429", after: .seconds(86_400)), .milliseconds(1))
        }
        run.run(for: .seconds(3990))
        #expect(run.faults.isEmpty)
        #expect(run.engine.counts.skipped > 19_000 && run.mostHeld < 500)
        #expect(run.engine.turnCount < 1200, "\(run.engine.turnCount)")
    }

    @Test func `A receiver that is down for thirty hours gets every record, in the order of each call`() {
        // An event every two minutes: ringing, answered, ended.
        let lines = (0..<1000).map { Line(call: $0 / 3, record: $0 % 3 == 2, at: .seconds($0 * 120)) }
        let (from, until) = (Duration.seconds(600), Duration.seconds(600 + 30 * 3600))
        var run = EngineRun(
            lines, policy: policy(maximumAge: .seconds(60)), seed: SeededGenerator.printedSeed(for: "30 hours")
        ) {
            _, now, _ in
            (
                now >= from && now < until ? .retry(through: nil, reason: "connect: refused") : .delivered,
                .milliseconds(5)
            )
        }
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        #expect(run.dead.isEmpty)
        #expect(run.taken.filter { $0 % 3 == 0 }.count == lines.count / 3)
        // Two of three events of thirty hours.
        #expect((598...602).contains(run.engine.counts.skipped), "\(run.engine.counts.skipped)")
        #expect(run.attempts.count < lines.count + 5400, "\(run.attempts.count - lines.count) attempts in vain")
        #expect(run.mostHeld <= 4096)
    }

    @Test func `A line becomes a dead letter when its budget is used up, and not before`() {
        let lines = (0..<3).map { Line(call: $0, at: .seconds($0 * 3600)) }
        var run = EngineRun(lines, policy: policy(budget: .seconds(86_400))) { _, _, _ in
            (.retry(through: nil, reason: "connect: refused"), .milliseconds(5))
        }
        run.run(for: .seconds(86_395))
        #expect(run.dead.isEmpty)
        run.run(for: .seconds(86_400 + 600))
        #expect(run.dead == [1])
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        #expect(run.dead == [1, 2, 3])
    }

    @Test func `The rate is kept, and a lone line does not wait for it`() {
        let lines = (0..<100).map { _ in Line(call: 1) } + [Line(call: 2, at: .seconds(60))]
        var run = EngineRun(lines, policy: policy(rate: 10)) { _, _, _ in (.delivered, .microseconds(100)) }
        run.run()
        run.judge()
        #expect(run.faults.isEmpty)
        for start in run.attempts.map(\.at) {
            let second = run.attempts.filter { $0.at >= start && $0.at < start + .seconds(1) }
            #expect(second.count <= 20)
        }
        #expect(run.attempts[99].at >= .seconds(9))
        #expect(run.attempts[100].at == .seconds(60))
    }

    @Test func `A disabled destination gets nothing until it is asked for`() {
        var run = EngineRun([Line(call: 1), Line(call: 2)], policy: policy(concurrency: 2)) { seqs, _, _ in
            (seqs == [1] ? .disabled(reason: "410") : .delivered, .milliseconds(seqs == [1] ? 1 : 5))
        }
        run.run(for: .seconds(10))
        #expect(run.engine.condition == .disabled(reason: "410"))
        #expect(run.taken == [2] && run.engine.cursor == 0)
    }

    /// Outcomes of all sorts at random: nothing is lost, nothing comes twice, calls keep their order, the cursor never leads.
    @Test(arguments: [(1, 1), (1, 50), (2, 1), (8, 1), (8, 10), (3, 200)])
    func `Whatever a destination answers, the promises hold`(concurrency: Int, batch: Int) {
        let seed = SeededGenerator.printedSeed(for: "random outcomes")
        for round in 0..<UInt64(10) {
            var random = SeededGenerator(seed: seed &+ round)
            let pace = [0, 1, 30, 1000].randomElement(using: &random) ?? 1
            let lines = (0..<500).map { index in
                Line(
                    call: Int.random(in: 0..<40, using: &random), record: Bool.random(using: &random),
                    at: .milliseconds(index * pace))
            }
            let bad = Set(
                (0..<Int.random(in: 0...10, using: &random)).map { _ in Int64.random(in: 1...500, using: &random) })
            let failures = Int.random(in: 0...60, using: &random)
            var limits = DeliveryEngine.Limits()
            limits.heldLines = [16, 200, 4096].randomElement(using: &random) ?? 16
            limits.parkedLines = [0, 20, 1000].randomElement(using: &random) ?? 0
            limits.span = [64, 65_536].randomElement(using: &random) ?? 64
            limits.sweepInterval = .seconds([1, 10].randomElement(using: &random) ?? 1)
            limits.parkAfter = .seconds([1, 30].randomElement(using: &random) ?? 1)
            var run = EngineRun(
                lines,
                policy: policy(
                    concurrency: concurrency, batch: batch, maximumAge: pace == 30 ? .seconds(5) : nil,
                    budget: .seconds(7200)),
                limits: limits, seed: seed &+ round
            ) { seqs, _, random in
                let takes = Duration.milliseconds(Int.random(in: 0...400, using: &random))
                let through = Bool.random(using: &random) ? nil : seqs.randomElement(using: &random)
                if !bad.isDisjoint(with: seqs), seqs.count == 1 {
                    let isLasting = seqs[0] % 2 == 0
                    return (
                        isLasting ? .rejected(through: nil, reason: "422") : .retry(through: nil, reason: "500"), takes
                    )
                }
                if !bad.isDisjoint(with: seqs) { return (.rejected(through: nil, reason: "400"), takes) }
                guard Int.random(in: 0..<100, using: &random) < failures else { return (.delivered, takes) }
                let after = Int.random(in: 0..<20, using: &random) == 0 ? Duration.seconds(5) : nil
                return (.retry(through: through, reason: "503", after: after), takes)
            }
            run.run()
            run.judge()
            #expect(run.faults.isEmpty, "seed \(seed), round \(round): \(run.faults.prefix(5))")
            #expect(run.mostHeld <= max(limits.heldLines, limits.parkedLines) + 1000)
            // One line after the other: then nobody can tell a line that is refused from a destination that is away.
            #expect(concurrency == 1 || bad.isSuperset(of: run.dead), "seed \(seed), round \(round): \(run.dead)")
        }
    }
}

struct AttemptTrailTests {
    @Test func `Attempts with the same reason are one run, and no number of them grows without bound`() {
        var trail = AttemptTrail()
        for second in 0..<10_000 {
            trail.add(second % 3 == 2 ? "HTTP 503" : "connect: refused", at: noon.advanced(by: .seconds(second)))
        }
        #expect(trail.count == 10_000)
        #expect(trail.runs.count <= 48)
        #expect(trail.first == noon)
        #expect(trail.runs.last?.last == noon.advanced(by: .seconds(9999)))
        #expect(trail.runs[0] == trail.runs[0] && trail.runs[0].count == 2)
    }

    @Test func `What is written can be read back`() {
        var trail = AttemptTrail()
        for (second, reason) in ["a", "a", "b \"quoted\"", "a"].enumerated() {
            trail.add(reason, at: noon.advanced(by: .seconds(second)))
        }
        #expect(AttemptTrail(json: trail.json) == trail)
        #expect(
            trail.json.hasPrefix(
                #"[{"at":"2026-01-15T10:00:00.000000Z","until":"2026-01-15T10:00:01.000000Z","count":2,"reason":"a"},"#)
        )
        #expect(AttemptTrail(json: "{").runs.isEmpty && AttemptTrail(json: "[1,{}]").runs.isEmpty)
    }
}
