import BridgeCore
import Testing

@testable import Sinks

/// The conversation with a program, without the program.
@Suite struct ExecDeliveryTests {
    private func id(_ seq: Int64) -> String {
        line(seq).withUnsafeBytes { bytes in
            LineHead.id(of: bytes).map { String(decoding: bytes[$0], as: UTF8.self) } ?? ""
        }
    }

    private func answered(_ seqs: ClosedRange<Int64>, _ answers: [String]) throws -> ExecDelivery {
        var conversation = ExecDelivery(delivery(seqs), acknowledges: true)
        for answer in answers {
            #expect(conversation.outcome == nil)
            try conversation.received(LineSplitter.Line(Array(answer.utf8)))
        }
        return conversation
    }

    @Test func `Without acknowledgement it is over when all is written`() {
        var conversation = ExecDelivery(delivery(1...2), acknowledges: false)
        conversation.wrote()
        #expect(conversation.outcome == nil)
        // Nobody knows what the program had read.
        #expect(
            conversation.interrupted("it ended", after: .seconds(1))
                == .retry(through: nil, reason: "it ended", after: .seconds(1)))
        conversation.wrote()
        #expect(conversation.outcome == .delivered)
        #expect(throws: ExecAnswerFault.self) { try conversation.received(LineSplitter.Line(Array("x".utf8))) }
    }

    @Test func `With acknowledgement it is over when all is answered`() throws {
        var half = try answered(1...2, [id(1)])
        half.wrote()
        half.wrote()
        #expect(half.outcome == nil)
        #expect(half.interrupted("it ended", after: nil) == .retry(through: 1, reason: "it ended"))
        #expect(try answered(1...2, [id(1), id(2)]).outcome == .delivered)
        #expect(
            ExecDelivery(delivery(1...2), acknowledges: true).interrupted("x", after: nil)
                == .retry(through: nil, reason: "x"))
    }

    @Test(
        arguments: [
            ("retry", " busy now", DeliveryOutcome.retry(through: 1, reason: "busy now")),
            ("retry", "", .retry(through: 1, reason: "the program gave no reason")),
            ("reject", " no such queue", .rejected(through: 1, reason: "no such queue")),
            ("reject", " ", .rejected(through: 1, reason: "the program gave no reason")),
        ])
    func `The first refusal counts, once everything behind it is answered as well`(
        verb: String, reason: String, outcome: DeliveryOutcome
    ) throws {
        let conversation = try answered(1...3, [id(1), "\(verb) \(id(2))\(reason)", "reject \(id(3)) later"])
        #expect(conversation.outcome == outcome)
        let half = try answered(1...3, [id(1), "\(verb) \(id(2))\(reason)"])
        #expect(half.outcome == nil)
        #expect(half.interrupted("it ended", after: nil) == outcome)
    }

    @Test(arguments: ["", "ok", "ok 1", "retry", "reject", "retry other", "\u{FFFD}", "OTHER", "id id"])
    func `Any other answer is a fault that says what was expected`(answer: String) throws {
        var conversation = ExecDelivery(delivery(1...2), acknowledges: true)
        do {
            try conversation.received(LineSplitter.Line(Array(answer.utf8)))
            Issue.record("taken")
        } catch {
            #expect(error.description.contains("where \(id(1)), retry \(id(1)) or reject \(id(1)) was expected"))
        }
        #expect(throws: ExecAnswerFault.self) {
            try conversation.received(LineSplitter.Line(Array(id(1).utf8), isCut: true))
        }
    }

    @Test func `Answers of another line and more answers than lines are faults`() throws {
        #expect(throws: ExecAnswerFault.self) { try answered(1...2, [id(2)]) }
        var whole = try answered(1...1, [id(1)])
        #expect(throws: ExecAnswerFault.self) { try whole.received(LineSplitter.Line(Array(id(1).utf8))) }
    }

    @Test func `A CloudEvent is answered by its id too`() throws {
        let event = Array("{\"specversion\":\"1.0\",\"id\":\"\(id(1))\",\"data\":{}}\n".utf8)
        let batch = DeliveryBatch(bytes: event, ends: [event.count], seqs: [1], throughSeq: 1)
        var conversation = ExecDelivery(batch, acknowledges: true)
        try conversation.received(LineSplitter.Line(Array(id(1).utf8)))
        #expect(conversation.outcome == .delivered)
    }
}
