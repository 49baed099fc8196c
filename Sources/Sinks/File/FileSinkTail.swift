import Codecs
import Glibc

/// Reads the ends of a file of lines, in blocks and bounded.
struct FileSinkTail {
    let descriptor: Int32
    let path: String

    private static let blockBytes: Int64 = 64 << 10
    /// No line is longer: what has no newline within this distance of its end was not written by this sink.
    private static let lineBytes: Int64 = 16 << 20

    /// Makes the file end with a newline and returns its size then.
    ///
    /// What follows the last newline is cut when it is the beginning of a line or zeros (a crash of the machine); anything
    /// else is not ours and is kept: it gets its newline when `endsForeignLine`.
    func repair(size: Int64, endsForeignLine: Bool) throws -> Int64 {
        guard size > 0, let lineStart = try startOfLine(endingAt: size), lineStart < size else { return size }
        let head = try read(at: lineStart, count: min(Self.blockBytes, size - lineStart))
        if head.withUnsafeBytes({ LineHead.canBegin($0) }) || head.allSatisfy({ $0 == 0 }) {
            guard ftruncate(descriptor, off_t(lineStart)) == 0 else {
                throw FileSinkError("cannot cut a torn line off", path, errno)
            }
            return lineStart
        }
        guard endsForeignLine else { return size }
        var newline = UInt8(ascii: "\n")
        guard write(descriptor, &newline, 1) == 1 else { throw FileSinkError("cannot write", path, errno) }
        return size + 1
    }

    /// Stream and `seq` of the last line; nil when it is not one of ours or cannot be read.
    func lastPosition(size: Int64) -> (stream: UUID128, seq: Int64)? {
        guard size > 0, let start = try? startOfLine(endingAt: size - 1),
            let head = try? read(at: start, count: min(Int64(LineHead.boundedBytes), size - start))
        else { return nil }
        return head.withUnsafeBytes { LineHead.position(of: $0) }
    }

    func firstReceivedAt() -> Timestamp? {
        guard let head = try? read(at: 0, count: Int64(LineHead.boundedBytes)) else { return nil }
        return head.withUnsafeBytes { LineHead.receivedAt(of: $0) }
    }

    /// Just behind the last newline before `end`, or 0; nil when there is none within the longest line.
    private func startOfLine(endingAt end: Int64) throws -> Int64? {
        var blockEnd = end
        while blockEnd > 0 {
            guard end - blockEnd < Self.lineBytes else { return nil }
            let blockStart = max(0, blockEnd - Self.blockBytes)
            let block = try read(at: blockStart, count: blockEnd - blockStart)
            if let newline = block.lastIndex(of: UInt8(ascii: "\n")) { return blockStart + Int64(newline) + 1 }
            blockEnd = blockStart
        }
        return 0
    }

    /// Up to `count` bytes; fewer at the end of the file only.
    private func read(at offset: Int64, count: Int64) throws -> [UInt8] {
        var problem: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, filled in
            while filled < buffer.count {
                let got = pread(
                    descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled,
                    off_t(offset) + off_t(filled))
                if got > 0 {
                    filled += got
                } else if got == 0 || errno != EINTR {
                    problem = got == 0 ? 0 : errno
                    return
                }
            }
        }
        guard problem == 0 else { throw FileSinkError("cannot read", path, problem) }
        return bytes
    }
}
