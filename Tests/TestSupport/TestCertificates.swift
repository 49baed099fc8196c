import COpenSSL
import Foundation

/// A certificate and its key in PEM form, made for one test.
public struct TestIdentity: Sendable {
    public let certificate: String
    public let key: String
    /// The certificates between this one and the root, PEM, the nearest first.
    public let chain: String

    /// What a server shows.
    public var certificates: String { certificate + chain }
}

/// A certificate authority of a test. Its certificates are EC P-256, valid from an hour ago for a day.
public final class TestAuthority: Sendable {
    public struct Failure: Error {
        public let call: String
    }

    public let identity: TestIdentity
    /// The certificate that others are to trust.
    public var certificate: String { identity.certificate }

    /// A root, or an authority below `parent`.
    public init(_ name: String = "Test Root", below parent: TestAuthority? = nil) throws {
        identity = try Self.make(
            CertificateOrder(commonName: name, isAuthority: true), issuer: parent?.identity, isRoot: parent == nil)
    }

    /// `names` in OpenSSL's form: `DNS:localhost`, `IP:127.0.0.1`. `from` and `until` are seconds from now.
    public func issue(
        _ commonName: String = "pbx.test", names: [String] = ["DNS:localhost", "IP:127.0.0.1"], from: Int = -3600,
        until: Int = 86_400
    ) throws -> TestIdentity {
        try Self.make(
            CertificateOrder(commonName: commonName, names: names, from: from, until: until), issuer: identity,
            isRoot: false)
    }

    /// Issued by itself.
    public static func selfSigned(
        _ commonName: String = "pbx.test", names: [String] = ["DNS:localhost", "IP:127.0.0.1"]
    ) throws -> TestIdentity {
        try make(CertificateOrder(commonName: commonName, names: names), issuer: nil, isRoot: true)
    }

    /// `key` under a passphrase.
    public static func encrypted(_ key: String) throws -> String {
        let pointer = try read(key: key)
        defer { EVP_PKEY_free(pointer) }
        return try text { bio in
            var phrase = Array("secret".utf8)
            return PEM_write_bio_PrivateKey(
                bio, pointer, EVP_aes_128_cbc(), &phrase, Int32(phrase.count), nil, nil) == 1
        }
    }
}

private struct CertificateOrder {
    var commonName: String
    var names: [String] = []
    var from = -3600
    var until = 86_400
    var isAuthority = false
}

extension TestAuthority {
    private static func make(_ order: CertificateOrder, issuer: TestIdentity?, isRoot: Bool) throws -> TestIdentity {
        let key = try newKey()
        defer { EVP_PKEY_free(key) }
        guard let certificate = X509_new() else { throw Failure(call: "X509_new") }
        defer { X509_free(certificate) }
        let issuerCertificate = try issuer.map { try read(certificate: $0.certificate) }
        let issuerKey = try issuer.map { try read(key: $0.key) }
        defer {
            issuerCertificate.map { X509_free($0) }
            issuerKey.map { EVP_PKEY_free($0) }
        }
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), UInt64.random(in: 1...UInt64(Int64.max)))
        X509_gmtime_adj(X509_getm_notBefore(certificate), order.from)
        X509_gmtime_adj(X509_getm_notAfter(certificate), order.until)
        X509_set_pubkey(certificate, key)
        let subject = X509_get_subject_name(certificate)
        X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, "cti-bridge tests", -1, -1, 0)
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, order.commonName, -1, -1, 0)
        X509_set_issuer_name(certificate, issuerCertificate.map { X509_get_subject_name($0) } ?? subject)
        try addExtensions(order, to: certificate, issuer: issuerCertificate ?? certificate)
        guard X509_sign(certificate, issuerKey ?? key, EVP_sha256()) > 0 else { throw Failure(call: "X509_sign") }
        let chain = isRoot || issuer?.chain == nil ? "" : try chain(of: issuer)
        return TestIdentity(
            certificate: try text { PEM_write_bio_X509($0, certificate) == 1 },
            key: try text { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) == 1 }, chain: chain)
    }

    /// The issuer and what is above it, without the root, which nobody shows.
    private static func chain(of issuer: TestIdentity?) throws -> String {
        guard let issuer else { return "" }
        let certificate = try read(certificate: issuer.certificate)
        defer { X509_free(certificate) }
        return X509_self_signed(certificate, 0) == 1 ? "" : issuer.certificate + issuer.chain
    }

    private static func addExtensions(
        _ order: CertificateOrder, to certificate: OpaquePointer, issuer: OpaquePointer
    ) throws {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, issuer, certificate, nil, nil, 0)
        var extensions = [(NID_basic_constraints, order.isAuthority ? "critical,CA:TRUE" : "CA:FALSE")]
        if order.isAuthority { extensions.append((NID_key_usage, "critical,keyCertSign,cRLSign")) }
        if !order.names.isEmpty { extensions.append((NID_subject_alt_name, order.names.joined(separator: ","))) }
        for (kind, value) in extensions {
            guard let entry = X509V3_EXT_conf_nid(nil, &context, kind, value) else {
                throw Failure(call: "X509V3_EXT_conf_nid \(value)")
            }
            X509_add_ext(certificate, entry, -1)
            X509_EXTENSION_free(entry)
        }
    }

    private static func newKey() throws -> OpaquePointer {
        guard let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else { throw Failure(call: "EVP_PKEY_CTX_new_id") }
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard EVP_PKEY_keygen_init(context) == 1,
            EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1,
            EVP_PKEY_keygen(context, &key) == 1, let key
        else { throw Failure(call: "EVP_PKEY_keygen") }
        return key
    }

    private static func read(certificate: String) throws -> OpaquePointer {
        try withBIO(certificate) { PEM_read_bio_X509($0, nil, nil, nil) }
    }

    private static func read(key: String) throws -> OpaquePointer {
        try withBIO(key) { PEM_read_bio_PrivateKey($0, nil, nil, nil) }
    }

    private static func withBIO(_ text: String, _ read: (OpaquePointer) -> OpaquePointer?) throws -> OpaquePointer {
        guard let bio = cti_bio_memory() else { throw Failure(call: "BIO_new") }
        defer { BIO_free(bio) }
        guard BIO_write(bio, text, Int32(text.utf8.count)) == text.utf8.count else { throw Failure(call: "BIO_write") }
        ERR_clear_error()
        guard let value = read(bio) else { throw Failure(call: "PEM_read_bio") }
        return value
    }

    private static func text(_ write: (OpaquePointer) -> Bool) throws -> String {
        guard let bio = cti_bio_memory() else { throw Failure(call: "BIO_new") }
        defer { BIO_free(bio) }
        guard write(bio) else { throw Failure(call: "PEM_write_bio") }
        var start: UnsafePointer<UInt8>?
        let count = cti_bio_contents(bio, &start)
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }
}
