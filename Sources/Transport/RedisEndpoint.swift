/// Where a Redis server is reached, and which of its databases.
package struct RedisEndpoint: Sendable, Equatable, CustomStringConvertible {
    package enum Address: Sendable, Equatable {
        /// A name is resolved anew for every connection.
        case tcp(host: String, port: Int)
        case unix(path: String)
    }

    package var address: Address
    package var database: Int

    package init(host: String, port: Int = 6379, database: Int = 0) {
        address = .tcp(host: host, port: port)
        self.database = database
    }

    package init(unixPath: String, database: Int = 0) {
        address = .unix(path: unixPath)
        self.database = database
    }

    package var description: String {
        switch address {
        case .tcp(let host, let port): "redis://\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
        case .unix(let path): "unix://\(path)?db=\(database)"
        }
    }
}
