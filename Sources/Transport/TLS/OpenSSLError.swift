import COpenSSL

/// The oldest entry of this thread's OpenSSL error queue, which names the cause; later ones name where it was noticed.
///
/// The queue is shared by all connections of a thread: it is emptied before each call whose errors matter, and by `take`.
struct OpenSSLError {
    /// `ERR_LIB_…`
    let library: Int32
    /// `SSL_R_…` and the like.
    let reason: Int32
    let words: String

    static func clear() { ERR_clear_error() }

    /// Empties the queue; nil when it was empty.
    static func take() -> OpenSSLError? {
        let code = ERR_get_error()
        guard code != 0 else { return nil }
        ERR_clear_error()
        let words = ERR_reason_error_string(code).map { String(cString: $0) }
        return OpenSSLError(
            library: ERR_GET_LIB(code), reason: ERR_GET_REASON(code), words: words ?? "error \(code)")
    }

    /// The words of the queue, which is emptied.
    static func takeWords() -> String { take()?.words ?? "OpenSSL gives no reason" }

    /// The number of the alert that the peer sent, if that is what happened.
    var alert: Int32? {
        guard library == Int32(ERR_LIB_SSL), (1000..<1256).contains(reason) else { return nil }
        return reason - 1000
    }
}
