import CallModel
import Codecs
import TestSupport
import Testing

@testable import Adapters

/// Random messages of a few calls, users and queues: nothing that a PBX would say, so that nothing is taken for granted.
struct EnreachNoise {
    private static let users = (0..<3).map { "a1eeb030-ff4b-ea11-ac9c-00000000000\($0)" }
    private static let queues = (0..<2).map { "cbeeb190-ff4b-ea11-ac9c-00000000000\($0)" }
    private static let events = EnreachEvent.allCases.filter { $0.kind.isCall }
    private static let words = [
        "", "local", "remote", "NoAnswer", "486", "16", "busy_on_busy", "ivr_x", "ORIGINATOR_CANCEL",
    ]

    private var random: SeededGenerator
    private let calls: Int
    private var last: (name: String, data: String)?

    init(seed: UInt64, calls: Int) { (random, self.calls) = (SeededGenerator(seed: seed), calls) }

    mutating func pick<Item>(_ items: [Item]) -> Item { items[Int.random(in: items.indices, using: &random)] }
    mutating func chance(_ count: Int) -> Bool { Int.random(in: 0..<count, using: &random) == 0 }
    mutating func wait() -> Duration {
        chance(6)
            ? .seconds(Int.random(in: 1...900, using: &random))
            : .milliseconds(Int.random(in: 0...1500, using: &random))
    }

    /// Sometimes the one before once more, for another subscription.
    mutating func message() throws -> JSONValue {
        if let last, chance(4) {
            return try EnreachJSON.message(last.name, last.data, entity: pick(Self.users + Self.queues))
        }
        let event = pick(Self.events)
        let user = pick(Self.users)
        var members = [
            "\"CallId\":\"0f4d9f8e-5a53-4c8e-8f0e-\(String(1_000_000_000_000 + Int.random(in: 0..<calls, using: &random)).suffix(12))\"",
            "\"LegId\":\"\(Int.random(in: 1...3, using: &random))\"", "\"CallerNumber\":\"+358401234567\"",
            "\"Reason\":\"\(pick(Self.words))\"", "\"TechReason\":\"\(pick(Self.words))\"",
            "\"ConnectedTarget\":\"\(pick(["", user, "0401", pick(Self.users)]))\"",
            "\"TransferTarget\":\"\(pick(["", pick(Self.users), "0401", pick(Self.queues)]))\"",
            "\"Target\":\"\(pick(["", "1;2", pick(Self.users)]))\"",
        ]
        if event.isOfQueue || chance(3) { members.append("\"QueueId\":\"\(pick(Self.queues))\"") }
        if !event.isOfQueue || event.kind == .callRinging || event.kind == .callRingStopped
            || event.kind == .callAnswered
        {
            members.append("\"UserId\":\"\(user)\"")
        }
        let data = members.joined(separator: ",")
        last = (event.rawValue, data)
        return try EnreachJSON.message(event.rawValue, data, entity: pick([user, pick(Self.queues)]))
    }
}

@Suite("Enreach: any order")
struct EnreachOrderTests {
    @Test("Whatever comes in whatever order, a call begins once, ends once, and each ring is closed once")
    func promises() throws {
        let seed = SeededGenerator.printedSeed(for: "Enreach order")
        for round in 0..<UInt64(runsLongTests ? 2000 : 60) {
            var noise = EnreachNoise(seed: seed &+ round, calls: 1 + Int(round % 7))
            // Memory of the mapper so small that calls are forgotten, in every third round.
            var limits = EnreachMapper.Limits()
            if round % 3 == 0 { limits.calls = .init(open: 2, ended: 1) }
            var run = EnreachRun(limits: limits)
            var now = Timestamp(microseconds: 1_768_464_000_000_000)
            run.connect(at: now)
            for _ in 0..<150 {
                now = now.advanced(by: noise.wait())
                run.take(try noise.message(), at: now)
                if noise.chance(40) { run.interrupt(noise.chance(2) ? .reconnect : .restart, at: now) }
            }
            run.passTime(to: now.advanced(by: .seconds(3 * 86_400)))
            let judge = PromiseJudge.faults(of: run.events)
            #expect(judge.faults == [], "seed \(seed), round \(round)")
            #expect(judge.open == [], "seed \(seed), round \(round)")
            let schema = try SchemaValidator.callEvent()
            for line in run.lines where round % 10 == 0 {
                #expect(schema.faults(of: line) == [], "seed \(seed), round \(round)")
            }
        }
    }

    @Test("Any JSON in place of a message becomes source.unmapped or a line, and never more")
    func anything() throws {
        let seed = SeededGenerator.printedSeed(for: "Enreach noise")
        var random = SeededGenerator(seed: seed)
        let scenarios =
            try ReplayScenario.enreach.flatMap { $0.steps.compactMap(\.message) }
            + EnreachEvent.allCases.map { event in
                try EnreachJSON.value(
                    #"{"subscription":{"entityId":"","eventName":"\#(event.rawValue)"},"data":\#(EnreachDocumentation.example(event))}"#
                )
            }
        var run = EnreachRun()
        var now = Timestamp(microseconds: 1_768_464_000_000_000)
        let schema = try SchemaValidator.callEvent()
        for _ in 0..<(runsLongTests ? 100_000 : 4000) {
            guard let message = scenarios.randomElement(using: &random) else { return }
            var writer = ByteWriter()
            Self.write(message, to: &writer, &random)
            guard let document = try? JSONDocument(writer.bytes, limits: JSONLimits(bytes: 1 << 20, depth: 64)) else {
                continue
            }
            now = now.advanced(by: .milliseconds(200))
            let count = run.events.count
            run.take(document.root, at: now)
            for event in run.events[count...] {
                let line = LineWriter.text(event)
                #expect(schema.faults(of: line) == [], "seed \(seed): \(line)")
            }
        }
        #expect(run.unmappedCount > 0)
    }

    /// Writes `value` with a part of it exchanged, in one of forty places.
    private static func write(_ value: JSONValue, to out: inout ByteWriter, _ random: inout SeededGenerator) {
        if Int.random(in: 0..<40, using: &random) == 0 {
            let others: [StaticString] = [
                "null", "true", "-1", "0", "1e9", "\"\"", "\"x\"", "[]", "{}", "[1,\"a\",null]", "{\"a\":{\"b\":[]}}",
                "\"00000000-0000-0000-0000-000000000000\"", "\"9999-12-31T23:59:59.9999999\"",
                "123456789012345678901234567890",
                "\"\\ud800\"", "\"anonymous\"",
            ]
            return out.append(others.randomElement(using: &random) ?? "null")
        }
        switch value.kind {
        case .array:
            out.append("[")
            for (index, element) in value.elements.enumerated() {
                if index > 0 { out.append(",") }
                write(element, to: &out, &random)
            }
            out.append("]")
        case .object:
            out.append("{")
            for (index, member) in value.members.enumerated() {
                if index > 0 { out.append(",") }
                out.append(jsonString: Int.random(in: 0..<40, using: &random) == 0 ? "Id" : member.name)
                out.append(":")
                write(member.value, to: &out, &random)
            }
            out.append("}")
        case .null, .boolean, .number, .string: out.append(json: value)
        }
    }
}
