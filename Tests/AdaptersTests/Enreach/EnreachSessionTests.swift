import Codecs
import NIOCore
import TestSupport
import Testing

@testable import Adapters

@Suite("Enreach: the conversation above the hub protocol")
struct EnreachSessionTests {
    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private static let users = (0..<3).map { UUID128(high: 1, low: UInt64($0)) }
    private static let interval = TimeAmount.minutes(15)

    private static func session(
        _ entities: EnreachSubscription.Entities = .listed(users), batchPairs: Int = 250
    ) -> EnreachSession {
        var limits = EnreachSubscriptionPlan.Limits()
        limits.batchPairs = batchPairs
        let plan = EnreachSubscriptionPlan(
            [EnreachSubscription(kind: .user, entities: entities, events: .all)],
            knownEvents: ["UserCallInComing", "UserStatus"], limits: limits)
        return EnreachSession(plan: plan, enumerationInterval: interval)
    }

    private static func actions(_ session: inout EnreachSession) -> [EnreachSession.Action] {
        var list: [EnreachSession.Action] = []
        while let action = session.nextAction() { list.append(action) }
        return list
    }

    private static func calls(_ actions: [EnreachSession.Action]) -> [EnreachSession.Call] {
        actions.compactMap { if case .invoke(let call) = $0 { call } else { nil } }
    }

    private static func json(_ text: String) throws -> JSONValue { try JSONDocument(Array(text.utf8)).root }

    /// Grants a Subscribe as the hub does.
    private static func granted(_ call: EnreachSession.Call, message: String? = nil) throws -> JSONValue {
        let pairs = try json(String(decoding: call.arguments, as: UTF8.self)).elements.first?.elements ?? []
        let entries = pairs.map {
            #"{"subscribed":\#(message == nil),"message":\#(message.map { "\"\($0)\"" } ?? "null"),"entityId":"\#($0["EntityId"]?.string ?? "")","eventName":"\#(($0["EventName"]?.string ?? "").lowercased())"}"#
        }
        return try json("[\(entries.joined(separator: ","))]")
    }

    /// Goes through a whole opening that grants everything; returns the actions of the end.
    private static func open(_ session: inout EnreachSession) throws -> [EnreachSession.Action] {
        session.connected(now: now)
        var last: [EnreachSession.Action] = []
        var calls = calls(actions(&session))
        while let call = calls.first {
            calls.removeFirst()
            let answer =
                call.method == "AvailableSubscriptions"
                ? try json(#"["UserCallInComing","UserStatus"]"#) : try granted(call)
            session.answered(call.number, with: answer, now: now)
            last = actions(&session)
            calls += self.calls(last)
        }
        return last
    }

    @Test("It asks what the hub offers, subscribes in batches, and is up with the last answer, not before")
    func opening() throws {
        var session = Self.session(batchPairs: 2)
        session.connected(now: Self.now)
        let first = Self.actions(&session)
        #expect(
            first == [.invoke(.init(number: 1, method: "AvailableSubscriptions", arguments: Array("[]".utf8)))])
        session.answered(1, with: try Self.json(#"["UserCallInComing","UserStatus"]"#), now: Self.now)
        let calls = Self.calls(Self.actions(&session))
        #expect(calls.map(\.method) == ["Subscribe", "Subscribe", "Subscribe"])
        #expect(
            calls.allSatisfy {
                $0.arguments.starts(with: Array("[[{".utf8)) && $0.arguments.suffix(3) == Array("}]]".utf8)
            })
        for call in calls.dropLast().reversed() {
            session.answered(call.number, with: try Self.granted(call), now: Self.now)
            #expect(Self.actions(&session) == [] && !session.isUp)
        }
        session.answered(calls[2].number, with: try Self.granted(calls[2]), now: Self.now)
        #expect(Self.actions(&session) == [.up] && session.isUp)
        #expect(session.counts == .init(wanted: 6, held: 6, refused: 0))
    }

    @Test(
        "A hub that wants an argument for AvailableSubscriptions gets one; one that has no such method is asked for what is known"
    )
    func availableSubscriptions() throws {
        var session = Self.session()
        session.connected(now: Self.now)
        _ = Self.actions(&session)
        session.failed(
            1, because: "Failed to invoke 'AvailableSubscriptions' due to an error on the server.", now: Self.now)
        #expect(
            Self.actions(&session) == [
                .invoke(.init(number: 2, method: "AvailableSubscriptions", arguments: Array("[[]]".utf8)))
            ])
        session.failed(2, because: "Unknown hub method 'AvailableSubscriptions'", now: Self.now)
        let calls = Self.calls(Self.actions(&session))
        #expect(calls.count == 1 && calls[0].method == "Subscribe")
        session.answered(calls[0].number, with: try Self.granted(calls[0]), now: Self.now)
        #expect(Self.actions(&session) == [.up])
    }

