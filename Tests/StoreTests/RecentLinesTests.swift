import Codecs
import Testing

@testable import Store

@Suite("Recent lines in memory") struct RecentLinesTests {
    /// A batch of one line of `bytes` bytes with `seq`.
    private func batch(_ seq: Int64, bytes: Int) -> LineBatch {
        LineBatch(firstSeq: seq, bytes: [UInt8](repeating: 0x78, count: bytes - 1) + [0x0A], ends: [bytes])
    }

    private struct Weak { weak var batch: LineBatch? }

    @Test("What fell out of the window is freed at once, however large the batches are")
    func frees() {
        let lines = RecentLines(limitBytes: 4 << 20)
        var given: [Weak] = []
        for seq in 1...60 as ClosedRange<Int64> {
            let batch = batch(seq, bytes: 1 << 20)
            given.append(Weak(batch: batch))
            lines.add([batch])
        }
        #expect(given.map { $0.batch != nil } == (1...60).map { $0 > 57 })
    }

    @Test("The newest batch stays even if it alone is over the limit, and the window goes on behind it")
    func newestStays() {
        let lines = RecentLines(limitBytes: 1000)
        for seq in 1...300 as ClosedRange<Int64> {
            lines.add([batch(seq, bytes: 5000)])
            #expect(lines.next(after: seq - 1, maxLines: 10, maxBytes: 10_000)?.firstSeq == seq)
            #expect(lines.next(after: seq - 2, maxLines: 10, maxBytes: 10_000) == nil)
        }
    }

    @Test("After a backlog little is kept, and new lines are served again")
    func forgets() {
        let lines = RecentLines(limitBytes: 4 << 20)
        for seq in 1...3000 as ClosedRange<Int64> { lines.add([batch(seq, bytes: 1000)]) }
        #expect(lines.next(after: 0, maxLines: 1, maxBytes: 1000)?.firstSeq == 1)
        lines.forget()
        #expect(lines.next(after: 2900, maxLines: 1, maxBytes: 1000) == nil)
        #expect(lines.next(after: 2960, maxLines: 100, maxBytes: 1 << 20)?.lastSeq == 3000)
        lines.add([batch(3001, bytes: 1000)])
        #expect(lines.next(after: 2999, maxLines: 100, maxBytes: 1 << 20)?.lastSeq == 3001)
    }
}
