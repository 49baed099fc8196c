import TestSupport
import Testing
import WireProtocols

@Suite struct RESPReaderTests {
    private typealias Reply = WireProtocols.RESPReply

    /// Replies as a Redis 7.0 server sends them, with bytes that text protocols stumble over.
    static let wire =
        "+OK\r\n-ERR no such thing\r\n:-42\r\n$5\r\na\r\n\0b\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
        + "*3\r\n$1\r\nx\r\n:7\r\n$-1\r\n*2\r\n*2\r\n+in\r\n*0\r\n$3\r\nout\r\n"

    static let expected = [
        "+OK", "-ERR no such thing", ":-42", "$a\r\n\0b", "$", "nil", "nil", "[]", "[$x, :7, nil]", "[[+in, []], $out]",
    ]

    @Test("Replies are the same whole, glued, byte by byte and in random cuts")
    func chunks() throws {
        let bytes = Array(Self.wire.utf8)
        #expect(try Self.replies(in: [bytes]) == Self.expected)
        #expect(try Self.replies(in: bytes.map { [$0] }) == Self.expected)
        #expect(try Self.replies(in: [bytes + bytes]) == Self.expected + Self.expected)
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "RESPReaderTests"))
        for _ in 0..<500 {
            var chunks: [[UInt8]] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...min(9, rest.count), using: &random)
                chunks.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            #expect(try Self.replies(in: chunks) == Self.expected)
        }
    }

    @Test("A batch of elements larger than one feed is taken whole")
    func batch() throws {
        let element = [UInt8](repeating: 0x61, count: 450)
        var wire = Array("*1000\r\n".utf8)
        for _ in 0..<1000 { wire += Array("$450\r\n".utf8) + element + [13, 10] }
        let reader = try RESPReader()
        var count = 0
        try Self.feed([wire], to: reader) { reply in
            for value in try #require(reply.elements) where value.bytes.map(Array.init) == element { count += 1 }
            #expect(reply.elements?.flat(999)?.bytes.map(Array.init) == element)
            #expect(reply.elements?.flat(1000) == nil)
        }
        #expect(count == 1000)
    }

    @Test(
        "What breaks RESP2 or a limit is an error and stays one",
        arguments: [
            ("@nonsense\r\n", nil as RESPError?), ("*2\r\n+a\r\n!b\r\n", nil),
            ("*2147483647\r\n", .tooMany(limitValues: 64)),
            ("*65\r\n", .tooMany(limitValues: 64)),
            ("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", .tooDeep(limit: 4)),
            ("$200\r\n" + String(repeating: "x", count: 200) + "\r\n", .tooLong(limitBytes: 128)),
        ])
    func limits(wire: String, expected: RESPError?) throws {
        let reader = try RESPReader(limits: RESPLimits(replyBytes: 128, replyValues: 64))
        for _ in 0..<2 {
            do throws(RESPError) {
                try Self.feedAll(Array(wire.utf8), to: reader)
                Issue.record("taken: \(wire.prefix(20))")
            } catch {
                if let expected { #expect(error == expected) }
            }
        }
    }

    @Test("A bulk that announces 2^63-1 bytes is given up at the limit, whatever it announced")
    func bulkBomb() throws {
        let reader = try RESPReader(limits: RESPLimits(replyBytes: 1 << 20))
        var fed = 0
        do throws(RESPError) {
            try Self.feedAll(Array("$9223372036854775807\r\n".utf8), to: reader)
            while fed < 8 << 20 {
                try Self.feedAll([UInt8](repeating: 0, count: 16_384), to: reader)
                fed += 16_384
            }
            Issue.record("never given up")
        } catch {
            #expect(error == .tooLong(limitBytes: 1 << 20))
        }
        #expect(fed <= (1 << 20) + 16_384)
    }

    @Test("Random bytes never do more than fail")
    func garbage() throws {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "RESPReaderTests.garbage"))
        let alphabet = Array("*$:+-0123456789\r\n\r\nab\0".utf8)
        for _ in 0..<2000 {
            let reader = try RESPReader(limits: RESPLimits(replyBytes: 4096, replyValues: 64))
            let count = Int.random(in: 1...60, using: &random)
            let bytes = (0..<count).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            do throws(RESPError) { try Self.feedAll(bytes, to: reader) } catch { continue }
        }
    }

    // MARK: - Support

    private static func replies(in chunks: [[UInt8]]) throws -> [String] {
        var replies: [String] = []
        try feed(chunks, to: RESPReader()) { replies.append(describe($0)) }
        return replies
    }

    private static func feedAll(_ bytes: [UInt8], to reader: RESPReader) throws(RESPError) {
        var start = 0
        while start < bytes.count {
            let end = min(start + RESPReader.feedBytes, bytes.count)
            let piece = Array(bytes[start..<end])
            let taken: Result<Int, RESPError> = piece.withUnsafeBytes { piece in
                do throws(RESPError) { return .success(try reader.feed(piece)) } catch { return .failure(error) }
            }
            start += try taken.get()
            while try reader.next() != nil {}
        }
    }

    private static func feed(_ chunks: [[UInt8]], to reader: RESPReader, _ body: (Reply) throws -> Void) throws {
        for chunk in chunks {
            try chunk.withUnsafeBytes { bytes in
                var rest = bytes
                while !rest.isEmpty {
                    rest = UnsafeRawBufferPointer(rebasing: rest[try reader.feed(rest)...])
                    while let reply = try reader.next() { try body(reply) }
                }
            }
        }
    }

    private static func describe(_ reply: Reply) -> String {
        switch reply.kind {
        case .status: "+\(reply.text ?? "")"
        case .error: "-\(reply.text ?? "")"
        case .string: "$\(reply.text ?? "")"
        case .integer: ":\(reply.integer ?? 0)"
        case .null: "nil"
        case .array: "[\((reply.elements?.map(describe) ?? []).joined(separator: ", "))]"
        }
    }
}
