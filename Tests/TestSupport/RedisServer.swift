import Foundation
import Synchronization

/// A real redis-server for one test: its own directory, unix socket and loopback port, nothing of the host's.
public final class RedisServer: Sendable {
    public let directory: TemporaryDirectory
    /// The same over restarts.
    public let port: UInt16
    private let arguments: [String]
    private let process: Mutex<ChildProcess?>

    /// For the configuration of a source.
    public var url: String { "redis://127.0.0.1:\(port)/0" }
    public var unixURL: String { "unix://\(socketPath)" }
    public var socketPath: String { directory.file("redis.sock") }

    /// Starts a server without persistence; nil, with a printed reason, where none is installed.
    ///
    /// - Parameter durable: an append-only file that is synced at each write, so that `kill` loses nothing that was
    ///   answered.
    public static func start(durable: Bool = false, arguments: [String] = []) async throws -> RedisServer? {
        guard ChildProcess.find("redis-server") != nil else {
            printSkip("redis-server is not installed")
            return nil
        }
        let persistence = durable ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"]
        var problem: any Error = SystemCallError("no attempt", code: EAGAIN)
        // Between finding a free port and using it somebody else may take it.
        for _ in 0..<5 {
            let server = RedisServer(
                directory: try TemporaryDirectory(), port: try freePort(), arguments: persistence + arguments)
            do {
                try await server.start()
                return server
            } catch { problem = error }
        }
        throw problem
    }

    private init(directory: TemporaryDirectory, port: UInt16, arguments: [String]) {
        (self.directory, self.port, self.arguments) = (directory, port, arguments)
        process = Mutex(nil)
    }

    /// Starts it again after `stop` or `kill`, on the same port and data; returns when it answers.
    public func start() async throws {
        let log = directory.file("redis.log")
        let child = try ChildProcess(
            "redis-server",
            [
                "--port", "\(port)", "--bind", "127.0.0.1", "--unixsocket", socketPath, "--save", "", "--dir",
                directory.path, "--daemonize", "no",
            ] + arguments, output: .file(log), errors: .file(log))
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

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SystemCallError("socket") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard result == 0 else { throw SystemCallError("finding a free port") }
        return UInt16(bigEndian: address.sin_port)
    }
}
