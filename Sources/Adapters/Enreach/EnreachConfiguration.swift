import BridgeCore
import WireProtocols

/// The keys of a source with `vendor: enreach`.
package struct EnreachConfiguration: AdapterConfiguration {
    package static let vendor = "enreach"

    /// How to come to a hub and to the token that opens it.
    enum Access: Sendable, Equatable {
        /// EnreachAPI gives both; it also tells what there is, and what a gap swallowed.
        case login(EnreachLogin)
        case fixed(hub: HTTPURL, token: TokenSource)
    }

    enum TokenSource: Sendable, Equatable {
        case secret(SecretReference)
        /// A program, by its absolute path, and its arguments; it writes the token to its standard output.
        case command([String])
    }

    enum TokenPlace: String, Sendable, CaseIterable {
        /// `Authorization: Bearer`.
        case header
        /// `access_token`, which proxies write into their logs.
        case query
    }

    /// Times and sizes of the hub connection, at what a hub does by default.
    struct Connection: Sendable, Equatable {
        /// A ping goes out so long after whatever was sent last.
        var pingInterval = Duration.seconds(15)
        /// A hub that was silent for so long is gone.
        var serverTimeout = Duration.seconds(30)
        var handshakeTimeout = Duration.seconds(15)
        /// For the answer to one call of the hub.
        var invokeTimeout = Duration.seconds(30)
        /// The longest wait between two attempts.
        var maximumBackoff = Duration.seconds(60)
        /// The longest record that a hub may send.
        var maximumRecordBytes = 4 << 20
        /// Pairs in one call of Subscribe; a hub takes 32 KiB.
        var subscribeBatch = 250
        /// How often EnreachAPI is asked what there is.
        var enumerationInterval = Duration.seconds(600)
        /// A pair that was refused is asked for again after this, later each time.
        var refusedRetry = Duration.seconds(600)
    }

    let access: Access
    let tokenPlace: TokenPlace
    /// False: no negotiation before the WebSocket, which spares balancers their sticky sessions.
    let negotiates: Bool
    /// At least one.
    let subscriptions: [EnreachSubscription]
    let connection: Connection
    /// What times without a zone mean.
    let timeZone: EnreachTimeZone
    /// For URLs of https.
    let tls: TLSSettings

    /// What a file with nothing but the required keys means, where no other value is given.
    init(
        access: Access, tokenPlace: TokenPlace = .header, negotiates: Bool = true,
        subscriptions: [EnreachSubscription] = EnreachSubscription.everything,
        connection: Connection = Connection(), timeZone: EnreachTimeZone = .utc, tls: TLSSettings = TLSSettings()
    ) {
        (self.access, self.tokenPlace, self.negotiates) = (access, tokenPlace, negotiates)
        (self.subscriptions, self.connection) = (subscriptions, connection)
        (self.timeZone, self.tls) = (timeZone, tls)
    }

    package init?(_ section: ConfigurationSection) {
        let access = EnreachAccessReader(section: section).access()
        tokenPlace = section.enumeration("token_in", TokenPlace.self) ?? .header
        negotiates = section.boolean("negotiate") ?? true
        connection = Connection(section)
        timeZone = section.string("time_zone", matching: Self.zonePattern).flatMap { EnreachTimeZone($0) } ?? .utc
        let tls = section.tls("tls")
        if let access, !access.mayBeSecure, section.keys.contains("tls") {
            section.report(
                "'tls' without TLS: the URL begins with http://", at: section.mark(of: "tls"),
                hint: "write https://, or remove 'tls'")
        }
        self.tls = tls ?? TLSSettings()
        let hasLogin = section.keys.contains("login")
        let chosen = section.enreachSubscriptions("subscriptions", canEnumerate: hasLogin)
        if chosen == nil, !hasLogin, !section.keys.contains("subscriptions"), access != nil {
            section.report(
                "'subscriptions' is missing in \(section.title)", at: section.mark,
                hint:
                    "without a login nobody can tell what there is: subscriptions: [{ queues: [GUID], users: [GUID] }]"
            )
        }
        subscriptions = chosen ?? EnreachSubscription.everything
        guard let access else { return nil }
        self.access = access
    }

    private static let zonePattern = TextPattern("utc, an offset such as \"+02:00\", or unknown") {
        EnreachTimeZone($0) != nil
    }
}

extension EnreachConfiguration.Access {
    /// False where nothing on the way speaks TLS. What a discovery leads to is not known before.
    fileprivate var mayBeSecure: Bool {
        switch self {
        case .login(let login):
            switch login.place {
            case .discovery: true
            case .api(let url): url.isSecure
            }
        case .fixed(let hub, _): hub.isSecure
        }
    }
}

extension EnreachConfiguration.Connection {
    init(_ section: ConfigurationSection) {
        self.init()
        if let ping = section.duration("ping_interval", in: .seconds(1)...(.seconds(300))) { pingInterval = ping }
        if let timeout = section.duration("server_timeout", in: .seconds(2)...(.seconds(600))) {
            serverTimeout = timeout
        }
        if let timeout = section.duration("handshake_timeout", in: .seconds(1)...(.seconds(120))) {
            handshakeTimeout = timeout
        }
        if let timeout = section.duration("invoke_timeout", in: .seconds(1)...(.seconds(600))) {
            invokeTimeout = timeout
        }
        if let backoff = section.duration("max_backoff", in: .seconds(1)...(.seconds(3600))) {
            maximumBackoff = backoff
        }
        if let pairs = section.integer("subscribe_batch", in: 1...10_000) { subscribeBatch = pairs }
        if let interval = section.duration("enumerate_interval", in: .seconds(10)...(.seconds(86_400))) {
            enumerationInterval = interval
        }
        if let retry = section.duration("retry_refused", in: .seconds(60)...(.seconds(86_400))) { refusedRetry = retry }
        let limits = section.section("limits")
        if let bytes = limits?.size("record_bytes", in: 32 << 10...256 << 20) { maximumRecordBytes = bytes }
        limits?.finish()
        if serverTimeout < pingInterval {
            section.report(
                "'server_timeout' is shorter than 'ping_interval': a hub that keeps the same pace would seem dead",
                at: section.keys.contains("server_timeout")
                    ? section.mark(of: "server_timeout") : section.mark(of: "ping_interval"),
                hint: "twice the ping interval is usual")
        }
    }
}
