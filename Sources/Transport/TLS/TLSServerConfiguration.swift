/// How a server speaks TLS: simulators, tests, and what later listens.
package struct TLSServerConfiguration: Sendable, Equatable {
    package var identity: TLSIdentity
    /// Clients must show a certificate of these authorities; nil: none is asked for.
    package var clientAuthorities: PEMSource?
    /// For ALPN, most wanted first. A client that offers none of them is refused; one that offers nothing is not.
    package var applicationProtocols: [String]
    package var versions: ClosedRange<TLSVersion>

    package init(
        identity: TLSIdentity, clientAuthorities: PEMSource? = nil, applicationProtocols: [String] = [],
        versions: ClosedRange<TLSVersion> = .tls12 ... .tls13
    ) {
        (self.identity, self.clientAuthorities) = (identity, clientAuthorities)
        (self.applicationProtocols, self.versions) = (applicationProtocols, versions)
    }
}
