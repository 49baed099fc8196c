import Codecs
import NIOCore
import WireProtocols

/// Everything a Socket.IO client needs to come up and to stay.
package struct SocketIOConnectionConfiguration: Sendable {
    package var endpoint: EndpointConfiguration
    /// Of the server's Engine.IO; its slash at the end is added where it is missing.
    package var path = "/socket.io/"
    /// On every request; `EIO` and `transport` are set here. Values count as secrets.
    package var query: [(name: String, value: String)] = []
    package var headers: HTTPHeaders = [:]
    package var credentials: HTTPCredentials?
    package var namespace = "/"
    /// A JSON object for CONNECT; protocol 5 only. Its texts count as secrets.
    package var auth: [UInt8]?
    package var policy = SocketIOVersionPolicy.auto
    package var limits = SocketIOLimits()
    package var timeouts = SocketIOTimeouts()
    /// Of the WebSocket below; Engine.IO has its own heartbeat beside it. The close handshake gets a second.
    package var keepAlive = WebSocketKeepAlive(closeTimeout: .seconds(1))
    package var upgradeTimeout = TimeAmount.seconds(10)

    package init(endpoint: EndpointConfiguration) { self.endpoint = endpoint }

    var client: SocketIOClientConfiguration {
        var client = SocketIOClientConfiguration()
        (client.namespace, client.auth, client.secrets) = (namespace, auth, secrets)
        (client.limits, client.timeouts) = (limits, timeouts)
        return client
    }

    func webSocket(_ version: EngineIOVersion) -> WebSocketConnectionConfiguration {
        var webSocket = WebSocketConnectionConfiguration(
            endpoint: endpoint, target: target(version, transport: "websocket"))
        (webSocket.credentials, webSocket.headers) = (credentials, headers)
        // Attachments of Engine.IO 3 have one byte more.
        webSocket.limits = WebSocketLimits(messageBytes: limits.messageBytes + 1, unsentBytes: 4 * limits.messageBytes)
        (webSocket.keepAlive, webSocket.upgradeTimeout) = (keepAlive, upgradeTimeout)
        return webSocket
    }

    /// A plain request for the same; nil where no URL leads there.
    func plainRequest(_ version: EngineIOVersion) -> HTTPClientRequest? {
        guard case .tcp(let host, let port) = endpoint.address,
            let url = HTTPURL(
                isSecure: endpoint.tls != nil, host: host, port: port, target: target(version, transport: "polling"))
        else { return nil }
        return HTTPClientRequest("GET", url, headers: headers, credentials: credentials)
    }

    private func target(_ version: EngineIOVersion, transport: String) -> String {
        let folder = path.hasSuffix("/") || path.contains("?") ? path : path + "/"
        let own = [(name: "EIO", value: "\(version.rawValue)"), (name: "transport", value: transport)]
        return HTTPTarget.make(path: folder, query: own + query)
    }

    /// What is never repeated from the words of a server, as it is and as it stands in a URL.
    var secrets: [String] {
        let texts = query.map(\.value) + authTexts
        return texts + texts.map(HTTPTarget.encode).filter { !texts.contains($0) }
    }

    private var authTexts: [String] {
        guard let auth, let document = try? JSONDocument(auth) else { return [] }
        return document.root.members.compactMap(\.value.string)
    }
}
