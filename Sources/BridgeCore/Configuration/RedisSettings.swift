import Transport
import WireProtocols

/// Where a Redis server is and who we are to it: the URL with the keys beside it.
package struct RedisSettings: Sendable, Equatable {
    package enum Endpoint: Sendable, Equatable {
        case tcp(host: String, port: Int)
        case unix(path: String)
    }

    package let endpoint: Endpoint
    package let database: Int
    /// Nil: no TLS.
    package let tls: TLSSettings?
    /// Only ever with a password.
    package let username: String?
    package let password: Secret?

    package init(
        endpoint: Endpoint, database: Int = 0, tls: TLSSettings? = nil, username: String? = nil, password: Secret? = nil
    ) {
        (self.endpoint, self.database, self.tls) = (endpoint, database, tls)
        (self.username, self.password) = (username, password)
    }

    /// In the terms of Transport.
    package func connection(
        proxy: ProxySettings?, writer: RESPCommandWriter = RESPCommandWriter()
    ) -> RedisConnectionConfiguration {
        let address: EndpointConfiguration.Address =
            switch endpoint {
            case .tcp(let host, let port): .tcp(host: host, port: port)
            case .unix(let path): .unix(path: path)
            }
        let connection = EndpointConfiguration(
            address, tls: tls.map { TLSClientConfiguration($0) }, proxy: proxy.map { ProxyConfiguration($0) })
        return RedisConnectionConfiguration(
            endpoint: RedisEndpoint(connection, database: database),
            credentials: password.map { RedisCredentials(username: username, password: $0.bytes) }, writer: writer)
    }
}

extension ConfigurationSection {
    /// The URL `redis`, with `tls`, `username` and `password` beside it. Nil only after a report; `proxy` is the caller's.
    package func redis() -> RedisSettings? {
        let form = "redis://HOST:PORT/DATABASE, rediss:// for TLS, or unix:///PATH"
        let url = url("redis", schemes: ["redis", "rediss", "unix"], hostless: ["unix"], form: form, required: true)
        let tls = tls("tls")
        let username = string("username")
        let password = secret("password")
        if username != nil, !keys.contains("password") {
            report(
                "'username' without 'password'", at: mark(of: "username"), hint: "add password: { credential: NAME }")
        }
        guard let url else { return nil }
        let mark = valueMark(of: "redis")
        if url.scheme != "rediss", keys.contains("tls") {
            report(
                "'tls' without TLS: the URL of 'redis' begins with \(url.scheme)://", at: self.mark(of: "tls"),
                hint: "write rediss://HOST:PORT/DATABASE, or remove 'tls'")
        }
        if url.scheme == "unix", keys.contains("proxy") {
            report("no proxy leads to a unix socket", at: self.mark(of: "proxy"), hint: "remove 'proxy'")
        }
        let target = url.scheme == "unix" ? unixTarget(url, at: mark) : tcpTarget(url, at: mark)
        return target.map { endpoint, database in
            RedisSettings(
                endpoint: endpoint, database: database, tls: url.scheme == "rediss" ? tls ?? TLSSettings() : nil,
                username: username, password: password)
        }
    }

    private func tcpTarget(_ url: ConfigurationURL, at mark: ConfigurationMark) -> (RedisSettings.Endpoint, Int)? {
        guard url.query == nil else {
            report(
                "bad URL for 'redis': a query has no meaning here", at: mark,
                hint: "write \(url.scheme)://HOST:PORT/DATABASE")
            return nil
        }
        guard let database = database(url.path.dropFirst(), at: mark) else { return nil }
        return (.tcp(host: url.host, port: url.port ?? 6379), database)
    }

    private func unixTarget(_ url: ConfigurationURL, at mark: ConfigurationMark) -> (RedisSettings.Endpoint, Int)? {
        guard url.host.isEmpty, url.path.utf8.count > 1 else {
            report(
                "bad URL for 'redis': a socket needs an absolute path", at: mark,
                hint: "write three slashes: unix:///PATH")
            return nil
        }
        guard isSocketPath(url.path, at: mark) else { return nil }
        var text: Substring = ""
        if let query = url.query {
            guard query.hasPrefix("db=") else {
                report("bad URL for 'redis': unknown query", at: mark, hint: "write unix:///PATH?db=NUMBER")
                return nil
            }
            text = query.dropFirst(3)
        }
        guard let database = database(text, at: mark) else { return nil }
        return (.unix(path: url.path), database)
    }

    private func database(_ text: Substring, at mark: ConfigurationMark) -> Int? {
        guard !text.isEmpty else { return 0 }
        guard let number = Quantity.integer(text), number < 65536 else {
            report(
                "bad URL for 'redis': the database is not a number", at: mark, hint: "expected a number from 0 to 65535"
            )
            return nil
        }
        return number
    }
}
