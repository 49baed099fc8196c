import BridgeCore
import Codecs
import NIOCore

/// Lines as Server-Sent Events (WHATWG HTML, section 9.2), encoded once for all readers: `id` is the `seq`, `event` the kind,
/// `data` the line.
package struct FeedFrames: Sendable {
    private struct Frame: Sendable {
        let seq: Int64
        let start: Int
        let line: Range<Int>
        let end: Int
    }

    private let bytes: ByteBuffer
    private let frames: [Frame]
    /// The position of a reader who has all of them.
    package let through: Int64
    /// Lines that an operator asked for again: they carry no `id`, so that nobody's position goes back.
    package let isReplay: Bool

    package init(_ batch: DeliveryBatch, isReplay: Bool = false) {
        var writer = ByteWriter(capacity: batch.bytes.count + batch.count * 64)
        var frames: [Frame] = []
        frames.reserveCapacity(batch.count)
        batch.bytes.withUnsafeBytes { bytes in
            for index in 0..<batch.count {
                let line = UnsafeRawBufferPointer(rebasing: bytes[batch.range(ofLine: index)])
                let (start, seq) = (writer.count, batch.seqs[index])
                Self.appendHead(of: line, seq: isReplay ? nil : seq, to: &writer)
                let lineStart = writer.count
                writer.append(line)
                let lineEnd = writer.count
                writer.append("\n\n")
                frames.append(Frame(seq: seq, start: start, line: lineStart..<lineEnd, end: writer.count))
            }
        }
        bytes = writer.withBytes { ByteBuffer(bytes: $0) }
        (self.frames, through, self.isReplay) = (frames, batch.throughSeq, isReplay)
    }

    package var byteCount: Int { bytes.readableBytes }
    package var firstSeq: Int64? { frames.first?.seq }

    /// The frames with a `seq` above `position` that `filter` lets pass; replays have no position. Shares the memory where
    /// all of them do.
    package func passing(_ filter: FeedFilter, after position: Int64) -> ByteBuffer {
        let first = isReplay ? 0 : frames.firstIndex { $0.seq > position } ?? frames.endIndex
        guard first < frames.endIndex else { return ByteBuffer() }
        let start = frames[first].start
        if filter.isOpen { return bytes.getSlice(at: start, length: bytes.readableBytes - start) ?? ByteBuffer() }
        return bytes.withUnsafeReadableBytes { all in
            var passing = ByteBuffer()
            for frame in frames[first...]
            where filter.passes(UnsafeRawBufferPointer(rebasing: all[frame.line])) {
                passing.writeBytes(UnsafeRawBufferPointer(rebasing: all[frame.start..<frame.end]))
            }
            return passing
        }
    }

    private static func appendHead(of line: UnsafeRawBufferPointer, seq: Int64?, to writer: inout ByteWriter) {
        if let seq {
            writer.append("id: ")
            writer.append(decimal: seq)
            writer.append("\n")
        }
        if let kind = LineHead.kind(of: line) {
            writer.append("event: ")
            writer.append(UnsafeRawBufferPointer(rebasing: line[kind]))
            writer.append("\n")
        }
        writer.append("data: ")
    }
}

/// What a feed says beside its lines.
package enum FeedNotice {
    /// First of all: how long a browser waits before it connects again.
    package static let opening = ByteBuffer(string: "retry: 2000\n\n")
    /// A comment, so that whatever is between knows that the connection lives.
    package static let keepAlive = ByteBuffer(string: ":\n\n")

    /// Lines that the reader has not seen are no longer stored.
    static func gap(from: Int64, through: Int64) -> ByteBuffer {
        notice(#"{"notice":"gap","from_seq":\#(from),"through_seq":\#(through)}"#)
    }

    /// The reader's position is none of this store: it has been begun anew. Everything that is stored follows.
    static func unknownPosition(_ seq: Int64, last: Int64) -> ByteBuffer {
        notice(#"{"notice":"unknown_position","since":\#(seq),"last_seq":\#(last)}"#)
    }

    private static func notice(_ json: String) -> ByteBuffer { ByteBuffer(string: "event: notice\ndata: \(json)\n\n") }
}
