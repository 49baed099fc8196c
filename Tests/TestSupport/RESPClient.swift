import Foundation

/// A reply of a Redis server.
public enum RESPReply: Equatable, Sendable {
    case text(String)
    case integer(Int)
    case array([RESPReply])
    case null
    case error(String)

    public var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    public var text: String? { if case .text(let value) = self { value } else { nil } }
}

/// Just enough RESP2 for tests to be a producer and a judge: blocking, one connection, ten seconds for each reply.
/// Knows nothing of the project's own Redis code, and so cannot share its faults.
public final class RESPClient {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0

    /// Connects to a unix socket.
    public init(unixSocket path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemCallError("socket") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemCallError(path, code: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        // `deinit` closes it: all members stand, so it runs although this throws. Closing here too would hit a descriptor
        // that another test has got in between.
        guard result == 0 else { throw SystemCallError("connecting to \(path)") }
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    /// Sends one command and returns its reply; an error reply is returned, not thrown.
    @discardableResult
    public func callAsFunction(_ arguments: String...) throws -> RESPReply { try command(arguments) }

    @discardableResult
    public func command(_ arguments: [String]) throws -> RESPReply {
        var request = Array("*\(arguments.count)\r\n".utf8)
        for argument in arguments {
            request += Array("$\(argument.utf8.count)\r\n".utf8) + Array(argument.utf8) + [13, 10]
        }
        try send(request)
        return try reply()
    }

    /// What comes next without a command, such as a message of a channel.
    public func next() throws -> RESPReply { try reply() }

    /// Appends `elements` to `list` at the tail, 500 in a command.
    public func push(_ list: String, _ elements: [String]) throws {
        var rest = elements[...]
        while !rest.isEmpty {
            let reply = try command(["RPUSH", list] + rest.prefix(500))
            guard reply.integer != nil else { throw SystemCallError("RPUSH answered \(reply)", code: EPROTO) }
            rest = rest.dropFirst(500)
        }
    }

    /// Length of `list`.
    public func length(_ list: String) throws -> Int { try self("LLEN", list).integer ?? -1 }

    private func send(_ bytes: [UInt8]) throws {
        var done = 0
        while done < bytes.count {
            let sent = bytes[done...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { throw SystemCallError("send") }
            done += sent
        }
    }

    private func reply() throws -> RESPReply {
        let line = try line()
        let rest = String(line.dropFirst())
        switch line.first {
        case "+": return .text(rest)
        case "-": return .error(rest)
        case ":": return .integer(Int(rest) ?? 0)
        case "$":
            guard let length = Int(rest), length >= 0 else { return .null }
            let bytes = try take(length + 2)
            return .text(String(decoding: bytes.dropLast(2), as: UTF8.self))
        case "*":
            guard let count = Int(rest), count >= 0 else { return .null }
            return .array(try (0..<count).map { _ in try reply() })
        default: throw SystemCallError("reply \(line)", code: EPROTO)
        }
    }

    private func line() throws -> String {
        while true {
            if let end = buffer[position...].firstIndex(of: 13), end + 1 < buffer.count {
                defer { position = end + 2 }
                return String(decoding: buffer[position..<end], as: UTF8.self)
            }
            try fill()
        }
    }

    private func take(_ count: Int) throws -> ArraySlice<UInt8> {
        while buffer.count - position < count { try fill() }
        defer { position += count }
        return buffer[position..<position + count]
    }

    private func fill() throws {
        buffer.removeFirst(position)
        position = 0
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { throw SystemCallError("receive", code: count == 0 ? ECONNRESET : errno) }
        buffer += chunk[..<count]
    }
}
