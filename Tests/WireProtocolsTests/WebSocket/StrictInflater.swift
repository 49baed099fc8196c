import CZlib

/// `bytes` as one deflate stream that ends in a final block.
func deflatedToTheEnd(_ bytes: [UInt8]) -> [UInt8] {
    var (stream, input, output) = (z_stream(), bytes, [UInt8](repeating: 0, count: bytes.count + 100))
    guard cti_deflate_init(&stream, 6, -15, 8) == Z_OK else { return [] }
    defer { deflateEnd(&stream) }
    let (inputCount, outputCount) = (input.count, output.count)
    return input.withUnsafeMutableBufferPointer { from in
        output.withUnsafeMutableBufferPointer { to in
            (stream.next_in, stream.avail_in) = (from.baseAddress, UInt32(inputCount))
            (stream.next_out, stream.avail_out) = (to.baseAddress, UInt32(outputCount))
            return deflate(&stream, Z_FINISH) == Z_STREAM_END ? Array(to[..<(outputCount - Int(stream.avail_out))]) : []
        }
    }
}

/// zlib's inflate with a window of exactly so many bits.
final class StrictInflater {
    private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

    init?(windowBits: Int) {
        stream.initialize(to: z_stream())
        guard cti_inflate_init(stream, -Int32(windowBits)) == Z_OK else { return nil }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Nil where it looks back too far or is damaged otherwise. Byte by byte, so that nothing but the window is there to look
    /// back into.
    func inflate(_ input: [UInt8]) -> [UInt8]? {
        var output: [UInt8] = []
        var input = input
        let count = input.count
        return input.withUnsafeMutableBufferPointer { bytes in
            stream.pointee.next_in = bytes.baseAddress
            stream.pointee.avail_in = UInt32(count)
            while true {
                var byte: UInt8 = 0
                let status = withUnsafeMutablePointer(to: &byte) { pointer in
                    stream.pointee.next_out = pointer
                    stream.pointee.avail_out = 1
                    return CZlib.inflate(stream, Z_SYNC_FLUSH)
                }
                if stream.pointee.avail_out == 0 { output.append(byte) }
                if status == Z_BUF_ERROR || status == Z_OK && stream.pointee.avail_out == 1 { return output }
                guard status == Z_OK else { return nil }
            }
        }
    }
}
