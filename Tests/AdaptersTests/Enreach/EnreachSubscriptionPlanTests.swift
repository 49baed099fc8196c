import Codecs
import NIOCore
import TestSupport
import Testing

@testable import Adapters

@Suite("Enreach: which subscriptions to ask for")
struct EnreachSubscriptionPlanTests {
    typealias Plan = EnreachSubscriptionPlan

    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private static let users = (0..<4).map { UUID128(high: 1, low: UInt64($0)) }
    private static let queues = (0..<2).map { UUID128(high: 2, low: UInt64($0)) }
    private static let known = [
        "UserStatus", "UserCallInComing", "UserAlert", "QueueStatus", "QueueCallInComing", "CallbackChanged",
        "CallListNotification",
    ]

    private static func plan(
        _ selections: [EnreachSubscription], _ edit: (inout Plan.Limits) -> Void = { _ in }
    ) -> Plan {
        var limits = Plan.Limits()
        edit(&limits)
        return Plan(selections, knownEvents: known, limits: limits)
    }

    private static let everything = EnreachEntity.Kind.allCases.map {
        EnreachSubscription(kind: $0, entities: .all, events: .all)
    }

    /// The pairs of a batch as "low half of the entity, event".
    private static func pairs(_ batch: Plan.Batch) throws -> [String] {
        try JSONDocument(batch.argument).root.elements.map { pair in
            let id = try #require(pair["EntityId"]?.string.flatMap { UUID128($0) })
            return "\(id.high)/\(id.low) \(pair["EventName"]?.string ?? "")"
        }
    }

    private static func next(_ plan: inout Plan) throws -> Plan.Batch {
        let batch = plan.nextBatch(now: now)
        return try #require(batch)
    }

    /// Grants everything that is asked, in the hub's way; returns the batches.
    private static func settle(
        _ plan: inout Plan, at now: NIODeadline = now, refusing: [String: String] = [:]
    ) throws -> [Plan.Batch] {
        var batches: [Plan.Batch] = []
        while let batch = plan.nextBatch(now: now) {
            batches.append(batch)
            try plan.answered(batch.number, with: answer(batch, refusing: refusing), now: now)
        }
        #expect(plan.isSettled)
        return batches
    }

    /// In reverse order, with keys and names in the hub's case.
    static func answer(_ batch: Plan.Batch, refusing: [String: String] = [:]) throws -> JSONValue {
        let entries = try JSONDocument(batch.argument).root.elements.reversed().map { pair in
            let event = (pair["EventName"]?.string ?? "").lowercased()
            let message = batch.method == .subscribe ? refusing[event] : nil
            let isGranted = batch.method == .subscribe && message == nil
            return
                #"{"subscribed":\#(isGranted),"message":\#(message.map { "\"\($0)\"" } ?? "null"),"entityId":"\#((pair["EntityId"]?.string ?? "").uppercased())","eventName":"\#(event)"}"#
        }
        return try JSONDocument(Array("[\(entries.joined(separator: ","))]".utf8)).root
    }

