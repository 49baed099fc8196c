import Codecs

/// Why a TLS connection did not come up, or ended: one sentence with advice each. Texts of the peer are made printable.
package enum TLSError: Error, Equatable, Sendable {
    case certificateExpired(subject: String, at: Timestamp)
    case certificateNotYetValid(subject: String, from: Timestamp)
    /// `names` are those that the certificate is for.
    case wrongName(expected: String, names: [String])
    /// Nobody whom we trust has issued it.
    case unknownAuthority(subject: String, issuer: String)
    case selfSigned(subject: String)
    /// Anything else that is wrong with the peer's certificate, in OpenSSL's words.
    case certificateRejected(subject: String, String)
    /// We asked the peer for a certificate, and it had none.
    case noCertificate
    /// The beginning of what the peer sent instead.
    case notTLS(String)
    /// There is no version of TLS that both sides allow.
    case protocolVersion
    case clientCertificateRequired
    /// The peer's alert about our certificate.
    case clientCertificateRefused(String)
    /// Any other fatal alert of the peer.
    case alert(String)
    case closedDuringHandshake
    /// The connection ended without the peer's close_notify: what came last may be incomplete.
    case truncated
    /// A certificate, key or server name of ours that cannot be used.
    case material(TLSMaterialError)
    /// The peer makes us answer (key updates, renegotiation) and does not read the answers.
    case unreadAnswers(limitBytes: Int)
    /// Anything else, in OpenSSL's words.
    case failed(String)
}

extension TLSError {
    /// Another attempt at once would end the same way: somebody has to change something.
    package var isRefusal: Bool {
        switch self {
        case .certificateExpired, .certificateNotYetValid, .wrongName, .unknownAuthority, .selfSigned,
            .certificateRejected, .noCertificate, .notTLS, .protocolVersion, .clientCertificateRequired,
            .clientCertificateRefused, .material:
            true
        case .alert, .closedDuringHandshake, .truncated, .unreadAnswers, .failed: false
        }
    }
}

extension TLSError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .certificateExpired(let subject, let time):
            "the certificate of \(subject) expired at \(Self.seconds(time)): renew it at the peer, or set this host's clock"
        case .certificateNotYetValid(let subject, let time):
            "the certificate of \(subject) is not valid before \(Self.seconds(time)): set the clock of this host or of the peer"
        case .wrongName(let expected, let names):
            "the certificate is for \(names.isEmpty ? "no name at all" : names.joined(separator: ", ")) and not for "
                + "\(expected): connect by a name that is in it, or give that name as tls.server_name"
        case .unknownAuthority(let subject, let issuer):
            "the certificate of \(subject) is issued by \(issuer), which is not trusted here: give the certificate of "
                + "that authority as tls.ca"
        case .selfSigned(let subject):
            "the certificate of \(subject) is self-signed and not trusted here: give the certificate itself as tls.ca"
        case .certificateRejected(let subject, let words): "the certificate of \(subject) is refused: \(words)"
        case .noCertificate: "the peer showed no certificate"
        case .notTLS(let text):
            "the peer does not speak TLS, it sent \(text): is it the right port, and is TLS on there?"
        case .protocolVersion: "the peer has no version of TLS that is allowed here: it needs TLS 1.2 or 1.3"
        case .clientCertificateRequired: "the peer wants a client certificate: set tls.cert and tls.key"
        case .clientCertificateRefused(let words):
            "the peer refused our client certificate (\(words)): give one that it trusts as tls.cert and tls.key"
        case .alert(let words): "the peer ended the TLS connection: \(words)"
        case .closedDuringHandshake:
            "the peer closed the connection in the TLS handshake: is it the right port, and is TLS on there?"
        case .truncated: "the connection was cut without the end that TLS asks for (close_notify)"
        case .material(let error): "\(error)"
        case .unreadAnswers(let limit): "the peer wanted more than \(limit) bytes of TLS answers and did not read them"
        case .failed(let words): "TLS failed: \(words)"
        }
    }

    /// Certificates know no fractions.
    private static func seconds(_ time: Timestamp) -> String { "\("\(time)".prefix(19))Z" }
}

/// A certificate, key or name of ours that cannot be used for TLS.
package enum TLSMaterialError: Error, Equatable, Sendable {
    /// Named by the key of the configuration.
    package enum Part: String, Sendable {
        case authorities = "ca"
        case certificate = "cert"
        case key
        case serverName = "server_name"
    }

    /// The system's words.
    case unreadable(Part, PEMSource, String)
    /// There is nothing of the kind in it, in PEM form.
    case notFound(Part, PEMSource)
    /// A key with a passphrase, which nobody is there to type.
    case encrypted(PEMSource)
    case keyMismatch(certificates: PEMSource, key: PEMSource)
    /// OpenSSL's words.
    case unusable(Part, PEMSource, String)
    case badServerName(String)
    /// OpenSSL cannot do what the configuration asks for; its words.
    case noContext(String)

    /// What the mistake is in.
    package var part: Part? {
        switch self {
        case .unreadable(let part, _, _), .notFound(let part, _), .unusable(let part, _, _): part
        case .encrypted, .keyMismatch: .key
        case .badServerName: .serverName
        case .noContext: nil
        }
    }
}

extension TLSMaterialError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreadable(let part, let source, let words): "tls.\(part.rawValue) \(source) cannot be read: \(words)"
        case .notFound(.key, let source): "tls.key \(source) holds no private key in PEM form"
        case .notFound(let part, let source): "tls.\(part.rawValue) \(source) holds no certificate in PEM form"
        case .encrypted(let source): "tls.key \(source) has a passphrase: store it without one, readable by us alone"
        case .keyMismatch(let certificates, let key): "tls.key \(key) does not belong to tls.cert \(certificates)"
        case .unusable(let part, let source, let words): "tls.\(part.rawValue) \(source) cannot be used: \(words)"
        case .badServerName(let name): "tls.server_name \(name) is no host name and no address"
        case .noContext(let words): "TLS cannot be set up: \(words)"
        }
    }
}
