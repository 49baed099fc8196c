import Glibc

enum StandardInput {
    /// All of standard input, at most `limit` bytes; throws a sentence.
    static func readAll(limit: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let count = try read(into: &bytes)
            if count == 0 { return bytes }
            guard bytes.count <= limit else {
                throw FileError("standard input", "longer than \(limit) bytes", code: nil)
            }
        }
    }

    /// Appends what can be read at once, at least a byte; 0 at the end.
    static func read(into bytes: inout [UInt8]) throws -> Int {
        let chunk = 64 << 10
        let start = bytes.count
        bytes.reserveCapacity(start + chunk)
        return try withUnsafeTemporaryAllocation(byteCount: chunk, alignment: 16) { buffer in
            while true {
                let count = Glibc.read(STDIN_FILENO, buffer.baseAddress, chunk)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw FileError("standard input", "cannot be read") }
                bytes.append(contentsOf: buffer[..<count])
                return count
            }
        }
    }
}

/// Frames on standard input, each with its length in 4 bytes (big-endian) in front: how recordings of message-oriented
/// connections are kept.
struct FramedInput {
    private static let header = 4

    /// Frames of more bytes are left out.
    private let limit: Int
    private var buffer: [UInt8] = []
    private var start = 0
    /// Of the next frame, from 1.
    private var number = 1

    private init(limit: Int) { self.limit = limit }

    /// Calls `body` for each frame and its number, and `flush` before each wait for more input and at the end. True when
    /// `body` always was and the input held whole frames of at most `limit` bytes; what it held else is said on standard
    /// error. Ends early when `flush` is false: nobody reads any more.
    static func forEach(
        limit: Int, _ body: (_ number: Int, _ frame: [UInt8]) -> Bool, flush: () -> Bool
    ) -> Bool {
        var input = FramedInput(limit: limit)
        do {
            return try input.run(body, flush: flush)
        } catch {
            Output.error("\(error)")
            return false
        }
    }

    private mutating func run(_ body: (Int, [UInt8]) -> Bool, flush: () -> Bool) throws -> Bool {
        var isGood = true
        while true {
            while let frame = take() {
                if !body(number, frame) { isGood = false }
                number += 1
            }
            guard flush() else { return isGood }
            if let length = announced, length > limit {
                Output.error("frame \(number): \(length) bytes announced, \(limit) are the most; left out")
                try skip(length)
                isGood = false
            } else if try !readMore() {
                return isGood
            }
        }
    }

    /// The length of the next frame, once it is there.
    private var announced: Int? {
        guard buffer.count - start >= Self.header else { return nil }
        return buffer[start..<start + Self.header].reduce(0) { $0 << 8 | Int($1) }
    }

    /// The next frame, once all of it is there.
    private mutating func take() -> [UInt8]? {
        guard let length = announced, length <= limit else { return nil }
        let end = start + Self.header + length
        guard end <= buffer.count else { return nil }
        defer { start = end }
        return Array(buffer[start + Self.header..<end])
    }

    /// Drops the next frame without ever holding it.
    private mutating func skip(_ length: Int) throws {
        var rest = Self.header + length
        while true {
            let dropped = min(rest, buffer.count - start)
            start += dropped
            rest -= dropped
            if rest == 0 { break }
            guard try readMore() else { throw Self.cut(number, missing: rest) }
        }
        number += 1
    }

    /// False at the end of the input, which must be that of a frame.
    private mutating func readMore() throws -> Bool {
        buffer.removeFirst(start)
        start = 0
        if try StandardInput.read(into: &buffer) > 0 { return true }
        guard buffer.isEmpty else {
            throw Self.cut(number, missing: Self.header + (announced ?? 0) - buffer.count)
        }
        return false
    }

    private static func cut(_ number: Int, missing: Int) -> FileError {
        FileError("standard input", "ends in the middle of frame \(number), \(missing) bytes are missing", code: nil)
    }
}
