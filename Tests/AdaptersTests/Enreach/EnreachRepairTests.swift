import CallModel
import Codecs
import TestSupport
import Testing

@testable import Adapters

@Suite("Enreach: what REST tells of a gap")
struct EnreachRepairTests {
    /// 2026-01-15T10:00:00Z.
    private static let now = Timestamp(microseconds: 1_768_471_200_000_000)
    private static let lost = now.advanced(by: .seconds(-600))
    private static let user = UUID128(high: 1, low: 7)

    private static func json(_ text: String) throws -> JSONValue { try JSONDocument(Array(text.utf8)).root }

    /// A record that began so many seconds before now.
    private static func record(
        _ call: String, ago: Int, seconds: Int, outbound: Bool = false, unanswered: Bool = false, user: String? = "u1"
    ) -> String {
        let start = EnreachAPIReader.time(now.advanced(by: .seconds(-ago)))
        return
            #"{"CallID":"\#(call)","ANum":"+358401234567","BNum":"+358942450100","TimeStamp":"\#(start.replacing(" ", with: "T"))","Duration":\#(seconds),"Direction":\#(outbound ? 1 : 0),"EndResult":\#(unanswered ? 1 : 0),"UserID":\#(user.map { "\"\($0)\"" } ?? "null"),"UserName":"anna.k"}"#
    }

    private static func told(_ facts: [CallFact]) -> [String] {
        facts.map { fact in
            let agent = fact.body.agent.map { " \($0.id)" } ?? ""
            let disposition = fact.body.outcome?.disposition.map { " \($0.rawValue)" } ?? ""
            return "\(fact.kind.name) \(fact.callID ?? "")\(agent)\(disposition)"
        }
    }

    private static func live(_ kind: Kind, _ call: String) -> CallFact { CallFact(kind, callID: call, event: "x") }

    private func repaired(
        _ repair: inout EnreachRepair, _ records: [String], from: Timestamp = lost
    ) throws -> [CallFact] {
        try repair.facts(ofCalls: Self.json("[\(records.joined(separator: ","))]"), from: from, now: Self.now)
    }

