import CallModel
import Codecs
import TestSupport

/// Random facts over a few calls, agents and queues of three unlike sources: all call kinds, states, repeats, times that go
/// back, silences, outages and snapshots.
struct RandomTraffic {
    enum Step: Sendable {
        case fact(CallFact, source: Int)
        case linkDown(source: Int)
        case linkUp(source: Int)
        case reconcile(source: Int, present: Set<String>)
        /// Only time passes.
        case silence
    }

    /// What happens, and when it is received.
    let steps: [(at: Timestamp, step: Step)]

    static let profiles: [SourceProfile] = {
        var timed = SourceProfile(vendor: "basix", name: "tokyo")
        timed.recoverable = .snapshot
        return [countingProfile(), closingProfile(), timed]
    }()

    /// `calls` different call ids for each source.
    init(seed: UInt64, count: Int, calls: Int = 6) {
        var random = SeededGenerator(seed: seed)
        var now = sceneStart
        var steps: [(Timestamp, Step)] = []
        var recent: [(CallFact, Int)] = []
        for _ in 0..<count {
            now = now.advanced(by: Self.pause(&random))
            switch Int.random(in: 0..<40, using: &random) {
            case 0: steps.append((now, .linkDown(source: Int.random(in: 0..<3, using: &random))))
            case 1...2: steps.append((now, .linkUp(source: Int.random(in: 0..<3, using: &random))))
            case 3:
                let present = Set((0..<calls).filter { _ in Bool.random(using: &random) }.map { "c\($0)" })
                steps.append((now, .reconcile(source: 2, present: present)))
            case 4: steps.append((now, .silence))
            case 5...8 where !recent.isEmpty:
                let (fact, source) = recent[Int.random(in: 0..<recent.count, using: &random)]
                steps.append((now, .fact(fact, source: source)))
            default:
                let source = Int.random(in: 0..<3, using: &random)
                let fact = Self.fact(source, calls, now, &random)
                recent.append((fact, source))
                if recent.count > 12 { recent.removeFirst() }
                steps.append((now, .fact(fact, source: source)))
            }
        }
        self.steps = steps.map { (at: $0.0, step: $0.1) }
    }

    private static func pause(_ random: inout SeededGenerator) -> Duration {
        switch Int.random(in: 0..<60, using: &random) {
        case 0: .seconds(Int.random(in: 60...1200, using: &random))
        case 1: .seconds(Int.random(in: 3600...50_000, using: &random))
        case 2...10: .zero
        default: .milliseconds(Int.random(in: 0...4000, using: &random))
        }
    }

    private static let callKinds = Kind.allCases.filter(\.isCall)
    private static let stateKinds: [Kind] = [.agentStatus, .queueStatus, .queueMembers]

    private static func fact(
        _ source: Int, _ calls: Int, _ now: Timestamp, _ random: inout SeededGenerator
    ) -> CallFact {
        let who = "\(Int.random(in: 1...3, using: &random))"
        if Int.random(in: 0..<20, using: &random) == 0 { return state(who, &random) }
        let kind = callKinds[Int.random(in: 0..<callKinds.count, using: &random)]
        let call = "c\(Int.random(in: 0..<calls, using: &random))"
        var fact = plainFact(kind, kind == .callMissed && Bool.random(using: &random) ? nil : call, who: who)
        if Bool.random(using: &random) || source == 2 {
            fact.occurredAt = now.advanced(by: .milliseconds(Int.random(in: -30_000...1000, using: &random)))
        }
        if source == 2, fact.identity == .counted, let time = fact.occurredAt {
            fact.identity = .timed(time.microseconds)
        }
        if Int.random(in: 0..<4, using: &random) == 0 { fact.direction = .outbound }
        if Int.random(in: 0..<8, using: &random) == 0 { fact.body.from = Party(vendorNumber: "+35840123456\(who)") }
        if Int.random(in: 0..<8, using: &random) == 0 { fact.body.references[.campaign] = "camp\(who)" }
        if Int.random(in: 0..<8, using: &random) == 0 { fact.leg = "leg\(who)" }
        if Int.random(in: 0..<10, using: &random) == 0 { fact.body.trunk = Trunk(name: "trunk\(who)") }
        if Int.random(in: 0..<6, using: &random) == 0 {
            fact.opener = CallFact.Opener(kind: .callDialing, lead: .seconds(Int.random(in: 0...90, using: &random)))
        }
        if kind == .callAnswered, Int.random(in: 0..<3, using: &random) == 0 {
            var timing = Timing(source: .vendor)
            timing.ringMilliseconds = Int64.random(in: 0...20_000, using: &random)
            timing.queueMilliseconds = Int64.random(in: 0...20_000, using: &random)
            fact.body.timing = timing
        }
        return fact
    }

