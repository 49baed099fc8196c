import NIOCore
import TestSupport
import Testing

@testable import Transport

/// Against `openssl s_server`, which shares no code of ours.
@Suite struct TLSPeerProgramTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let arguments: [String]
        var withClientCertificate = false
        /// The version that must come out of it, or the beginning of the sentence in which it ends.
        let outcome: String
    }

    static let rows: [Row] = [
        Row(testDescription: "TLS 1.2", arguments: ["-tls1_2"], outcome: "TLSv1.2"),
        Row(testDescription: "TLS 1.3", arguments: ["-tls1_3"], outcome: "TLSv1.3"),
        Row(
            testDescription: "TLS 1.1 is too old", arguments: ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"],
            outcome: "tls: the peer has no version of TLS that is allowed here"),
        Row(
            testDescription: "client certificate given, TLS 1.2", arguments: ["-tls1_2", "-Verify", "1"],
            withClientCertificate: true, outcome: "TLSv1.2"),
        Row(
            testDescription: "client certificate given, TLS 1.3", arguments: ["-tls1_3", "-Verify", "1"],
            withClientCertificate: true, outcome: "TLSv1.3"),
        Row(
            testDescription: "client certificate missing, TLS 1.2", arguments: ["-tls1_2", "-Verify", "1"],
            outcome: "tls: the peer wants a client certificate"),
        Row(
            testDescription: "client certificate missing, TLS 1.3", arguments: ["-tls1_3", "-Verify", "1"],
            outcome: "the peer wants a client certificate"),
    ]

    @Test("It connects, or says why not", arguments: rows)
    func connects(row: Row) async throws {
        let root = try TestAuthority()
        guard let program = try await OpenSSLServer.start(root, row.arguments) else { return }
        var endpoint = EndpointConfiguration(host: "127.0.0.1", port: program.port)
        endpoint.tls = .trusting(
            root.certificate, identity: row.withClientCertificate ? try root.issue("bridge") : nil)
        let bench = ConnectBench()
        var outcome: String
        do {
            outcome = try await bench.connect(endpoint)?.version ?? "no TLS"
            // Lines come back reversed.
            bench.send(ByteBuffer(string: "abc\n"))
            try await eventually("an answer or an end", state: { "\(bench.seen) \(program.log)" }) {
                bench.seen.text == "cba\n" || bench.seen.events.last == "inactive"
            }
            if bench.seen.text.isEmpty { outcome = bench.seen.events.dropFirst().first ?? "nothing" }
        } catch {
            outcome = "\(error)"
        }
        #expect(outcome.hasPrefix(row.outcome), "\(outcome)\n\(program.log)")
        try await bench.end()
    }

    @Test("The server is asked for the host by name, and not for an address", arguments: [true, false])
    func serverName(isNamed: Bool) async throws {
        let root = try TestAuthority()
        // For its second name it has another certificate.
        let second = try root.issue("second", names: ["DNS:second.test"])
        let directory = try TemporaryDirectory()
        let certificate = try directory.write("cert2.pem", second.certificates)
        let key = try directory.write("key2.pem", second.key)
        guard
            let program = try await OpenSSLServer.start(
                root, ["-servername", "second.test", "-cert2", certificate, "-key2", key])
        else { return }
        var endpoint = EndpointConfiguration(host: "127.0.0.1", port: program.port)
        endpoint.tls = .trusting(root.certificate) { $0.serverName = isNamed ? "second.test" : nil }
        let bench = ConnectBench()
        let peer = try await bench.connect(endpoint)
        #expect(peer?.certificate?.names == (isNamed ? ["second.test"] : ["localhost", "127.0.0.1"]))
        try await bench.end()
    }
}

/// A running `openssl s_server` that sends lines back reversed.
private final class OpenSSLServer {
    let port: Int
    private let child: ChildProcess
    private let directory: TemporaryDirectory

    var log: String { directory.text("server.log") }

    /// Nil, with a printed reason, where the program is missing.
    static func start(_ root: TestAuthority, _ arguments: [String]) async throws -> OpenSSLServer? {
        guard ChildProcess.find("openssl") != nil else {
            printSkip("openssl is not installed")
            return nil
        }
        return try await OpenSSLServer(root, arguments)
    }

    private init(_ root: TestAuthority, _ arguments: [String]) async throws {
        directory = try TemporaryDirectory()
        let identity = try root.issue()
        port = Int(try LoopbackPort.free())
        child = try ChildProcess(
            "openssl",
            [
                "s_server", "-accept", "127.0.0.1:\(port)", "-rev", "-cert",
                try directory.write("cert.pem", identity.certificates), "-key",
                try directory.write("key.pem", identity.key), "-CAfile",
                try directory.write("ca.pem", root.certificate), "-verify_return_error",
            ] + arguments, output: .file(directory.file("server.log")), errors: .file(directory.file("server.log")))
        try await eventually("s_server accepts", state: { log }) {
            if let exit = child.ended() { throw TestFailure(description: "s_server ended: \(exit) \(log)") }
            return log.contains("ACCEPT")
        }
    }
}
