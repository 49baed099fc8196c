import COpenSSL
import Codecs
import NIOCore
import TestSupport
import Testing

@testable import Transport

/// The engine as a value: bytes in, bytes out.
@Suite struct TLSSessionTests {
    static let authority = Result { try TestAuthority() }

    static func server(
        names: [String] = ["DNS:localhost", "IP:127.0.0.1"], adjust: (inout TLSServerConfiguration) -> Void = { _ in }
    ) throws -> TLSServerConfiguration {
        var configuration = TLSServerConfiguration(identity: TLSIdentity(try authority.get().issue(names: names)))
        adjust(&configuration)
        return configuration
    }

    @Test(
        "Both versions carry bytes both ways, whole and byte by byte",
        arguments: [(TLSVersion.tls12, "TLSv1.2"), (.tls13, "TLSv1.3")], [Int.max, 1, 7])
    func conversation(version: (TLSVersion, String), pieceBytes: Int) throws {
        let client = TLSClientConfiguration.trusting(try Self.authority.get().certificate) {
            $0.versions = version.0...version.0
        }
        let pair = try TLSPair(client, try Self.server())
        pair.exchange(pieceBytes: pieceBytes)
        #expect(pair.client.steps == [.established] && pair.server.steps == [.established])
        try pair.client.write(Array("ping".utf8))
        try pair.server.write(Array("pong".utf8))
        pair.exchange(pieceBytes: pieceBytes)
        #expect(pair.client.text == "pong" && pair.server.text == "ping")
        let peer = pair.client.session.peer
        #expect(peer.version == version.1 && peer.cipher.contains("GCM") && peer.verification == .verified)
        #expect(pair.server.session.peer.certificate == nil && pair.server.session.peer.verification == .notRequested)
    }

    @Test("A peer's certificate is told in words")
    func certificate() throws {
        let pair = try TLSPair(
            .trusting(try Self.authority.get().certificate),
            try Self.server(names: ["DNS:*.pbx.test", "DNS:localhost", "IP:127.0.0.1", "IP:fd00::1"]))
        pair.exchange()
        let certificate = try #require(pair.client.session.peer.certificate)
        #expect(certificate.subject == "CN=pbx.test,O=cti-bridge tests")
        #expect(certificate.issuer == "CN=Test Root,O=cti-bridge tests")
        #expect(certificate.names == ["*.pbx.test", "localhost", "127.0.0.1", "fd00::1"])
        #expect(certificate.furtherNames == 0 && !certificate.isSelfSigned)
        let lifetime = (certificate.notAfter.microseconds - certificate.notBefore.microseconds) / 1_000_000
        #expect((90_000...90_001).contains(lifetime))
    }

    @Test("A certificate with hundreds of names is told with bounded words")
    func manyNames() throws {
        let names = (0..<300).map { "DNS:host\($0).pbx.test" } + ["DNS:localhost"]
        let pair = try TLSPair(.trusting(try Self.authority.get().certificate), try Self.server(names: names))
        pair.exchange()
        let certificate = try #require(pair.client.session.peer.certificate)
        #expect(certificate.names.count == 32 && certificate.furtherNames == 269)
    }

