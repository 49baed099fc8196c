import CallModel
import Codecs
import TestSupport
import Testing

@testable import Adapters

/// Random sequences of a few calls, agents and queues: any event at any time, told twice, with fields missing, over outages
/// and restarts.
@Suite("XCALLY: random sequences")
struct XCALLYPropertyTests {
    private static func message(_ random: inout SeededGenerator, _ now: Timestamp) throws -> JSONValue {
        let event =
            ["ringing", "ringing", "ringing", "up", "up", "hangup", "hangup", "abandon", "outbound"]
            .randomElement(using: &random) ?? "up"
        let call = Int.random(in: 0..<5, using: &random)
        let agent = Int.random(in: 0..<3, using: &random)
        let seconds = 1_437_069_264 + [0, 300, 4000, 90_000, 200_000][call]
        var members = [#""event":"\#(event)""#, #""uniqueid":"\#(call == 4 ? "app" : "\(seconds).\(call)")""#]
        func add(_ member: String, _ percent: Int) {
            if Int.random(in: 0..<100, using: &random) < percent { members.append(member) }
        }
        add(#""queue":"\#(["Sales", "Support"].randomElement(using: &random) ?? "")""#, 90)
        if event != "abandon" {
            add(#""agentnum":"100\#(agent)""#, 90)
            add(#""peer":"SIP/agent\#(agent)""#, 80)
        }
        add(#""direction":"\#(["inbound", "unmanaged", "outbound", "?"].randomElement(using: &random) ?? "")""#, 50)
        add(#""callernum":"99\#(call)""#, 80)
        add(#""holdtime":"\#(Int.random(in: 0..<60, using: &random))""#, 60)
        add(#""ringtime":\#(Int.random(in: 0..<20, using: &random))"#, 60)
        add(#""talktime":"\#(Int.random(in: 0..<90, using: &random))""#, 60)
        add(
            #""reason":"\#(["agent", "caller", "transfer", "transfer", "odd"].randomElement(using: &random) ?? "")""#,
            80)
        return try JSONDocument(Array("{\(members.joined(separator: ","))}".utf8)).root
    }

    private static func pause(_ random: inout SeededGenerator) -> Duration {
        switch Int.random(in: 0..<40, using: &random) {
        case 0: .seconds(Int.random(in: 60...1500, using: &random))
        case 1: .seconds(Int.random(in: 3600...60_000, using: &random))
        case 2...8: .zero
        default: .milliseconds(Int.random(in: 0...6000, using: &random))
        }
    }

    /// Rings that were closed more or less than once before the end of their call.
    private static func unclosed(_ events: [CallEvent]) -> [String] {
        var faults: [String] = []
        var open: [String: [String: Int]] = [:]
        for event in events {
            guard let call = event.call, !event.late else { continue }
            var key = event.body.agent?.id
            if key == nil, case .target(let target) = event.body.detail { key = "target \(target.type)" }
            // An answer by nobody is that of no phone that rang, whosever that was.
            guard let key else {
                if event.kind == .callEnded { open[call.id] = nil }
                continue
            }
            switch event.kind {
            case .callRinging: open[call.id, default: [:]][key, default: 0] += 1
            case .callRingStopped, .callAnswered:
                let count = open[call.id]?[key] ?? 0
                if event.kind == .callRingStopped, count != 1 { faults.append("\(event.seq): stops \(count) rings") }
                open[call.id]?[key] = nil
            case .callEnded: open[call.id] = nil
            default: break
            }
            if let twice = open[call.id]?.first(where: { $0.value > 1 }) {
                faults.append("\(event.seq): \(twice.key) rings \(twice.value) times")
            }
        }
        return faults + open.filter { !$0.value.isEmpty }.map { "\($0.key) rings for ever" }
    }

    @Test("Exactly one opener and one end for each call, and each ring is closed once")
    func promises() throws {
        let validator = try SchemaValidator.callEvent()
        let seed = SeededGenerator.printedSeed(for: "XCALLY sequences")
        for round in 0..<UInt64(runsLongTests ? 2000 : 60) {
            var random = SeededGenerator(seed: seed &+ round)
            var run = XCALLYRun()
            var last: JSONValue?
            run.connect()
            for _ in 0..<150 {
                run.passTime(Self.pause(&random))
                switch Int.random(in: 0..<60, using: &random) {
                case 0: try run.restart()
                case 1: run.disconnect()
                case 2...3: run.connect()
                case 4...8: if let last { try run.take(last) }
                default:
                    let message = try Self.message(&random, run.now)
                    last = message
                    try run.take(message)
                }
            }
            run.passTime(.seconds(3 * 86_400))
            let events = run.events
            let judge = PromiseJudge.faults(of: events)
            try #require(judge.faults == [], "seed \(seed &+ round)")
            try #require(judge.open == [], "seed \(seed &+ round)")
            try #require(Self.unclosed(events) == [], "seed \(seed &+ round)")
            let calls = Dictionary(grouping: events.filter { $0.call != nil }, by: { $0.call?.id ?? "" })
            for (call, lines) in calls {
                try #require(lines.count { $0.kind.isOpener } == 1, "seed \(seed &+ round): \(call)")
                try #require(lines.count { $0.kind == .callEnded } == 1, "seed \(seed &+ round): \(call)")
            }
            for event in events where event.seq % 8 == Int64(round % 8) {
                try #require(validator.faults(of: LineWriter.text(event)) == [], "seed \(seed &+ round)")
            }
        }
    }

    @Test("A process killed anywhere in a sequence writes the lines that it would have written")
    func restarts() throws {
        let seed = SeededGenerator.printedSeed(for: "XCALLY restarts")
        for round in 0..<UInt64(runsLongTests ? 300 : 15) {
            func lines(restartingAt stop: Int?) throws -> [String] {
                var random = SeededGenerator(seed: seed &+ round)
                var run = XCALLYRun()
                for step in 0..<60 {
                    run.passTime(Self.pause(&random))
                    let message = try Self.message(&random, run.now)
                    if step == stop || stop == -1 { try run.restart() }
                    try run.take(message)
                }
                run.passTime(.seconds(3 * 86_400))
                return run.events.map { LineWriter.text($0) }
            }
            let whole = try lines(restartingAt: nil)
            for stop in [-1, 7, 20, 33, 59] {
                let lines = try lines(restartingAt: stop)
                let fault = zip(lines, whole).first { $0 != $1 }.map { "expected \($1)\nfound \($0)" }
                #expect(fault == nil, "seed \(seed &+ round), stopped at \(stop)")
                #expect(lines.count == whole.count, "seed \(seed &+ round), stopped at \(stop)")
            }
        }
    }
}
