import NIOCore
import TestSupport
import Testing
import WireProtocols

@Suite struct HTTPRequestParserTests {
    static let wire = Array(
        ("GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n" + "\r\nPOST / HTTP/1.1\r\nhost:y\r\nContent-Length: 3\r\n\r\nabc"
            + "PUT /c HTTP/1.1\r\nHost: z\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nab\r\n0\r\n\r\n"
            + "GET / HTTP/1.0\r\n\r\n").utf8)

    static let expected = [
        "GET /a?b=c", "end, again", "POST /", "abc", "end, again", "PUT /c", "ab", "end, last", "GET /", "end, last",
    ]

    @Test("Requests that follow each other are the same whole, byte by byte, and in random cuts")
    func requests() throws {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "HTTPRequestParserTests"))
        for feed in ChunkedFeed.cuts(of: Self.wire, random: &random) {
            var parser = HTTPRequestParser()
            var seen: [String] = []
            for piece in feed { seen += try Self.parts(&parser, piece) }
            #expect(Self.joined(seen) == Self.expected)
            #expect(parser.isIdle)
        }
    }

    @Test("The next request waits until the one before it is answered")
    func waits() throws {
        var parser = HTTPRequestParser()
        parser.receive(ByteBuffer(bytes: Self.wire))
        #expect(try parser.next() != nil)
        #expect(try parser.next() == .end)
        #expect(try parser.next() == nil)
        parser.restart()
        guard case .head(let head) = try parser.next() else { throw TestFailure(description: "no second request") }
        #expect(head.method == "POST")
    }

    @Test(
        "What is no request is refused",
        arguments: [
            ("GET / HTTP/1.1\r\n\r\n", .badHost), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", .badHost),
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .badStartLine),
            ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", .badStartLine),
            ("GET /\r\nHost: a\r\n\r\n", .badStartLine), ("GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", .badStartLine),
            ("GET /ü HTTP/1.1\r\nHost: a\r\n\r\n", .badStartLine),
            ("GET / HTTP/3.1\r\nHost: a\r\n\r\n", .unsupportedVersion),
            ("GET / http/1.1\r\nHost: a\r\n\r\n", .badStartLine),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                .lengthAndTransferEncoding
            ),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n", .bodyTooLong(limitBytes: 1 << 20)),
        ] as [(String, HTTPError.Code)])
    func faults(wire: String, code: HTTPError.Code) {
        var parser = HTTPRequestParser()
        let error = #expect(throws: HTTPError.self) { try Self.parts(&parser, Array(wire.utf8)) }
        #expect(error?.code == code)
    }

    @Test("A query is decoded by name; what cannot be decoded is not there")
    func query() {
        let head = HTTPRequestHead(method: "GET", target: "/p?a=1&b%20c=%C3%BC+x&d&e=%zz&a=2")
        #expect(head.path == "/p")
        #expect(head.query("a") == "1")
        #expect(head.query("b c") == "ü x")
        #expect(head.query("d") == "")
        #expect(head.query("e") == nil)
        #expect(head.query("f") == nil)
        #expect(HTTPRequestHead(method: "GET", target: "/p").query("a") == nil)
    }

    private static func parts(_ parser: inout HTTPRequestParser, _ bytes: [UInt8]) throws -> [String] {
        parser.receive(ByteBuffer(bytes: bytes))
        var seen: [String] = []
        while let part = try parser.next() {
            switch part {
            case .head(let head): seen.append("\(head.method) \(head.target)")
            case .body(let bytes): seen.append("+" + String(buffer: bytes))
            case .end:
                seen.append(parser.isReusable ? "end, again" : "end, last")
                parser.restart()
            }
        }
        return seen
    }

    private static func joined(_ parts: [String]) -> [String] {
        var joined: [String] = []
        for part in parts {
            guard part.hasPrefix("+") else {
                joined.append(part)
                continue
            }
            let isMore = joined.last.map { !$0.hasPrefix("end") && !$0.contains(" ") } ?? false
            if isMore { joined[joined.count - 1] += part.dropFirst() } else { joined.append(String(part.dropFirst())) }
        }
        return joined
    }
}
