import COpenSSL
import Codecs
import Glibc

extension TLSCertificate {
    private static let maximumNames = 32

    /// Reads an `X509`, which stays the caller's.
    init(_ certificate: OpaquePointer) {
        let (names, further) = Self.names(of: certificate)
        (self.names, furtherNames) = (names, further)
        subject = Self.text(of: X509_get_subject_name(certificate)) ?? names.first ?? "(no subject)"
        issuer = Self.text(of: X509_get_issuer_name(certificate)) ?? "(no issuer)"
        notBefore = Self.time(X509_get0_notBefore(certificate))
        notAfter = Self.time(X509_get0_notAfter(certificate))
        isSelfSigned = X509_self_signed(certificate, 0) == 1
    }

    private static func text(of name: OpaquePointer?) -> String? {
        guard let name, let bio = cti_bio_memory() else { return nil }
        defer { BIO_free(bio) }
        guard cti_x509_print_name(bio, name) == 1 else { return nil }
        var start: UnsafePointer<UInt8>?
        let length = cti_bio_contents(bio, &start)
        guard length > 0 else { return nil }
        return PeerText.printable(UnsafeBufferPointer(start: start, count: length))
    }

    private static func names(of certificate: OpaquePointer) -> (first: [String], further: Int) {
        guard let list = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return ([], 0) }
        let names = OpaquePointer(list)
        defer { GENERAL_NAMES_free(names) }
        var found: [String] = []
        var further = 0
        for index in 0..<max(0, cti_x509_name_count(names)) {
            guard let name = text(of: cti_x509_name_at(names, index)) else { continue }
            if found.count < maximumNames { found.append(name) } else { further += 1 }
        }
        return (found, further)
    }

    /// DNS names and addresses; other kinds are nothing that a connection is checked against.
    private static func text(of name: UnsafeMutablePointer<GENERAL_NAME>?) -> String? {
        var type: Int32 = 0
        guard let name, let value = GENERAL_NAME_get0_value(name, &type) else { return nil }
        guard type == GEN_DNS || type == GEN_IPADD else { return nil }
        let string = value.assumingMemoryBound(to: ASN1_STRING.self)
        let bytes = UnsafeBufferPointer(start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string)))
        return type == GEN_DNS ? PeerText.printable(bytes) : address(bytes)
    }

    private static func address(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes.baseAddress, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// A time that cannot be read counts as 1970.
    private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> Timestamp {
        var parts = tm()
        guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return Timestamp(microseconds: 0) }
        let (microseconds, overflow) = Int64(timegm(&parts)).multipliedReportingOverflow(by: 1_000_000)
        return Timestamp(microseconds: overflow ? 0 : microseconds)
    }
}
