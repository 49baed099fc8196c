import COpenSSL
import Glibc

/// Certificates and keys out of PEM text. Handles given to a closure are freed after it.
struct PEMReader {
    /// The certificates of a whole system are about 250 KiB.
    private static let maximumBytes = 4 << 20

    let part: TLSMaterialError.Part
    let source: PEMSource
    private let bytes: [UInt8]

    /// Reads a regular file of bounded size. Blocks for as long as the disk takes.
    init(_ source: PEMSource, part: TLSMaterialError.Part) throws(TLSMaterialError) {
        (self.part, self.source) = (part, source)
        switch source {
        case .bytes(let bytes): self.bytes = bytes
        case .file(let path):
            do {
                bytes = try Self.read(path)
            } catch {
                throw .unreadable(part, source, error.words)
            }
        }
    }

    /// At least one. `use` answers whether OpenSSL took it.
    func forEachCertificate(_ use: (OpaquePointer) -> Bool) throws(TLSMaterialError) {
        let bio = try open()
        defer { BIO_free(bio) }
        var count = 0
        while let certificate = PEM_read_bio_X509(bio, nil, nil, nil) {
            defer { X509_free(certificate) }
            guard use(certificate) else { throw unusable() }
            count += 1
        }
        // The end of the text is an error of its own: no further start line.
        let end = OpenSSLError.take()
        guard let end, end.isEndOfPEM else { throw unusable(end) }
        guard count > 0 else { throw .notFound(part, source) }
    }

    func withPrivateKey(
        _ use: (OpaquePointer) throws(TLSMaterialError) -> Void
    ) throws(TLSMaterialError) {
        let bio = try open()
        defer { BIO_free(bio) }
        // Without a callback of ours OpenSSL would ask for the passphrase on the terminal, and wait.
        var isEncrypted = false
        let key = withUnsafeMutablePointer(to: &isEncrypted) {
            PEM_read_bio_PrivateKey(
                bio, nil,
                { _, _, _, isEncrypted in
                    isEncrypted?.assumingMemoryBound(to: Bool.self).pointee = true
                    return -1
                }, $0)
        }
        guard let key else {
            let error = OpenSSLError.take()
            if isEncrypted { throw .encrypted(source) }
            // OpenSSL's decoders say "unsupported" of anything that is no key.
            guard let error, !error.isEndOfPEM, error.library != Int32(ERR_LIB_OSSL_DECODER) else {
                throw .notFound(part, source)
            }
            throw unusable(error)
        }
        defer { EVP_PKEY_free(key) }
        try use(key)
    }

    func unusable(_ error: OpenSSLError? = OpenSSLError.take()) -> TLSMaterialError {
        .unusable(part, source, error?.words ?? "OpenSSL gives no reason")
    }

    private func open() throws(TLSMaterialError) -> OpaquePointer {
        OpenSSLError.clear()
        guard !bytes.isEmpty else { throw .notFound(part, source) }
        // A copy: a BIO over our own bytes would use a pointer that is only good for the call that gave it.
        guard let bio = cti_bio_memory() else { throw unusable() }
        guard BIO_write(bio, bytes, Int32(clamping: bytes.count)) == bytes.count else {
            BIO_free(bio)
            throw unusable()
        }
        return bio
    }

    private struct Failure: Error {
        let words: String
        static var system: Failure { Failure(words: String(cString: strerror(errno))) }
    }

    private static func read(_ path: String) throws(Failure) -> [UInt8] {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw .system }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(words: "it is not a regular file") }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw .system
            }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= maximumBytes else {
                throw Failure(words: "it is larger than \(maximumBytes) bytes")
            }
            bytes += chunk[..<count]
        }
    }
}

extension OpenSSLError {
    fileprivate var isEndOfPEM: Bool { library == Int32(ERR_LIB_PEM) && reason == PEM_R_NO_START_LINE }
}
