import CallModel
import Codecs
import TestSupport
import Testing

@testable import Bridge

/// Which scenario shows which row of the note on xCALLY.
@Suite("Scenarios: rows of the xCALLY note")
struct XCALLYCoverageTests {
    struct Row: Sendable, CustomTestStringConvertible {
        /// In the note's words.
        let name: String
        let scenario: String
        var call = "1437069264.914"
        /// What the Shuttle says of the call, in order.
        let told: [String]
        /// What becomes of it, without `call.`.
        let lines: [String]
        /// Also in a line of the call.
        var detail = ""

        var testDescription: String { name }
    }

    private static let plain = ["offered", "ringing", "answered", "ended"]
    private static let gone = ["abandoned", "ended"]

    /// Section 4.5: the sequences.
    static let sequences = [
        Row(name: "plain", scenario: "201-xcally-plain", told: ["ringing", "up", "hangup"], lines: plain),
        Row(
            name: "gave up", scenario: "202-xcally-gave-up", told: ["ringing", "ringing", "abandon"],
            lines: ["offered", "ringing", "ringing", "ring_stopped", "ring_stopped"] + gone),
        Row(
            name: "gave up before any agent was free", scenario: "203-xcally-gave-up-early", told: ["abandon"],
            lines: ["offered"] + gone),
        Row(
            name: "ring-all", scenario: "204-xcally-ring-all", told: ["ringing", "ringing", "ringing", "up", "hangup"],
            lines: ["offered", "ringing", "ringing", "ringing", "answered", "ring_stopped", "ring_stopped", "ended"]),
        Row(
            name: "no answer, next agent", scenario: "205-xcally-next-agent",
            told: ["ringing", "ringing", "up", "hangup"],
            lines: ["offered", "ringing", "ringing", "answered", "ring_stopped", "ended"]),
        Row(
            name: "one agent, retries", scenario: "206-xcally-retries",
            told: ["ringing", "ringing", "ringing", "abandon"],
            lines: [
                "offered", "ringing", "ring_stopped", "ringing", "ring_stopped", "ringing", "ring_stopped",
            ] + gone),
        Row(
            name: "transferred to another queue", scenario: "207-xcally-transferred",
            told: ["ringing", "up", "hangup", "ringing", "up", "hangup"],
            lines: ["offered", "ringing", "answered", "left", "ringing", "answered", "ended"]),
        Row(
            name: "outbound", scenario: "208-xcally-outbound", call: "1437069266.918", told: ["outbound", "hangup"],
            lines: ["dialing", "ended"]),
        Row(
            name: "our reconnect in the middle: the up is lost", scenario: "209-xcally-reconnect",
            told: ["ringing", "ringing", "hangup"],
            lines: ["offered", "ringing", "ringing", "answered", "ring_stopped", "ended"], detail: #""gaps":1"#),
        Row(
            name: "our reconnect in the middle: the ring is lost", scenario: "209-xcally-reconnect",
            call: "1437069280.916", told: ["up", "hangup"], lines: ["offered", "answered", "ended"]),
        Row(
            name: "our reconnect in the middle: all but the hangup is lost", scenario: "209-xcally-reconnect",
            call: "pbx-1437069282.917", told: ["hangup"], lines: ["offered", "answered", "ended"]),
    ]

    /// Section 4.1: what each event becomes.
    static let events = [
        Row(
            name: "first ringing", scenario: "201-xcally-plain", told: ["ringing", "up", "hangup"], lines: plain,
            detail: #""time_source":"derived","origin":"synthetic""#),
        Row(
            name: "ringing, other peer", scenario: "11-xcally-queue-call",
            told: ["ringing", "ringing", "ringing", "up", "hangup"],
            lines: ["offered", "ringing", "ringing", "answered", "ring_stopped", "ended"]),
        Row(
            name: "ringing, same peer, within 2 s; up, hangup that change nothing", scenario: "210-xcally-duplicates",
            told: ["ringing", "ringing", "up", "up", "up", "ringing", "hangup", "hangup", "hangup", "hangup"],
            lines: plain),
        Row(
            name: "ringing, same peer, later", scenario: "14-xcally-rings-again",
            told: ["ringing", "ringing", "up", "hangup"],
            lines: ["offered", "ringing", "ring_stopped", "ringing", "answered", "ended"],
            detail: #""disposition":"no_answer""#),
        Row(
            name: "up", scenario: "204-xcally-ring-all", told: ["ringing", "ringing", "ringing", "up", "hangup"],
            lines: ["offered", "ringing", "ringing", "ringing", "answered", "ring_stopped", "ring_stopped", "ended"],
            detail: #""disposition":"answered_elsewhere""#),
        Row(
            name: "hangup, reason agent", scenario: "205-xcally-next-agent",
            told: ["ringing", "ringing", "up", "hangup"],
            lines: ["offered", "ringing", "ringing", "answered", "ring_stopped", "ended"],
            detail: #""ended_by":"agent""#),
        Row(
            name: "hangup, reason caller", scenario: "201-xcally-plain", told: ["ringing", "up", "hangup"],
            lines: plain,
            detail: #""ended_by":"customer""#),
        Row(
            name: "hangup, reason transfer, and a new ringing", scenario: "207-xcally-transferred",
            told: ["ringing", "up", "hangup", "ringing", "up", "hangup"],
            lines: ["offered", "ringing", "answered", "left", "ringing", "answered", "ended"]),
        Row(
            name: "hangup, reason transfer, and none within the grace", scenario: "211-xcally-transferred-away",
            told: ["ringing", "up", "hangup", "hangup", "ringing", "ringing"],
            lines: ["offered", "ringing", "answered", "left", "ended", "ringing"], detail: #""late":true"#),
        Row(
            name: "hangup without up", scenario: "209-xcally-reconnect", call: "pbx-1437069282.917", told: ["hangup"],
            lines: ["offered", "answered", "ended"], detail: #""time_source":"derived""#),
        Row(
            name: "abandon, phones ring", scenario: "202-xcally-gave-up", told: ["ringing", "ringing", "abandon"],
            lines: ["offered", "ringing", "ringing", "ring_stopped", "ring_stopped"] + gone,
            detail: #""disposition":"abandoned""#),
        Row(
            name: "abandon as the first event", scenario: "203-xcally-gave-up-early", told: ["abandon"],
            lines: ["offered"] + gone, detail: #""ended_by":"customer""#),
        Row(
            name: "outbound, answered as the talk time tells", scenario: "208-xcally-outbound", call: "1437069294.920",
            told: ["outbound", "hangup"], lines: ["dialing", "answered", "ended"], detail: #""direction":"outbound""#),
        Row(
            name: "no event: the queue gave up", scenario: "215-xcally-ring-limit", told: ["ringing", "ringing"],
            lines: ["offered", "ringing", "ringing", "ended"], detail: #""closure":"timed_out""#),
    ]

    @Test(
        "Each sequence of section 4.5 and each row of section 4.1 has a scenario that shows it",
        arguments: sequences + events)
    func row(_ row: Row) throws {
        let scenario = try ScenarioFixtures.load("\(row.scenario).json")
        #expect(Self.told(scenario, row.call) == row.told)
        let lines = scenario.expected.filter { $0.contains(#""call":{"id":"rome:\#(row.call)""#) }
        let kinds = try lines.map { try LineReader.read($0).kind.name }
        #expect(kinds == row.lines.map { "call.\($0)" })
        #expect(row.detail.isEmpty || lines.contains { $0.contains(row.detail) })
    }

    @Test("Unknown events, and what is no event of a call, become source.unmapped")
    func unknown() throws {
        let scenario = try ScenarioFixtures.load("213-xcally-not-understood.json")
        #expect(try scenario.expected.allSatisfy { try LineReader.read($0).kind == .sourceUnmapped })
    }

    private static func told(_ scenario: Scenario, _ call: String) -> [String] {
        scenario.input.compactMap { input in
            guard case .message(let message) = input.step else { return nil }
            // A payload, or a whole event: its name and the payload.
            let payload = message.elements.dropFirst().first ?? message
            guard payload["uniqueid"]?.string == call else { return nil }
            return message.elements.first?.string ?? payload["event"]?.string
        }
    }
}
