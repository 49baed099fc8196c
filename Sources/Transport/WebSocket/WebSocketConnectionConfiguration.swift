import NIOCore
import WireProtocols

/// Everything a client's WebSocket needs to come up and to stay.
package struct WebSocketConnectionConfiguration: Sendable {
    /// Without `tls` it is ws, with it wss.
    package var endpoint: EndpointConfiguration
    /// Path and query as they stand on the request line; `HTTPTarget.make` encodes a query. Never in a message or a log.
    package var target: String
    package var credentials: HTTPCredentials?
    /// Beside those that the handshake sets.
    package var headers: HTTPHeaders = [:]
    /// Most wanted first.
    package var subprotocols: [String] = []
    /// Nil: permessage-deflate is not offered.
    package var compression: PerMessageDeflateConfiguration?
    package var limits = WebSocketLimits()
    package var keepAlive = WebSocketKeepAlive()
    /// From the request to the whole answer.
    package var upgradeTimeout = TimeAmount.seconds(10)

    package init(endpoint: EndpointConfiguration, target: String = "/") {
        (self.endpoint, self.target) = (endpoint, target)
    }

    /// What the server is asked for.
    var request: WebSocketClientRequest {
        let usualPort = endpoint.tls == nil ? 80 : 443
        let authority =
            switch endpoint.address {
            case .tcp(let host, let port): HTTPURL.authority(host: host, port: port, usualPort: usualPort)
            case .unix: "localhost"
            }
        return WebSocketClientRequest(
            authority: authority, target: target, credentials: credentials, headers: headers,
            subprotocols: subprotocols, compression: compression)
    }
}