    @Test("A call that nobody heard of is told from its beginning to its end, as found in a snapshot")
    func unknown() throws {
        var repair = EnreachRepair()
        let facts = try repaired(
            &repair,
            [
                Self.record("in", ago: 300, seconds: 100),
                Self.record("missed", ago: 290, seconds: 20, unanswered: true),
                Self.record("out", ago: 280, seconds: 50, outbound: true),
            ])
        #expect(
            Self.told(facts) == [
                "call.offered in", "call.answered in u1", "call.ended in u1 answered", "call.offered missed",
                "call.ended missed u1", "call.dialing out u1", "call.answered out u1", "call.ended out u1 answered",
                "source.snapshot ",
            ])
        #expect(facts.dropLast().allSatisfy { $0.origin == .snapshot && $0.event == "calls" })
        #expect(facts[0].occurredAt == Self.now.advanced(by: .seconds(-300)))
        #expect(
            facts[1].uncertainMilliseconds == 100_000 && facts[2].occurredAt == Self.now.advanced(by: .seconds(-200)))
        guard case .snapshot(let snapshot) = facts.last?.body.detail else { return #expect(Bool(false)) }
        #expect(snapshot.items == 3 && snapshot.opened == 3 && snapshot.matched == 0 && snapshot.vanished == nil)
        #expect(facts.last?.presentCalls == nil, "calls that REST does not show may still go on")
        #expect(try Self.told(repaired(&repair, [Self.record("in", ago: 300, seconds: 100)])) == ["source.snapshot "])
    }

    @Test("A call that was open when the link was lost is ended; one that is told of again goes on")
    func open() throws {
        // EnreachAPI writes GUIDs in another case than RTE; ids that are none are compared as they are.
        let silent = "0f4d9f8e-5a53-4c8e-8f0e-00155d4fdcf3"
        var repair = EnreachRepair()
        repair.watch([
            Self.live(.callOffered, silent), Self.live(.callAnswered, silent), Self.live(.callOffered, "ringing"),
            Self.live(.callOffered, "alive"),
        ])
        repair.linkLost()
        repair.watch([Self.live(.callAnswered, "alive")])
        #expect(repair.silentCalls == 2)
        let facts = try repaired(
            &repair,
            [
                Self.record(silent.uppercased(), ago: 700, seconds: 300), Self.record("alive", ago: 650, seconds: 200),
                Self.record("ringing", ago: 640, seconds: 200),
            ])
        #expect(
            Self.told(facts) == [
                "call.ended \(silent) u1 answered", "call.answered ringing u1", "call.ended ringing u1 answered",
                "source.snapshot ",
            ])
        #expect(repair.silentCalls == 0)
    }

    @Test("What ended before the gap, or live, or is not over, is not told")
    func others() throws {
        var repair = EnreachRepair()
        repair.watch([Self.live(.callOffered, "done"), Self.live(.callEnded, "done")])
        repair.linkLost()
        let facts = try repaired(
            &repair,
            [
                Self.record("done", ago: 500, seconds: 100), Self.record("old", ago: 900, seconds: 100),
                Self.record("future", ago: 10, seconds: 60),
                #"{"CallID":"x"}"#, #"{"CallID":"y","TimeStamp":"2026-01-15T09:55:00"}"#, "7",
                #"{"CallID":"z","TimeStamp":"9999-12-31T23:59:59","Duration":3}"#,
                #"{"CallID":"w","TimeStamp":"2026-01-15T09:55:00","Duration":1e300}"#,
            ])
        #expect(Self.told(facts) == ["source.snapshot "])
    }

    @Test("Several users' parts are one call: one beginning, each answer, one end")
    func parts() throws {
        var repair = EnreachRepair()
        let facts = try repaired(
            &repair,
            [
                Self.record("c", ago: 200, seconds: 100, user: "u2"),
                Self.record("c", ago: 300, seconds: 90, user: "u1"),
                Self.record("c", ago: 300, seconds: 5, unanswered: true, user: "u3"),
            ])
        #expect(
            Self.told(facts) == [
                "call.offered c", "call.answered c u1", "call.answered c u2", "call.ended c u2 answered",
                "source.snapshot ",
            ])
    }

    @Test("Calls of the time before a restart are known")
    func restart() throws {
        var open = CallTracker.RecentCall(
            id: "open", direction: .inbound, wasAnswered: true, lastOccurred: Self.lost)
        open.connected = ["agent:u1"]
        var over = open
        (over.id, over.hasEnded) = ("over", true)
        var repair = EnreachRepair([open, over])
        let facts = try repaired(
            &repair, [Self.record("open", ago: 700, seconds: 300), Self.record("over", ago: 700, seconds: 200)])
        #expect(Self.told(facts) == ["call.ended open u1 answered", "source.snapshot "])
    }

    @Test("The present availability is told where it is not what was told last")
    func availability() throws {
        var repair = EnreachRepair()
        let answer = try Self.json(
            #"{"UserID":"x","EventTypeID":3,"StartTime":"2026-01-15T09:30:00.1234567","EndTime":"9999-12-31T23:59:59.9999999","EventSource":"app","Note":"","Availability":"DoNotDisturb"}"#
        )
        let facts = repair.facts(ofAvailability: answer, of: Self.user)
        guard facts.count == 1, case .presence(let told) = facts[0].body.detail else {
            return #expect(Bool(false), "\(facts)")
        }
        #expect(told.state == .dnd && told.raw == "DoNotDisturb" && told.until == nil && told.note == nil)
        #expect(
            facts[0].occurredAt == Timestamp.parse("2026-01-15T09:30:00.123456Z")?.time && facts[0].origin == .snapshot)
        #expect(repair.facts(ofAvailability: answer, of: Self.user).isEmpty)
        var live = CallFact(.agentPresence, event: "UserAvailability")
        live.body.agent = Agent(id: Self.user.description)
        var presence = Presence(.available)
        presence.since = Self.now
        live.body.detail = .presence(presence)
        repair.watch([live])
        #expect(repair.facts(ofAvailability: answer, of: Self.user).count == 1)
    }

    @Test(
        "Availabilities in every form",
        arguments: [
            (#"{"EventTypeID":3}"#, Presence.State.dnd), (#"{"eventtypeid":1}"#, .unknown),
            (#"{"Availability":"offwork"}"#, .off), (#"[{"Availability":"Busy"},{"Availability":"OffWork"}]"#, .busy),
            (#"{"EventType":"Available"}"#, .available), (#"{"Availability":"Lunch"}"#, .unknown), ("{}", nil),
            ("[]", nil),
            ("null", nil),
        ] as [(String, Presence.State?)])
    func availabilityForms(text: String, state: Presence.State?) throws {
        var repair = EnreachRepair()
        let facts = repair.facts(ofAvailability: try Self.json(text), of: Self.user)
        guard case .presence(let told)? = facts.first?.body.detail else { return #expect(state == nil) }
        #expect(told.state == state)
    }

    @Test("The present status of the queues that are wanted")
    func queues() throws {
        let wanted = UUID128(high: 2, low: 1)
        let answer = try Self.json(
            #"[{"Id":"\#(wanted)","Name":"Support","Status":{"OpenStatus":6,"MaxWaitTime":12,"QueueLength":2,"OngoingCalls":3,"AgentsOnWrapUp":1,"FreeAgents":4,"ServingAgents":5}},{"Id":"\#(UUID128(high: 2, low: 2))","Status":{}},{"Id":"\#(wanted)","Status":null},5]"#
        )
        let facts = EnreachRepair().facts(ofQueues: answer, wanted: [wanted])
        guard facts.count == 1, case .stats(let stats) = facts[0].body.detail else { return #expect(Bool(false)) }
        #expect(
            facts[0].kind == .queueStatus && facts[0].body.queue?.id == wanted.description
                && facts[0].origin == .snapshot)
        #expect(stats.open == .open && stats.openCertain == false)
        #expect(
            stats.counters == [
                .init("longest_wait", .integer(12)), .init("calls_queued", .integer(2)),
                .init("calls_connected", .integer(3)), .init("agents_free", .integer(4)),
                .init("agents_wrap_up", .integer(1)), .init("agents_serving_estimate", .integer(5)),
            ])
    }
}
