import NIOCore
import TestSupport
import Testing

@testable import Transport

/// Every way in which TLS does not come up ends in one sentence with advice.
@Suite struct TLSErrorTests {
    private static let root = Result { try TestAuthority("Root A") }
    private static let stranger = Result { try TestAuthority("Root B") }

    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let sentence: String
        var name = "localhost"
        let make: @Sendable () throws -> (TLSClientConfiguration, TLSServerConfiguration)
    }

    private static func server(_ identity: TestIdentity) -> TLSServerConfiguration {
        TLSServerConfiguration(identity: TLSIdentity(identity))
    }

    private static func trusted() throws -> TLSClientConfiguration { .trusting(try root.get().certificate) }

    static let rows: [Row] = [
        Row(testDescription: "expired", sentence: "the certificate of CN=pbx.test,O=cti-bridge tests expired at 20") {
            (try trusted(), server(try root.get().issue(from: -7200, until: -3600)))
        },
        Row(testDescription: "not yet valid", sentence: "O=cti-bridge tests is not valid before 20") {
            (try trusted(), server(try root.get().issue(from: 3600)))
        },
        Row(
            testDescription: "wrong host",
            sentence: "the certificate is for a.test, b.test and not for localhost: connect by a name that is in it"
        ) {
            (try trusted(), server(try root.get().issue(names: ["DNS:a.test", "DNS:b.test"])))
        },
        Row(
            testDescription: "wrong address", sentence: "is for localhost, 127.0.0.1 and not for 127.0.0.2",
            name: "127.0.0.2"
        ) { (try trusted(), server(try root.get().issue())) },
        Row(
            testDescription: "a wildcard stands for one label only",
            sentence: "is for *.pbx.test and not for a.b.pbx.test", name: "a.b.pbx.test"
        ) { (try trusted(), server(try root.get().issue(names: ["DNS:*.pbx.test"]))) },
        Row(
            testDescription: "no wildcard inside a label", sentence: "is for p*.test and not for pbx.test",
            name: "pbx.test"
        ) { (try trusted(), server(try root.get().issue("other", names: ["DNS:p*.test"]))) },
        Row(
            testDescription: "unknown authority",
            sentence: "is issued by CN=Root B,O=cti-bridge tests, which is not trusted here: give the certificate of "
        ) { (try trusted(), server(try stranger.get().issue())) },
        Row(
            testDescription: "unknown authority, the system's do not know it either",
            sentence: "is issued by CN=Root A,O=cti-bridge tests, which is not trusted here"
        ) { (TLSClientConfiguration(), server(try root.get().issue())) },
        Row(
            testDescription: "self-signed",
            sentence: "the certificate of CN=pbx.test,O=cti-bridge tests is self-signed and not trusted here"
        ) { (try trusted(), server(try TestAuthority.selfSigned())) },
        Row(testDescription: "TLS 1.2 is too old for us", sentence: "no version of TLS that is allowed here") {
            (
                .trusting(try root.get().certificate) { $0.versions = .tls13 ... .tls13 },
                TLSServerConfiguration(
                    identity: TLSIdentity(try root.get().issue()), versions: .tls12 ... .tls12)
            )
        },
        Row(
            testDescription: "client certificate wanted, TLS 1.3",
            sentence: "the peer wants a client certificate: set tls.cert and tls.key"
        ) {
            (
                try trusted(),
                TLSServerConfiguration(
                    identity: TLSIdentity(try root.get().issue()),
                    clientAuthorities: .pem(try root.get().certificate))
            )
        },
        Row(
            testDescription: "client certificate wanted, TLS 1.2",
            sentence: "the peer wants a client certificate: set tls.cert and tls.key"
        ) {
            (
                .trusting(try root.get().certificate) { $0.versions = .tls12 ... .tls12 },
                TLSServerConfiguration(
                    identity: TLSIdentity(try root.get().issue()),
                    clientAuthorities: .pem(try root.get().certificate))
            )
        },
        Row(
            testDescription: "client certificate of a stranger",
            sentence: "the peer refused our client certificate (unknown ca): give one that it trusts"
        ) {
            (
                .trusting(try root.get().certificate, identity: try stranger.get().issue("us")),
                TLSServerConfiguration(
                    identity: TLSIdentity(try root.get().issue()),
                    clientAuthorities: .pem(try root.get().certificate))
            )
        },
        Row(
            testDescription: "client certificate that has expired",
            sentence: "the peer refused our client certificate (certificate expired): give one that it trusts"
        ) {
            (
                .trusting(
                    try root.get().certificate, identity: try root.get().issue("us", from: -7200, until: -60)),
                TLSServerConfiguration(
                    identity: TLSIdentity(try root.get().issue()),
                    clientAuthorities: .pem(try root.get().certificate))
            )
        },
    ]

    @Test("Each fault of the peer or of ours is told in its own sentence", arguments: rows)
    func faults(row: Row) throws {
        let (client, server) = try row.make()
        let pair = try TLSPair(client, server, name: row.name)
        pair.exchange()
        let error = try #require(pair.client.error)
        #expect("\(error)".contains(row.sentence), "\(error)")
        #expect(error.isRefusal)
        #expect(pair.server.error != nil, "the server is told, by an alert")
    }

    @Test(
        "A certificate fits an address, a name, a wildcard, whatever the case, and a dot at the end",
        arguments: [
            ("127.0.0.1", ["IP:127.0.0.1"]), ("fd00::1", ["IP:fd00:0:0::1"]), ("fe80::1%eth0", ["IP:fe80::1"]),
            ("pbx.test", ["DNS:pbx.test"]), ("PBX.test", ["DNS:pbx.TEST"]), ("pbx.test.", ["DNS:pbx.test"]),
            ("a.pbx.test", ["DNS:*.pbx.test"]),
        ])
    func names(name: String, names: [String]) throws {
        let pair = try TLSPair(try Self.trusted(), Self.server(try Self.root.get().issue(names: names)), name: name)
        pair.exchange()
        #expect(pair.client.steps == [.established], "\(String(describing: pair.client.error))")
    }

    @Test("A chain is followed, and an authority in its middle is anchor enough")
    func chains() throws {
        let middle = try TestAuthority("Middle", below: try Self.root.get())
        let identity = try middle.issue()
        for anchor in [try Self.root.get().certificate, middle.certificate, identity.certificate] {
            let pair = try TLSPair(.trusting(anchor), Self.server(identity))
            pair.exchange()
            #expect(pair.client.steps == [.established], "\(String(describing: pair.client.error))")
        }
        let own = try TestAuthority.selfSigned()
        let pair = try TLSPair(.trusting(own.certificate), Self.server(own))
        pair.exchange()
        #expect(pair.client.steps == [.established] && pair.client.session.peer.certificate?.isSelfSigned == true)
    }

    @Test("A client certificate that the server trusts is accepted and shown", arguments: [TLSVersion.tls12, .tls13])
    func clientCertificate(version: TLSVersion) throws {
        let client = TLSClientConfiguration.trusting(
            try Self.root.get().certificate, identity: try Self.root.get().issue("bridge", names: [])
        ) { $0.versions = version...version }
        var server = Self.server(try Self.root.get().issue())
        server.clientAuthorities = .pem(try Self.root.get().certificate)
        let pair = try TLSPair(client, server)
        pair.exchange()
        #expect(pair.client.error == nil && pair.server.error == nil)
        #expect(pair.server.session.peer.certificate?.subject == "CN=bridge,O=cti-bridge tests")
        #expect(pair.server.session.peer.verification == .verified)
    }

    @Test("Without verification everybody is let in, and what is wrong with him is told")
    func insecure() throws {
        let client = TLSClientConfiguration(verification: .insecure)
        let pair = try TLSPair(client, Self.server(try TestAuthority.selfSigned()))
        pair.exchange()
        #expect(pair.client.steps == [.established])
        guard case .failed(let words) = pair.client.session.peer.verification else {
            Issue.record("\(pair.client.session.peer)")
            return
        }
        #expect(words.contains("self-signed"))
    }

    @Test(
        "A peer that speaks something else is quoted",
        arguments: [
            (
                Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8),
                "it sent 'HTTP/1.1 400 Bad Request': is it the right port"
            ),
            (Array("-ERR unknown command\r\n".utf8), "it sent '-ERR unknown command'"),
            ([0x16, 0x01, 0x02, 0x03, 0x04, 0x05], "it sent the bytes 16 01 02 03 04 05"),
            ([0, 1, 2], "it sent the bytes 00 01 02"), (Array("\u{1B}[31m".utf8), "it sent the bytes 1b 5b 33 31 6d"),
        ])
    func otherProtocols(bytes: [UInt8], sentence: String) throws {
        let pair = try TLSPair(try Self.trusted(), Self.server(try Self.root.get().issue()))
        pair.client.advance()
        pair.client.receive(ByteBuffer(bytes: bytes))
        let error = try #require(pair.client.error)
        #expect("\(error)".contains("the peer does not speak TLS, \(sentence)"), "\(error)")
    }

    @Test("A server quotes a client that speaks something else")
    func plainClient() throws {
        let server = TLSSide(try TLSSession(server: try TLSContext(Self.server(try Self.root.get().issue()))))
        server.receive(ByteBuffer(string: "GET / HTTP/1.1\r\n"))
        #expect(server.error == .notTLS("'GET / HTTP/1.1'"))
    }

    @Test(
        "A server name that OpenSSL would read as any host is refused", arguments: ["", ".", ".pbx.test", "a b", "ä"])
    func badNames(name: String) { #expect(TLSServerName(name) == nil) }
}

