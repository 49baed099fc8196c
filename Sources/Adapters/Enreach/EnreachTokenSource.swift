import BridgeCore
import Codecs
import NIOCore
import NIOPosix
import Transport

/// Where tokens for the hub come from, asked only when somebody is about to connect. Confined to one event loop.
final class EnreachTokenSource {
    enum Origin: Sendable, Equatable {
        /// From EnreachAPI.
        case login
        /// A file is read anew each time, so that whoever renews it needs not tell us.
        case secret(SecretReference)
        /// Another program gives it: its path and arguments.
        case command([String])
    }

    private let origin: Origin
    private let api: EnreachAPI?
    private let eventLoop: any EventLoop
    private var cache: EnreachTokenCache

    /// `api` is needed by `login` alone.
    init(_ origin: Origin, api: EnreachAPI?, eventLoop: any EventLoop) {
        (self.origin, self.api, self.eventLoop) = (origin, api, eventLoop)
        let isRenewable =
            switch origin {
            case .secret(let reference): reference.isRenewable
            case .login, .command: true
            }
        cache = EnreachTokenCache(isRenewable: isRenewable)
    }

    /// For status: when the token at hand ends.
    var expiresAt: Timestamp? { cache.expiresAt }

    /// The token at hand where it is good at `now`, else another one. Fails with `ConnectionError`.
    func token(now: Timestamp) -> EventLoopFuture<EnreachToken> {
        if let token = cache.usable(at: now) { return eventLoop.makeSucceededFuture(token) }
        return fetch().assumeIsolated().map { token in
            self.cache.obtained(token)
            return token
        }.nonisolated()
    }

    /// The hub said 401. See `EnreachTokenCache`.
    func refused() -> EnreachTokenCache.Reaction { cache.refused() }

    /// The hub let us in.
    func accepted() { cache.accepted() }

    private func fetch() -> EventLoopFuture<EnreachToken> {
        switch origin {
        case .login:
            return api?.token()
                ?? eventLoop.makeFailedFuture(ConnectionError(.login, .unusableAddress("no login is configured")))
        case .secret(let reference):
            let place = reference.path.map { "the token file \($0)" } ?? "'token'"
            return offLoop {
                let secret: Secret
                do throws(SecretReference.Failure) {
                    secret = try reference.read()
                } catch { throw ConnectionError(.login, .system("\(place) \(error)")) }
                return try Self.token(secret.bytes, from: place)
            }
        case .command(let arguments):
            let program = arguments.first ?? ""
            return offLoop {
                let output: [UInt8]
                do throws(ProgramOutput.Failure) {
                    output = try ProgramOutput.run(arguments)
                } catch { throw ConnectionError(.login, .system("the token command \(program) \(error)")) }
                return try Self.token(output, from: "the token command \(program)")
            }
        }
    }

    /// Reading files and waiting for programs blocks.
    private func offLoop(_ work: @escaping @Sendable () throws -> EnreachToken) -> EventLoopFuture<EnreachToken> {
        NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop, work)
    }

    private static func token(_ bytes: [UInt8], from place: String) throws(ConnectionError) -> EnreachToken {
        guard let token = EnreachToken(bytes) else {
            throw ConnectionError(
                .login, .misbehaved("\(place) holds no token: one line of visible characters is expected"))
        }
        return token
    }
}
