import Bridge
import BridgeCore
import Codecs
import TestSupport

/// An engine with a store of lines, a destination and a clock, all of them values: runs as fast as the machine can, and tells
/// at its end what arrived, what was skipped, what is dead, and which promise was broken.
struct EngineRun {
    /// A line of the store.
    struct Line {
        let call: Int
        let isRecord: Bool
        let receivedAt: Timestamp
    }

    /// What the destination does with a delivery, and how long that takes.
    typealias Destination = (_ seqs: [Int64], _ now: Duration, inout SeededGenerator) -> (DeliveryOutcome, Duration)

    private struct Flight {
        let attempt: DeliveryEngine.Attempt
        let outcome: DeliveryOutcome
        let lands: Duration
    }

    private(set) var engine: DeliveryEngine
    private(set) var now = Duration.zero
    /// `seq` of the lines, in the order in which the destination took them; a repeat would be there twice.
    private(set) var taken: [Int64] = []
    private(set) var dead: [Int64] = []
    /// Lines kept as letters now.
    private(set) var letters: Set<Int64> = []
    private(set) var attempts: [(at: Duration, seqs: [Int64])] = []
    private(set) var faults: [String] = []
    private(set) var isOver = false
    private(set) var mostFlights = 0
    private(set) var mostHeld = 0
    var random: SeededGenerator
    let lines: [Line]
    private let policy: DeliveryPolicy
    private let destination: Destination
    private var flights: [Flight] = []
    private var flying: Set<Int> = []
    /// The line of each call that was taken last.
    private var newest: [Int: Int64] = [:]
    private var cursor: Int64 = 0
    /// Received so far: the line at `index` exists from `lines[index].receivedAt` on.
    private var arrived = 0

    init(
        _ lines: [Line], policy: DeliveryPolicy, limits: DeliveryEngine.Limits = .init(), seed: UInt64 = 1,
        destination: @escaping Destination
    ) {
        (self.lines, self.policy, self.destination) = (lines, policy, destination)
        random = SeededGenerator(seed: seed)
        engine = DeliveryEngine(policy: policy, cursor: 0, trialSince: noon, limits: limits)
    }

    private var time: DeliveryTime { DeliveryTime(monotonic: now, wall: noon.advanced(by: now)) }

    /// Until nothing is left to do, or `limit` of the run's own time.
    mutating func run(for limit: Duration = .seconds(40 * 86_400)) {
        while now <= limit, faults.count < 10 {
            land()
            note()
            offer()
            switch engine.next(at: time) {
            case .deliver(let attempt): launch(attempt)
            case .wait(let until):
                if engine.isIdle, arrived == lines.count {
                    guard engine.readThrough == arrived else { continue }
                    isOver = true
                    return note()
                }
                guard let next = nextInstant(until) else {
                    faults.append("stuck at \(now): \(engine.heldLines) lines held, nothing to wait for")
                    return
                }
                now = max(next, now + .microseconds(1))
            }
        }
    }

    /// The next moment at which something can happen.
    private func nextInstant(_ until: Duration?) -> Duration? {
        var instants = flights.map(\.lands)
        if let until { instants.append(until) }
        if arrived < lines.count {
            instants.append(.microseconds(lines[arrived].receivedAt.microseconds - noon.microseconds))
        }
        return instants.min()
    }

    private mutating func offer() {
        while arrived < lines.count, lines[arrived].receivedAt <= time.wall { arrived += 1 }
        while let room = engine.room, engine.readThrough < arrived {
            let from = Int(engine.readThrough)
            let end = min(arrived, from + room.lines)
            let items = (from..<end).map { item(at: $0) }
            engine.offer(items, through: Int64(end), at: time)
            mostHeld = max(mostHeld, engine.heldLines)
        }
    }

    private func item(at index: Int) -> DeliveryItem {
        let seq = Int64(index) + 1
        let bytes = Array("\(seq)\n".utf8)
        let line = lines[index]
        return DeliveryItem(
            DeliveryBatch(bytes: bytes, ends: [bytes.count], seqs: [seq], throughSeq: seq), origin: .store,
            traits: .init(
                lane: policy.concurrency > 1 ? UInt64(line.call) : 0, isRecord: line.isRecord,
                receivedAt: line.receivedAt))
    }

