import Codecs
import Glibc

/// Asks the running service of a tenant.
struct ControlClient {
    /// The service does not run, or not here.
    struct NotRunning: Error, CustomStringConvertible {
        let description: String
    }

    let path: String

    /// The answer, without `error`. Blocks, for half a minute at most. Throws `NotRunning` where nobody listens.
    func ask(_ request: ControlRequest) throws -> JSONValue {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw ControlError("no socket (\(String(cString: strerror(errno))))") }
        defer { close(descriptor) }
        try connect(descriptor)
        var limit = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        guard Output.write(request.line, to: descriptor) else {
            throw ControlError("the service closed the connection")
        }
        let answer = try read(descriptor)
        guard let root = try? JSONDocument(answer, limits: JSONLimits(bytes: 16 << 20, depth: 8)).root else {
            throw ControlError("the service gave no answer that can be read; look into its log")
        }
        if let error = root["error"]?.string { throw ControlError(error) }
        return root
    }

    private func connect(_ descriptor: Int32) throws {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw NotRunning(description: "the path \(path) is longer than a socket may have")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let reason = String(cString: strerror(errno))
            throw NotRunning(description: "the service does not answer on \(path) (\(reason)); does it run?")
        }
    }

    private func read(_ descriptor: Int32) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < 16 << 20 {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw ControlError("the service gave no answer in time; look into its log") }
            if count == 0 { break }
            bytes += chunk[..<count]
        }
        return bytes
    }
}
