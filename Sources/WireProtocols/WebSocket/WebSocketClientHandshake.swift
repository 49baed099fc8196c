import NIOCore

/// What a client asks a server for.
public struct WebSocketClientRequest: Sendable {
    /// For the Host field.
    public var authority: String
    /// Path and query.
    public var target: String
    public var credentials: HTTPCredentials?
    /// Beside those of the handshake itself.
    public var headers: HTTPHeaders
    /// Most wanted first; the server chooses one or none.
    public var subprotocols: [String]
    /// Nil: not offered.
    public var compression: PerMessageDeflateConfiguration?

    public init(
        authority: String, target: String, credentials: HTTPCredentials? = nil, headers: HTTPHeaders = [:],
        subprotocols: [String] = [], compression: PerMessageDeflateConfiguration? = nil
    ) {
        (self.authority, self.target, self.credentials) = (authority, target, credentials)
        (self.headers, self.subprotocols, self.compression) = (headers, subprotocols, compression)
    }

    /// The fields that the handshake decides about.
    static let reserved = [
        "Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions", "Content-Length", "Transfer-Encoding",
    ]
}

/// The client's side of the opening handshake (RFC 6455, sections 4.1 and 4.2): one request, one answer.
public struct WebSocketClientHandshake: Sendable {
    /// A result of one input.
    public enum Step: Equatable {
        /// The answer is not complete.
        case incomplete
        /// Frames follow; the first of them may be in `rest`.
        case open(WebSocketOpening, rest: ByteBuffer)
        /// An answer, but another one.
        case refused(HTTPRefusal)
        /// The answer is no HTTP.
        case malformed(HTTPError)
        case failed(WebSocketError)
    }

    private enum State {
        /// → refusing, done
        case waiting
        /// The head of an answer that refuses has come; its body may say more. → done
        case refusing(HTTPResponseHead, body: [UInt8])
        case done
    }

    private let request: WebSocketClientRequest
    private let key: WebSocketHandshakeKey
    private var parser: HTTPResponseParser
    private var state = State.waiting

    public init(
        _ request: WebSocketClientRequest, limits: HTTPLimits = WebSocketLimits().handshake,
        random: inout some RandomNumberGenerator
    ) {
        self.request = request
        key = WebSocketHandshakeKey(random: &random)
        parser = HTTPResponseParser(limits: limits)
        parser.expect(method: "GET", wantsUpgrade: true)
    }

    /// The bytes to send.
    public func requestBytes() throws(HTTPUsageError) -> ByteBuffer {
        if let field = WebSocketClientRequest.reserved.first(where: { request.headers.contains($0) }) {
            throw .reservedField(name: field)
        }
        var headers: HTTPHeaders = [
            "Host": request.authority, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key.text,
            "Sec-WebSocket-Version": "13",
        ]
        if let credentials = request.credentials { headers.add("Authorization", credentials.field) }
        if !request.subprotocols.isEmpty {
            headers.add("Sec-WebSocket-Protocol", request.subprotocols.joined(separator: ", "))
        }
        if let compression = request.compression {
            headers.add("Sec-WebSocket-Extensions", PerMessageDeflate.offer(compression))
        }
        headers.add(request.headers)
        var buffer = ByteBuffer()
        try HTTPHeadWriter.write(
            HTTPRequestHead(method: "GET", target: request.target, headers: headers), into: &buffer)
        return buffer
    }

    public mutating func receive(_ bytes: ByteBuffer) -> Step {
        parser.receive(bytes)
        return pull()
    }

    /// The peer will send nothing more.
    public mutating func connectionClosed() -> Step {
        do {
            try parser.connectionClosed()
        } catch {
            // What refused us without an end to its body has refused us all the same.
            if case .refusing(let head, let body) = state { return refuse(head, body) }
            state = .done
            return .malformed(error)
        }
        return pull()
    }

    /// The time is up: a refusal whose body is not complete, or nil.
    public mutating func deadlineReached() -> HTTPRefusal? {
        guard case .refusing(let head, let body) = state else { return nil }
        state = .done
        return HTTPRefusal(head: head, body: body)
    }

    private mutating func pull() -> Step {
        do {
            while let part = try parser.next() {
                switch (part, state) {
                case (.head(let head), _) where head.status == 101: return accept(head)
                case (.head(let head), _): state = .refusing(head, body: [])
                case (.body(let bytes), .refusing(let head, let body)):
                    let room = HTTPRefusal.bodyBytes - body.count
                    state = .refusing(head, body: body + bytes.readableBytesView.prefix(room))
                    if bytes.readableBytes >= room { return refuse(head, body + bytes.readableBytesView.prefix(room)) }
                case (.end, .refusing(let head, let body)): return refuse(head, body)
                case (.body, _), (.end, _): break
                }
            }
        } catch {
            if case .refusing(let head, let body) = state { return refuse(head, body) }
            state = .done
            return .malformed(error)
        }
        return .incomplete
    }

    private mutating func refuse(_ head: HTTPResponseHead, _ body: [UInt8]) -> Step {
        state = .done
        return .refused(HTTPRefusal(head: head, body: body))
    }

    private mutating func accept(_ head: HTTPResponseHead) -> Step {
        state = .done
        do {
            let opening = try opening(head)
            // The end of a message without a body: takes nothing from what follows.
            _ = try? parser.next()
            return .open(opening, rest: parser.takeRest())
        } catch {
            return .failed(.handshake(error))
        }
    }

    /// The checks of RFC 6455, section 4.1, in the order that helps most to find the cause.
    private func opening(_ head: HTTPResponseHead) throws(WebSocketHandshakeFault) -> WebSocketOpening {
        let headers = head.headers
        guard head.minorVersion == 1 else { throw .httpVersion }
        guard headers.members("Upgrade").count == 1, headers.hasMember("Upgrade", "websocket") else {
            throw .upgradeField
        }
        guard headers.hasMember("Connection", "Upgrade") else { throw .connectionField }
        let accepts = headers.all("Sec-WebSocket-Accept")
        guard let accept = accepts.first else { throw .missingAccept }
        guard accepts.count == 1, accept == key.accept else { throw .wrongAccept }
        return WebSocketOpening(
            headers: headers, subprotocol: try subprotocol(headers), compression: try compression(headers))
    }

    private func subprotocol(_ headers: HTTPHeaders) throws(WebSocketHandshakeFault) -> String? {
        let chosen = headers.all("Sec-WebSocket-Protocol")
        guard let first = chosen.first else { return nil }
        guard chosen.count == 1, request.subprotocols.contains(first) else { throw .unknownSubprotocol }
        return first
    }

    private func compression(_ headers: HTTPHeaders) throws(WebSocketHandshakeFault) -> PerMessageDeflateAgreement? {
        guard let members = WebSocketExtension.parse(headers.all("Sec-WebSocket-Extensions")) else {
            throw .unknownExtension("(malformed)")
        }
        var agreement: PerMessageDeflateAgreement?
        for member in members {
            guard member.name == PerMessageDeflate.name, let configuration = request.compression, agreement == nil
            else {
                throw .unknownExtension(member.name)
            }
            agreement = try PerMessageDeflate.agreement(answer: member, to: configuration)
        }
        return agreement
    }
}
