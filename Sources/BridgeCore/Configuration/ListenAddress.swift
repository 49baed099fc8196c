/// Where something of ours listens.
package struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// An address, never a name.
    package let host: String
    package let port: Int

    package init(host: String, port: Int) { (self.host, self.port) = (host, port) }

    /// Only this machine gets there.
    package var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" }

    /// `127.0.0.1:8790`, `[::1]:8790`.
    package var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }
}

extension ConfigurationSection {
    /// `PORT` on loopback, or `ADDRESS:PORT`, or `[ADDRESS]:PORT`.
    package func listenAddress(_ key: String, required: Bool = false) -> ListenAddress? {
        let expected = "a port or ADDRESS:PORT"
        guard let scalar = scalar(key, expected: expected, required: required) else { return nil }
        let place = Self.hostAndPort(scalar.text)
        guard let place, place.host == "localhost" || place.host.allSatisfy({ $0.isHexDigit || $0 == "." || $0 == ":" })
        else {
            report(
                "expected \(expected) for '\(key)', found \(ConfigurationDiagnostic.quoted(scalar.text))",
                at: scalar.mark, hint: "such as 8888, which is 127.0.0.1:8888, or 0.0.0.0:8888 or '[::1]:8888'")
            return nil
        }
        return ListenAddress(host: place.host == "localhost" ? "127.0.0.1" : place.host, port: place.port)
    }

    /// `tls` of something that listens: our certificate and its key, and nothing else.
    package func listenerIdentity(_ key: String) -> TLSSettings.Identity? {
        guard let tls = tls(key) else { return nil }
        if tls.identity == nil || tls.ca != nil || tls.serverName != nil || tls.verification != .full {
            report(
                "'\(key)' of a listener needs cert and key, and nothing else", at: mark(of: key),
                hint: "write \(key): { cert: PATH, key: PATH }")
        }
        return tls.identity
    }

    /// A secret that clients send as `Authorization: Bearer`.
    package func bearerToken(_ key: String, required: Bool = false) -> SecretReference? {
        guard let token = secretReference(key, required: required) else { return nil }
        guard token.value.bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            report(
                "the secret of '\(key)' is no token", at: valueMark(of: key),
                hint: "visible ASCII without blanks: clients send it in a URL or as Authorization: Bearer")
            return nil
        }
        return token
    }
}
