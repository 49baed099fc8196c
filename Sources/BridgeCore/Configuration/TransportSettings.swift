import Transport

/// What the configuration says about connecting, in the terms of Transport.
extension ConfigurationSection {
    /// The section `key`, tried out: certificates and keys that cannot be used are reported where they are named.
    package func tls(_ key: String) -> TLSSettings? {
        guard let section = section(key) else { return nil }
        let settings = TLSSettings(section)
        if let name = settings.serverName, TLSServerName(name) == nil {
            section.report(
                "bad 'server_name': \(ConfigurationDiagnostic.quoted(name))", at: section.valueMark(of: "server_name"),
                hint: "expected a host name or an address")
        }
        do {
            _ = try TLSContext(TLSClientConfiguration(settings))
        } catch {
            let place = error.part.map { section.valueMark(of: $0.rawValue) } ?? section.mark
            section.report("\(error)", at: place)
        }
        return settings
    }
}

extension TLSClientConfiguration {
    package init(_ settings: TLSSettings) {
        self.init(
            trust: settings.ca.map { .certificates(.file($0)) } ?? .system,
            identity: settings.identity.map { TLSIdentity($0) },
            serverName: settings.serverName, verification: settings.verification == .full ? .full : .insecure)
    }
}

extension TLSIdentity {
    package init(_ settings: TLSSettings.Identity) {
        self.init(certificates: .file(settings.certificate), key: PEMSource(settings.key))
    }
}

extension PEMSource {
    fileprivate init(_ key: TLSSettings.Key) {
        switch key {
        case .file(let path): self = .file(path)
        case .secret(let secret): self = .bytes(secret.bytes)
        }
    }
}

extension ProxyConfiguration {
    package init(_ settings: ProxySettings) {
        let credentials = settings.username.flatMap { username in
            settings.password.map { ProxyCredentials(username: username, password: $0.bytes) }
        }
        self.init(host: settings.host, port: settings.port, credentials: credentials)
    }
}
