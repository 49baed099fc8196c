/// Why a proxy gave no tunnel.
package enum ProxyError: Error, Equatable, Sendable {
    /// 407 without credentials of ours.
    case credentialsRequired
    /// 407 with credentials of ours.
    case credentialsRefused
    /// Any other status that is not 2xx.
    case refused(status: Int, reason: String)
    /// The beginning of what came, made printable.
    case notHTTP(String)
    case headTooLong(limit: Int)
}

extension ProxyError {
    /// Another attempt at once would end the same way.
    package var isRefusal: Bool {
        switch self {
        case .credentialsRequired, .credentialsRefused, .notHTTP, .headTooLong: true
        case .refused(let status, _): !(500...599).contains(status)
        }
    }
}

extension ProxyError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .credentialsRequired: "the proxy wants a user name and a password (407): add them to 'proxy'"
        case .credentialsRefused: "the proxy refused the user name or the password (407): correct those of 'proxy'"
        case .refused(let status, let reason) where (500...599).contains(status):
            "the proxy could not reach the server: it answered \(Self.answer(status, reason))"
        case .refused(let status, let reason):
            "the proxy does not let us through to the server, its rules say who may go where: it answered "
                + Self.answer(status, reason)
        case .notHTTP(let text):
            "the proxy answered \(text), which is no HTTP: is it an HTTP proxy, and is the port right?"
        case .headTooLong(let limit): "the head of the proxy's answer is longer than \(limit) bytes"
        }
    }

    private static func answer(_ status: Int, _ reason: String) -> String {
        reason.isEmpty ? "\(status)" : "\(status) \(reason)"
    }
}
