import BridgeCore
import Codecs

/// What is delivered or fails as one: a line, or for sinks that need no more a whole batch.
package struct DeliveryItem: Sendable {
    /// Where an item comes from, and so what is to be noted when it is done.
    package enum Origin: Sendable, Hashable {
        /// The stored lines from the sink's cursor on.
        case store
        /// Lines that an operator asked for again; the number of his request.
        case replay(Int64)
        /// The table of dead letters, where the line is kept until it is delivered.
        case letter
    }

    package let origin: Origin
    /// At least one line.
    package private(set) var batch: DeliveryBatch
    package let traits: Traits
    /// The next failed attempt is noted here.
    package var trail: AttemptTrail
    /// From when its budget runs; nil: from its receipt.
    package internal(set) var since: Timestamp?
    /// It was refused together with others: now it goes by itself.
    var travelsAlone = false
    /// A letter that is tried further by itself.
    var isParked = false
    /// Its place in the window of its origin.
    var ordinal = 0

    package struct Traits: Sendable, Equatable {
        package let lane: UInt64
        package let isRecord: Bool
        package let receivedAt: Timestamp

        package init(lane: UInt64, isRecord: Bool, receivedAt: Timestamp) {
            (self.lane, self.isRecord, self.receivedAt) = (lane, isRecord, receivedAt)
        }

        /// For a whole batch: it waits for everything before it and never grows old.
        static let whole = Traits(lane: 0, isRecord: true, receivedAt: Timestamp(microseconds: 0))
    }

    package init(
        _ batch: DeliveryBatch, origin: Origin, traits: Traits, since: Timestamp? = nil,
        trail: AttemptTrail = AttemptTrail()
    ) {
        (self.batch, self.origin, self.traits) = (batch, origin, traits)
        (self.since, self.trail) = (since, trail)
    }

    /// A batch is never empty.
    package var firstSeq: Int64 { batch.seqs.first ?? batch.throughSeq }
    package var lastSeq: Int64 { batch.seqs.last ?? batch.throughSeq }
    package var lineCount: Int { batch.count }
    package var byteCount: Int { batch.bytes.count }

    /// As a letter, when it no longer waits in its window.
    func asLetter(since: Timestamp) -> DeliveryItem {
        var item = DeliveryItem(batch, origin: .letter, traits: traits, since: since, trail: trail)
        item.travelsAlone = travelsAlone
        item.isParked = true
        return item
    }

    /// Without the lines up to `seq`; at least one must be left.
    mutating func drop(through seq: Int64) {
        let taken = batch.seqs.firstIndex { $0 > seq } ?? 0
        guard taken > 0 else { return }
        let offset = batch.ends[taken - 1]
        batch = DeliveryBatch(
            bytes: Array(batch.bytes[offset...]), ends: batch.ends[taken...].map { $0 - offset },
            seqs: Array(batch.seqs[taken...]), throughSeq: batch.throughSeq)
    }

    /// Each of its lines as an item.
    var lines: [DeliveryItem] {
        guard lineCount > 1 else { return [self] }
        return (0..<lineCount).map { index in
            let range = batch.range(ofLine: index)
            let bytes = Array(batch.bytes[range.lowerBound...range.upperBound])
            let seq = batch.seqs[index]
            var item = DeliveryItem(
                DeliveryBatch(bytes: bytes, ends: [bytes.count], seqs: [seq], throughSeq: seq), origin: origin,
                traits: traits, since: since, trail: trail)
            item.travelsAlone = travelsAlone
            item.isParked = isParked
            item.ordinal = ordinal
            return item
        }
    }
}

extension [DeliveryItem] {
    var lineCount: Int { reduce(0) { $0 + $1.lineCount } }

    /// Their lines as one batch; that of a single item as it is, without a copy.
    var joined: DeliveryBatch {
        if count == 1 { return self[0].batch }
        var (bytes, ends, seqs): ([UInt8], [Int], [Int64]) = ([], [], [])
        bytes.reserveCapacity(reduce(0) { $0 + $1.byteCount })
        for item in self {
            let offset = bytes.count
            bytes += item.batch.bytes
            for end in item.batch.ends { ends.append(end + offset) }
            seqs += item.batch.seqs
        }
        return DeliveryBatch(bytes: bytes, ends: ends, seqs: seqs, throughSeq: seqs.last ?? 0)
    }
}
