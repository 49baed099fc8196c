import CZlib

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