    private func call(_ seq: Int64) -> Int { lines[Int(seq) - 1].call }

    private mutating func launch(_ attempt: DeliveryEngine.Attempt) {
        let seqs = attempt.batch.seqs
        if attempt.batch.bytes != seqs.flatMap({ Array("\($0)\n".utf8) }) {
            faults.append("bytes of \(seqs) are others")
        }
        if seqs.count > policy.batchLines { faults.append("\(seqs.count) lines in a delivery") }
        let calls = Set(policy.concurrency > 1 ? seqs.map(call) : [0])
        if !flying.isDisjoint(with: calls) { faults.append("two deliveries of a call at once: \(seqs)") }
        flying.formUnion(calls)
        let (outcome, takes) = destination(seqs, now, &random)
        flights.append(Flight(attempt: attempt, outcome: outcome, lands: now + takes))
        attempts.append((now, seqs))
        mostFlights = max(mostFlights, flights.count)
        if flights.count > policy.concurrency { faults.append("\(flights.count) deliveries at once") }
    }

    private mutating func land() {
        for flight in flights.filter({ $0.lands <= now }) {
            let seqs = flight.attempt.batch.seqs
            flying.subtract(policy.concurrency > 1 ? seqs.map(call) : [0])
            switch flight.outcome {
            case .delivered: take(seqs)
            case .retry(let through, _, _), .rejected(let through, _): take(seqs.filter { $0 <= through ?? 0 })
            case .disabled, .gone: break
            }
            engine.complete(flight.attempt.id, flight.outcome, at: time, using: &random)
        }
        flights.removeAll { $0.lands <= now }
    }

    private mutating func take(_ seqs: [Int64]) {
        for seq in seqs {
            let call = policy.concurrency > 1 ? call(seq) : 0
            if let later = newest.updateValue(seq, forKey: call), later >= seq {
                faults.append("\(seq) arrived after \(later) of the same call")
            }
            taken.append(seq)
        }
    }

    /// As the pump does it: letters first, then the cursor, which must not pass what is neither delivered nor kept.
    private mutating func note() {
        for effect in engine.takeEffects() {
            switch effect {
            case .dead(let item, _):
                dead += item.batch.seqs
                letters.subtract(item.batch.seqs)
            case .park(let item), .failed(let item): letters.formUnion(item.batch.seqs)
            case .gone(let item): letters.subtract(item.batch.seqs)
            }
        }
        if engine.cursor < cursor { faults.append("the cursor went back from \(cursor) to \(engine.cursor)") }
        cursor = engine.cursor
    }

    /// Nothing is lost, nothing comes twice, and the books balance; for a run that came to its end.
    mutating func judge() {
        let done = Set(taken).union(dead)
        if taken.count != Set(taken).count { faults.append("repeats among \(taken.count) lines") }
        if !Set(taken).isDisjoint(with: dead) { faults.append("lines both delivered and dead") }
        if !isOver { faults.append("not over at \(now)") }
        let missing = (1...Int64(lines.count)).filter { !done.contains($0) }
        if missing.count != engine.counts.skipped {
            faults.append("\(missing.count) missing, \(engine.counts.skipped) skipped")
        }
        if missing.contains(where: { lines[Int($0) - 1].isRecord }) { faults.append("records were skipped") }
        if engine.cursor != Int64(lines.count) { faults.append("the cursor stands at \(engine.cursor)") }
        if !letters.isEmpty { faults.append("letters are left: \(letters.sorted())") }
        if engine.counts.delivered != taken.count {
            faults.append("\(engine.counts.delivered) counted, \(taken.count) taken")
        }
        if engine.counts.dead != dead.count || engine.heldLines != 0 || engine.parkedLines != 0 {
            faults.append("counts: \(engine.counts), held \(engine.heldLines), parked \(engine.parkedLines)")
        }
    }
}

extension EngineRun.Line {
    /// Received `offset` after noon.
    init(call: Int, record: Bool = true, at offset: Duration = .zero) {
        self.init(call: call, isRecord: record, receivedAt: noon.advanced(by: offset))
    }
}
