import NIOCore
import TestSupport
import Testing
import WireProtocols

@Suite struct HTTPResponseParserTests {
    /// A response to `method`, what is read of it, and whether the connection can be used again.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        var method = "GET"
        let wire: String
        let parts: [String]
        var isReusable = true
        /// The body ends with the connection.
        var endsByClose = false
        var testDescription: String { name }
    }

    static let cases = [
        Case(
            name: "a length", wire: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: \t b c\t\r\n\r\nhello",
            parts: ["200 OK [Content-Length=5, X-A=b c]", "hello", "end"]),
        Case(
            name: "no body by length", wire: "HTTP/1.1 201 Created\r\ncontent-length:0\r\n\r\n",
            parts: ["201 Created [content-length=0]", "end"]),
        Case(
            name: "no reason", wire: "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
            parts: ["200  [Content-Length=0]", "end"]),
        Case(
            name: "chunks with extensions and trailers",
            wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "5;a=b\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n",
            parts: ["200 OK [Transfer-Encoding=Chunked]", "hello0123456789", "end"]),
        Case(
            name: "until the connection ends", wire: "HTTP/1.1 200 OK\r\nX: y\r\n\r\nall\r\nof it",
            parts: ["200 OK [X=y]", "all\r\nof it", "end"], isReusable: false, endsByClose: true),
        Case(
            name: "HTTP/1.0", wire: "HTTP/1.0 404 Not Found\r\nContent-Length: 2\r\n\r\nno",
            parts: ["404 Not Found [Content-Length=2]", "no", "end"], isReusable: false),
        Case(
            name: "close asked for", wire: "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\n1",
            parts: ["200 OK [Connection=x, Close, Content-Length=1]", "1", "end"], isReusable: false),
        Case(
            name: "HEAD", method: "HEAD", wire: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
            parts: ["200 OK [Content-Length=5]", "end"]),
        Case(name: "204", wire: "HTTP/1.1 204 No Content\r\n\r\n", parts: ["204 No Content []", "end"]),
        Case(
            name: "304 with a length", wire: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            parts: ["304 Not Modified [Content-Length=5]", "end"]),
        Case(
            name: "interim responses",
            wire: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            parts: ["200 OK [Content-Length=1]", "x", "end"]),
        Case(
            name: "bytes above ASCII", wire: "HTTP/1.1 200 Schön\r\nX: ü\r\nContent-Length: 0\r\n\r\n",
            parts: ["200 Schön [X=ü, Content-Length=0]", "end"]),
        Case(
            name: "a tunnel", method: "CONNECT", wire: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            parts: ["200 OK [Transfer-Encoding=chunked]", "end"]),
    ]

    @Test("Responses are the same whole, byte by byte, and in random cuts", arguments: cases)
    func responses(_ one: Case) throws {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "HTTPResponseParserTests"))
        for feed in ChunkedFeed.cuts(of: Array(one.wire.utf8), random: &random) {
            var reader = Reader(method: one.method)
            for piece in feed { try reader.feed(piece) }
            if one.endsByClose { try reader.close() }
            #expect(reader.parts == one.parts)
            #expect(reader.parser.isReusable == one.isReusable)
        }
    }

    @Test("Answers of one connection follow each other, each to its own request")
    func keptAlive() throws {
        var reader = Reader(method: "HEAD")
        try reader.feed(Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".utf8))
        reader.parser.expect(method: "GET")
        try reader.feed(Array("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na".utf8))
        #expect(reader.parts == ["200 OK [Content-Length=9]", "end", "200 OK [Content-Length=1]", "a", "end"])
    }

    @Test("101 leads to another protocol only where that was asked for; what follows is left alone")
    func upgrade() throws {
        let wire = Array("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\u{1}\u{2}".utf8)
        var reader = Reader(method: "GET", wantsUpgrade: true)
        reader.parser.receive(ByteBuffer(bytes: wire))
        #expect(try reader.parser.next() != nil)
        #expect(try reader.parser.next() == .end)
        #expect(Array(reader.parser.takeRest().readableBytesView) == [1, 2])
        #expect(Self.fault(wire)?.code == .unexpectedUpgrade)
    }

    @Test(
        "What is no HTTP/1.1 is refused at its first wrong byte, whole and byte by byte",
        arguments: [
            ("SSH-2.0-OpenSSH_9.2p1\r\n", .notHTTP("SSH-2.0-OpenSSH_9.2p1..")),
            ("-ERR unknown command\r\n", .notHTTP("-ERR unknown command..")),
            ("\r\nHTTP/1.1 200 OK\r\n\r\n", .notHTTP("..HTTP/1.1 200 OK....")),
            ("\u{15}\u{3}\u{1}\u{0}\u{2}\u{2}\u{46}", .tlsRecord),
            ("HTTP/2.0 200 OK\r\n\r\n", .unsupportedVersion), ("HTTP/1.2 200 OK\r\n\r\n", .unsupportedVersion),
            ("HTTP/1.1 20 OK\r\n\r\n", .badStartLine), ("HTTP/1.1 099 OK\r\n\r\n", .badStartLine),
            ("HTTP/1.1 2x0 OK\r\n\r\n", .badStartLine), ("HTTP/1.1  200 OK\r\n\r\n", .badStartLine),
            ("HTTP/1.1 2000\r\n\r\n", .badStartLine),
            ("HTTP/1.1 200 OK\nX: y\r\n\r\n", .badLineEnd), ("HTTP/1.1 200 OK\r\nX: y\n\r\n", .badLineEnd),
            ("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", .badLineEnd),
            ("HTTP/1.1 200 OK\r\nX : y\r\n\r\n", .badFieldName), ("HTTP/1.1 200 OK\r\n: y\r\n\r\n", .badFieldName),
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", .badFieldName), ("HTTP/1.1 200 OK\r\nÜ: y\r\n\r\n", .badFieldName),
            ("HTTP/1.1 200 OK\r\nX: a\u{0}b\r\n\r\n", .badFieldValue),
            ("HTTP/1.1 200 OK\r\nX: a\u{7f}b\r\n\r\n", .badFieldValue),
            ("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", .foldedField),
            ("HTTP/1.1 200 OK\r\n X: a\r\n\r\n", .foldedField),
            ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n", .badContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", .badContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\n", .badContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", .badContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", .badContentLength),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", .repeatedContentLength),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
                .lengthAndTransferEncoding
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedTransferEncoding),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n", .unsupportedTransferEncoding),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
                .unsupportedTransferEncoding
            ),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", .unsupportedTransferEncoding),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n", .badChunk),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n", .badChunk),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nhello\r\n", .badChunk),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n", .badChunk),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000005\r\nhello\r\n", .badChunk),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n", .badChunk),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;\u{1}\r\nhello\r\n", .badChunk),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n", .badFieldName),
        ] as [(String, HTTPError.Code)])
    func faults(wire: String, code: HTTPError.Code) {
        let bytes = Array(wire.utf8)
        #expect(Self.fault(bytes)?.code == code)
        let early = Self.fault(bytes, byteByByte: true)
        switch code {
        // How much of it is quoted depends on how much has come.
        case .notHTTP: #expect(early.map { "\($0)" }?.hasPrefix("the peer does not speak HTTP") == true)
        default: #expect(early?.code == code)
        }
    }

    @Test("Mistakes are told with their offset in the connection")
    func offsets() {
        #expect(Self.fault(Array("HTTP/1.1 200 OK\r\nX: a\u{1}\r\n\r\n".utf8))?.offset == 19)
        #expect(Self.fault(Array("HTTP/1.1 200 OK\r\nA: b\r\nbad name: x\r\n\r\n".utf8))?.offset == 23)
    }

    @Test("Limits hold before anything is kept for them")
    func limits() {
        let limits = HTTPLimits(headBytes: 100, fieldCount: 3, bodyBytes: 10, interimResponses: 2)
        let head = "HTTP/1.1 200 OK\r\n"
        let chunked = head + "Transfer-Encoding: chunked\r\n\r\n"
        let cases: [(String, HTTPError.Code)] = [
            (head + "X: " + String(repeating: "y", count: 100), .headTooLong(limitBytes: 100)),
            (head + String(repeating: "X: 23456789\r\n", count: 10), .tooManyFields(limit: 3)),
            (head + "Content-Length: 11\r\n\r\n", .bodyTooLong(limitBytes: 10)),
            (chunked + "b\r\n", .bodyTooLong(limitBytes: 10)),
            (chunked + "6\r\n123456\r\n5\r\n", .bodyTooLong(limitBytes: 10)),
            (chunked + "FFFFFFFFFFFFFFF\r\n", .bodyTooLong(limitBytes: 10)),
            (head + "\r\n12345678901", .bodyTooLong(limitBytes: 10)),
            (chunked + "0\r\n" + String(repeating: "T: 1\r\n", count: 4), .tooManyFields(limit: 3)),
            (chunked + "0\r\nT: " + String(repeating: "1", count: 100), .headTooLong(limitBytes: 100)),
            (chunked + "1;" + String(repeating: "x", count: 2000), .badChunk),
            (
                String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 3),
                .tooManyInterimResponses(limit: 2)
            ),
        ]
        for (wire, code) in cases {
            #expect(Self.fault(Array(wire.utf8), limits: limits)?.code == code)
            #expect(Self.fault(Array(wire.utf8), byteByByte: true, limits: limits)?.code == code)
        }
    }

    @Test("Every proper beginning of a response is told as cut", arguments: cases.filter { !$0.endsByClose })
    func cuts(_ one: Case) throws {
        let bytes = Array(one.wire.utf8)
        for count in bytes.indices {
            var reader = Reader(method: one.method)
            try reader.feed(Array(bytes[..<count]))
            let error = #expect(throws: HTTPError.self) { try reader.close() }
            let expected: [HTTPError.Code] = count == 0 ? [.noAnswer] : [.cutHead, .cutBody]
            // Between an interim response and the final one nothing of an answer has come.
            #expect(
                expected.contains(error?.code ?? .badChunk) || error?.code == .noAnswer && one.name.hasPrefix("int"))
        }
    }

    @Test("Bytes that answer no request are a fault")
    func unrequested() throws {
        var reader = Reader(method: "GET")
        try reader.feed(Array("HTTP/1.1 204 No Content\r\n\r\n".utf8))
        #expect(throws: HTTPError(.unrequested, offset: 27)) { try reader.feed([0x48]) }
    }

    @Test("Mutated responses never do more than fail")
    func mutations() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "HTTPResponseParserTests.mutations"))
        let alphabet = Array("\r\n :;0aF,/.1HT\u{0}\u{ff}".utf8)
        for _ in 0..<4000 {
            guard let one = Self.cases.randomElement(using: &random) else { continue }
            var bytes = Array(one.wire.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                let byte = alphabet.randomElement(using: &random) ?? 0
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = byte
                case 1: bytes.insert(byte, at: place)
                default: if bytes.count > 1 { bytes.remove(at: place) }
                }
            }
            var reader = Reader(method: one.method, limits: HTTPLimits(headBytes: 256, bodyBytes: 64))
            do {
                for piece in ChunkedFeed.randomly(bytes, random: &random, longest: 20) { try reader.feed(piece) }
                try reader.close()
            } catch {}
            #expect(reader.bodyBytes <= 64)
        }
    }

    private static func fault(
        _ bytes: [UInt8], byteByByte: Bool = false, limits: HTTPLimits = HTTPLimits()
    ) -> HTTPError? {
        var reader = Reader(method: "GET", limits: limits)
        do throws(HTTPError) {
            for piece in byteByByte ? bytes.map({ [$0] }) : [bytes] { try reader.feed(piece) }
        } catch {
            return error
        }
        return nil
    }
}

