import CallModel
import TestSupport
import Testing

@testable import Adapters

@Suite("Enreach: outcomes")
struct EnreachOutcomeTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let teller: EnreachOutcome.Teller
        let reason: String?
        let tech: String?
        let direction: Direction
        /// Of a call that was seen from its beginning; of one that was not; nil: the tracker concludes it.
        let whole: Disposition?
        let unseen: Disposition?

        init(
            _ teller: EnreachOutcome.Teller, _ reason: String?, _ tech: String?, _ direction: Direction = .inbound,
            whole: Disposition?, unseen: Disposition? = nil
        ) {
            (self.teller, self.reason, self.tech, self.direction) = (teller, reason, tech, direction)
            (self.whole, self.unseen) = (whole, unseen)
        }

        var testDescription: String { "\(teller) \(reason ?? "-") \(tech ?? "-") \(direction)" }
    }

    static let rows: [Row] = [
        Row(.queue, "remote", "", whole: .abandoned), Row(.queue, "Remote", nil, whole: .abandoned),
        Row(.queue, "remote", "busy_on_busy", whole: .abandoned), Row(.queue, "local", nil, whole: nil),
        Row(.queue, "local", "busy_on_busy", whole: .busy, unseen: .busy),
        Row(.queue, "local", "BUSY_ON_BUSY", whole: .busy, unseen: .busy),
        Row(.queue, "local", "ivr_menu_failure", whole: .treated, unseen: .treated),
        Row(.queue, "local", "487", whole: .abandoned), Row(.queue, nil, nil, whole: nil),
        Row(.queue, "local", "something", whole: nil),
        Row(.calledUser, "remote", nil, whole: .abandoned), Row(.calledUser, "remote", "16", whole: .abandoned),
        Row(.calledUser, "remote", "USER_BUSY", whole: .busy, unseen: .busy),
        Row(.calledUser, "local", "NO_ANSWER", whole: .noAnswer, unseen: .noAnswer),
        Row(.calledUser, "local", "LOSE_RACE", whole: nil),
        Row(.calledUser, "remote", "ORIGINATOR_CANCEL", whole: .abandoned),
        Row(.calledUser, "remote", nil, .internalCall, whole: .cancelled),
        Row(.callingUser, "local", "486", .outbound, whole: .cancelled),
        Row(.callingUser, "local", nil, .outbound, whole: .cancelled),
        Row(.callingUser, "remote", "486", .outbound, whole: .busy, unseen: .busy),
        Row(.callingUser, "remote", "600", .outbound, whole: .busy, unseen: .busy),
        Row(.callingUser, "remote", "480", .outbound, whole: .noAnswer, unseen: .noAnswer),
        Row(.callingUser, "remote", "603", .outbound, whole: .rejected, unseen: .rejected),
        Row(.callingUser, "remote", "404", .outbound, whole: .failed, unseen: .failed),
        Row(.callingUser, "remote", "503", .outbound, whole: .congestion, unseen: .congestion),
        Row(.callingUser, "remote", "500", .outbound, whole: .failed, unseen: .failed),
        Row(.callingUser, "remote", "487", .outbound, whole: .cancelled),
        Row(.callingUser, "remote", "17", .outbound, whole: .busy, unseen: .busy),
        Row(.callingUser, "remote", "34", .outbound, whole: .congestion, unseen: .congestion),
        Row(.callingUser, "remote", "USER_BUSY", .outbound, whole: .busy, unseen: .busy),
        Row(.callingUser, "remote", "200", .outbound, whole: nil),
    ]

    @Test("Who hung up and why says how a call ended that nobody took", arguments: rows)
    func dispositions(_ row: Row) {
        func end(served: Bool, whole: Bool) -> (kind: Kind, outcome: Outcome) {
            EnreachOutcome.end(
                reason: row.reason, tech: row.tech, by: row.teller,
                .init(direction: row.direction, wasServed: served, isWhole: whole))
        }
        let (whole, unseen, served) = (
            end(served: false, whole: true), end(served: false, whole: false), end(served: true, whole: true)
        )
        #expect(whole.outcome.disposition == row.whole && unseen.outcome.disposition == row.unseen)
        #expect((whole.kind == .callAbandoned) == (row.whole == .abandoned) && unseen.kind == .callEnded)
        #expect(served.kind == .callEnded && served.outcome.disposition == .answered)
        #expect(served.outcome.reason == row.reason && whole.outcome.side?.rawValue == side(row.reason))
    }

    private func side(_ reason: String?) -> String? {
        reason.map { $0.lowercased() }.flatMap { ["local", "remote"].contains($0) ? $0 : nil }
    }

    struct Code: Sendable, CustomTestStringConvertible {
        let text: String
        let sip: Int32?
        let q850: Int32?
        let tech: String?

        init(_ text: String, sip: Int32? = nil, q850: Int32? = nil, tech: String? = nil) {
            (self.text, self.sip, self.q850, self.tech) = (text, sip, q850, tech)
        }

        var testDescription: String { text }
    }

    static let codes: [Code] = [
        Code("486", sip: 486), Code("0", q850: 0), Code("16", q850: 16), Code("127", q850: 127),
        Code("128", tech: "128"), Code("199", tech: "199"), Code("700", tech: "700"), Code("-1", tech: "-1"),
        Code("SIP;cause=486", sip: 486), Code("sip ; cause=486", sip: 486), Code("Q.850;cause=17", q850: 17),
        Code("Q.850;cause=17;text=\"Busy\"", q850: 17, tech: "Q.850;cause=17;text=\"Busy\""),
        Code("Q.850;cause=486", tech: "Q.850;cause=486"), Code("SIP;cause=16", tech: "SIP;cause=16"),
        Code("486 Busy Here", sip: 486, tech: "486 Busy Here"), Code("16 Normal", q850: 16, tech: "16 Normal"),
        Code("999 Odd", tech: "999 Odd"), Code("486Busy", tech: "486Busy"),
        Code("NORMAL_CLEARING", tech: "NORMAL_CLEARING"),
        Code("busy_on_busy", tech: "busy_on_busy"), Code("99999999999999999999", tech: "99999999999999999999"),
    ]

    @Test("A code goes into its own book; what says more than a number is kept", arguments: codes)
    func books(_ code: Code) {
        let outcome = EnreachOutcome.end(
            reason: nil, tech: code.text, by: .queue, .init(direction: .inbound, wasServed: true, isWhole: true)
        ).outcome
        #expect(outcome.sip == code.sip && outcome.q850 == code.q850 && outcome.tech == code.tech, "\(outcome)")
    }
}
