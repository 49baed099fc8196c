import CZlib

/// The content of a compressed term: version, tag 80, four bytes of claimed size, and a zlib stream (RFC 1950).
enum BERTInflater {
    private static let header = 6
    /// A deflate stream cannot grow more than this (zlib's technical notes), so a larger claim is a lie.
    private static let largestRatio = 1032

    /// Memory of exactly the claimed size, which the caller frees. Refuses a stream that is short, long, broken, or
    /// followed by anything, and a claim that the input cannot fill before memory is taken for it.
    static func inflate(
        _ message: UnsafeRawBufferPointer, limit: Int
    ) throws(BERTError) -> UnsafeMutableRawBufferPointer {
        guard message.count > header else {
            throw BERTError(.truncated(needed: header + 1 - 2, left: message.count - 2), offset: 2)
        }
        let claimed = Int(UInt32(bigEndian: message.loadUnaligned(fromByteOffset: 2, as: UInt32.self)))
        guard claimed > 0, claimed / largestRatio <= message.count - header else {
            throw BERTError(.inflatedSize(claimed: claimed), offset: 2)
        }
        guard claimed <= limit else { throw BERTError(.tooLong(limitBytes: limit), offset: 2) }
        // One byte more than claimed, so that a longer content is noticed.
        let output = UnsafeMutableRawBufferPointer.allocate(byteCount: claimed + 1, alignment: 16)
        do {
            try run(UnsafeRawBufferPointer(rebasing: message[header...]), into: output, claimed: claimed)
        } catch {
            output.deallocate()
            throw error
        }
        return UnsafeMutableRawBufferPointer(start: output.baseAddress, count: claimed)
    }

    private static func run(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer, claimed: Int
    ) throws(BERTError) {
        var stream = z_stream()
        guard cti_inflate_init(&stream, 15) == Z_OK else {
            throw BERTError(.inflating("zlib has no memory"), offset: header)
        }
        defer { inflateEnd(&stream) }
        // zlib only reads its input; the parameter is not const in its interface.
        stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.avail_out = UInt32(output.count)
        let result = CZlib.inflate(&stream, Z_FINISH)
        let offset = header + input.count - Int(stream.avail_in)
        switch result {
        case Z_STREAM_END:
            guard Int(stream.total_out) == claimed else { break }
            guard stream.avail_in == 0 else { throw BERTError(.trailingBytes(Int(stream.avail_in)), offset: offset) }
            return
        case Z_BUF_ERROR where stream.avail_out > 0: throw BERTError(.truncated(needed: 1, left: 0), offset: offset)
        case Z_BUF_ERROR, Z_OK: break
        case Z_NEED_DICT: throw BERTError(.inflating("it wants a dictionary"), offset: offset)
        default:
            throw BERTError(.inflating(stream.msg.map { String(cString: $0) } ?? "code \(result)"), offset: offset)
        }
        throw BERTError(.inflatedSize(claimed: claimed), offset: 2)
    }
}