/// A parser and what came out of it; neighbouring pieces of a body are joined.
private struct Reader {
    var parser: HTTPResponseParser
    var parts: [String] = []
    var bodyBytes = 0
    private var isInBody = false

    init(method: String, wantsUpgrade: Bool = false, limits: HTTPLimits = HTTPLimits()) {
        parser = HTTPResponseParser(limits: limits)
        parser.expect(method: method, wantsUpgrade: wantsUpgrade)
    }

    mutating func feed(_ bytes: [UInt8]) throws(HTTPError) {
        parser.receive(ByteBuffer(bytes: bytes))
        try pull()
    }

    mutating func close() throws(HTTPError) {
        try parser.connectionClosed()
        try pull()
    }

    private mutating func pull() throws(HTTPError) {
        while let part = try parser.next() {
            switch part {
            case .head(let head):
                let fields = head.headers.fields.map { "\($0.name)=\($0.value)" }
                parts.append("\(head.status) \(head.reason) [\(fields.joined(separator: ", "))]")
            case .body(let bytes):
                bodyBytes += bytes.readableBytes
                if isInBody {
                    parts[parts.count - 1] += String(buffer: bytes)
                } else {
                    parts.append(String(buffer: bytes))
                }
            case .end: parts.append("end")
            }
            if case .body = part { isInBody = true } else { isInBody = false }
        }
    }
}
