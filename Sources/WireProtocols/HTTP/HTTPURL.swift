/// An absolute http or https URL. Printed without its path and query, which may hold secrets.
public struct HTTPURL: Sendable, Equatable {
    public let isSecure: Bool
    /// In lower case, without the brackets of an IPv6 address.
    public let host: String
    public let port: Int
    /// Path and query as they stand on the request line; never empty.
    public let target: String

    /// Nil where host or port cannot be one, or `target` cannot stand on a request line.
    public init?(isSecure: Bool, host: String, port: Int? = nil, target: String = "/") {
        let port = port ?? (isSecure ? 443 : 80)
        guard Self.isHost(host), (1...65535).contains(port), target.hasPrefix("/"),
            HTTPSyntax.isTarget(Array(target.utf8))
        else { return nil }
        (self.isSecure, self.host, self.port, self.target) = (isSecure, host.lowercased(), port, target)
    }

    /// Nil for anything but an absolute http or https URL. A fragment is dropped; user and password are refused.
    public init?(_ text: String) {
        let isSecure: Bool
        if text.lowercased().hasPrefix("http://") {
            isSecure = false
        } else if text.lowercased().hasPrefix("https://") {
            isSecure = true
        } else {
            return nil
        }
        let rest = text.dropFirst(isSecure ? 8 : 7)
        let authority = rest.prefix { !"/?#".contains($0) }
        let behind = rest[authority.endIndex...].prefix { $0 != "#" }
        let target = behind.hasPrefix("/") ? String(behind) : "/" + behind
        guard let (host, port) = Self.authority(authority) else { return nil }
        self.init(isSecure: isSecure, host: host, port: port, target: target)
    }

    /// The same origin; `target` is one that may stand on a request line.
    func withTarget(_ target: String) -> HTTPURL {
        assert(target.hasPrefix("/") && HTTPSyntax.isTarget(Array(target.utf8)), "blanks have to be encoded")
        return HTTPURL(origin: self, target: target)
    }

    private init(origin: HTTPURL, target: String) {
        (isSecure, host, port, self.target) = (origin.isSecure, origin.host, origin.port, target)
    }

    /// For the Host field: the port stands only where it is not the usual one (RFC 9110, section 7.2).
    public var authority: String { Self.authority(host: host, port: port, usualPort: isSecure ? 443 : 80) }

    public static func authority(host: String, port: Int, usualPort: Int) -> String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == usualPort ? name : "\(name):\(port)"
    }

    public func hasSameOrigin(as other: HTTPURL) -> Bool {
        (isSecure, host, port) == (other.isSecure, other.host, other.port)
    }

    /// What a Location field means here (RFC 3986, section 5.2); nil where that is no http or https URL.
    public func resolving(_ reference: String) -> HTTPURL? {
        let reference = String(reference.prefix { $0 != "#" })
        if reference.hasPrefix("//") { return HTTPURL((isSecure ? "https:" : "http:") + reference) }
        if reference.hasPrefix("/") { return with(target: Self.withoutDots(reference)) }
        let scheme = reference.prefix { !":/?".contains($0) }
        if reference[scheme.endIndex...].hasPrefix(":") { return HTTPURL(reference) }
        let path = target.prefix { $0 != "?" }
        if reference.isEmpty { return self }
        if reference.hasPrefix("?") { return with(target: path + reference) }
        let folder = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
        return with(target: Self.withoutDots(folder + reference))
    }

    private func with(target: String) -> HTTPURL? {
        HTTPURL(isSecure: isSecure, host: host, port: port, target: target)
    }

    /// RFC 3986, section 5.2.4; the query is left alone.
    private static func withoutDots(_ target: String) -> String {
        let path = target.prefix { $0 != "?" }
        var kept: [Substring] = []
        let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            switch segment {
            case ".": if isLast { kept.append("") }
            case "..":
                if !kept.isEmpty { kept.removeLast() }
                if isLast { kept.append("") }
            default: kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/") + target[path.endIndex...]
    }

    private static func authority(_ text: Substring) -> (String, Int?)? {
        var host = text
        var portText: Substring = ""
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<end]
            portText = text[text.index(after: end)...]
            guard host.contains(":"), portText.isEmpty || portText.hasPrefix(":") else { return nil }
        } else if let colon = text.firstIndex(of: ":") {
            (host, portText) = (text[..<colon], text[colon...])
            guard !portText.dropFirst().contains(":") else { return nil }
        }
        portText = portText.dropFirst()
        if portText.isEmpty { return (String(host), nil) }
        guard let port = HTTPSyntax.decimal(Array(portText.utf8)) else { return nil }
        return (String(host), port)
    }

    private static func isHost(_ text: String) -> Bool {
        let isAddress = text.contains(":")
        return !text.isEmpty && text.utf8.count <= 255
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                case 0x3A, 0x25: isAddress
                default: false
                }
            }
    }
}

extension HTTPURL: CustomStringConvertible {
    public var description: String { "\(isSecure ? "https" : "http")://\(authority)" }
}