    @Test("Explicit entities and all events: what the kind has, call events first, in the pairs of the seed")
    func explicit() throws {
        var plan = Self.plan([EnreachSubscription(kind: .user, entities: .listed(Self.users), events: .all)])
        #expect(plan.enumeratedKinds == [])
        let batches = try Self.settle(&plan)
        #expect(batches.count == 1 && batches[0].method == .subscribe && batches[0].count == 12)
        let pairs = try Self.pairs(batches[0])
        #expect(pairs.prefix(4).allSatisfy { $0.hasSuffix("UserCallInComing") })
        #expect(pairs[4..<8].allSatisfy { $0.hasSuffix("UserStatus") })
        #expect(pairs.suffix(4).allSatisfy { $0.hasSuffix("UserAlert") })
        #expect(plan.counts == .init(wanted: 12, held: 12, refused: 0))
        let text = String(decoding: batches[0].argument.prefix(90), as: UTF8.self)
        #expect(
            text.hasPrefix(#"[{"EntityId":"00000000-0000-0001-0000-000000000000","EventName":"UserCallInComing"},"#))
    }

    @Test("A listed event is asked for in any case, of its own kind alone, and once")
    func listed() throws {
        let events = EnreachSubscription.Events.listed(["usercallincoming", "QueueStatus", "USERCALLINCOMING"])
        var plan = Self.plan([
            EnreachSubscription(kind: .user, entities: .listed([Self.users[0]]), events: events),
            EnreachSubscription(kind: .queue, entities: .listed([Self.queues[0]]), events: events),
            EnreachSubscription(kind: .queue, entities: .listed([Self.queues[0]]), events: events),
        ])
        let batches = try Self.settle(&plan)
        #expect(try batches.flatMap(Self.pairs) == ["1/0 UserCallInComing", "2/0 QueueStatus"])
    }

    @Test("What the hub offers decides: names it lacks are told once and skipped, names it has besides are asked for")
    func offered() throws {
        var plan = Self.plan([
            EnreachSubscription(kind: .user, entities: .listed([Self.users[0]]), events: .all),
            EnreachSubscription(
                kind: .queue, entities: .listed([Self.queues[0]]),
                events: .listed(["QueueStatus", "QueueCallInComing"])),
        ])
        let unknown = plan.setOffered(["UserSetting", "usercallincoming", "QueueStatus", "Weather"])
        #expect(unknown == ["UserSetting", "Weather"])
        #expect(plan.takeNamesNotOffered() == ["QueueCallInComing"] && plan.takeNamesNotOffered() == [])
        let pairs = try Self.settle(&plan).flatMap(Self.pairs)
        #expect(Set(pairs) == ["1/0 UserSetting", "1/0 UserCallInComing", "2/0 QueueStatus"])
    }

    @Test("Batches keep below pairs and bytes, and no more calls than allowed wait")
    func batches() throws {
        let ids = (0..<500).map { UUID128(high: 9, low: UInt64($0)) }
        var plan = Self.plan([EnreachSubscription(kind: .user, entities: .listed(ids), events: .all)]) {
            $0.batchPairs = 250
            $0.callsInFlight = 3
        }
        let first = (0..<3).compactMap { _ in plan.nextBatch(now: Self.now) }
        #expect(first.map(\.count) == [250, 250, 250])
        #expect(plan.nextBatch(now: Self.now) == nil && !plan.isSettled)
        for batch in first.reversed() { try plan.answered(batch.number, with: Self.answer(batch), now: Self.now) }
        let rest = try Self.settle(&plan)
        #expect((first + rest).map(\.count).reduce(0, +) == 1500 && plan.counts.held == 1500)
        #expect((first + rest).allSatisfy { $0.argument.count <= 31 << 10 })

        var narrow = Self.plan([EnreachSubscription(kind: .user, entities: .listed(ids), events: .all)]) {
            $0.batchPairs = 5000
        }
        let wide = try Self.settle(&narrow)
        #expect(wide.count > 3 && wide.allSatisfy { $0.argument.count <= 31 << 10 })
        #expect(wide.map(\.count).reduce(0, +) == 1500)
    }

    @Test(
        "Refused pairs are told once, those that never can be granted are not asked again, the others slowly and on a new connection"
    )
    func refusals() throws {
        var plan = Self.plan([EnreachSubscription(kind: .user, entities: .listed(Self.users), events: .all)])
        let refusing = ["useralert": "Unauthorized", "userstatus": "Invalid event name"]
        _ = try Self.settle(&plan, refusing: refusing)
        #expect(plan.counts == .init(wanted: 12, held: 4, refused: 8))
        #expect(
            plan.takeRefusals() == [
                .init(
                    message: "Invalid event name", count: 4, entity: Self.users[0], event: "UserStatus", isLasting: true
                ),
                .init(message: "Unauthorized", count: 4, entity: Self.users[0], event: "UserAlert", isLasting: false),
            ])
        let due = try #require(plan.nextDeadline)
        #expect(due - Self.now == .minutes(10))
        #expect(plan.nextBatch(now: due - .nanoseconds(1)) == nil)
        let again = try Self.settle(&plan, at: due, refusing: refusing)
        #expect(try again.flatMap(Self.pairs).allSatisfy { $0.hasSuffix("UserAlert") } && again[0].count == 4)
        #expect(plan.takeRefusals() == [] && plan.counts.refused == 8)
        #expect(plan.nextDeadline.map { $0 - due } == .minutes(20))

        plan.connectionOpened()
        let restored = try Self.settle(&plan, at: due, refusing: ["userstatus": "Invalid event name"])
        #expect(restored.map(\.count) == [8] && plan.counts == .init(wanted: 12, held: 8, refused: 4))
        #expect(plan.takeRefusals() == [] && plan.nextDeadline == nil)
    }

