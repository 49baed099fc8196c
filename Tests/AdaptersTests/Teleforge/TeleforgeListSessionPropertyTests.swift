import NIOCore
import TestSupport
import Testing

@testable import Adapters

/// Random producers, consumers, disks, networks and restarts around one list.
@Suite struct TeleforgeListSessionPropertyTests {
    @Test("No element is lost, none is removed before it is stored, and none unmapped is emitted twice")
    func nothingIsLost() throws {
        var seeds = SeededGenerator(seed: SeededGenerator.printedSeed(for: "TeleforgeListSessionPropertyTests"))
        var totals = RandomLife.Totals()
        var lives = 0
        // How often something happens is chance as well: a seed that brings little is given more lives.
        while lives < 120 || (!totals.suffice && lives < 2000) {
            lives += 1
            let seed = seeds.next()
            do {
                try RandomLife(seed: seed).run(&totals)
            } catch {
                Issue.record("life \(seed): \(error)")
                return
            }
        }
        // A life in which nothing happens proves nothing.
        #expect(totals.suffice, "\(totals)")
    }
}

/// One random life of a session.
private final class RandomLife {
    /// What happened in all lives.
    struct Totals {
        var stored = 0
        var stolen = 0
        var prefetches = 0

        var suffice: Bool { stored > 4000 && stolen > 40 && prefetches > 200 }
    }

    private var random: SeededGenerator
    private let bench: SessionBench
    private let end: TeleforgeListEnd
    private let interferes: Bool
    private let pushesAtOurEnd: Bool
    private var pushed: [Bytes: Int] = [:]
    private var takenByOthers: [Bytes: Int] = [:]
    private var isConnected = false
    private var count = 0

    init(seed: UInt64) throws {
        random = SeededGenerator(seed: seed)
        end = Bool.random(using: &random) ? .left : .right
        interferes = Int.random(in: 0..<3, using: &random) == 0
        pushesAtOurEnd = Int.random(in: 0..<4, using: &random) == 0
        let batch = Int.random(in: 1...8, using: &random)
        bench = try SessionBench(SessionBench.settings(end: end, batch: batch), isTrusted: true)
    }

    func run(_ totals: inout Totals) throws {
        for _ in 0..<400 {
            try act()
            try check()
        }
        try finish()
        totals.stored += bench.stored.count
        totals.stolen += bench.session.stolenCount
        totals.prefetches += bench.model.log.count {
            $0.hasPrefix("LRANGE") && !$0.contains(" 0 ") && !$0.hasSuffix("-1")
        }
    }

    private func act() throws {
        switch Int.random(in: 0..<40, using: &random) {
        case 0..<8: for _ in 0..<Int.random(in: 1...6, using: &random) { push() }
        case 8..<11: if interferes { interfere() }
        case 11..<19: for _ in 0..<Int.random(in: 1...8, using: &random) { bench.model.step() }
        case 19..<27: for _ in 0..<Int.random(in: 1...8, using: &random) { try bench.deliver() }
        case 27..<32: bench.store()
        case 32..<34: try bench.advance(.milliseconds(Int64.random(in: 1...2000, using: &random)))
        case 34: bench.model.timeOut()
        case 35: disconnect { bench.cut() }
        case 36: if Int.random(in: 0..<3, using: &random) == 0 { disconnect { bench.restart() } }
        case 37:
            let faults: [ListModel.Fault] = [.none, .none, .misconfigured, .outOfMemory]
            bench.model.fault = faults.randomElement(using: &random) ?? .none
        default: break
        }
        if !isConnected, Bool.random(using: &random) {
            isConnected = true
            try bench.connect()
        }
        try bench.pump()
        if bench.events.contains(where: { if case .close = $0 { true } else { false } }) {
            bench.events = []
            disconnect { bench.cut() }
        }
    }

    private func disconnect(_ body: () -> Void) {
        isConnected = false
        body()
    }

    /// Mostly new bytes, sometimes some that were pushed before.
    private func push() {
        let isRepeat = Int.random(in: 0..<20, using: &random) == 0
        if !isRepeat { count += 1 }
        let isGarbage = count % 3 == 0
        let element = Bytes((isGarbage ? "garbage \(count)" : "{\"n\":\(count)}").utf8)
        if isGarbage, pushed[element] != nil { return }
        pushed[element, default: 0] += 1
        let atTail = (end == .left) != (pushesAtOurEnd && Bool.random(using: &random))
        if atTail { bench.model.pushTail(element) } else { bench.model.pushHead(element) }
    }

    private func interfere() {
        guard !bench.model.list.isEmpty else { return }
        let element = Bool.random(using: &random) ? bench.model.list.removeFirst() : bench.model.list.removeLast()
        takenByOthers[element, default: 0] += 1
    }

    private func check() throws {
        let stored = Dictionary(bench.stored.map { ($0, 1) }, uniquingKeysWith: +)
        for (element, count) in Dictionary(bench.model.removed.map { ($0, 1) }, uniquingKeysWith: +) {
            guard stored[element, default: 0] >= count else {
                throw TestFailure(description: "removed before stored: \(String(decoding: element, as: UTF8.self))")
            }
        }
        for (element, count) in stored where SessionBench.isUnmapped(element) && count > pushed[element, default: 0] {
            throw TestFailure(description: "emitted twice: \(String(decoding: element, as: UTF8.self))")
        }
        guard bench.session.nextID - bench.session.storedThrough <= 3 * 8 else {
            throw TestFailure(description: "more than the bound is held")
        }
    }

    private func finish() throws {
        bench.model.fault = .none
        for _ in 0..<200 where !bench.model.list.isEmpty || !isConnected || !bench.session.acknowledger.isEmpty {
            if !isConnected {
                isConnected = true
                try bench.connect()
            }
            try bench.settle()
            try bench.advance(.seconds(6))
        }
        try check()
        guard bench.model.list.isEmpty else {
            throw TestFailure(description: "\(bench.model.list.count) elements left; \(bench.model.log.suffix(5))")
        }
        let stored = Set(bench.stored)
        for (element, count) in pushed where !stored.contains(element) && takenByOthers[element, default: 0] < count {
            throw TestFailure(description: "lost: \(String(decoding: element, as: UTF8.self))")
        }
    }
}