    private static func state(_ who: String, _ random: inout SeededGenerator) -> CallFact {
        let kind = stateKinds[Int.random(in: 0..<stateKinds.count, using: &random)]
        var fact = CallFact(kind, event: "state")
        fact.identity = .state
        switch kind {
        case .agentStatus:
            fact.body.agent = Agent(id: who)
            fact.body.detail = .status(AgentStatus(Bool.random(using: &random) ? .ready : .talking))
        case .queueStatus:
            var stats = Stats()
            stats.counters = [Stats.Counter("calls_total", .integer(Int64.random(in: 0...1, using: &random)))]
            fact.body.queue = Queue(id: who)
            fact.body.detail = .stats(stats)
        default:
            fact.body.queue = Queue(id: who)
            let members = Bool.random(using: &random) ? [] : [Members.Member(agentID: who)]
            fact.body.detail = .members(Members(mode: .full, members: members))
        }
        return fact
    }
}

/// A tracker that is driven through steps, with a memory of all its lines.
struct TrafficRun: ~Copyable {
    struct Line: Equatable {
        let text: String
        let seq: Int64
        let previousSeq: Int64
    }

    private(set) var tracker: CallTracker
    private(set) var lines: [Line] = []
    private(set) var events: [CallEvent] = []

    init(limits: TrackerLimits = TrackerLimits()) {
        tracker = CallTracker(stream: sceneStream, limits: limits)
        for profile in RandomTraffic.profiles { _ = tracker.register(profile) }
    }

    mutating func play(_ item: (at: Timestamp, step: RandomTraffic.Step)) {
        passTime(to: item.at)
        switch item.step {
        case .fact(let fact, let source): tracker.apply(fact, from: source, receivedAt: item.at)
        case .linkDown(let source):
            tracker.linkDown(
                source: source, reason: "closed", lastGood: item.at.advanced(by: .seconds(-1)), at: item.at)
        case .linkUp(let source): tracker.linkUp(source: source, attempt: 1, at: item.at)
        case .reconcile(let source, let present):
            _ = tracker.reconcile(
                source: source, present: present, at: item.at, linkLostAt: item.at.advanced(by: .seconds(-9)),
                event: "initial_info")
        case .silence: break
        }
        take()
    }

    /// Lets all timers fire that are due until `now`, each at its own time.
    mutating func passTime(to now: Timestamp) {
        while let due = tracker.nextDeadline, due <= now { tracker.advance(to: due) }
        take()
    }

    /// Takes in what a store holds: the first `count` lines, or a checkpoint and the lines after it.
    mutating func restore(_ stored: Recording, count: Int, checkpoint: (bytes: [UInt8], seq: Int)? = nil) throws {
        var done = 0
        if let checkpoint, let pointers = tracker.restoreCheckpoint(checkpoint.bytes) {
            done = checkpoint.seq
            for pointer in pointers {
                var chain: [CallEvent] = []
                var seq = pointer.lastSeq
                while seq > 0 {
                    chain.append(stored.readBack[Int(seq) - 1])
                    seq = stored.lines[Int(seq) - 1].previousSeq
                }
                tracker.restoreCall(chain.reversed(), pointer)
            }
        }
        for event in stored.readBack[done..<count] { tracker.restore(event) }
    }

    private mutating func take() {
        for output in tracker.output {
            lines.append(Line(text: output.event.line, seq: output.event.seq, previousSeq: output.previousSeq))
            events.append(output.event)
        }
        _ = tracker.takeOutput()
    }
}

/// An uninterrupted run: its lines, what a reader makes of them, and how far they went before each step.
struct Recording {
    let lines: [TrafficRun.Line]
    let readBack: [CallEvent]
    private(set) var counts: [Int] = []
    private(set) var checkpoints: [[UInt8]] = []

    init(_ traffic: RandomTraffic, _ limits: TrackerLimits) throws {
        var run = TrafficRun(limits: limits)
        for item in traffic.steps {
            counts.append(run.lines.count)
            checkpoints.append(run.tracker.checkpoint())
            run.play(item)
        }
        lines = run.lines
        readBack = try lines.map { try LineReader.read($0.text) }
    }
}
