import COpenSSL

/// Whom we talk to, and the reasons of failures in words.
extension TLSSession {
    /// What the peer showed. Meaningful once established.
    package var peer: TLSPeer {
        var certificate: TLSCertificate?
        if let shown = SSL_get1_peer_certificate(ssl) {
            certificate = TLSCertificate(shown)
            X509_free(shown)
        }
        return TLSPeer(
            version: String(cString: SSL_get_version(ssl)),
            cipher: SSL_get_current_cipher(ssl).flatMap { SSL_CIPHER_get_name($0) }.map { String(cString: $0) }
                ?? "none",
            applicationProtocol: applicationProtocol, certificate: certificate,
            verification: verification(hasCertificate: certificate != nil))
    }

    private var applicationProtocol: String? {
        var start: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &start, &length)
        guard let start, length > 0 else { return nil }
        return PeerText.printable(UnsafeBufferPointer(start: start, count: Int(length)))
    }

    private func verification(hasCertificate: Bool) -> TLSPeer.Verification {
        guard hasCertificate else { return .notRequested }
        let result = SSL_get_verify_result(ssl)
        guard result != X509_V_OK else { return .verified }
        return .failed(
            "\(refusal ?? .certificateRejected(subject: "the peer", Self.words(of: Int32(clamping: result))))")
    }

    // MARK: - Setting up

    /// No wildcard stands for a part of a label.
    func expect(_ name: TLSServerName) throws(TLSError) {
        let parameters = SSL_get0_param(ssl)
        let isSet: Bool
        switch name {
        case .address(let text): isSet = X509_VERIFY_PARAM_set1_ip_asc(parameters, text) == 1
        case .name(let text):
            X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
            isSet =
                X509_VERIFY_PARAM_set1_host(parameters, text, text.utf8.count) == 1
                && cti_tls_set_server_name(ssl, text) == 1
        }
        guard isSet else { throw .material(.badServerName(name.text)) }
    }

    /// OpenSSL says only that verification failed; the callback sees which certificate and why.
    func observeVerification() {
        SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
        var mode = SSL_get_verify_mode(ssl)
        if context.role == .client { mode = context.verification == .full ? SSL_VERIFY_PEER : SSL_VERIFY_NONE }
        SSL_set_verify(ssl, mode) { isGood, store in
            if isGood == 0, let store, let session = TLSSession.session(of: store), session.refusal == nil {
                session.refusal = session.refusal(store)
            }
            return isGood
        }
    }

    func observeCertificateRequest() {
        SSL_set_cert_cb(
            ssl,
            { _, session in
                guard let session else { return 1 }
                Unmanaged<TLSSession>.fromOpaque(session).takeUnretainedValue().isCertificateRequested = true
                return 1
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private static func session(of store: OpaquePointer) -> TLSSession? {
        guard let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
            let session = SSL_get_ex_data(OpaquePointer(ssl), 0)
        else { return nil }
        return Unmanaged<TLSSession>.fromOpaque(session).takeUnretainedValue()
    }

    // MARK: - Reasons

    private func refusal(_ store: OpaquePointer) -> TLSError {
        let code = X509_STORE_CTX_get_error(store)
        let own = X509_STORE_CTX_get0_cert(store).map { TLSCertificate($0) }
        let faulty = X509_STORE_CTX_get_current_cert(store).map { TLSCertificate($0) } ?? own
        guard let own, let faulty else { return .certificateRejected(subject: "the peer", Self.words(of: code)) }
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED: return .certificateExpired(subject: faulty.subject, at: faulty.notAfter)
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return .certificateNotYetValid(subject: faulty.subject, from: faulty.notBefore)
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return .wrongName(expected: name?.text ?? "", names: own.names.isEmpty ? [own.subject] : own.names)
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return .selfSigned(subject: own.subject)
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            return .unknownAuthority(subject: own.subject, issuer: faulty.issuer)
        default: return .certificateRejected(subject: faulty.subject, Self.words(of: code))
        }
    }

    /// `code` is of `SSL_get_error`, `error` what the queue held then.
    func reason(_ code: Int32, _ error: OpenSSLError?) -> TLSError {
        guard let error else { return .failed("OpenSSL gives no reason (\(code))") }
        if let alert = error.alert { return refused(alert, error.words) }
        guard error.library == Int32(ERR_LIB_SSL) else { return .failed(error.words) }
        switch error.reason {
        case SSL_R_CERTIFICATE_VERIFY_FAILED:
            return refusal ?? .certificateRejected(subject: "the peer", error.words)
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return .noCertificate
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_WRONG_SSL_VERSION, SSL_R_NO_PROTOCOLS_AVAILABLE:
            return .protocolVersion
        case SSL_R_WRONG_VERSION_NUMBER where firstBytes.dropFirst().first.map { $0 != 3 } ?? false:
            return .notTLS(PeerText.excerpt(firstBytes))
        default: return .failed(error.words)
        }
    }

    /// Alerts by number: RFC 8446, section 6.
    private func refused(_ alert: Int32, _ words: String) -> TLSError {
        let text = Self.alertText(words)
        if alert == 70 { return .protocolVersion }
        guard context.role == .client else { return .alert(text) }
        switch alert {
        case 116: return .clientCertificateRequired
        // TLS 1.2 has no word of its own for a certificate that was not given.
        case 40,
            42 where isCertificateRequested && !context.hasIdentity:
            return .clientCertificateRequired
        case 42, 43, 44, 45, 46, 48, 49,
            51 where isCertificateRequested && context.hasIdentity:
            return .clientCertificateRefused(text)
        case 112: return .alert("\(text): it has nothing under the name \(name?.text ?? ""), see tls.server_name")
        default: return .alert(text)
        }
    }

    /// OpenSSL writes `sslv3 alert handshake failure`; the version in front means nothing.
    private static func alertText(_ words: String) -> String {
        let parts = words.split(separator: " ", maxSplits: 2)
        return parts.count == 3 && parts[1] == "alert" ? String(parts[2]) : words
    }

    private static func words(of code: Int32) -> String { String(cString: X509_verify_cert_error_string(Int(code))) }
}
