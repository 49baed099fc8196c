import BridgeCore
import Logging
import Sinks
import Synchronization
import WireProtocols

/// The tokens that open the admin listener. From any thread.
final class AdminTokens: Sendable {
    /// What a token opens.
    struct Grant: Sendable, Equatable {
        let name: String
        /// Nil: everything.
        let scope: AdminConfiguration.Scope?
    }

    private let tokens: [AdminConfiguration.Token]
    private let known: Mutex<[(credentials: HTTPCredentials, grant: Grant)]>

    init(_ tokens: [AdminConfiguration.Token]) {
        self.tokens = tokens
        known = Mutex(tokens.compactMap { token in Self.known(token, token.secret.value) })
    }

    /// Nil for a token that is none of ours. Compares with all of them, each in a time that tells nothing.
    func grant(_ given: HTTPCredentials) -> Grant? {
        var found: Grant?
        for (credentials, grant) in known.withLock({ $0 }) where credentials == given { found = grant }
        return found
    }

    /// SIGHUP: reads the files of tokens anew. One that cannot be read keeps what it was.
    func reload(_ logger: Logger) {
        let before = known.withLock { $0 }
        let after = tokens.compactMap { token in
            do {
                if let known = Self.known(token, try token.secret.read()) { return known }
                logger.warning(
                    "a token is not read anew and stays what it was",
                    metadata: ["token": "\(token.name)", "reason": "its file holds other than visible ASCII"])
            } catch {
                logger.warning(
                    "a token is not read anew and stays what it was",
                    metadata: ["token": "\(token.name)", "reason": "its file \(error)"])
            }
            return before.first { $0.grant.name == token.name }
        }
        known.withLock { $0 = after }
    }

    private static func known(
        _ token: AdminConfiguration.Token, _ secret: Secret
    ) -> (credentials: HTTPCredentials, grant: Grant)? {
        HTTPCredentials.bearer(secret.bytes).map { ($0, Grant(name: token.name, scope: token.scope)) }
    }
}
