import BridgeCore
import Codecs
import Sinks
import TestSupport
import Testing

struct LineFilterTests {
    private func passes(_ filter: LineFilter, _ line: [UInt8]) -> Bool { line.withUnsafeBytes { filter.passes($0) } }

    @Test(arguments: [
        ("*", "call.ended", true), ("call.ended", "call.ended", true), ("call.ended", "call.ended2", false),
        ("call.ended", "call.end", false), ("call.*", "call.ended", true), ("call.*", "call.", true),
        ("call.*", "callback.changed", false), ("call.transfer.*", "call.transfer.started", true),
        ("call.transfer.*", "call.ended", false), ("*.status", "queue.status", true),
        ("*.status", "queue.members", false),
        ("c*.*.s*", "call.transfer.started", true), ("call*back.*", "callback.changed", true),
        ("ca*ll", "call", true), ("call.e*ended", "call.ended", false), ("*a*a*", "alert.raised", true),
        ("*a*a*a*", "alert.raised", false), ("", "call.ended", false),
    ])
    func `A kind is matched whole, with any run of characters for a star`(glob: String, kind: String, expected: Bool) {
        #expect(passes(LineFilter(kinds: [glob]), line(1, kind: kind)) == expected)
    }

    @Test func `Any of the kinds and any of the sources is enough, and both are needed`() {
        let filter = LineFilter(kinds: ["call.*", "agent.status"], sources: ["cape", "hel"])
        #expect(passes(filter, line(1, kind: "call.ended", source: "hel")))
        #expect(passes(filter, line(1, kind: "agent.status", source: "cape")))
        #expect(!passes(filter, line(1, kind: "agent.presence", source: "cape")))
        #expect(!passes(filter, line(1, kind: "call.ended", source: "cap")))
        #expect(!passes(filter, line(1, kind: "call.ended", source: "cape2")))
        #expect(passes(LineFilter(sources: ["cape"]), line(1, tenant: nil)))
    }

    @Test func `No text of a tenant or vendor can pass for the source`() {
        let forged = #"","source":{"vendor":"teleforge","name":"hel","event":""#
        let filter = LineFilter(sources: ["hel"])
        for text in [forged, String(forged.dropFirst()), #"\"# + forged, #"\\"# + forged] {
            #expect(!passes(filter, line(1, source: "cape", tenant: text, text: text)))
            #expect(passes(filter, line(1, source: "hel", tenant: text, text: text)))
        }
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "forged tenants"))
        let pieces = [
            #"""#, #"\"#, ",", #""source":{"vendor":""#, "teleforge", #"","name":""#, "hel", "cape", "{", "\n", "\u{8}",
            "é",
        ]
        for _ in 0..<5000 {
            let text = (0..<Int.random(in: 1...12, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }.joined()
            #expect(!passes(filter, line(1, source: "cape", tenant: text)))
            #expect(passes(filter, line(1, source: "hel", tenant: text)))
        }
    }

    @Test func `Lines of another form pass`() {
        let filter = LineFilter(kinds: ["call.*"], sources: ["cape"])
        for text in [
            "", "\n", "{}\n", #"{"v":2,"id":"x","kind":"agent.status"}"#,
            #"{"v":1,"id":"966dc68c-c2fd-5d70-b397-81e058571216","kind":"#,
        ] {
            #expect(passes(filter, Array(text.utf8)))
        }
        #expect(passes(LineFilter(sources: ["cape"]), Array(line(1).prefix(120))))
    }

    @Test func `A filtered batch holds the lines that pass, their numbers, and the way it has come`() {
        let batch = lineBatch(5...10) { line($0, kind: $0 % 2 == 0 ? "call.ended" : "agent.status") }
        let filtered = LineFilter(kinds: ["call.*"]).apply(batch)
        #expect(filtered.seqs == [6, 8, 10])
        #expect(filtered.throughSeq == 10)
        #expect(seqs(in: filtered.bytes) == [6, 8, 10])
        #expect(filtered.ends.last == filtered.bytes.count && filtered.ends.count == 3)
        let nothing = LineFilter(kinds: ["queue.*"]).apply(batch)
        #expect(nothing.bytes.isEmpty && nothing.seqs.isEmpty && nothing.throughSeq == 10)
    }

    @Test(arguments: [
        LineFilter(), LineFilter(kinds: ["*"]), LineFilter(kinds: ["call.*"]), LineFilter(sources: ["cape"]),
    ])
    func `Nothing is copied when everything passes`(filter: LineFilter) {
        let batch = lineBatch(1...50)
        let filtered = filter.apply(batch)
        #expect(batch.bytes.withUnsafeBytes { $0.baseAddress } == filtered.bytes.withUnsafeBytes { $0.baseAddress })
        #expect(filtered.seqs == Array(1...50))
    }
}
