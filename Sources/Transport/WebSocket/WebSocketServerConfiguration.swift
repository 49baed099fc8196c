import NIOCore
import WireProtocols

/// Where a WebSocket server listens and what it grants.
package struct WebSocketServerConfiguration: Sendable {
    package var host: String
    /// 0: any free one.
    package var port: Int
    package var limits = WebSocketLimits()
    package var keepAlive = WebSocketKeepAlive()
    /// Nil: permessage-deflate is not granted.
    package var compression: PerMessageDeflateConfiguration?
    /// From a connection's beginning, or the answer before, to the end of a request.
    package var requestTimeout = TimeAmount.seconds(10)
    /// Further ones are told 503.
    package var maximumConnections = 1024
    /// Adds what belongs below HTTP to a new connection, such as TLS.
    package var initialize: (@Sendable (any Channel) throws -> Void)?

    package init(host: String = "127.0.0.1", port: Int = 0) { (self.host, self.port) = (host, port) }
}

/// A request to a `WebSocketServer`, complete.
package struct WebSocketServerRequest {
    package var head: HTTPRequestHead
    package var body: ByteBuffer
    /// Nil: plain HTTP, which can only be answered.
    package var handshake: WebSocketServerHandshake?
    package var remoteAddress: SocketAddress?

    /// From the Authorization field.
    package var credentials: HTTPCredentials? {
        head.headers.first("Authorization").flatMap(HTTPCredentials.init(field:))
    }
}

/// What a server does with a request.
package enum WebSocketServerDecision {
    /// The delegate is held until the connection ends.
    case accept(any WebSocketConnectionDelegate, subprotocol: String? = nil, headers: HTTPHeaders = [:])
    /// A plain answer, be it a refusal or a page.
    case answer(status: Int, headers: HTTPHeaders = [:], body: String = "")
    /// A plain answer that comes when it is ready; until then the connection waits.
    case reply(WebSocketServerReply)
}

/// An answer that is given later, or at once. Confined to the server's event loop.
package final class WebSocketServerReply {
    struct Answer {
        var status: Int
        var headers: HTTPHeaders
        var body: ByteBuffer
    }

    private(set) var answer: Answer?
    private var onAnswer: ((Answer) -> Void)?
    private var onDrop: (() -> Void)?

    /// `dropped` is called when the connection ends before the answer is given.
    package init(dropped: (() -> Void)? = nil) { onDrop = dropped }

    /// Only the first counts.
    package func send(status: Int, headers: HTTPHeaders = [:], body: ByteBuffer = ByteBuffer()) {
        guard answer == nil else { return }
        let answer = Answer(status: status, headers: headers, body: body)
        self.answer = answer
        onDrop = nil
        onAnswer.take()?(answer)
    }

    /// `body` is called when there is an answer.
    func whenAnswered(_ body: @escaping (Answer) -> Void) { onAnswer = body }

    func drop() {
        onAnswer = nil
        onDrop.take()?()
    }
}
