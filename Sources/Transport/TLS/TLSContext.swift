import COpenSSL

/// What all sessions of one configuration have in common: versions, anchors, our certificate. Owns an `SSL_CTX`.
///
/// Making one reads files: off the event loop, please.
// Sendable: nothing changes it after init, and OpenSSL shares an SSL_CTX between threads with locks of its own.
package final class TLSContext: @unchecked Sendable {
    enum Role: Sendable {
        case client
        case server
    }

    let role: Role
    let handle: OpaquePointer
    let verification: TLSClientConfiguration.Verification
    let hasIdentity: Bool
    /// ALPN's list for a server, which OpenSSL is given a pointer to.
    private let offeredProtocols: UnsafeMutableBufferPointer<UInt8>

    package convenience init(_ configuration: TLSClientConfiguration) throws(TLSMaterialError) {
        try self.init(
            .client, versions: configuration.versions, protocols: configuration.applicationProtocols,
            identity: configuration.identity, verification: configuration.verification)
        switch configuration.trust {
        case .system: SSL_CTX_set_default_verify_paths(handle)
        case .certificates(let source): try trust(source)
        }
        guard
            offeredProtocols.isEmpty
                || SSL_CTX_set_alpn_protos(handle, offeredProtocols.baseAddress, UInt32(offeredProtocols.count)) == 0
        else { throw .noContext(OpenSSLError.takeWords()) }
    }

    package convenience init(_ configuration: TLSServerConfiguration) throws(TLSMaterialError) {
        try self.init(
            .server, versions: configuration.versions, protocols: configuration.applicationProtocols,
            identity: configuration.identity, verification: .full)
        if let authorities = configuration.clientAuthorities {
            try trust(authorities)
            SSL_CTX_set_verify(handle, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
        }
        if !offeredProtocols.isEmpty { selectProtocols() }
    }

    private init(
        _ role: Role, versions: ClosedRange<TLSVersion>, protocols: [String], identity: TLSIdentity?,
        verification: TLSClientConfiguration.Verification
    ) throws(TLSMaterialError) {
        OpenSSLError.clear()
        guard let handle = SSL_CTX_new(role == .client ? TLS_client_method() : TLS_server_method()) else {
            throw .noContext(OpenSSLError.takeWords())
        }
        (self.role, self.handle, self.verification, hasIdentity) = (role, handle, verification, identity != nil)
        let list = protocols.flatMap { [UInt8(clamping: $0.utf8.count)] + Array($0.utf8.prefix(255)) }
        offeredProtocols = .allocate(capacity: list.count)
        _ = offeredProtocols.initialize(from: list)
        cti_tls_set_defaults(handle)
        cti_tls_release_buffers(handle)
        guard cti_tls_set_versions(handle, versions.lowerBound.number, versions.upperBound.number) == 1 else {
            throw .noContext(OpenSSLError.takeWords())
        }
        if let identity { try use(identity) }
    }

    deinit {
        SSL_CTX_free(handle)
        offeredProtocols.deallocate()
    }

    /// Every certificate is an anchor, so that also an intermediate authority or the server's own may be given.
    private func trust(_ source: PEMSource) throws(TLSMaterialError) {
        let reader = try PEMReader(source, part: .authorities)
        let store = SSL_CTX_get_cert_store(handle)
        try reader.forEachCertificate { certificate in
            X509_STORE_add_cert(store, certificate) == 1
                && (role == .client || SSL_CTX_add_client_CA(handle, certificate) == 1)
        }
        X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
    }

    private func use(_ identity: TLSIdentity) throws(TLSMaterialError) {
        let certificates = try PEMReader(identity.certificates, part: .certificate)
        var isFirst = true
        try certificates.forEachCertificate { certificate in
            defer { isFirst = false }
            return isFirst
                ? SSL_CTX_use_certificate(handle, certificate) == 1
                : cti_tls_add_chain_certificate(handle, certificate) == 1
        }
        let key = try PEMReader(identity.key, part: .key)
        try key.withPrivateKey { (pointer) throws(TLSMaterialError) in
            guard let own = SSL_CTX_get0_certificate(handle), X509_check_private_key(own, pointer) == 1 else {
                OpenSSLError.clear()
                throw .keyMismatch(certificates: identity.certificates, key: identity.key)
            }
            guard SSL_CTX_use_PrivateKey(handle, pointer) == 1 else { throw key.unusable() }
        }
    }

    private func selectProtocols() {
        SSL_CTX_set_alpn_select_cb(
            handle,
            { _, chosen, chosenLength, offered, offeredLength, context in
                guard let context else { return SSL_TLSEXT_ERR_NOACK }
                let ours = Unmanaged<TLSContext>.fromOpaque(context).takeUnretainedValue().offeredProtocols
                var selected: UnsafeMutablePointer<UInt8>?
                let outcome = SSL_select_next_proto(
                    &selected, chosenLength, ours.baseAddress, UInt32(ours.count), offered, offeredLength)
                chosen?.pointee = UnsafePointer(selected)
                return outcome == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL
            }, Unmanaged.passUnretained(self).toOpaque())
    }
}

extension TLSVersion {
    fileprivate var number: Int32 {
        switch self {
        case .tls12: TLS1_2_VERSION
        case .tls13: TLS1_3_VERSION
        }
    }
}
