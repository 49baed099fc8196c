import BridgeCore
import Codecs
import Glibc
import Sinks

/// From stored lines to what one sink gets: filter, mask, format; and what delivery must know of each line.
package struct LinePreparation: Sendable {
    private let filter: LineFilter
    private let transform: LineTransform
    private let policy: DeliveryPolicy

    package init(
        filter: LineFilter = LineFilter(), transform: LineTransform = LineTransform(),
        policy: DeliveryPolicy = DeliveryPolicy()
    ) {
        (self.filter, self.transform, self.policy) = (filter, transform, policy)
    }

    /// What is left of `batch`, as the sink gets it; shares its bytes where nothing is left out or changed.
    package func batch(_ batch: LineBatch) -> DeliveryBatch {
        let filtered = filter.apply(batch)
        guard !transform.isIdentity, filtered.count > 0 else { return filtered }
        var writer = ByteWriter(capacity: filtered.bytes.count * 2)
        var ends: [Int] = []
        filtered.bytes.withUnsafeBytes { bytes in
            for index in 0..<filtered.count {
                let line = UnsafeRawBufferPointer(rebasing: bytes[filtered.range(ofLine: index)])
                transform.append(line, isReplay: false, to: &writer)
                ends.append(writer.count)
            }
        }
        return DeliveryBatch(bytes: writer.bytes, ends: ends, seqs: filtered.seqs, throughSeq: filtered.throughSeq)
    }

    /// The lines of `batch` that pass, as items.
    package func items(_ batch: LineBatch, now: Timestamp) -> [DeliveryItem] {
        guard policy.isPerLine else {
            let whole = self.batch(batch)
            return whole.count > 0 ? [DeliveryItem(whole, origin: .store, traits: .whole)] : []
        }
        let isIdentity = transform.isIdentity
        return items(batch, origin: .store, now: now, since: nil, call: nil) { line, writer in
            guard isIdentity else { return transform.append(line, isReplay: false, to: &writer) }
            writer.append(line)
            writer.append(UInt8(ascii: "\n"))
        }
    }

    /// The same for lines that an operator asked for again, with their mark; with `call`, only its lines.
    package func items(
        _ batch: LineBatch, replay id: Int64, call: String?, now: Timestamp
    ) -> [DeliveryItem] {
        items(batch, origin: .replay(id), now: now, since: now, call: call) {
            transform.append($0, isReplay: true, to: &$1)
        }
    }

    private func items(
        _ batch: LineBatch, origin: DeliveryItem.Origin, now: Timestamp, since: Timestamp?, call: String?,
        _ write: (UnsafeRawBufferPointer, inout ByteWriter) -> Void
    ) -> [DeliveryItem] {
        let mark = call.map { CallMark($0) }
        var writer = ByteWriter(capacity: 2048)
        var items: [DeliveryItem] = []
        items.reserveCapacity(batch.count)
        batch.bytes.withUnsafeBytes { bytes in
            for index in 0..<batch.count {
                let line = UnsafeRawBufferPointer(rebasing: bytes[batch.range(ofLine: index)])
                guard filter.passes(line), mark?.isOn(line) ?? true else { continue }
                writer.removeAll()
                write(line, &writer)
                let seq = batch.firstSeq + Int64(index)
                let own = DeliveryBatch(bytes: writer.bytes, ends: [writer.count], seqs: [seq], throughSeq: seq)
                items.append(DeliveryItem(own, origin: origin, traits: traits(of: line, now: now), since: since))
            }
        }
        return items
    }

    /// Those of the first line of `batch`.
    func traits(of batch: LineBatch, now: Timestamp) -> DeliveryItem.Traits? {
        guard batch.count > 0 else { return nil }
        return batch.bytes.withUnsafeBytes {
            traits(of: UnsafeRawBufferPointer(rebasing: $0[batch.range(ofLine: 0)]), now: now)
        }
    }

    private func traits(of line: UnsafeRawBufferPointer, now: Timestamp) -> DeliveryItem.Traits {
        let traits = LineTraits(of: line, now: now)
        // One delivery at a time: everything waits for everything before it.
        return DeliveryItem.Traits(
            lane: policy.concurrency > 1 ? traits.lane : 0, isRecord: traits.isRecord, receivedAt: traits.receivedAt)
    }
}

/// How a line names its call: the text cannot stand anywhere else, since quotes inside values are escaped.
struct CallMark: Sendable {
    private let bytes: [UInt8]

    init(_ call: String) {
        var writer = ByteWriter()
        writer.append("\"call\":{\"id\":")
        writer.append(jsonString: call)
        bytes = writer.bytes
    }

    func isOn(_ line: UnsafeRawBufferPointer) -> Bool {
        var from = 0
        while from + bytes.count <= line.count, let start = line.baseAddress,
            let quote = memchr(start + from, Int32(UInt8(ascii: "\"")), line.count - from)
        {
            from = UnsafeRawPointer(quote) - start
            guard from + bytes.count <= line.count else { return false }
            if memcmp(quote, bytes, bytes.count) == 0 { return true }
            from += 1
        }
        return false
    }
}
