/// Where a socket is, on this machine or another.
package enum SocketPlace: Sendable, Equatable, CustomStringConvertible {
    case unix(path: String)
    /// An address, or a name to connect to; an IPv6 address without brackets.
    case tcp(host: String, port: Int)

    /// sockaddr_un holds 108 bytes of a unix socket's path, the last one zero (unix(7)).
    package static let maximumPathBytes = 107

    package var description: String {
        switch self {
        case .unix(let path): "unix://\(path)"
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    /// Reached from this machine alone.
    package var isLocal: Bool {
        switch self {
        case .unix: true
        case .tcp(let host, _): host.hasPrefix("127.") || host == "::1"
        }
    }
}

extension ConfigurationSection {
    /// Where to listen, also `unix:///PATH`.
    package func listenPlace(_ key: String) -> SocketPlace? {
        if let path = unixPath(key) { return path.map { .unix(path: $0) } }
        return listenAddress(key).map { .tcp(host: $0.host, port: $0.port) }
    }

    /// Where to connect to: `unix:///PATH` or `HOST:PORT`.
    package func connectPlace(_ key: String) -> SocketPlace? {
        if let path = unixPath(key) { return path.map { .unix(path: $0) } }
        guard let scalar = scalar(key, expected: "unix:///PATH or HOST:PORT") else { return nil }
        let isHost = { (host: String) in
            host.utf8.count <= 253
                && host.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-:%".contains($0)) }
        }
        guard let place = Self.hostAndPort(scalar.text), isHost(place.host) else {
            report(
                "expected unix:///PATH or HOST:PORT for '\(key)', found \(ConfigurationDiagnostic.quoted(scalar.text))",
                at: scalar.mark, hint: "such as events.example:8795 or '[::1]:8795'")
            return nil
        }
        return .tcp(host: place.host, port: place.port)
    }

    /// Nil where the value is no `unix:` URL; the inner nil after a report.
    private func unixPath(_ key: String) -> String?? {
        guard let node = value(key), case .scalar(let text, _) = node.content, text.hasPrefix("unix:") else {
            return nil
        }
        guard text.hasPrefix("unix:///"), text.utf8.count > 8, !text.utf8.contains(0) else {
            report(
                "bad '\(key)': a socket needs an absolute path", at: node.mark,
                hint: "write three slashes: unix:///PATH")
            return .some(nil)
        }
        let path = String(text.dropFirst(7))
        guard isSocketPath(path, at: node.mark) else { return .some(nil) }
        return path
    }

    /// False after a report: no socket can have this path.
    func isSocketPath(_ path: String, at mark: ConfigurationMark) -> Bool {
        let fits = path.utf8.count <= SocketPlace.maximumPathBytes
        if !fits { report("the socket's path is longer than \(SocketPlace.maximumPathBytes) bytes", at: mark) }
        return fits
    }

    /// `PORT` on loopback, `HOST:PORT` or `[ADDRESS]:PORT`; nil for anything else.
    static func hostAndPort(_ text: String) -> (host: String, port: Int)? {
        let colon = text.lastIndex(of: ":")
        let portText = colon.map { text[text.index(after: $0)...] } ?? text[...]
        var host = colon.map { text[..<$0] } ?? "127.0.0.1"
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, let port = Quantity.integer(portText), (1...65535).contains(port) else { return nil }
        return (String(host), port)
    }
}
