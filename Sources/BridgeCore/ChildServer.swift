import Glibc

/// A server program of the system, started for a demo and ended with it, whatever way this process ends.
///
/// It runs under a small shell that waits for the end of its standard input, whose other end this process holds; and in a
/// process group of its own, so that Ctrl-C reaches this process alone, which then ends things in their order.
package struct ChildServer: Sendable {
    private let process: pid_t
    private let lifeline: Int32

    /// `package` is the Debian package that brings the program, for the error.
    package static func start(program: String, arguments: [String], package: String) throws -> ChildServer {
        guard isInstalled(program) else {
            throw ChildServerError("\(program) is not installed; apt-get install \(package)")
        }
        let script = "\"$@\" </dev/null & child=$!; read line; kill $child; wait $child"
        do throws(ProgramSpawn.Failure) {
            let (end, lifeline) = try ProgramSpawn.pipe()
            defer { close(end) }
            do throws(ProgramSpawn.Failure) {
                let process = try ProgramSpawn.start(
                    ["/bin/sh", "-c", script, "sh", program] + arguments, input: .descriptor(end), errors: .inherited)
                return ChildServer(process: process, lifeline: lifeline)
            } catch {
                close(lifeline)
                throw error
            }
        } catch {
            throw ChildServerError("\(program) \(error)")
        }
    }

    /// Looks ten times a second, for at most `limit`.
    package func waitUntilReady(limit: Duration, _ isReady: @Sendable () -> Bool) async throws {
        let end = ContinuousClock.now + limit
        while !isReady() {
            guard ContinuousClock.now < end else {
                await stop()
                throw ChildServerError("the server did not come up within \(limit)")
            }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    /// Asks it to end, and ends it after two seconds.
    package func stop() async {
        close(lifeline)
        let end = ContinuousClock.now + .seconds(2)
        while ProgramExit.reap(process) == nil {
            if ContinuousClock.now >= end { kill(-process, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    private static func isInstalled(_ program: String) -> Bool {
        let path = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
    }
}

package struct ChildServerError: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

package enum UnixSocket {
    /// True when somebody listens there.
    package static func accepts(_ path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }
}
