import Foundation
import NIOCore
import TestSupport
import Testing

@testable import WireProtocols

@Suite struct WebSocketDeflateTests {
    /// RFC 7692, section 7.2.3, its examples in its order, as a client receives them.
    @Test(
        "The examples of RFC 7692 are read, whole and byte by byte",
        arguments: [
            ("c1 07 f2 48 cd c9 c9 07 00", ["text Hello"]),
            ("41 03 f2 48 cd 80 04 c9 c9 07 00", ["text Hello"]),
            ("c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00", ["text Hello", "text Hello"]),
            ("c1 0b 00 05 00 fa ff 48 65 6c 6c 6f 00", ["text Hello"]),
            ("c1 08 f3 48 cd c9 c9 07 00 00", ["text Hello"]),
            ("c1 0d f2 48 05 00 00 00 ff ff ca c9 c9 07 00", ["text Hello"]),
            ("c1 01 00", ["text "]),
            // A final block without the byte behind it, and a message that looks back over a final block.
            ("c1 07 f3 48 cd c9 c9 07 00 c1 07 f2 48 cd c9 c9 07 00", ["text Hello", "text Hello"]),
            ("c1 08 f3 48 cd c9 c9 07 00 00 c1 05 f2 00 11 00 00", ["text Hello", "text Hello"]),
            // Uncompressed messages in between do not touch the window.
            ("c1 07 f2 48 cd c9 c9 07 00 81 01 78 c1 05 f2 00 11 00 00", ["text Hello", "text x", "text Hello"]),
        ])
    func examples(wire: String, expected: [String]) {
        let bytes = unhex(wire)
        for feed in [[bytes], bytes.map { [$0] }] {
            let peer = WebSocketPeer(.client, compression: PerMessageDeflateAgreement())
            for piece in feed { peer.feed(piece) }
            #expect(peer.seen == expected)
        }
    }

    @Test("Without context takeover each message stands for itself, both ways")
    func noTakeover() {
        let agreement = PerMessageDeflateAgreement(serverNoContextTakeover: true)
        let server = WebSocketPeer(.server, compression: agreement, PerMessageDeflateConfiguration(minimumBytes: 0))
        server.send("Hello, hello, hello")
        let first = server.takeSent()
        server.send("Hello, hello, hello")
        #expect(server.takeSent() == first)
        let looksBack = WebSocketPeer(.client, compression: agreement)
        looksBack.feed(unhex("c1 07 f2 48 cd c9 c9 07 00 c1 05 f2 00 11 00 00"))
        #expect(looksBack.seen.first == "text Hello")
        #expect(looksBack.seen.last?.contains("compressed data is damaged") == true)
        let takeover = WebSocketPeer(
            .server, compression: PerMessageDeflateAgreement(), PerMessageDeflateConfiguration(minimumBytes: 0))
        takeover.send("Hello, hello, hello")
        let whole = takeover.takeSent().count
        takeover.send("Hello, hello, hello")
        #expect(takeover.takeSent().count < whole)
    }

