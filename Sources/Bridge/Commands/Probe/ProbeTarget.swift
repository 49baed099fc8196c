import BridgeCore
import Transport
import WireProtocols

/// What is wrong with the arguments of a probe, in one sentence.
struct ProbeTargetError: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// What a probe opens, and as whom.
struct ProbeTarget: Sendable {
    enum Kind: Sendable {
        case webSocket(WebSocketConnectionConfiguration)
        case http(HTTPClientRequest)
        case redis(RedisConnectionConfiguration)
    }

    private static let usualPorts = ["ws": 80, "wss": 443, "http": 80, "https": 443, "redis": 6379, "rediss": 6379]

    /// Scheme, host and port: what may be shown.
    let name: String
    let kind: Kind
    /// Nil: no TLS.
    let tls: TLSClientConfiguration?

    var isSecure: Bool { tls != nil }

    var isWebSocket: Bool {
        if case .webSocket = kind { return true }
        return false
    }

    init(
        _ text: String, username: String? = nil, secret: [UInt8]? = nil, tls: TLSClientConfiguration
    ) throws(ProbeTargetError) {
        let url = try Self.url(text)
        let port = url.port ?? Self.usualPorts[url.scheme] ?? 0
        let isSecure = ["wss", "https", "rediss"].contains(url.scheme)
        self.tls = isSecure ? tls : nil
        name = "\(url.scheme)://\(HTTPURL.authority(host: url.host, port: port, usualPort: 0))"
        let endpoint = EndpointConfiguration(host: url.host, port: port, tls: self.tls)
        let target = (url.path.isEmpty ? "/" : url.path) + (url.query.map { "?\($0)" } ?? "")
        switch url.scheme {
        case "redis", "rediss":
            guard url.query == nil, let database = Self.database(url.path.dropFirst()) else {
                throw ProbeTargetError("behind the host of \(url.scheme):// only the number of a database can stand")
            }
            kind = .redis(
                RedisConnectionConfiguration(
                    endpoint: RedisEndpoint(endpoint, database: database),
                    credentials: secret.map { RedisCredentials(username: username, password: $0) }))
        case "http", "https":
            guard let httpURL = HTTPURL(isSecure: isSecure, host: url.host, port: port, target: target) else {
                throw ProbeTargetError("the URL has a host or path that cannot be asked for")
            }
            kind = .http(HTTPClientRequest("GET", httpURL, credentials: try Self.credentials(username, secret)))
        default:
            var configuration = WebSocketConnectionConfiguration(endpoint: endpoint, target: target)
            configuration.credentials = try Self.credentials(username, secret)
            kind = .webSocket(configuration)
        }
    }

    private static func url(_ text: String) throws(ProbeTargetError) -> ConfigurationURL {
        do {
            return try ConfigurationURL(text, schemes: usualPorts.keys.sorted())
        } catch {
            throw ProbeTargetError(sentence(error))
        }
    }

    private static func sentence(_ mistake: ConfigurationURL.Mistake) -> String {
        let form = "write ws, wss, http, https, redis or rediss, then ://HOST:PORT/PATH"
        return switch mistake {
        case .noScheme: "the URL has no scheme; \(form)"
        case .unknownScheme(let scheme): "'\(scheme)' cannot be probed; \(form)"
        case .password, .user: "a user or password does not belong in the URL; use --user and --secret-env"
        case .noHost: "the URL has no host; \(form)"
        case .badHost: "the host is not one; \(form), an IPv6 address in brackets"
        case .badPort: "the port is not one; it is a number from 1 to 65535"
        case .badCharacter: "the URL has a blank or a character outside ASCII; percent-encode it"
        case .fragment: "a '#' part has no meaning here; leave it out"
        }
    }

    private static func database(_ text: Substring) -> Int? {
        text.isEmpty ? 0 : Quantity.integer(text)
    }

    private static func credentials(
        _ username: String?, _ secret: [UInt8]?
    ) throws(ProbeTargetError) -> HTTPCredentials? {
        guard let secret else { return nil }
        let credentials =
            username.map { HTTPCredentials.basic(username: $0, password: secret) } ?? HTTPCredentials.bearer(secret)
        guard let credentials else {
            throw ProbeTargetError("the user has a colon, or the secret has characters that cannot be sent")
        }
        return credentials
    }
}
