/// The section `tls` of whatever connects: where certificates are, and what is checked. Nothing in it is opened but the
/// key, whose rights are looked at.
package struct TLSSettings: Sendable, Equatable {
    package enum Verification: String, Sendable, CaseIterable {
        case full
        /// Whoever answers is believed.
        case insecure
    }

    /// Absolute paths, or a secret.
    package enum Key: Sendable, Equatable {
        case file(String)
        case secret(Secret)
    }

    package struct Identity: Sendable, Equatable {
        package let certificate: String
        package let key: Key
    }

    /// In place of the system's authorities.
    package let ca: String?
    package let identity: Identity?
    package let serverName: String?
    package let verification: Verification

    package init(
        ca: String? = nil, identity: Identity? = nil, serverName: String? = nil, verification: Verification = .full
    ) {
        (self.ca, self.identity, self.serverName, self.verification) = (ca, identity, serverName, verification)
    }

    /// Reads and finishes `section`; mistakes are reported.
    package init(_ section: ConfigurationSection) {
        ca = section.absolutePath("ca")
        let certificate = section.absolutePath("cert")
        let key = section.tlsKey("key")
        serverName = section.string("server_name", matching: Self.serverNamePattern)
        verification = section.tlsVerification("verify") ?? .full
        section.finish()
        let keys = section.keys
        if keys.contains("cert"), !keys.contains("key") {
            section.report("'cert' without 'key'", at: section.mark(of: "cert"), hint: "add key: PATH")
        } else if keys.contains("key"), !keys.contains("cert") {
            section.report("'key' without 'cert'", at: section.mark(of: "key"), hint: "add cert: PATH")
        }
        identity = certificate.flatMap { certificate in
            key.map { Identity(certificate: certificate, key: $0) }
        }
    }

    private static let serverNamePattern = TextPattern("a host name or an address") {
        $0.utf8.count <= 253 && $0.first != "."
            && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-:".contains($0)) }
    }
}

extension ConfigurationSection {
    /// A path that does not depend on where the process was started.
    fileprivate func absolutePath(_ key: String) -> String? {
        guard let path = string(key) else { return nil }
        guard path.hasPrefix("/") else {
            report("'\(key)' needs an absolute path", at: valueMark(of: key), hint: "begin it with /")
            return nil
        }
        return path
    }

    /// A path, or one of the forms of a secret. Groups may read a key (Debian's `ssl-cert` does), others may not.
    fileprivate func tlsKey(_ key: String) -> TLSSettings.Key? {
        if let node = value(key), case .mapping = node.content { return secret(key).map { .secret($0) } }
        guard let path = absolutePath(key) else { return nil }
        do {
            let file = try SmallFile(path: path, limit: 1 << 20)
            guard file.mode & 0o007 == 0 else {
                report(
                    "the key \(ConfigurationDiagnostic.quoted(path)) can be read or written by others",
                    at: valueMark(of: key), hint: "chmod 640 \(path)")
                return nil
            }
            return .file(path)
        } catch {
            report("the key \(ConfigurationDiagnostic.quoted(path)) cannot be read: \(error)", at: valueMark(of: key))
            return nil
        }
    }

    fileprivate func tlsVerification(_ key: String) -> TLSSettings.Verification? {
        let off = ["false", "no", "none", "off", "never", "skip", "0"]
        if let node = value(key), case .scalar(let text, _) = node.content, off.contains(text.lowercased()) {
            report(
                "expected one of full, insecure for '\(key)', found \(ConfigurationDiagnostic.quoted(text))",
                at: node.mark, hint: "to believe whoever answers write '\(key): insecure'")
            return nil
        }
        return enumeration(key, TLSSettings.Verification.self)
    }
}
