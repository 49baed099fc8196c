import Foundation
import Synchronization

/// A real redis-server for one test: its own directory, unix socket and loopback port, nothing of the host's.
public final class RedisServer: Sendable {
    public let directory: TemporaryDirectory
    /// The same over restarts.
    public let port: UInt16
    private let arguments: [String]
    private let isTLS: Bool
    private let process: Mutex<ChildProcess?>

    /// For the configuration of a source.
    public var url: String { "\(isTLS ? "rediss" : "redis")://127.0.0.1:\(port)/0" }
    public var unixURL: String { "unix://\(socketPath)" }
    public var socketPath: String { directory.file("redis.sock") }

    /// Starts a server without persistence; nil, with a printed reason, where none is installed.
    ///
    /// - Parameter durable: an append-only file that is synced at each write, so that `kill` loses nothing that was
    ///   answered.
    /// - Parameter tls: its port then speaks TLS, and nothing else.
    public static func start(
        durable: Bool = false, arguments: [String] = [], tls: TLS? = nil
    ) async throws -> RedisServer? {
        guard ChildProcess.find("redis-server") != nil else {
            printSkip("redis-server is not installed")
            return nil
        }
        let persistence = durable ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"]
        var problem: any Error = SystemCallError("no attempt", code: EAGAIN)
        // Between finding a free port and using it somebody else may take it.
        for _ in 0..<5 {
            let server = RedisServer(
                directory: try TemporaryDirectory(), port: try LoopbackPort.free(),
                arguments: persistence + arguments + (tls?.arguments ?? []), isTLS: tls != nil)
            if let tls { try server.show(tls.identity, clientAuthority: tls.clientAuthority) }
            do {
                try await server.start()
                return server
            } catch { problem = error }
        }
        throw problem
    }

    /// What a server with TLS shows, and whom it asks for a certificate.
    public struct TLS: Sendable {
        let identity: TestIdentity
        let clientAuthority: String?

        /// With `clientAuthority` (PEM) clients need a certificate of it.
        public init(_ identity: TestIdentity, clientAuthority: String? = nil) {
            (self.identity, self.clientAuthority) = (identity, clientAuthority)
        }

        fileprivate var arguments: [String] {
            [
                "--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "ca.pem",
                "--tls-auth-clients", clientAuthority == nil ? "no" : "yes",
            ]
        }
    }

    private init(directory: TemporaryDirectory, port: UInt16, arguments: [String], isTLS: Bool) {
        (self.directory, self.port, self.arguments, self.isTLS) = (directory, port, arguments, isTLS)
        process = Mutex(nil)
    }

    /// From the next start on.
    public func show(_ identity: TestIdentity, clientAuthority: String? = nil) throws {
        try directory.write("cert.pem", identity.certificates)
        try directory.write("key.pem", identity.key)
        try directory.write("ca.pem", clientAuthority ?? identity.certificate)
    }

    /// Starts it again after `stop` or `kill`, on the same port and data; returns when it answers.
    public func start() async throws {
        let log = directory.file("redis.log")
        let child = try ChildProcess(
            "redis-server",
            [
                isTLS ? "--tls-port" : "--port", "\(port)", "--bind", "127.0.0.1", "--unixsocket", socketPath, "--save",
                "", "--dir",
                directory.path, "--daemonize", "no",
            ] + (isTLS ? ["--port", "0"] : []) + arguments, output: .file(log), errors: .file(log))
        process.withLock { $0 = child }
        try await eventually("redis-server answers", state: { directory.text("redis.log") }) {
            if let exit = child.ended() { throw TestFailure(description: "redis-server ended: \(exit)") }
            return (try? RESPClient(unixSocket: socketPath)("PING")) == .text("PONG")
        }
    }

    public func client() throws -> RESPClient { try RESPClient(unixSocket: socketPath) }

    /// An orderly end.
    public func stop() async throws { try await end(SIGTERM) }

    /// `kill -9`.
    public func kill() async throws { try await end(SIGKILL) }

    private func end(_ signal: Int32) async throws {
        guard let child = process.withLock({ $0 }) else { return }
        child.signal(signal)
        _ = try await child.wait()
        process.withLock { $0 = nil }
    }
}
