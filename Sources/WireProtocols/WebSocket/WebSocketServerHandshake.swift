/// A client's request for a WebSocket, checked (RFC 6455, section 4.2.1).
public struct WebSocketServerHandshake: Sendable {
    /// Why a request is none, and what to answer.
    public enum Fault: Error, Equatable, Sendable {
        case method
        case httpVersion
        case connectionField
        case key
        /// Answered with the version that is spoken here.
        case version
        case extensions
        case body
    }

    private let key: WebSocketHandshakeKey
    private let offers: [WebSocketExtension]
    /// In the client's order.
    public let subprotocols: [String]

    /// Whether a request wants a WebSocket at all; others are plain HTTP.
    public static func isWanted(by head: HTTPRequestHead) -> Bool { head.headers.hasMember("Upgrade", "websocket") }

    public init(_ head: HTTPRequestHead) throws(Fault) {
        let headers = head.headers
        guard head.method == "GET" else { throw .method }
        guard head.minorVersion == 1 else { throw .httpVersion }
        guard headers.hasMember("Connection", "Upgrade") else { throw .connectionField }
        let length = headers.first("Content-Length")
        guard length == nil || length == "0", !headers.contains("Transfer-Encoding") else { throw .body }
        guard headers.all("Sec-WebSocket-Version") == ["13"] else { throw .version }
        let keys = headers.all("Sec-WebSocket-Key")
        guard keys.count == 1, let key = WebSocketHandshakeKey(keys[0]) else { throw .key }
        guard let offers = WebSocketExtension.parse(headers.all("Sec-WebSocket-Extensions")) else { throw .extensions }
        (self.key, self.offers) = (key, offers)
        subprotocols = headers.members("Sec-WebSocket-Protocol")
    }

    /// The 101. Only a subprotocol that the client offered is answered; `compression` nil: refused.
    public func accept(
        subprotocol: String? = nil, compression: PerMessageDeflateConfiguration? = nil, headers extra: HTTPHeaders = [:]
    ) -> (response: HTTPResponseHead, opening: WebSocketOpening) {
        var headers: HTTPHeaders = [
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": key.accept,
        ]
        let subprotocol = subprotocol.flatMap { subprotocols.contains($0) ? $0 : nil }
        if let subprotocol { headers.add("Sec-WebSocket-Protocol", subprotocol) }
        let chosen = compression.flatMap { PerMessageDeflate.choose(among: offers, $0) }
        if let chosen { headers.add("Sec-WebSocket-Extensions", chosen.text) }
        headers.add(extra)
        let opening = WebSocketOpening(headers: headers, subprotocol: subprotocol, compression: chosen?.agreement)
        return (HTTPResponseHead(status: 101, headers: headers), opening)
    }
}

extension WebSocketServerHandshake.Fault {
    /// The answer; its body is the sentence of this fault.
    public var response: HTTPResponseHead {
        switch self {
        case .method: HTTPResponseHead(status: 405, headers: ["Allow": "GET"])
        case .version: HTTPResponseHead(status: 426, headers: ["Upgrade": "websocket", "Sec-WebSocket-Version": "13"])
        case .httpVersion, .connectionField, .key, .extensions, .body: HTTPResponseHead(status: 400)
        }
    }
}

extension WebSocketServerHandshake.Fault: CustomStringConvertible {
    public var description: String {
        switch self {
        case .method: "a WebSocket is opened with GET"
        case .httpVersion: "a WebSocket needs HTTP/1.1"
        case .connectionField: "the Connection field does not say Upgrade"
        case .key: "Sec-WebSocket-Key is not 16 bytes in Base64, once"
        case .version: "only version 13 of the WebSocket protocol is spoken here"
        case .extensions: "Sec-WebSocket-Extensions cannot be read"
        case .body: "a request for a WebSocket has no body"
        }
    }
}