    @Test("A pair without a result counts as refused; results of others are nothing")
    func missingResults() throws {
        var plan = Self.plan([
            EnreachSubscription(
                kind: .user, entities: .listed(Array(Self.users.prefix(2))), events: .listed(["UserStatus"]))
        ])
        let batch = try Self.next(&plan)
        let answer =
            #"[{"subscribed":true,"entityId":"\#(Self.users[1])","eventName":"USERSTATUS"},{"subscribed":true,"entityId":"\#(Self.users[3])","eventName":"userstatus"},{"subscribed":true},7]"#
        try plan.answered(batch.number, with: JSONDocument(Array(answer.utf8)).root, now: Self.now)
        #expect(plan.counts == .init(wanted: 2, held: 1, refused: 1))
        #expect(plan.takeRefusals().map(\.message) == ["no result"])
    }

    @Test("An answer that is no list of results is an error", arguments: ["null", "true", "{}", "\"ok\""])
    func noResults(text: String) throws {
        var plan = Self.plan([EnreachSubscription(kind: .user, entities: .listed(Self.users), events: .all)])
        let batch = try Self.next(&plan)
        let value = try JSONDocument(Array(text.utf8)).root
        #expect(throws: EnreachSubscriptionError.self) { try plan.answered(batch.number, with: value, now: Self.now) }
    }

    @Test("New entities are asked for and removed ones dropped, everything else stays as it is")
    func enumeration() throws {
        var plan = Self.plan(Self.everything)
        #expect(plan.enumeratedKinds == [.user, .queue, .callList])
        #expect(plan.isSettled && plan.counts.wanted == 0)
        plan.setEntities(Array(Self.users.prefix(2)), of: .user)
        plan.setEntities(Self.queues, of: .queue)
        _ = try Self.settle(&plan)
        #expect(plan.counts == .init(wanted: 10, held: 10, refused: 0))
        plan.setEntities([Self.users[1], Self.users[2]], of: .user)
        let batches = try Self.settle(&plan)
        #expect(batches.map(\.method) == [.unsubscribe, .subscribe])
        #expect(try Self.pairs(batches[0]).allSatisfy { $0.hasPrefix("1/0 ") } && batches[0].count == 3)
        #expect(try Self.pairs(batches[1]).allSatisfy { $0.hasPrefix("1/2 ") } && batches[1].count == 3)
        #expect(plan.counts == .init(wanted: 10, held: 10, refused: 0))
        plan.setEntities([Self.users[1], Self.users[2]], of: .user)
        #expect(plan.nextBatch(now: Self.now) == nil)
    }

    @Test("An entity that goes while it is asked for is given back; one that returns in time is kept")
    func races() throws {
        var plan = Self.plan([EnreachSubscription(kind: .queue, entities: .all, events: .listed(["QueueStatus"]))])
        plan.setEntities([Self.queues[0]], of: .queue)
        let batch = try Self.next(&plan)
        plan.setEntities([], of: .queue)
        try plan.answered(batch.number, with: Self.answer(batch), now: Self.now)
        #expect(plan.counts == .init(wanted: 0, held: 0, refused: 0) && !plan.isSettled)
        plan.setEntities([Self.queues[0]], of: .queue)
        #expect(plan.counts == .init(wanted: 1, held: 1, refused: 0))
        #expect(plan.nextBatch(now: Self.now) == nil)
    }

    @Test("A lost connection loses all that was held, and what was under way")
    func lostConnection() throws {
        var plan = Self.plan([EnreachSubscription(kind: .user, entities: .listed(Self.users), events: .all)]) {
            $0.batchPairs = 4
        }
        let first = try Self.next(&plan)
        try plan.answered(first.number, with: Self.answer(first), now: Self.now)
        let second = try Self.next(&plan)
        plan.connectionOpened()
        #expect(plan.counts == .init(wanted: 12, held: 0, refused: 0))
        try plan.answered(second.number, with: Self.answer(second), now: Self.now)
        #expect(plan.counts.held == 0, "an answer of the old connection")
        #expect(try Self.settle(&plan).map(\.count) == [4, 4, 4])
    }

