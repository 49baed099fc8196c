import NIOCore

/// Cuts what comes over a WebSocket into records: each ends with 0x1E, which no JSON text has in it. Where messages begin
/// and end does not matter, as in Microsoft's .NET client.
///
/// A record that lies in one message is handed out as it lies there; each byte of others is copied once. Holds at most one
/// unfinished record.
public struct HubRecordSplitter: Sendable {
    static let separator: UInt8 = 0x1E

    private let limitBytes: Int
    private var incoming = ByteBuffer()
    /// The beginning of a record of which the end has not come.
    private var unfinished = ByteBuffer()

    /// `limitBytes`: of one record, without its end.
    public init(limitBytes: Int) { self.limitBytes = limitBytes }

    /// Bytes that wait for the end of their record.
    public var unfinishedBytes: Int { unfinished.readableBytes + incoming.readableBytes }

    public mutating func receive(_ bytes: ByteBuffer) {
        if incoming.readableBytes == 0 {
            incoming = bytes
        } else {
            incoming.writeImmutableBuffer(bytes)
        }
    }

    /// The next record without its end, or nil when more bytes are needed. Empty ones are skipped. A slice of what came in:
    /// copy what is kept for long.
    public mutating func next() throws(HubError) -> ByteBuffer? {
        while incoming.readableBytes > 0 {
            let end = incoming.withUnsafeReadableBytes { Self.firstSeparator(in: $0) }
            let length = end ?? incoming.readableBytes
            guard length <= limitBytes - unfinished.readableBytes else { throw .recordTooLong(limitBytes: limitBytes) }
            guard let end, let part = incoming.readSlice(length: end) else {
                unfinished.writeBuffer(&incoming)
                incoming = ByteBuffer()
                return nil
            }
            incoming.moveReaderIndex(forwardBy: 1)
            if unfinished.readableBytes > 0 {
                unfinished.writeImmutableBuffer(part)
                defer { unfinished = ByteBuffer() }
                return unfinished
            }
            if end > 0 { return part }
        }
        // Not to hold on to what was read with the last record.
        incoming = ByteBuffer()
        return nil
    }

    /// Eight bytes at a time: the lowest zero byte of `word ^ separators` borrows into its top bit first.
    private static func firstSeparator(in bytes: UnsafeRawBufferPointer) -> Int? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let separators = ones &* UInt64(separator)
        var index = 0
        while index &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ separators
            let hits = (word &- ones) & ~word & (ones &* 0x80)
            if hits != 0 { return index &+ UInt64(littleEndian: hits).trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < bytes.count {
            if bytes[index] == separator { return index }
            index &+= 1
        }
        return nil
    }
}
