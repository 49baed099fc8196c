import COpenSSL

/// One-shot digests by the system's libcrypto.
public enum Digest {
    /// SHA-256 of `bytes`: 32 bytes (FIPS 180-4).
    public static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            let done = cti_sha256(bytes.baseAddress, bytes.count, buffer.baseAddress)
            // Only an exhausted heap or a libcrypto without SHA-256 can refuse: neither peer, disk nor configuration.
            precondition(done == 1, "libcrypto has no SHA-256")
            count = 32
        }
    }

    /// SHA-256 of the UTF-8 of `text`.
    public static func sha256(_ text: String) -> [UInt8] {
        Array(text.utf8).withUnsafeBytes { sha256($0) }
    }

    /// HMAC-SHA-256 of `bytes`: 32 bytes (RFC 2104).
    public static func hmacSHA256(key: [UInt8], _ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            let done = key.withUnsafeBytes {
                cti_hmac_sha256($0.baseAddress, $0.count, bytes.baseAddress, bytes.count, buffer.baseAddress)
            }
            // As above; a key of 2 GiB is no key that a configuration can hold.
            precondition(done == 1, "libcrypto has no HMAC-SHA-256")
            count = 32
        }
    }

    /// MD5 of `bytes`: 16 bytes (RFC 1321), to name long contents in print; it protects nothing. nil where the system's
    /// policy forbids MD5.
    public static func md5(_ bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        var done: Int32 = 0
        let digest = [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            done = cti_md5(bytes.baseAddress, bytes.count, buffer.baseAddress)
            count = done == 1 ? 16 : 0
        }
        return done == 1 ? digest : nil
    }

    /// SHA-1 of `bytes`: 20 bytes. For protocols that ask for it without relying on it (RFC 6455, section 10.8).
    public static func sha1(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 20) { buffer, count in
            let done = cti_sha1(bytes.baseAddress, bytes.count, buffer.baseAddress)
            // As above.
            precondition(done == 1, "libcrypto has no SHA-1")
            count = 20
        }
    }

    /// The first 16 bytes of SHA-1, for UUIDv5 only; SHA-1 protects nothing here.
    static func sha1Prefix(_ bytes: UnsafeRawBufferPointer) -> (UInt64, UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digest in
            let done = cti_sha1(bytes.baseAddress, bytes.count, digest.baseAddress)
            // As above: a libcrypto without SHA-1 cannot make the ids that the model defines.
            precondition(done == 1, "libcrypto has no SHA-1")
            let raw = UnsafeRawPointer(digest.baseAddress.unsafelyUnwrapped)
            return (
                UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }
}
