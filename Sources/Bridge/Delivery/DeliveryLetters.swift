import BridgeCore
import Codecs
import Store

/// Items to letters and back.
extension DeliveryItem {
    /// One letter for each line.
    func letters(_ state: StoredLetter.State, reason: String, at now: Timestamp) -> [StoredLetter] {
        (0..<lineCount).map { index in
            StoredLetter(
                sink: "", seq: batch.seqs[index], state: state, lane: traits.lane,
                since: (since ?? traits.receivedAt).microseconds, changedAt: now.microseconds, attempts: trail.count,
                reason: reason, trail: trail.json, line: Array(batch.bytes[batch.range(ofLine: index)]))
        }
    }

    /// `lane`: nil for the one that it was written with. `traits` are those of the event; without them it never grows old.
    init(_ letter: StoredLetter, lane: UInt64?, traits: Traits? = nil) {
        let bytes = letter.line + [UInt8(ascii: "\n")]
        let since = Timestamp(microseconds: letter.since)
        self.init(
            DeliveryBatch(bytes: bytes, ends: [bytes.count], seqs: [letter.seq], throughSeq: letter.seq),
            origin: .letter,
            traits: Traits(
                lane: lane ?? letter.lane, isRecord: traits?.isRecord ?? true, receivedAt: traits?.receivedAt ?? since),
            since: since,
            trail: AttemptTrail(json: letter.trail))
    }
}

/// Letters that an operator sent on their way again, a portion at a time.
struct LetterReading {
    static let portion = 100

    /// More may be in the store.
    private(set) var isWanted = true
    private var after = Int64.min
    /// Handed out and not delivered yet.
    private var held: Set<Int64> = []

    /// An operator has asked.
    mutating func ask() { (isWanted, after) = (true, .min) }

    /// The next portion, once the last one is done with.
    mutating func next(from ledger: any DeliveryLedger) throws -> [StoredLetter] {
        guard isWanted, held.isEmpty else { return [] }
        let letters = try ledger.letters(.retry, after: after, limit: Self.portion)
        guard let last = letters.last else {
            isWanted = false
            return []
        }
        after = last.seq
        held = Set(letters.map(\.seq))
        return letters
    }

    mutating func done(_ seq: Int64) { held.remove(seq) }
}

/// A replay on its way.
struct ReplayReading {
    var replay: StoredReplay
    /// The highest `seq` that was read.
    var readThrough: Int64

    init(_ replay: StoredReplay) { (self.replay, readThrough) = (replay, replay.next - 1) }

    var isRead: Bool { readThrough >= replay.through }
}
