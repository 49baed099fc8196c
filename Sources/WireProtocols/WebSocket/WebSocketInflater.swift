import CZlib
import NIOCore

/// Inflates the messages of one direction (RFC 7692, section 7.2.2). Owns one zlib stream.
final class WebSocketInflater {
    /// On the heap: zlib remembers where its stream lies.
    private let stream: UnsafeMutablePointer<z_stream>
    private let keepsContext: Bool
    /// The last block was a final one, and nothing came behind it.
    private var isBehindFinalBlock = false

    /// Nil when there is no memory. `windowBits`: 8 to 15, what the peer may look back.
    init?(windowBits: Int, keepsContext: Bool) {
        self.keepsContext = keepsContext
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // A window larger than agreed does no harm; zlib's own deflate looks back a little further than 8 bits when asked
        // for them.
        guard cti_inflate_init(stream, -Int32(max(windowBits, 9))) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Appends what `input` inflates to. Never lets `output` hold more than `limit` bytes.
    func inflate(
        _ input: UnsafeRawBufferPointer, into output: inout ByteBuffer, limit: Int
    ) throws(WebSocketViolation) {
        guard let base = input.baseAddress else { return }
        var taken = 0
        while taken < input.count {
            isBehindFinalBlock = false
            // zlib counts in 32 bits.
            let piece = min(input.count - taken, 1 << 30)
            stream.pointee.next_in = UnsafeMutablePointer(mutating: (base + taken).assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(piece)
            try drain(into: &output, limit: limit)
            taken += piece
        }
    }

    /// The message has ended: what the sender cut off is put back (RFC 7692, section 7.2.2).
    func finishMessage(into output: inout ByteBuffer, limit: Int) throws(WebSocketViolation) {
        if !isBehindFinalBlock {
            let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]
            let piece = ByteBuffer(bytes: tail)
            try piece.withUnsafeReadableBytes { (bytes) throws(WebSocketViolation) in
                try inflate(bytes, into: &output, limit: limit)
            }
            // Bit 7: between two blocks; bits 0 to 5: bits not used up (inflateBack and inflate in zlib.h, data_type).
            guard stream.pointee.data_type & 128 != 0, stream.pointee.data_type & 63 == 0 else {
                throw .badCompressedData("the message ends within a block")
            }
        }
        if !keepsContext { inflateReset(stream) }
    }

    private func drain(into output: inout ByteBuffer, limit: Int) throws(WebSocketViolation) {
        while true {
            let before = output.readableBytes
            // One byte more than allowed is enough to know.
            let room = min(max(output.writableBytes, 4096), limit + 1 - before)
            var status = Z_OK
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { memory in
                stream.pointee.next_out = memory.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(room)
                status = CZlib.inflate(stream, Z_SYNC_FLUSH)
                return room - Int(stream.pointee.avail_out)
            }
            guard output.readableBytes <= limit else { throw .inflatedTooLong(limitBytes: limit) }
            switch status {
            case Z_OK, Z_BUF_ERROR:
                // Room left means that all that could come of the input has come.
                if stream.pointee.avail_out > 0 { return }
            case Z_STREAM_END: try continueBehindFinalBlock()
            default: throw .badCompressedData(words(status))
            }
            if stream.pointee.avail_in == 0, stream.pointee.avail_out > 0 {
                isBehindFinalBlock = true
                return
            }
        }
    }

    /// A sender may end a message with a final block (RFC 7692, section 7.2.3.4); the next one still looks back over it.
    private func continueBehindFinalBlock() throws(WebSocketViolation) {
        var window = [UInt8](repeating: 0, count: 1 << 15)
        var length: UInt32 = 0
        inflateGetDictionary(stream, &window, &length)
        var status = inflateReset(stream)
        if status == Z_OK, keepsContext { status = inflateSetDictionary(stream, window, length) }
        guard status == Z_OK else { throw .badCompressedData(words(status)) }
    }

    private func words(_ status: Int32) -> String {
        stream.pointee.msg.map { String(cString: $0) } ?? "zlib error \(status)"
    }
}

/// Deflates the messages of one direction (RFC 7692, section 7.2.1). Owns one zlib stream.
final class WebSocketDeflater {
    private let stream: UnsafeMutablePointer<z_stream>
    private let keepsContext: Bool

    /// Nil when there is no memory.
    init?(windowBits: Int, level: Int, keepsContext: Bool) {
        self.keepsContext = keepsContext
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // zlib has no raw window of 8 bits. With 9 it looks back 250 bytes at most (512 less the 262 that it keeps free),
        // so whoever remembers 256 can inflate it.
        let windowBits = Int32(max(windowBits, 9))
        guard cti_deflate_init(stream, Int32(level), -windowBits, min(8, windowBits - 6)) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Appends the payload of one whole message. False when zlib refuses, which only exhausted memory can cause.
    func deflateMessage(_ input: UnsafeRawBufferPointer, into output: inout ByteBuffer) -> Bool {
        var taken = 0
        repeat {
            let piece = min(input.count - taken, 1 << 30)
            let base = input.baseAddress.map { $0 + taken }
            stream.pointee.next_in = UnsafeMutablePointer(mutating: base?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(piece)
            taken += piece
            guard drain(flush: taken == input.count ? Z_SYNC_FLUSH : Z_NO_FLUSH, into: &output) else { return false }
        } while taken < input.count
        // The empty block at the end of each message is not sent.
        if output.readableBytesView.suffix(4).elementsEqual([0x00, 0x00, 0xFF, 0xFF]) {
            output.moveWriterIndex(to: output.writerIndex - 4)
        }
        // An empty message is one empty block (RFC 7692, section 7.2.3.6).
        if output.readableBytes == 0 { output.writeInteger(0x00 as UInt8) }
        if !keepsContext { deflateReset(stream) }
        return true
    }

    private func drain(flush: Int32, into output: inout ByteBuffer) -> Bool {
        var status = Z_OK
        repeat {
            let room = max(output.writableBytes, Int(stream.pointee.avail_in) / 2 + 64)
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { memory in
                let room = min(memory.count, 1 << 30)
                stream.pointee.next_out = memory.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(room)
                status = deflate(stream, flush)
                return room - Int(stream.pointee.avail_out)
            }
            // Nothing left to do is no failure.
            guard status == Z_OK || status == Z_BUF_ERROR else { return false }
        } while stream.pointee.avail_out == 0
        return true
    }
}