/// Certificates and keys of ours that cannot be used.
@Suite struct TLSMaterialTests {
    private let directory: TemporaryDirectory
    private let identity: TestIdentity
    private let other: TestIdentity

    init() throws {
        let root = try TestAuthority()
        (directory, identity, other) = (try TemporaryDirectory(), try root.issue(), try root.issue())
    }

    private func problem(_ identity: TLSIdentity?, trust: TLSClientConfiguration.Trust = .system) throws
        -> TLSMaterialError
    {
        var found: TLSMaterialError?
        do {
            _ = try TLSContext(TLSClientConfiguration(trust: trust, identity: identity))
        } catch {
            found = error
        }
        return try #require(found)
    }

    @Test("What is wrong is told with the key of the configuration, the path and the reason")
    func sentences() throws {
        let path = try directory.write("cert.pem", identity.certificates)
        let text = try directory.write("text.pem", "nothing of the kind\n")
        let broken = try directory.write(
            "broken.pem", identity.certificate.replacing("MII", with: "AAA", maxReplacements: 1))
        let locked = try directory.write("locked.pem", try TestAuthority.encrypted(identity.key))
        let table: [(TLSMaterialError, String)] = [
            (
                try problem(nil, trust: .certificates(.file("/nonexistent"))),
                "tls.ca /nonexistent cannot be read: No such file or directory"
            ),
            (
                try problem(nil, trust: .certificates(.file(directory.path))),
                "tls.ca \(directory.path) cannot be read: it is not a regular file"
            ),
            (try problem(nil, trust: .certificates(.file(text))), "tls.ca \(text) holds no certificate in PEM form"),
            (
                try problem(TLSIdentity(certificates: .file(text), key: .pem(identity.key))),
                "tls.cert \(text) holds no certificate in PEM form"
            ),
            (
                try problem(TLSIdentity(certificates: .file(path), key: .file(text))),
                "tls.key \(text) holds no private key in PEM form"
            ),
            (
                try problem(TLSIdentity(certificates: .file(path), key: .file(locked))),
                "tls.key \(locked) has a passphrase: store it without one"
            ),
            (
                try problem(TLSIdentity(certificates: .file(path), key: .pem(other.key))),
                "tls.key (in memory) does not belong to tls.cert \(path)"
            ),
            (
                try problem(TLSIdentity(certificates: .file(path), key: .file("/nonexistent"))),
                "tls.key /nonexistent cannot be read: No such file or directory"
            ),
        ]
        for (error, sentence) in table { #expect("\(error)".hasPrefix(sentence), "\(error)") }
        #expect(
            "\(try problem(nil, trust: .certificates(.file(broken))))".hasPrefix("tls.ca \(broken) cannot be used: "))
    }

    @Test("Two certificates of one file are both anchors")
    func bundles() throws {
        let (first, second) = (try TestAuthority("A"), try TestAuthority("B"))
        let bundle = try directory.write("ca.pem", "# a comment\n" + first.certificate + second.certificate)
        for authority in [first, second] {
            let pair = try TLSPair(
                TLSClientConfiguration(trust: .certificates(.file(bundle))),
                TLSServerConfiguration(identity: TLSIdentity(try authority.issue())))
            pair.exchange()
            #expect(pair.client.steps == [.established])
        }
    }
}
