import Codecs
import NIOCore
import WireProtocols

/// Elements of one read, kept once: as the commands that will remove them.
struct TeleforgeListBatch {
    /// One id per element, consecutive over the life of the process.
    let ids: Range<Int>
    /// Elements whose facts were stored before a restart: to be removed, not handed out.
    let repeated: Set<Int>
    /// Commands that were sent at least once.
    private(set) var sent = 0
    /// Elements that are off the list, whoever took them.
    private(set) var gone = 0
    /// Elements whose removal the server refused.
    private(set) var refused: [Int] = []
    /// Hashes of elements that became `source.unmapped`.
    private(set) var unmapped: [TeleforgeElementHash] = []

    private let commands: ByteBuffer
    private let spans: [Range<Int>]

    /// `repeats` loses what is found among `elements`.
    init(
        firstID: Int, elements: [UnsafeRawBufferPointer], command: RESPPreparedCommand,
        repeats: inout [TeleforgeElementHash: Int]
    ) {
        var commands = ByteBufferAllocator().buffer(capacity: elements.reduce(0) { $0 + $1.count + 96 })
        var spans: [Range<Int>] = []
        spans.reserveCapacity(elements.count)
        var repeated: Set<Int> = []
        for (index, element) in elements.enumerated() {
            spans.append(command.write(last: element, into: &commands))
            guard !repeats.isEmpty else { continue }
            let hash = TeleforgeElementHash(element)
            guard let count = repeats[hash] else { continue }
            repeats[hash] = count > 1 ? count - 1 : nil
            repeated.insert(firstID + index)
            unmapped.append(hash)
        }
        ids = firstID..<firstID + elements.count
        (self.commands, self.spans, self.repeated) = (commands, spans, repeated)
    }

    var count: Int { ids.count }
    var unsent: Int { ids.count - sent }
    var isGone: Bool { gone == ids.count }

    /// The bytes of elements in order, without those that are repeats. Valid during the call only.
    func forEachNewElement(_ body: (Int, UnsafeRawBufferPointer) -> Void) {
        commands.withUnsafeReadableBytes { bytes in
            for (index, span) in spans.enumerated() where !repeated.contains(ids.lowerBound + index) {
                body(ids.lowerBound + index, UnsafeRawBufferPointer(rebasing: bytes[span]))
            }
        }
    }

    func lastElementEquals(_ other: UnsafeRawBufferPointer) -> Bool {
        guard let span = spans.last else { return false }
        return commands.withUnsafeReadableBytes { bytes in
            UnsafeRawBufferPointer(rebasing: bytes[span]).elementsEqual(other)
        }
    }

    mutating func markUnmapped(_ id: Int) {
        guard ids.contains(id) else { return }
        let span = spans[id - ids.lowerBound]
        unmapped.append(
            commands.withUnsafeReadableBytes { TeleforgeElementHash(UnsafeRawBufferPointer(rebasing: $0[span])) })
    }

    /// The commands of the next `limit` elements that were not sent, as one run of bytes; nil when there are none.
    mutating func takeUnsent(limit: Int) -> (indices: Range<Int>, bytes: ByteBuffer)? {
        let indices = sent..<min(spans.count, sent + limit)
        guard !indices.isEmpty, let bytes = slice(indices) else { return nil }
        sent = indices.upperBound
        return (indices, bytes)
    }

    /// One refused element for another try; nil when there is none.
    mutating func takeRefused() -> (indices: Range<Int>, bytes: ByteBuffer)? {
        guard let index = refused.first, let bytes = slice(index..<index + 1) else { return nil }
        refused.removeFirst()
        return (index..<index + 1, bytes)
    }

    mutating func markGone() { gone += 1 }

    mutating func markRefused(_ index: Int) { refused.append(index) }

    /// A command ends with CR LF behind its element.
    private func slice(_ indices: Range<Int>) -> ByteBuffer? {
        let start = indices.lowerBound == 0 ? 0 : spans[indices.lowerBound - 1].upperBound + 2
        return commands.getSlice(at: start, length: spans[indices.upperBound - 1].upperBound + 2 - start)
    }
}

/// The first 16 bytes of an element's SHA-256.
struct TeleforgeElementHash: Hashable {
    static let byteCount = 16

    let high: UInt64
    let low: UInt64

    init(_ element: UnsafeRawBufferPointer) {
        self.init(Digest.sha256(element)[...])
    }

    /// `bytes` are at least 16.
    private init(_ bytes: ArraySlice<UInt8>) {
        high = bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes.dropFirst(8).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The hashes of a durable note, counted. A torn tail is left out.
    static func counted(note: [UInt8]) -> [TeleforgeElementHash: Int] {
        var hashes: [TeleforgeElementHash: Int] = [:]
        for start in stride(from: 0, through: note.count - byteCount, by: byteCount) {
            hashes[TeleforgeElementHash(note[start..<start + byteCount]), default: 0] += 1
        }
        return hashes
    }

    func append(to note: inout [UInt8]) {
        for word in [high, low] {
            for shift in stride(from: 56, through: 0, by: -8) { note.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
    }
}
