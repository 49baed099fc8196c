import Foundation

/// A TCP connection to a server on loopback as a stranger has one: blocking, with a limit for each wait. Knows nothing of the
/// project's own code, and so cannot share its faults.
public final class LoopbackConnection: Sendable {
    private let descriptor: Int32

    /// `receiveBuffer`: of the kernel, for a reader who is to be slow.
    public init(port: Int, receiveBuffer: Int32? = nil, limit seconds: Int = 10) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemCallError("socket") }
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let error = SystemCallError("connecting to port \(port)")
            close(descriptor)
            throw error
        }
    }

    deinit { close(descriptor) }

    public func send(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw SystemCallError("sending") }
            rest = rest.dropFirst(count)
        }
    }

    /// What comes next, empty at the end of the connection; a reset is an end as well.
    public func receiveSome() throws -> String {
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count >= 0 || errno == ECONNRESET else { throw SystemCallError("waiting for an answer") }
        return String(decoding: chunk[..<max(0, count)], as: UTF8.self)
    }

    /// Everything up to the end of the connection, or until `isEnough`, which sees the last 100,000 bytes or so.
    public func receive(until isEnough: (String) -> Bool = { _ in false }) throws -> String {
        var pieces: [String] = []
        var recent = ""
        repeat {
            let next = try receiveSome()
            guard !next.isEmpty else { break }
            pieces.append(next)
            recent = String(decoding: (recent + next).utf8.suffix(100_000), as: UTF8.self)
        } while !isEnough(recent)
        return pieces.joined()
    }
}