    @Test("Windows of every size hold on both sides, for data that looks far back", arguments: 8...15)
    func windows(bits: Int) {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "WebSocketDeflateTests.windows"))
        let agreement = PerMessageDeflateAgreement(serverMaxWindowBits: bits, clientMaxWindowBits: bits)
        let configuration = PerMessageDeflateConfiguration(level: 9, minimumBytes: 0)
        let client = WebSocketPeer(.client, compression: agreement, configuration)
        let server = WebSocketPeer(.server, compression: agreement, configuration)
        // Repetitions at every distance up to 40 KiB.
        let base = (0..<40_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        for _ in 0..<20 {
            var message: [UInt8] = []
            while message.count < 2000 {
                let start = Int.random(in: 0..<39_000, using: &random)
                message += base[start..<start + Int.random(in: 3...300, using: &random)]
            }
            for (from, to) in [(client, server), (server, client)] {
                from.send(.binary(ByteBuffer(bytes: message)))
                to.feed(from.takeSent())
                #expect(to.takeSeen() == ["binary \(hex(message))"])
            }
        }
    }

    /// A strict peer has a window of exactly 256 bytes; zlib's inflate with 8 bits is one.
    @Test("With 8 bits agreed we never look back further than 256 bytes")
    func smallestWindow() throws {
        let deflater = try #require(WebSocketDeflater(windowBits: 8, level: 9, keepsContext: true))
        let strict = try #require(StrictInflater(windowBits: 8))
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "WebSocketDeflateTests.smallestWindow"))
        let words = (0..<40).map { _ in
            (0..<Int.random(in: 3...20, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        for _ in 0..<200 {
            var message: [UInt8] = []
            for _ in 0..<Int.random(in: 0...60, using: &random) { message += words.randomElement(using: &random) ?? [] }
            var deflated = ByteBuffer()
            #expect(message.withUnsafeBytes { deflater.deflateMessage($0, into: &deflated) })
            #expect(strict.inflate(Array(deflated.readableBytesView) + [0, 0, 0xFF, 0xFF]) == message)
        }
    }

    @Test("A bomb is given up at the limit, before its bytes are held")
    func bomb() throws {
        let server = WebSocketPeer(
            .server, compression: PerMessageDeflateAgreement(), PerMessageDeflateConfiguration(),
            limits: WebSocketLimits(messageBytes: 1 << 30, unsentBytes: 1 << 30))
        server.send(.binary(ByteBuffer(repeating: 0, count: 64 << 20)))
        let wire = server.takeSent()
        #expect(wire.count < 100_000)
        let before = try ProcessFigures(of: getpid()).virtualBytes
        let client = WebSocketPeer(
            .client, compression: PerMessageDeflateAgreement(), limits: WebSocketLimits(messageBytes: 1 << 20))
        client.feed(wire)
        #expect(client.seen == ["failed \(WebSocketError.violation(.inflatedTooLong(limitBytes: 1 << 20), offset: 0))"])
        #expect(try ProcessFigures(of: getpid()).virtualBytes - before < 32 << 20)
    }

    @Test("A message of exactly the limit passes once inflated")
    func exactLimit() {
        let agreement = PerMessageDeflateAgreement()
        let server = WebSocketPeer(.server, compression: agreement, PerMessageDeflateConfiguration())
        server.send(.binary(ByteBuffer(repeating: 7, count: 10_000)))
        let wire = server.takeSent()
        for (limit, passes) in [(10_000, true), (9_999, false)] {
            let client = WebSocketPeer(.client, compression: agreement, limits: WebSocketLimits(messageBytes: limit))
            client.feed(wire)
            #expect(client.seen.first?.hasPrefix("binary") == passes)
        }
    }

    @Test(
        "Damaged data ends the connection with 1007",
        arguments: ["c1 02 ff ff", "c1 05 00 05 00 00 00", "c1 03 f2 48 cd", "c2 01 06", "41 01 f2 80 01 ff"])
    func damaged(wire: String) {
        let peer = WebSocketPeer(.client, compression: PerMessageDeflateAgreement())
        peer.feed(unhex(wire))
        #expect(peer.seen.count == 1 && peer.seen[0].contains("compressed data is damaged"))
        #expect(peer.seen[0].contains("1007"))
    }

    @Test("Inflated text is checked as it comes")
    func badText() {
        let server = WebSocketPeer(
            .server, compression: PerMessageDeflateAgreement(), PerMessageDeflateConfiguration(minimumBytes: 0))
        server.send(.binary(ByteBuffer(bytes: [0x41, 0xFF, 0x41])))
        var wire = server.takeSent()
        wire[0] = 0xC1
        let client = WebSocketPeer(.client, compression: PerMessageDeflateAgreement())
        client.feed(wire)
        #expect(client.seen == ["failed \(WebSocketError.violation(.badText, offset: 0))"])
    }

    @Test("Short messages go out as they are")
    func minimum() {
        let server = WebSocketPeer(
            .server, compression: PerMessageDeflateAgreement(), PerMessageDeflateConfiguration(minimumBytes: 10))
        server.send("123456789")
        #expect(server.takeSent().first == 0x81)
        server.send("1234567890")
        #expect(server.takeSent().first == 0xC1)
    }

    // MARK: - Negotiation

    private static let wide = PerMessageDeflateConfiguration()
    private static let narrow = PerMessageDeflateConfiguration(
        serverMaxWindowBits: 10, clientMaxWindowBits: 9, serverNoContextTakeover: true, clientNoContextTakeover: true)

    @Test("A client offers what it was told to")
    func offers() {
        #expect(PerMessageDeflate.offer(Self.wide) == "permessage-deflate; client_max_window_bits")
        #expect(
            PerMessageDeflate.offer(Self.narrow)
                == "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9"
        )
    }

    /// RFC 7692, section 7.1: server bits, client bits, server without and client without takeover; nil: refused.
    @Test(
        "A client takes an answer within its offer and no other",
        arguments: [
            ("", Self.wide, "15 15 - -"), ("; server_no_context_takeover", Self.wide, "15 15 s -"),
            ("; client_no_context_takeover", Self.wide, "15 15 - c"),
            ("; server_max_window_bits=8", Self.wide, "8 15 - -"),
            ("; client_max_window_bits=12", Self.wide, "15 12 - -"),
            ("; client_max_window_bits=\"12\"", Self.wide, "15 12 - -"),
            ("; server_no_context_takeover; server_max_window_bits=10", Self.narrow, "10 9 s c"),
            (
                "; server_no_context_takeover; server_max_window_bits=9; client_max_window_bits=8", Self.narrow,
                "9 8 s c"
            ),
            ("; server_max_window_bits", Self.wide, nil), ("; client_max_window_bits", Self.wide, nil),
            ("; server_max_window_bits=7", Self.wide, nil), ("; server_max_window_bits=16", Self.wide, nil),
            ("; server_max_window_bits=08", Self.wide, nil), ("; server_max_window_bits=x", Self.wide, nil),
            ("; server_no_context_takeover=1", Self.wide, nil), ("; foo", Self.wide, nil),
            ("; server_max_window_bits=9; server_max_window_bits=9", Self.wide, nil),
            ("; server_no_context_takeover; server_max_window_bits=11", Self.narrow, nil),
            ("; server_no_context_takeover", Self.narrow, nil), ("; server_max_window_bits=10", Self.narrow, nil),
            ("; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=10", Self.narrow, nil),
        ] as [(String, PerMessageDeflateConfiguration, String?)])
    func answers(parameters: String, configuration: PerMessageDeflateConfiguration, expected: String?) throws {
        let member = try #require(WebSocketExtension.parse(["permessage-deflate" + parameters])?.first)
        let agreement = try? PerMessageDeflate.agreement(answer: member, to: configuration)
        #expect(agreement.map(Self.words) == expected)
    }

    @Test(
        "A server takes the first offer that it can keep, and says what it took",
        arguments: [
            ("permessage-deflate", Self.wide, "15 15 - -", "permessage-deflate"),
            ("permessage-deflate; client_max_window_bits", Self.wide, "15 15 - -", "permessage-deflate"),
            (
                "permessage-deflate; client_max_window_bits; server_max_window_bits=12", Self.narrow, "10 9 s c",
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9"
            ),
            (
                "permessage-deflate", Self.narrow, "10 15 s c",
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10"
            ),
            (
                "foo, permessage-deflate; x, permessage-deflate; server_max_window_bits=9", Self.wide, "9 15 - -",
                "permessage-deflate; server_max_window_bits=9"
            ),
            ("permessage-deflate; server_max_window_bits", Self.wide, nil, nil), ("foo", Self.wide, nil, nil),
            ("", Self.wide, nil, nil),
        ] as [(String, PerMessageDeflateConfiguration, String?, String?)])
    func choices(offers: String, configuration: PerMessageDeflateConfiguration, expected: String?, text: String?) throws
    {
        let members = try #require(WebSocketExtension.parse([offers]))
        let choice = PerMessageDeflate.choose(among: members, configuration)
        #expect(choice.map { Self.words($0.agreement) } == expected)
        #expect(choice?.text == text)
    }

    @Test(
        "The list of extensions follows its grammar",
        arguments: [
            ("a", "a"), ("a; b", "a b"), ("a;b=c", "a b=c"), ("a ; b = \"c\" ,d", "a b=c,d"), (" , a,, b ,", "a,b"),
            ("", ""),
            ("a; b=\"c\\d\"", "a b=cd"), ("a;", nil), ("a b", nil), ("a; =b", nil), ("a; b=", nil), ("a; b=\"c", nil),
            ("a; b=\"c d\"", nil), ("a; b=\"\"", nil), ("a\"b", nil), (";a", nil), ("a; b=\"c\\", nil),
        ] as [(String, String?)])
    func grammar(field: String, expected: String?) {
        let members = WebSocketExtension.parse([field])
        let words = members?.map { member in
            ([member.name] + member.parameters.map { $0.value == nil ? $0.name : "\($0.name)=\($0.value ?? "")" })
                .joined(separator: " ")
        }
        #expect(words?.joined(separator: ",") == expected)
    }

    private static func words(_ agreement: PerMessageDeflateAgreement) -> String {
        "\(agreement.serverMaxWindowBits) \(agreement.clientMaxWindowBits) "
            + "\(agreement.serverNoContextTakeover ? "s" : "-") \(agreement.clientNoContextTakeover ? "c" : "-")"
    }
}
