/// Where a Redis server is reached, and which of its databases.
package struct RedisEndpoint: Sendable, Equatable, CustomStringConvertible {
    package var connection: EndpointConfiguration
    package var database: Int

    package init(_ connection: EndpointConfiguration, database: Int = 0) {
        (self.connection, self.database) = (connection, database)
    }

    package init(host: String, port: Int = 6379, database: Int = 0) {
        self.init(EndpointConfiguration(host: host, port: port), database: database)
    }

    package init(unixPath: String, database: Int = 0) {
        self.init(EndpointConfiguration(.unix(path: unixPath)), database: database)
    }

    package var description: String {
        switch connection.address {
        case .tcp(let host, let port):
            "\(connection.tls == nil ? "redis" : "rediss")://\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
        case .unix(let path): "unix://\(path)?db=\(database)"
        }
    }
}
