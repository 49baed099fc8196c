import Glibc
import TestSupport

/// A plain socket of a test: nothing in it waits.
final class SocketPeer {
    let descriptor: Int32
    private var received: [UInt8] = []
    private(set) var isAtEnd = false

    init(accepted descriptor: Int32) { self.descriptor = descriptor }

    init(unix path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard SocketAddressText.with(unix: path, { connect(descriptor, $0, $1) }) == 0 else {
            throw SystemCallError("connect")
        }
    }

    init(port: Int, receiveBytes: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var receiveBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBytes, socklen_t(MemoryLayout<Int32>.size))
        }
        guard SocketAddressText.with(port: port, { connect(descriptor, $0, $1) }) == 0 else {
            throw SystemCallError("connect")
        }
    }

    deinit { close(descriptor) }

    func say(_ text: String) {
        let bytes = Array(text.utf8)
        _ = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    func finishSaying() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Everything that has come so far.
    @discardableResult
    func read() -> [UInt8] {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while !isAtEnd {
            let count = recv(descriptor, &chunk, chunk.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                received += chunk[..<count]
            } else if count == 0 || errno != EAGAIN && errno != EINTR {
                isAtEnd = true
            } else if errno == EAGAIN {
                break
            }
        }
        return received
    }

    var text: String { String(decoding: read(), as: UTF8.self) }
    /// `seq` of each event; -1 for a torn line.
    var eventSeqs: [Int64] {
        let events = text.split(separator: "\n", omittingEmptySubsequences: false).filter {
            !$0.hasPrefix("{\"notice\"")
        }
        return seqs(in: Array(events.joined(separator: "\n").utf8))
    }
    var notice: String? { text.split(separator: "\n").first { $0.hasPrefix("{\"notice\"") }.map(String.init) }
}

/// A listener of a test that takes nobody by itself.
final class SocketListener {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard SocketAddressText.with(port: port, { bind(descriptor, $0, $1) }) == 0, listen(descriptor, 8) == 0 else {
            throw SystemCallError("bind")
        }
    }

    deinit { close(descriptor) }

    func accepted() async throws -> SocketPeer {
        var taken: Int32 = -1
        try await eventually("somebody connects") {
            taken = accept(descriptor, nil, nil)
            return taken >= 0
        }
        return SocketPeer(accepted: taken)
    }
}

private enum SocketAddressText {
    static func with(unix path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    static func with(port: Int, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