    @Test("Names that one side does not know are told once")
    func names() throws {
        var session = Self.session()
        for isFirst in [true, false] {
            session.connected(now: Self.now)
            let call = Self.calls(Self.actions(&session))[0]
            session.answered(call.number, with: try Self.json(#"["UserCallInComing","UserSetting"]"#), now: Self.now)
            let told = Self.actions(&session).contains(.unknownEvents(["UserSetting"]))
            #expect(told == isFirst)
        }
    }

    @Test("Refused pairs are told before the link is up")
    func refusals() throws {
        var session = Self.session()
        session.connected(now: Self.now)
        session.answered(1, with: try Self.json(#"["UserStatus"]"#), now: Self.now)
        let call = Self.calls(Self.actions(&session))[1]
        session.answered(call.number, with: try Self.granted(call, message: "Unauthorized"), now: Self.now)
        let actions = Self.actions(&session)
        #expect(actions.count == 2 && actions[1] == .up)
        guard case .refused(let list) = actions[0] else { return #expect(Bool(false), "\(actions)") }
        #expect(list.map(\.count) == [3] && list[0].message == "Unauthorized")
        #expect(session.nextDeadline.map { $0 - Self.now } == .minutes(10))
        session.deadlineReached(now: Self.now + .minutes(10))
        #expect(Self.calls(Self.actions(&session)).map(\.method) == ["Subscribe"])
    }

    @Test(
        "Entities are enumerated before the first connection and in intervals; what is new is subscribed, what has gone dropped"
    )
    func enumeration() throws {
        var session = Self.session(.all)
        #expect(session.missingKinds == [.user])
        session.enumerated([.user: [Self.users[0]]], now: Self.now)
        #expect(session.missingKinds == [] && Self.actions(&session) == [])
        #expect(try Self.open(&session) == [.up])
        #expect(session.nextDeadline == Self.now + Self.interval)
        session.deadlineReached(now: Self.now + Self.interval)
        #expect(Self.actions(&session) == [.enumerate([.user])])
        #expect(session.nextDeadline == nil, "one at a time")
        session.enumerated([.user: [Self.users[1]]], now: Self.now + Self.interval)
        let calls = Self.calls(Self.actions(&session))
        #expect(calls.map(\.method) == ["Unsubscribe", "Subscribe"])
        session.deadlineReached(now: Self.now + Self.interval * 2)
        #expect(Self.actions(&session).contains(.enumerate([.user])))
        session.enumerationFailed(now: Self.now + Self.interval * 2)
        #expect(session.nextDeadline == Self.now + Self.interval * 3)
    }

    @Test("That everybody has gone at once is believed when it is said twice")
    func emptyEnumeration() throws {
        var session = Self.session(.all)
        session.enumerated([.user: Self.users], now: Self.now)
        #expect(try Self.open(&session) == [.up])
        for isBelieved in [false, true] {
            session.enumerated([.user: []], now: Self.now)
            #expect(Self.calls(Self.actions(&session)).map(\.method) == (isBelieved ? ["Unsubscribe"] : []))
        }
        #expect(session.counts.wanted == 0)
        session.enumerated([.user: Self.users], now: Self.now)
        session.enumerated([.user: []], now: Self.now)
        #expect(session.counts.wanted == 6, "doubted anew")
    }

    @Test("What cannot be held back any longer makes the link up early; the rest is subscribed all the same")
    func early() throws {
        var session = Self.session(batchPairs: 3)
        session.connected(now: Self.now)
        session.cannotWait()
        #expect(Self.actions(&session).last == .up && session.isUp)
        session.answered(1, with: try Self.json(#"["UserCallInComing","UserStatus"]"#), now: Self.now)
        let calls = Self.calls(Self.actions(&session))
        #expect(calls.count == 2)
        for call in calls { session.answered(call.number, with: try Self.granted(call), now: Self.now) }
        #expect(Self.actions(&session) == [] && session.counts.held == 6)
    }

    @Test("Answers of an earlier connection are nothing, and a later one restores all")
    func reconnect() throws {
        var session = Self.session()
        #expect(try Self.open(&session) == [.up])
        session.connectionClosed()
        #expect(!session.isUp && session.nextDeadline == nil)
        session.answered(2, with: nil, now: Self.now)
        session.timedOut(2)
        #expect(Self.actions(&session) == [])
        #expect(try Self.open(&session) == [.up])
        #expect(session.counts.held == 6)
    }

    @Test("A hub that is none of RTE's is given up, with the reason")
    func notRTE() throws {
        var session = Self.session()
        session.connected(now: Self.now)
        session.answered(1, with: try Self.json(#"["UserStatus"]"#), now: Self.now)
        let call = Self.calls(Self.actions(&session))[1]
        session.answered(call.number, with: try Self.json("7"), now: Self.now)
        guard case .fail(let reason) = Self.actions(&session).last else { return #expect(Bool(false)) }
        #expect(reason.isRefusal && "\(reason)".contains("something else than an array"))
        #expect(!session.isUp && session.nextAction() == nil)
    }

    @Test("A call without an answer ends the connection")
    func unanswered() {
        var session = Self.session()
        session.connected(now: Self.now)
        _ = Self.actions(&session)
        session.timedOut(1)
        #expect(Self.actions(&session) == [.fail(.unanswered(method: "AvailableSubscriptions"))])
    }
}
