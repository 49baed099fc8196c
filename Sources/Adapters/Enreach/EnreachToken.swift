import BridgeCore
import Codecs
import WireProtocols

/// What lets us into the RTE hub: opaque text, of which nothing but the time of its end is read. Prints nothing of itself.
struct EnreachToken: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
    let secret: Secret
    /// The claim `exp`, where the token is a JWT (RFC 7519, section 4.1.4) that has one.
    let expiresAt: Timestamp?
    /// Where the hub is, when whoever gave the token said so.
    let hub: HTTPURL?

    /// nil for bytes that cannot stand in a header field. White space around a token, as files have it, is not part of it.
    init?(_ bytes: some Collection<UInt8>, hub: HTTPURL? = nil) {
        let isBlank = { (byte: UInt8) in byte == 0x20 || (0x09...0x0D).contains(byte) }
        let trimmed = Array(Array(bytes.drop(while: isBlank)).reversed().drop(while: isBlank).reversed())
        guard HTTPCredentials.bearer(trimmed) != nil else { return nil }
        secret = Secret(trimmed)
        expiresAt = Self.expiry(of: trimmed)
        self.hub = hub
    }

    /// For the Authorization field.
    var credentials: HTTPCredentials? { .bearer(secret.bytes) }
    /// For the query `access_token`.
    var text: String { String(decoding: secret.bytes, as: UTF8.self) }

    /// The middle part of a JWT is Base64url of a JSON object. Whatever is not, has no known end.
    private static func expiry(of token: [UInt8]) -> Timestamp? {
        let parts = token.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, parts[1].count <= 16 << 10 else { return nil }
        var claims = parts[1].map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        while claims.count % 4 != 0 { claims.append(UInt8(ascii: "=")) }
        guard let json = Base64.decode(String(decoding: claims, as: UTF8.self)),
            let text = (try? JSONDocument(json))?.root["exp"]?.numberText, let seconds = Double(text),
            seconds > 0, seconds < 253_402_300_800
        else { return nil }
        return Timestamp(microseconds: Int64(seconds * 1_000_000))
    }

    var description: String { "EnreachToken(hidden)" }
    var debugDescription: String { description }
}

/// The life of the token as a value: kept until it is about to end or was refused, fetched anew only to connect, and after a
/// refusal once at once.
struct EnreachTokenCache: Sendable {
    /// What to do about a 401.
    enum Reaction: Equatable {
        /// Another token may do: get one, and try it at once.
        case renew
        /// A fresh one was refused too, or there is none to be had: wait as after other refusals.
        case backOff
    }

    /// So much of a token's life must be left for a connect.
    static let skew = Duration.seconds(60)

    /// False for a token that never changes, such as an environment variable.
    private let isRenewable: Bool
    private var token: EnreachToken?
    /// A 401 came, and nobody was let in since.
    private var wasRefused = false

    init(isRenewable: Bool) { self.isRenewable = isRenewable }

    /// When the token ends, for metrics and status.
    var expiresAt: Timestamp? { token?.expiresAt }

    /// The token to connect with at `now`; nil: get one.
    func usable(at now: Timestamp) -> EnreachToken? {
        guard let token else { return nil }
        if let end = token.expiresAt, end < now.advanced(by: Self.skew), isRenewable { return nil }
        return token
    }

    mutating func obtained(_ token: EnreachToken) { self.token = token }

    /// The hub, or the request before it, said 401.
    mutating func refused() -> Reaction {
        defer { wasRefused = true }
        guard isRenewable else { return .backOff }
        token = nil
        return wasRefused ? .backOff : .renew
    }

    /// The hub let us in.
    mutating func accepted() { wasRefused = false }
}
