import NIOCore

/// Where a peer is reached and what lies between: everything that `Connector` needs.
package struct EndpointConfiguration: Sendable, Equatable {
    package enum Address: Sendable, Equatable {
        /// A name is resolved anew for every connection; behind a proxy the proxy resolves it.
        case tcp(host: String, port: Int)
        case unix(path: String)
    }

    package var address: Address
    package var tls: TLSClientConfiguration?
    /// Not for unix sockets.
    package var proxy: ProxyConfiguration?
    package var timeouts: ConnectionTimeouts
    /// Where the connection may lead; nil: anywhere. Behind a proxy it is the proxy that is judged. Not for unix sockets.
    package var addresses: AddressPolicy?
    /// Hears of each stage that is done; for those who show how a connection comes up.
    package var observer: ConnectionObserver?

    package init(
        _ address: Address, tls: TLSClientConfiguration? = nil, proxy: ProxyConfiguration? = nil,
        timeouts: ConnectionTimeouts = ConnectionTimeouts()
    ) {
        (self.address, self.tls, self.proxy, self.timeouts) = (address, tls, proxy, timeouts)
    }

    package init(
        host: String, port: Int, tls: TLSClientConfiguration? = nil, proxy: ProxyConfiguration? = nil,
        timeouts: ConnectionTimeouts = ConnectionTimeouts()
    ) {
        self.init(.tcp(host: host, port: port), tls: tls, proxy: proxy, timeouts: timeouts)
    }
}

/// The deadline of each stage of coming up.
package struct ConnectionTimeouts: Sendable, Equatable {
    package var resolve = TimeAmount.seconds(5)
    package var connect = TimeAmount.seconds(5)
    /// From the CONNECT request to its answer; the proxy connects meanwhile.
    package var proxy = TimeAmount.seconds(10)
    package var tls = TimeAmount.seconds(5)

    package init() {}
}

/// An HTTP proxy that is asked for a tunnel (CONNECT, RFC 9110, section 9.3.6).
package struct ProxyConfiguration: Sendable, Equatable {
    package var host: String
    package var port: Int
    package var credentials: ProxyCredentials?

    package init(host: String, port: Int, credentials: ProxyCredentials? = nil) {
        (self.host, self.port, self.credentials) = (host, port, credentials)
    }
}

/// Who we are to a proxy, by Basic authentication (RFC 7617). Prints nothing of itself.
package struct ProxyCredentials: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible {
    let username: String
    let password: [UInt8]

    /// A colon in `username` would end it.
    package init(username: String, password: [UInt8]) { (self.username, self.password) = (username, password) }

    package var description: String { "ProxyCredentials(hidden)" }
    package var debugDescription: String { description }
}

/// Told on the event loop, in their order, of the stages of one connection that are done. Equal only to itself.
package final class ConnectionObserver: Sendable, Equatable {
    let done: @Sendable (ConnectionError.Stage, TLSPeer?) -> Void

    /// The peer is told with the stage `tls`.
    package init(_ done: @escaping @Sendable (ConnectionError.Stage, TLSPeer?) -> Void) { self.done = done }

    package static func == (left: ConnectionObserver, right: ConnectionObserver) -> Bool { left === right }
}
