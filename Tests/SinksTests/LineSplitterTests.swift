import NIOCore
import Testing

@testable import Sinks

@Suite struct LineSplitterTests {
    private func lines(_ pieces: [String], limit: Int = 8) -> [LineSplitter.Line] {
        var splitter = LineSplitter(limit: limit)
        var found: [LineSplitter.Line] = []
        for piece in pieces { found += splitter.receive(ByteBuffer(string: piece)) }
        return found + [splitter.finish()].compactMap { $0 }
    }

    private func line(_ text: String, isCut: Bool = false) -> LineSplitter.Line {
        .init(Array(text.utf8), isCut: isCut)
    }

    @Test func `Lines come out alike however the bytes come in`() {
        let text = "one\n\ntwo\r\n12345678\n123456789\nafter\nlast"
        let expected = [
            line("one"), line(""), line("two"), line("12345678"), line("12345678", isCut: true), line("after"),
            line("last"),
        ]
        #expect(lines([text]) == expected)
        #expect(lines(text.utf8.map { String(decoding: [$0], as: UTF8.self) }) == expected)
    }

    @Test func `A line without an end holds no more than the limit, and is known before it ends`() {
        var splitter = LineSplitter(limit: 8)
        #expect(splitter.receive(ByteBuffer(string: "12345678")).isEmpty && !splitter.isOverlong)
        for _ in 0..<100 { #expect(splitter.receive(ByteBuffer(string: "123456789")).isEmpty) }
        #expect(splitter.isOverlong)
        #expect(splitter.receive(ByteBuffer(string: "x\ny\n")) == [line("12345678", isCut: true), line("y")])
        #expect(!splitter.isOverlong && splitter.finish() == nil)
    }
}
