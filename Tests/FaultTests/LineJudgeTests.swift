import TestSupport
import Testing

/// A judge that cannot find a fault would find every daemon good.
@Suite struct LineJudgeTests {
    private static let stream = "0192f0c4-8a00-7000-8000-000000000001"

    private struct Line {
        var id: String
        var kind: String
        var seq: Int
        var callSeq: Int
        var second = 0
        var call = "pbx1-1.1"
        var more = ""

        var text: String {
            #"{"id":"\#(id)","kind":"\#(kind)","stream":"\#(stream)","seq":\#(seq),"#
                + #""occurred_at":"2026-01-15T10:00:\#(10 + second).000000Z","origin":"live","#
                + #""call":{"id":"cape:\#(call)","seq":\#(callSeq)},"refs":{"vendor_call_id":"\#(call)"}\#(more)}"#
                + "\n"
        }
    }

    private static let good = [
        Line(id: "a", kind: "call.offered", seq: 1, callSeq: 1),
        Line(id: "b", kind: "call.answered", seq: 2, callSeq: 2, second: 1),
        Line(id: "c", kind: "call.ended", seq: 3, callSeq: 3, second: 2),
        Line(id: "d", kind: "call.record", seq: 4, callSeq: 4, second: 2),
    ]

    private func judge(_ lines: [Line]) -> LineJudge {
        var judge = LineJudge()
        judge.expect(TeleforgeElements.Element(callReference: "pbx1-1.1", json: ""), kinds: ["call.answered"])
        // Cut anywhere.
        for byte in lines.map(\.text).joined().utf8 { judge.take([byte]) }
        return judge
    }

    private func changed(_ index: Int, _ change: (inout Line) -> Void) -> [Line] {
        var lines = Self.good
        change(&lines[index])
        return lines
    }

    @Test func `A whole call has no faults, also when its lines come twice`() {
        let once = judge(Self.good)
        #expect(once.faults.isEmpty && once.isComplete && once.events == 4 && once.repeats == 0)
        let twice = judge(Self.good + Self.good[1...])
        #expect(twice.faults.isEmpty && twice.events == 4 && twice.repeats == 3)
    }

    @Test func `A call without its owed event is lost`() {
        #expect(judge([Self.good[0]]).lost == ["pbx1-1.1"])
        #expect(judge([]).lost == ["pbx1-1.1"])
    }

    @Test func `Each broken promise is a fault`() {
        let broken: [(String, [Line])] = [
            ("repeated with other bytes", Self.good + changed(3) { $0.more = #","late":true"# }[3...]),
            ("hole in seq", changed(2) { $0.seq = 4 }),
            ("hole in call.seq", changed(2) { $0.callSeq = 4 }),
            ("no opener", Array(Self.good[1...])),
            ("two openers", changed(1) { $0.kind = "call.offered" }),
            ("after the end", changed(3) { $0.kind = "call.ringing" }),
            ("two ends", changed(3) { $0.kind = "call.ended" }),
            ("back in time", changed(2) { $0.second = 0 }),
            ("abandoned, then not ended", changed(2) { $0.kind = "call.abandoned" }),
            ("unknown call", changed(1) { $0.call = "pbx1-1.2" }),
        ]
        for (what, lines) in broken { #expect(judge(lines).faultCount > 0, "\(what)") }
        var garbage = LineJudge()
        garbage.take(Array("{\"id\":\n".utf8))
        #expect(garbage.faultCount == 1)
    }

    @Test func `What the promises allow is no fault`() {
        let allowed: [(String, [Line])] = [
            ("late after the end", changed(3) { ($0.kind, $0.more) = ("call.ringing", #","late":true"#) }),
            ("late and back in time", changed(2) { ($0.second, $0.more) = (0, #","late":true"#) }),
            (
                "abandoned, then ended so",
                [Self.good[0], changed(1) { $0.kind = "call.abandoned" }[1]]
                    + changed(2) { $0.more = #","outcome":{"disposition":"abandoned"}"# }[2...]
            ),
        ]
        for (what, lines) in allowed {
            let judge = judge(lines)
            #expect(judge.faults.isEmpty, "\(what)")
        }
    }

    @Test func `Elements are unique, equal for equal seeds, and of the vendor's sizes`() {
        var first = TeleforgeElements(seed: 7)
        var second = TeleforgeElements(seed: 7)
        let inbound = (0..<1000).map { _ in first.inbound().json }
        #expect(inbound == (0..<1000).map { _ in second.inbound().json })
        let records = (0..<1000).map { _ in first.record().json }
        #expect(Set(inbound + records).count == 2000)
        #expect((210...250).contains(inbound.reduce(0) { $0 + $1.utf8.count } / 1000))
        #expect((400...460).contains(records.reduce(0) { $0 + $1.utf8.count } / 1000))
    }
}
