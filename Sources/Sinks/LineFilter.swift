import BridgeCore
import Codecs

/// What lines may be chosen by; an empty list chooses by nothing.
package struct LineCriteria: Sendable, Equatable {
    /// Exact kinds (`call.ended`) or globs in which `*` stands for any run of characters (`call.*`, `*`).
    package var kinds: [String]
    /// Configured names of sources.
    package var sources: [String]
    /// Ids or names.
    package var queues: [String]
    /// Ids, extensions or names.
    package var agents: [String]
    /// Ids of calls.
    package var calls: [String]
    package var directions: [String]
    package var origins: [String]

    package init(
        kinds: [String] = [], sources: [String] = [], queues: [String] = [], agents: [String] = [],
        calls: [String] = [], directions: [String] = [], origins: [String] = []
    ) {
        (self.kinds, self.sources, self.queues) = (kinds, sources, queues)
        (self.agents, self.calls, self.directions, self.origins) = (agents, calls, directions, origins)
    }

    package var isEmpty: Bool { self == LineCriteria() }
}

/// Which lines a sink wants, decided on the encoded line: nothing is parsed, and nothing copied when all of them pass.
///
/// A line of another form than `LineHead` knows passes: a filter never hides what it cannot read. A line of ours that does not
/// name what is asked for, such as its queue, does not pass.
package struct LineFilter: Sendable {
    private let kinds: [Pattern]
    private let sources: [[UInt8]]
    private let wanted: [MemberCriterion]
    private let unwantedKinds: [Pattern]
    private let unwantedSources: [[UInt8]]
    private let unwanted: [MemberCriterion]

    package init(kinds: [String] = [], sources: [String] = []) {
        self.init(LineCriteria(kinds: kinds, sources: sources))
    }

    /// - Parameters:
    ///   - wanted: what a line must be, in every respect that is named.
    ///   - except: what it must not be, in any respect that is named.
    package init(_ wanted: LineCriteria, except: LineCriteria = LineCriteria()) {
        kinds = wanted.kinds.contains("*") ? [] : wanted.kinds.map(Pattern.init)
        sources = wanted.sources.map { Array($0.utf8) }
        self.wanted = MemberCriterion.all(of: wanted)
        unwantedKinds = except.kinds.map(Pattern.init)
        unwantedSources = except.sources.map { Array($0.utf8) }
        unwanted = MemberCriterion.all(of: except)
    }

    /// Every line passes.
    package var isOpen: Bool {
        kinds.isEmpty && sources.isEmpty && wanted.isEmpty && unwantedKinds.isEmpty && unwantedSources.isEmpty
            && unwanted.isEmpty
    }

    /// The lines of `batch` that pass. What the filter took away is covered by `throughSeq`.
    package func apply(_ batch: LineBatch) -> DeliveryBatch {
        if isOpen { return DeliveryBatch(batch) }
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
        if unwantedKinds.contains(where: { $0.matches(line, kind) }) { return false }
        if !(sources.isEmpty && unwantedSources.isEmpty), let name = LineHead.sourceName(of: line) {
            if !sources.isEmpty, !sources.contains(where: { $0.elementsEqual(line[name]) }) { return false }
            if unwantedSources.contains(where: { $0.elementsEqual(line[name]) }) { return false }
        }
        return wanted.allSatisfy { $0.holds(for: line) } && !unwanted.contains { $0.holds(for: line) }
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
    /// A member of a line has one of some values.
    private struct MemberCriterion: Sendable {
        private let object: StaticString?
        private let members: [StaticString]
        /// As they stand in lines, escaped.
        private let values: [[UInt8]]

        static func all(of criteria: LineCriteria) -> [MemberCriterion] {
            [
                MemberCriterion(object: "queue", members: ["id", "name"], values: criteria.queues),
                MemberCriterion(object: "agent", members: ["id", "extension", "name"], values: criteria.agents),
                MemberCriterion(object: "call", members: ["id"], values: criteria.calls),
                MemberCriterion(object: "call", members: ["direction"], values: criteria.directions),
                MemberCriterion(object: nil, members: ["origin"], values: criteria.origins),
            ].filter { !$0.values.isEmpty }
        }

        private init(object: StaticString?, members: [StaticString], values: [String]) {
            (self.object, self.members) = (object, members)
            self.values = values.map {
                var writer = ByteWriter(capacity: 64)
                writer.append(jsonString: $0)
                return Array(writer.bytes.dropFirst().dropLast())
            }
        }

        func holds(for line: UnsafeRawBufferPointer) -> Bool {
            var start = 0
            if let object {
                guard let place = LineMembers.value(object, in: line) else { return false }
                start = place.lowerBound
            }
            return members.contains { member in
                guard let text = LineMembers.text(member, in: line, at: start) else { return false }
                return values.contains { $0.elementsEqual(line[text]) }
            }
        }
    }

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
