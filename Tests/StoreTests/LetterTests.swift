import Codecs
import Store
import Testing

private func letter(
    _ seq: Int64, sink: String = "crm", state: StoredLetter.State = .dead, changedAt: Int64 = 9_000_000_000_000_000,
    lane: UInt64 = .max
) -> StoredLetter {
    StoredLetter(
        sink: sink, seq: seq, state: state, lane: lane, since: 3, changedAt: changedAt, attempts: 2,
        reason: "HTTP 422 \"é\"", trail: "[]", line: Array("{\"seq\":\(seq)}".utf8))
}

struct LetterTests {
    @Test func `Letters are written, replaced, listed in order and removed`() throws {
        let directory = TemporaryDirectory()
        let store = try openStore(directory)
        for seq in [9, 3, 7] as [Int64] { store.put(letter(seq)) }
        store.put(letter(3, sink: "other"))
        store.put(letter(8, state: .parked))
        store.put(letter(7, changedAt: 9_000_000_000_000_001))
        try store.flush()
        #expect(try store.letters(of: "crm", state: .dead, after: .min, limit: 10).map(\.seq) == [3, 7, 9])
        #expect(
            try store.letters(of: "crm", state: .dead, after: 3, limit: 1) == [
                letter(7, changedAt: 9_000_000_000_000_001)
            ])
        #expect(try store.letters(of: "crm", state: .parked, after: .min, limit: 10) == [letter(8, state: .parked)])
        store.removeLetter(of: "crm", seq: 9)
        try store.flush()
        #expect(
            try store.letterCounts() == [
                LetterCount(sink: "crm", state: .dead, count: 2), LetterCount(sink: "crm", state: .parked, count: 1),
                LetterCount(sink: "other", state: .dead, count: 1),
            ])
        #expect(store.queuedLetterBytes == 0)
        store.close()

        let reader = try StoreReader(path: directory.file)
        #expect(try reader.letters(of: nil, limit: 2).map(\.seq) == [3, 7])
        #expect(try reader.letters(of: nil, after: ("crm", 8), limit: 10).map(\.sink) == ["other"])
        #expect(try reader.letter(of: "crm", seq: 8)?.state == .parked)
        #expect(try reader.letter(of: "crm", seq: 9) == nil)
        reader.close()
    }

    @Test func `Only dead letters are revived and purged, all or some`() throws {
        let store = try openStore(TemporaryDirectory())
        defer { store.close() }
        for seq in 1...4 as ClosedRange<Int64> { store.put(letter(seq)) }
        store.put(letter(5, state: .parked))
        store.revive(.seqs([2, 5, 99]), of: "crm", since: 77)
        store.purge(.seqs([1, 2, 5]), of: "crm")
        try store.flush()
        #expect(try store.letters(of: "crm", state: .retry, after: .min, limit: 9).map(\.since) == [77])
        #expect(try store.letters(of: "crm", state: .dead, after: .min, limit: 9).map(\.seq) == [3, 4])
        store.revive(.all, of: "crm", since: 78)
        store.purge(.all, of: "crm")
        try store.flush()
        #expect(try store.letters(of: "crm", state: .retry, after: .min, limit: 9).map(\.seq) == [2, 3, 4])
        store.forget(sink: "crm")
        try store.flush()
        #expect(try store.letterCounts() == [LetterCount(sink: "crm", state: .dead, count: 4)])
    }

    @Test func `Replays and trials are there after a restart, and cursors leave trials alone`() throws {
        let directory = TemporaryDirectory()
        let first = try openStore(directory)
        first.advance(sink: "crm", to: 0)
        first.setTrial(since: 1234, of: "crm")
        first.put(StoredReplay(id: 1, sink: "crm", next: 5, through: 9, call: "cape:1"))
        first.put(StoredReplay(id: 2, sink: "crm", next: 1, through: 2))
        try first.flush()
        first.advance(sink: "crm", to: 0)
        first.put(StoredReplay(id: 1, sink: "crm", next: 7, through: 9, call: "cape:1"))
        first.removeReplay(2)
        first.close()
        let second = try openStore(directory)
        defer { second.close() }
        #expect(second.trialSince(of: "crm") == 1234 && second.trialSince(of: "other") == nil)
        #expect(
            try second.replays(of: "crm") == [StoredReplay(id: 1, sink: "crm", next: 7, through: 9, call: "cape:1")])
        second.setTrial(since: nil, of: "crm")
        try second.flush()
    }
}
