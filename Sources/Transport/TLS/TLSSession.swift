import COpenSSL
import NIOCore

/// One TLS conversation without its socket: the peer's bytes in, ours out, and between them the application's.
///
/// Nothing here waits or knows a clock. `receive` what came, then `step` until it needs more; after each step, and after
/// `start`, `write` and `close`, `takeOutput` has what is to be sent. Once something was thrown only `takeOutput` is left,
/// which then holds the alert for the peer. It never holds more than it was given and one record.
///
/// Owns an `SSL`. Confined to one thread at a time.
package final class TLSSession {
    package enum Step: Equatable {
        /// Everything received was used.
        case needsBytes
        /// The handshake is done. Told once.
        case established
        /// Bytes of the application were appended.
        case plaintext
        /// The peer's close_notify: it sends nothing more. Told for each further step.
        case closed
    }

    private enum State {
        /// → established, failed
        case handshaking
        /// → closed, failed
        case established
        /// The peer ended its side. Writing is still possible.
        case closed
        case failed
    }

    /// The largest piece that OpenSSL makes one record of (RFC 8446, section 5.1).
    package static let recordBytes = 16384
    /// The most of a peer's first bytes that is kept to say what it speaks when it is not TLS.
    private static let keptBytes = 60

    let context: TLSContext
    let ssl: OpaquePointer
    let name: TLSServerName?
    /// Why the peer's certificate was refused, noted by the callback that OpenSSL makes.
    var refusal: TLSError?
    /// The server asked for a certificate of ours.
    var isCertificateRequested = false
    private(set) var firstBytes: [UInt8] = []
    /// Both belong to `ssl`.
    private let input: OpaquePointer
    private let output: OpaquePointer
    private var state = State.handshaking
    private var isEnded = false
    /// To be thrown by the next step.
    private var fault: TLSError?

    /// The client's side. `name` is whom the certificate must be for, and whom the server is asked for.
    package convenience init(client context: TLSContext, name: TLSServerName) throws(TLSError) {
        try self.init(context, name)
        SSL_set_connect_state(ssl)
        try expect(name)
        observeVerification()
        observeCertificateRequest()
    }

    package convenience init(server context: TLSContext) throws(TLSError) {
        try self.init(context, nil)
        SSL_set_accept_state(ssl)
        observeVerification()
    }

    private init(_ context: TLSContext, _ name: TLSServerName?) throws(TLSError) {
        OpenSSLError.clear()
        guard let ssl = SSL_new(context.handle) else { throw .failed(OpenSSLError.takeWords()) }
        guard let input = cti_bio_memory(), let output = cti_bio_memory() else {
            SSL_free(ssl)
            throw .failed("no memory")
        }
        SSL_set_bio(ssl, input, output)
        (self.context, self.name, self.ssl, self.input, self.output) = (context, name, ssl, input, output)
    }

    deinit { SSL_free(ssl) }

    /// The peer's bytes. They are kept until a step uses them.
    package func receive(_ bytes: UnsafeRawBufferPointer) {
        guard state != .failed else { return }
        if state == .handshaking, firstBytes.count < Self.keptBytes {
            firstBytes += bytes.prefix(Self.keptBytes - firstBytes.count)
        }
        var rest = bytes
        while let start = rest.baseAddress, !rest.isEmpty {
            let count = BIO_write(input, start, Int32(clamping: rest.count))
            // A memory BIO takes everything unless there is no memory; the next step then finds the stream broken.
            guard count > 0 else { return }
            rest = UnsafeRawBufferPointer(rebasing: rest[Int(count)...])
        }
    }

    /// One step forward. Appends what the application is to get to `plaintext`.
    package func step(into plaintext: inout ByteBuffer) throws(TLSError) -> Step {
        switch state {
        case .handshaking: try shakeHands()
        case .established: try read(into: &plaintext)
        case .closed: .closed
        case .failed: throw fault ?? .failed("the TLS session had failed before")
        }
    }

    /// Encrypts `bytes` as few records. Only once established.
    package func write(_ bytes: UnsafeRawBufferPointer) throws(TLSError) {
        guard state == .established || state == .closed, !isEnded else {
            throw .failed("bytes were written outside the connection's life")
        }
        guard let start = bytes.baseAddress, !bytes.isEmpty else { return }
        OpenSSLError.clear()
        var written = 0
        let result = SSL_write_ex(ssl, start, bytes.count, &written)
        // Memory BIOs take everything at once: a partial write does not exist.
        guard result == 1 else { throw fail(SSL_get_error(ssl, result)) }
    }

    /// Ends our side by close_notify, where there is a side to end.
    package func close() {
        guard state == .established || state == .closed, !isEnded else { return }
        isEnded = true
        OpenSSLError.clear()
        // Zero means that the peer's close_notify has not come, which is no error.
        _ = SSL_shutdown(ssl)
        OpenSSLError.clear()
    }

    /// What it means that the peer's bytes ended here; nil where it had said so.
    package var endOfInput: TLSError? {
        switch state {
        case .handshaking: .closedDuringHandshake
        case .established: .truncated
        case .closed, .failed: nil
        }
    }

    /// Appends what is to be sent to `buffer`; returns how many bytes that is.
    @discardableResult
    package func takeOutput(into buffer: inout ByteBuffer) -> Int {
        var start: UnsafePointer<UInt8>?
        let count = cti_bio_contents(output, &start)
        guard count > 0 else { return 0 }
        buffer.writeBytes(UnsafeRawBufferPointer(start: start, count: count))
        cti_bio_empty(output)
        return count
    }

    private func shakeHands() throws(TLSError) -> Step {
        if let first = firstBytes.first, !Self.isRecordType(first) {
            throw broken(.notTLS(PeerText.excerpt(firstBytes)))
        }
        OpenSSLError.clear()
        let result = SSL_do_handshake(ssl)
        guard result == 1 else {
            let code = SSL_get_error(ssl, result)
            guard code == SSL_ERROR_WANT_READ else { throw fail(code) }
            return .needsBytes
        }
        (state, firstBytes) = (.established, [])
        return .established
    }

    private func read(into plaintext: inout ByteBuffer) throws(TLSError) -> Step {
        let before = plaintext.readableBytes
        while true {
            var count = 0
            var result: Int32 = 0
            var code = SSL_ERROR_NONE
            OpenSSLError.clear()
            plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: plaintext.writableBytes > 0 ? 1 : 4096) {
                space in
                result = SSL_read_ex(ssl, space.baseAddress, space.count, &count)
                // At once: whatever enters OpenSSL next, on this thread, changes the answer.
                if result != 1 { code = SSL_get_error(ssl, result) }
                return result == 1 ? count : 0
            }
            if result == 1 { continue }
            switch code {
            case SSL_ERROR_WANT_READ: return plaintext.readableBytes > before ? .plaintext : .needsBytes
            case SSL_ERROR_ZERO_RETURN:
                state = .closed
                return plaintext.readableBytes > before ? .plaintext : .closed
            default:
                let error = fail(code)
                guard plaintext.readableBytes > before else { throw error }
                // What came before the fault is handed over first.
                fault = error
                return .plaintext
            }
        }
    }

    /// A handshake or an alert; everything else is another protocol (RFC 8446, section 5.1).
    private static func isRecordType(_ byte: UInt8) -> Bool { byte == 22 || byte == 21 }

    private func broken(_ error: TLSError) -> TLSError {
        state = .failed
        return error
    }

    private func fail(_ code: Int32) -> TLSError {
        let error = OpenSSLError.take()
        return broken(reason(code, error))
    }
}
