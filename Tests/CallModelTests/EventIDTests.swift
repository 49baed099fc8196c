import CallModel
import Codecs
import TestSupport
import Testing

/// The ids of the model, section 3, made again by a formula of our own: UUIDv5 over parts joined with U+001F.
@Suite("Event ids")
struct EventIDTests {
    private static let namespace = UUID128(high: 0x52C0_BA3F_180E_5275, low: 0xB4A6_D08C_9DCC_A3EF)

    private static func id(_ parts: String...) -> UUID128 {
        Array(parts.joined(separator: "\u{1F}").utf8).withUnsafeBytes { UUID128(namespace: namespace, name: $0) }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let profile: SourceProfile
        let facts: [CallFact]
        /// Parts after vendor and name, of the line that the last fact becomes.
        let parts: [String]
        /// What the model gives, where it does.
        let check: String?
    }

    private static func profile(_ vendor: String, _ name: String, counts: Bool = false) -> SourceProfile {
        var profile = SourceProfile(vendor: vendor, name: name)
        profile.countsFacts = counts
        return profile
    }

    static let rows: [Row] = [
        Row(
            testDescription: "an opener", profile: profile("teleforge", "cape"),
            facts: [fact(.callOffered, "1768471200.4711")], parts: ["open", "1768471200.4711"],
            check: "c6c304ac-4a70-5bfd-8d99-d3559d879be8"),
        Row(
            testDescription: "the other opener", profile: profile("teleforge", "cape"),
            facts: [fact(.callDialing, "1768471200.4711")], parts: ["open", "1768471200.4711"], check: nil),
        Row(
            testDescription: "an end", profile: profile("teleforge", "cape"),
            facts: [fact(.callOffered, "x"), fact(.callEnded, "x")], parts: ["end", "x"], check: nil),
        Row(
            testDescription: "a counted fact", profile: profile("enreach", "hel", counts: true),
            facts: [
                fact(.callOffered, "0f4d9f8e-5a53-4c8e-8f0e-3f0d8a2b7c11"),
                fact(.callRinging, "0f4d9f8e-5a53-4c8e-8f0e-3f0d8a2b7c11") {
                    $0.body.agent = Agent(id: "a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3")
                },
            ],
            parts: [
                "call.ringing", "0f4d9f8e-5a53-4c8e-8f0e-3f0d8a2b7c11", "agent:a1eeb030-ff4b-ea11-ac9c-00155d4fdcf3",
                "#1",
            ],
            check: "55ab125a-3ae1-54eb-b771-04fe8fffd426"),
        Row(
            testDescription: "the second of its kind and key", profile: profile("enreach", "hel", counts: true),
            facts: [
                fact(.callOffered, "x"), plainFact(.callQueued, "x"), plainFact(.callTreatment, "x"),
                plainFact(.callQueued, "x"),
            ],
            parts: ["call.queued", "x", "queue:q1", "#2"], check: nil),
        Row(
            testDescription: "a timed fact", profile: profile("basix", "tokyo"),
            facts: [
                fact(.callOffered, "5714495a-b8a1-4fff-8420-78648863ecd1"),
                fact(.callQueued, "5714495a-b8a1-4fff-8420-78648863ecd1") {
                    $0.body.queue = Queue(id: "10001111")
                    $0.identity = .timed(1_546_839_040_035_125)
                },
            ],
            parts: ["call.queued", "5714495a-b8a1-4fff-8420-78648863ecd1", "queue:10001111", "1546839040035125"],
            check: "52beaee1-3028-539d-9368-582e8a120ad2"),
        Row(
            testDescription: "a fact with parts of its own", profile: profile("teleforge", "cape"),
            facts: [
                fact(.callOffered, "x"),
                fact(.callAnswered, "x") { $0.identity = .parts(["call.answered", "x", "agent:7", "h3"]) },
            ],
            parts: ["call.answered", "x", "agent:7", "h3"], check: nil),
        Row(
            testDescription: "a park slot", profile: profile("enreach", "hel", counts: true),
            facts: [fact(.callOffered, "x"), plainFact(.callParked, "x")],
            parts: ["call.parked", "x", "slot:901", "#1"],
            check: nil),
        Row(
            testDescription: "a treatment", profile: profile("enreach", "hel", counts: true),
            facts: [fact(.callOffered, "x"), plainFact(.callTreatment, "x")],
            parts: ["call.treatment", "x", "treatment:ivr:ivr1", "#1"], check: nil),
        Row(
            testDescription: "a target", profile: profile("enreach", "hel", counts: true),
            facts: [fact(.callOffered, "x"), plainFact(.callRouted, "x")],
            parts: ["call.routed", "x", "target:user:1", "#1"], check: nil),
        Row(
            testDescription: "a transfer", profile: profile("enreach", "hel", counts: true),
            facts: [fact(.callOffered, "x"), plainFact(.callTransferStarted, "x")],
            parts: ["call.transfer.started", "x", "transfer:1", "#1"], check: nil),
        Row(
            testDescription: "a state", profile: profile("enreach", "hel", counts: true),
            facts: [
                fact(.agentStatus, nil) {
                    $0.identity = .state
                    $0.body.agent = Agent(id: "7")
                    $0.body.detail = .status(AgentStatus(.ready))
                }
            ],
            parts: ["agent.status", "7", sceneStream.description, "1"], check: nil),
        Row(
            testDescription: "a line of the source", profile: profile("basix", "tokyo"),
            facts: [CallFact.unmapped(event: "x", problem: Problem(.unknownEvent), raw: nil)],
            parts: ["source.unmapped", sceneStream.description, "1"], check: nil),
    ]

    @Test("Each follows its row of the table", arguments: rows)
    func table(_ row: Row) throws {
        var scene = Scene(row.profile)
        for (index, fact) in row.facts.enumerated() { scene.apply(fact, at: Double(index)) }
        let last = try #require(scene.events.last)
        let name = ([row.profile.vendor, row.profile.name] + row.parts).joined(separator: "\u{1F}")
        let expected = Array(name.utf8).withUnsafeBytes { UUID128(namespace: Self.namespace, name: $0) }
        #expect(last.id == expected)
        if let check = row.check { #expect(last.id.description == check) }
    }

    @Test("An abandoned call has ids that depend on the call alone")
    func abandoned() {
        var scene = Scene()
        let events = scene.apply(fact(.callAbandoned, "x"), at: 1)
        let expected = ["open", "abandon", "end"].map { Self.id("enreach", "hel", $0, "x") }
        #expect(events.map(\.id) == expected)
    }

    @Test("A synthetic opener names what made it necessary, with the id that this gets")
    func causedBy() {
        var scene = Scene()
        let answered = scene.apply(plainFact(.callAnswered, "x"), at: 1)
        #expect(answered.count == 2)
        #expect(answered.first?.causedBy == answered.last?.id)
        let recorded = scene.apply(plainFact(.callRecord, "y"), at: 2)
        #expect(recorded.map(\.kind) == [.callOffered, .callEnded, .callRecord])
        #expect(recorded.first?.causedBy == recorded[1].id)
    }
}