    @Test("Ten megabytes arrive as they were sent")
    func large() throws {
        let pair = try TLSPair(.trusting(try Self.authority.get().certificate), try Self.server())
        pair.exchange()
        let bytes = (0..<10 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        try pair.server.write(bytes)
        pair.exchange(pieceBytes: 65_536)
        #expect(pair.client.plaintext.readableBytes == bytes.count)
        #expect(pair.client.plaintext.readableBytesView.elementsEqual(bytes))
    }

    @Test("One write becomes one record up to 16 KiB, and no more than needed beyond")
    func records() throws {
        let client = TLSClientConfiguration.trusting(try Self.authority.get().certificate)
        let pair = try TLSPair(client, try Self.server())
        pair.exchange()
        for (size, expected) in [(1, 1), (600, 1), (16_384, 1), (16_385, 2), (65_536, 4)] {
            try pair.client.write([UInt8](repeating: 7, count: size))
            let output = pair.client.output()
            #expect(recordCount(output) == expected)
            pair.server.receive(output)
        }
    }

    @Test("close_notify ends both sides in order, and what was sent before it arrives")
    func orderlyEnd() throws {
        let pair = try TLSPair(.trusting(try Self.authority.get().certificate), try Self.server())
        pair.exchange()
        try pair.server.write(Array("last".utf8))
        pair.server.session.close()
        pair.exchange()
        #expect(pair.client.text == "last" && pair.client.steps.last == .closed)
        #expect(pair.client.session.endOfInput == nil)
        #expect(pair.server.session.endOfInput == .truncated)
        pair.client.session.close()
        pair.exchange()
        #expect(pair.server.steps.last == .closed && pair.server.session.endOfInput == nil)
        #expect(pair.server.error == nil && pair.client.error == nil)
    }

    @Test("An end of the stream without close_notify is a cut, in the handshake and after it")
    func cuts() throws {
        let pair = try TLSPair(.trusting(try Self.authority.get().certificate), try Self.server())
        pair.client.advance()
        #expect(pair.client.session.endOfInput == .closedDuringHandshake)
        pair.exchange()
        #expect(pair.client.session.endOfInput == .truncated)
    }

    @Test("ALPN agrees on the server's first choice that the client offers")
    func applicationProtocols() throws {
        let client = TLSClientConfiguration.trusting(try Self.authority.get().certificate) {
            $0.applicationProtocols = ["h2", "http/1.1"]
        }
        let pair = try TLSPair(client, try Self.server { $0.applicationProtocols = ["http/1.1", "h2"] })
        pair.exchange()
        #expect(pair.client.session.peer.applicationProtocol == "http/1.1")
        #expect(pair.server.session.peer.applicationProtocol == "http/1.1")
        let stranger = try TLSPair(client, try Self.server { $0.applicationProtocols = ["redis"] })
        stranger.exchange()
        #expect(stranger.client.error == .alert("no application protocol"))
        let silent = try TLSPair(client, try Self.server())
        silent.exchange()
        #expect(silent.client.steps == [.established] && silent.client.session.peer.applicationProtocol == nil)
    }

    @Test("A bytes written too early, or after our end, are refused and nothing is sent")
    func misuse() throws {
        let pair = try TLSPair(.trusting(try Self.authority.get().certificate), try Self.server())
        #expect(throws: TLSError.self) { try pair.client.write([1]) }
        pair.exchange()
        pair.client.session.close()
        #expect(pair.client.output().readableBytes > 0)
        #expect(throws: TLSError.self) { try pair.client.write([1]) }
        pair.client.session.close()
        #expect(pair.client.output().readableBytes == 0)
    }

    @Test("Key updates that the peer asks for are answered", arguments: [1, 50])
    func keyUpdates(count: Int) throws {
        let pair = try TLSPair(.trusting(try Self.authority.get().certificate), try Self.server())
        pair.exchange()
        for _ in 0..<count {
            #expect(SSL_key_update(pair.server.session.ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
            try pair.server.write(Array("x".utf8))
            pair.exchange()
        }
        try pair.client.write(Array("still here".utf8))
        pair.exchange()
        #expect(pair.server.text == "still here" && pair.client.text.count == count)
    }

    @Test("A server that wants to negotiate anew is refused by an alert")
    func renegotiation() throws {
        let client = TLSClientConfiguration.trusting(try Self.authority.get().certificate) {
            $0.versions = .tls12 ... .tls12
        }
        let pair = try TLSPair(client, try Self.server())
        pair.exchange()
        // Our own servers never ask: let this one.
        SSL_clear_options(pair.server.session.ssl, UInt64(1) << 30)
        #expect(SSL_renegotiate(pair.server.session.ssl) == 1)
        SSL_do_handshake(pair.server.session.ssl)
        let request = pair.server.output()
        #expect(request.readableBytes > 0)
        pair.client.receive(request)
        let answer = pair.client.output()
        #expect(answer.readableBytesView.first == 21, "an alert and no ClientHello")
        #expect(pair.client.steps == [.established])
    }

    @Test("Bytes changed on the way end the conversation, and never the process")
    func fuzz() throws {
        let seed = SeededGenerator.printedSeed(for: "TLSSessionTests.fuzz")
        var random = SeededGenerator(seed: seed)
        let client = try TLSContext(.trusting(try Self.authority.get().certificate))
        let server = try TLSContext(try Self.server())
        let name = try #require(TLSServerName("localhost"))
        var outcomes: [String: Int] = [:]
        for _ in 0..<(runsLongTests ? 20_000 : 400) {
            let ends = (
                TLSSide(try TLSSession(client: client, name: name)), TLSSide(try TLSSession(server: server))
            )
            exchangeGarbled(ends.0, ends.1, using: &random)
            outcomes[ends.0.error.map { "\($0)" } ?? "established", default: 0] += 1
            #expect(ends.0.plaintext.readableBytes <= 1 << 20, "seed \(seed)")
        }
        #expect(outcomes.count > 3, "the garbling reaches many places: \(outcomes.keys)")
    }

    /// Each flight of the server may lose, gain or change bytes.
    private func exchangeGarbled(_ client: TLSSide, _ server: TLSSide, using random: inout SeededGenerator) {
        client.advance()
        for _ in 0..<6 {
            server.receive(client.output())
            if server.steps.contains(.established) { try? server.write(Array("hello".utf8)) }
            var bytes = Array(server.output().readableBytesView)
            for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                let index = Int.random(in: bytes.indices, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: index)
                case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
                default: bytes.removeSubrange(index...)
                }
            }
            client.receive(ByteBuffer(bytes: bytes), pieceBytes: Int.random(in: 1...2000, using: &random))
        }
    }
}

/// TLS records in `bytes`: five bytes of head, the last two the length.
func recordCount(_ bytes: ByteBuffer) -> Int {
    var rest = bytes
    var count = 0
    while rest.readBytes(length: 3) != nil, let length = rest.readInteger(as: UInt16.self) {
        rest.moveReaderIndex(forwardBy: min(Int(length), rest.readableBytes))
        count += 1
    }
    return count
}