    @Test("A pair that the hub cannot stand is found by halves, and does not keep the others out")
    func poison() throws {
        let ids = (0..<250).map { UUID128(high: 9, low: UInt64($0)) }
        var plan = Self.plan([EnreachSubscription(kind: .user, entities: .listed(ids), events: .listed(["UserStatus"]))]
        ) {
            $0.callsInFlight = 1
        }
        var calls = 0
        while let batch = plan.nextBatch(now: Self.now) {
            calls += 1
            if try Self.pairs(batch).contains("9/77 UserStatus") {
                try plan.failed(batch.number, because: "Failed to invoke 'Subscribe'", now: Self.now)
            } else {
                try plan.answered(batch.number, with: Self.answer(batch), now: Self.now)
            }
        }
        #expect(plan.counts == .init(wanted: 250, held: 249, refused: 1))
        #expect(plan.takeRefusals().map(\.count) == [1])
        #expect(calls < 60)
    }

    @Test("A hub that fails every call is given up")
    func giveUp() throws {
        let ids = (0..<250).map { UUID128(high: 9, low: UInt64($0)) }
        var plan = Self.plan([EnreachSubscription(kind: .user, entities: .listed(ids), events: .all)])
        var failure: EnreachSubscriptionError?
        for _ in 0..<50 where failure == nil {
            guard let batch = plan.nextBatch(now: Self.now) else { break }
            do {
                try plan.failed(batch.number, because: "Unknown hub method 'Subscribe'", now: Self.now)
            } catch {
                failure = error
            }
        }
        #expect(failure?.description.contains("Unknown hub method 'Subscribe'") == true)
    }

    @Test("Too many pairs are bounded, and counted")
    func bound() {
        let ids = (0..<1000).map { UUID128(high: 9, low: UInt64($0)) }
        let plan = Self.plan([EnreachSubscription(kind: .user, entities: .listed(ids), events: .all)]) {
            $0.pairs = 100
        }
        #expect(plan.counts.wanted == 100 && plan.leftOut == 2900)
    }

    @Test("Whatever comes and goes in whatever order, in the end exactly what is wanted is held")
    func property() throws {
        let seed = SeededGenerator.printedSeed(for: "subscription plan")
        var random = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            var plan = Self.plan(Self.everything) { $0.batchPairs = 3 }
            var held: Set<String> = []
            var underWay: [Plan.Batch] = []
            var present: [UUID128] = []
            for _ in 0..<60 {
                switch Int.random(in: 0..<6, using: &random) {
                case 0:
                    present = Self.users.filter { _ in Bool.random(using: &random) }
                    plan.setEntities(present, of: .user)
                case 1:
                    plan.connectionOpened()
                    (held, underWay) = ([], [])
                case 2:
                    if let batch = underWay.popLast() { try? plan.failed(batch.number, because: "x", now: Self.now) }
                case 3 where !underWay.isEmpty: try Self.give(underWay.removeFirst(), &plan, &held)
                default: if let batch = plan.nextBatch(now: Self.now) { underWay.append(batch) }
                }
            }
            for batch in underWay { try Self.give(batch, &plan, &held) }
            // Pairs refused by a failure alone come back with the next connection.
            plan.connectionOpened()
            held = []
            while let batch = plan.nextBatch(now: Self.now) { try Self.give(batch, &plan, &held) }
            let wanted = present.flatMap { id in
                ["UserStatus", "UserCallInComing", "UserAlert"].map { "\(id.high)/\(id.low) \($0)" }
            }
            #expect(held == Set(wanted), "seed \(seed)")
            #expect(plan.counts == .init(wanted: wanted.count, held: wanted.count, refused: 0), "seed \(seed)")
        }
    }

    private static func give(_ batch: Plan.Batch, _ plan: inout Plan, _ held: inout Set<String>) throws {
        if batch.method == .subscribe { held.formUnion(try pairs(batch)) } else { held.subtract(try pairs(batch)) }
        try plan.answered(batch.number, with: answer(batch), now: now)
    }
}
