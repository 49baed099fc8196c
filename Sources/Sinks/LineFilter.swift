import BridgeCore
import Codecs

/// Which lines a sink wants, decided on the encoded line: nothing is parsed, and nothing copied when all of them pass.
///
/// A line of another form than `LineHead` knows passes: a filter never hides what it cannot read.
package struct LineFilter: Sendable {
    private let kinds: [Pattern]
    private let sources: [[UInt8]]

    /// - Parameters:
    ///   - kinds: exact kinds (`call.ended`) or globs in which `*` stands for any run of characters (`call.*`, `*`).
    ///     Empty: all kinds.
    ///   - sources: configured names of sources. Empty: all sources.
    package init(kinds: [String] = [], sources: [String] = []) {
        self.kinds = kinds.contains("*") ? [] : kinds.map(Pattern.init)
        self.sources = sources.map { Array($0.utf8) }
    }

    /// The lines of `batch` that pass. What the filter took away is covered by `throughSeq`.
    package func apply(_ batch: LineBatch) -> DeliveryBatch {
        if kinds.isEmpty, sources.isEmpty { return DeliveryBatch(batch) }
        return batch.bytes.withUnsafeBytes { bytes in
            let passing = (0..<batch.count).filter {
                passes(UnsafeRawBufferPointer(rebasing: bytes[batch.range(ofLine: $0)]))
            }
            return passing.count == batch.count ? DeliveryBatch(batch) : Self.copy(passing, of: batch, bytes)
        }
    }

    /// Whether one encoded line, with or without its newline, passes.
    package func passes(_ line: UnsafeRawBufferPointer) -> Bool {
        guard let kind = LineHead.kind(of: line) else { return true }
        if !kinds.isEmpty, !kinds.contains(where: { $0.matches(line, kind) }) { return false }
        guard !sources.isEmpty, let name = LineHead.sourceName(of: line) else { return true }
        return sources.contains { $0.elementsEqual(line[name]) }
    }

    private static func copy(_ passing: [Int], of batch: LineBatch, _ bytes: UnsafeRawBufferPointer) -> DeliveryBatch {
        var kept: [UInt8] = []
        var ends: [Int] = []
        kept.reserveCapacity(passing.reduce(0) { $0 + batch.range(ofLine: $1).count + 1 })
        ends.reserveCapacity(passing.count)
        for index in passing {
            let line = batch.range(ofLine: index)
            kept.append(contentsOf: bytes[line.lowerBound...line.upperBound])
            ends.append(kept.count)
        }
        return DeliveryBatch(
            bytes: kept, ends: ends, seqs: passing.map { batch.firstSeq + Int64($0) }, throughSeq: batch.lastSeq)
    }
}

extension LineFilter {
    /// An exact text or a glob: pieces of text with any run of characters between two of them.
    private struct Pattern: Sendable {
        private let pieces: [[UInt8]]

        init(_ text: String) {
            pieces = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map(Array.init)
        }

        func matches(_ line: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
            guard let first = pieces.first, let last = pieces.last else { return range.isEmpty }
            let text = UnsafeRawBufferPointer(rebasing: line[range])
            if pieces.count == 1 { return text.elementsEqual(first) }
            guard text.count >= first.count + last.count, text.starts(with: first),
                text.suffix(last.count).elementsEqual(last)
            else { return false }
            var rest = text[first.count..<(text.count - last.count)]
            for piece in pieces[1..<(pieces.count - 1)] {
                guard let found = Self.find(piece, in: rest) else { return false }
                rest = rest[(found + piece.count)...]
            }
            return true
        }

        private static func find(_ piece: [UInt8], in text: Slice<UnsafeRawBufferPointer>) -> Int? {
            guard text.count >= piece.count else { return nil }
            return (text.startIndex...(text.endIndex - piece.count)).first { text[$0...].starts(with: piece) }
        }
    }
}
