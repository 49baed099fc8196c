/// Certificates or a key in PEM form. Files are read anew for each connection, so that a renewed one counts from the next.
package enum PEMSource: Sendable, Equatable, CustomStringConvertible {
    case file(String)
    /// The bytes themselves, such as a key that is a secret of the configuration.
    case bytes([UInt8])

    /// The path, never the content.
    package var description: String {
        switch self {
        case .file(let path): path
        case .bytes: "(in memory)"
        }
    }
}

/// A certificate with its chain, own certificate first, and its private key.
package struct TLSIdentity: Sendable, Equatable {
    package var certificates: PEMSource
    package var key: PEMSource

    package init(certificates: PEMSource, key: PEMSource) { (self.certificates, self.key) = (certificates, key) }
}

package enum TLSVersion: Sendable, Equatable {
    case tls12
    case tls13
}

/// How a client speaks TLS, and whom it trusts.
package struct TLSClientConfiguration: Sendable, Equatable {
    package enum Trust: Sendable, Equatable {
        /// The certificate authorities of the system.
        case system
        /// These certificates and no others; each is an anchor, also one that is no authority.
        case certificates(PEMSource)
    }

    package enum Verification: Sendable, Equatable {
        /// The chain up to a trusted anchor, the validity, and the server's name or address.
        case full
        /// Nothing: whoever answers is believed. Warn at each connect; `TLSPeer.verification` says what was wrong.
        case insecure
    }

    package var trust: Trust
    package var identity: TLSIdentity?
    /// In place of the endpoint's host: the name or address that the certificate must be for, and that the server is asked for.
    package var serverName: String?
    package var verification: Verification
    /// For ALPN, most wanted first; none: not offered. 1 to 255 bytes each.
    package var applicationProtocols: [String]
    package var versions: ClosedRange<TLSVersion>

    package init(
        trust: Trust = .system, identity: TLSIdentity? = nil, serverName: String? = nil,
        verification: Verification = .full, applicationProtocols: [String] = [],
        versions: ClosedRange<TLSVersion> = .tls12 ... .tls13
    ) {
        (self.trust, self.identity, self.serverName) = (trust, identity, serverName)
        (self.verification, self.applicationProtocols) = (verification, applicationProtocols)
        self.versions = versions
    }
}

extension TLSVersion: Comparable {
    package static func < (left: TLSVersion, right: TLSVersion) -> Bool { left == .tls12 && right == .tls13 }
}
