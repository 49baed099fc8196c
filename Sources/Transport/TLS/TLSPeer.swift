import Codecs

/// What the other side of a TLS connection showed.
package struct TLSPeer: Sendable, Equatable {
    package enum Verification: Sendable, Equatable {
        case verified
        /// Nobody asked for a certificate.
        case notRequested
        /// It was let in all the same (`verify: insecure`); what is wrong with it.
        case failed(String)
    }

    /// `TLSv1.2` or `TLSv1.3`.
    package var version: String
    /// OpenSSL's name, such as `TLS_AES_256_GCM_SHA384`.
    package var cipher: String
    /// What ALPN agreed on.
    package var applicationProtocol: String?
    /// The peer's own certificate, without its chain.
    package var certificate: TLSCertificate?
    package var verification: Verification
}

/// One certificate in words. Texts are printable ASCII and bounded.
package struct TLSCertificate: Sendable, Equatable {
    /// RFC 2253 form: `CN=pbx.example,O=Acme`.
    package var subject: String
    package var issuer: String
    /// Subject alternative names: `pbx.example`, `*.pbx.example`, `192.0.2.1`. At most 32; the others are counted.
    package var names: [String]
    package var furtherNames: Int
    package var notBefore: Timestamp
    package var notAfter: Timestamp
    package var isSelfSigned: Bool
}
