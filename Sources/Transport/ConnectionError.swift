import WireProtocols

/// A connection that did not come up, or went down: where it happened and why. Never holds a secret.
package struct ConnectionError: Error, Equatable, Sendable {
    /// The stages of coming up, each with a deadline of its own.
    package enum Stage: String, Sendable {
        case resolve
        case connect
        /// The tunnel through a proxy.
        case proxy
        case tls
        /// HTTP to WebSocket.
        case upgrade
        /// A request over HTTP and its answer.
        case request
        /// Requests that lead from a login to a token.
        case login
        /// The request that prepares a connection, before it.
        case negotiate
        /// The greeting of the protocol itself.
        case handshake
        /// Asking for the events that the connection is there for.
        case subscribe
        /// It had been up.
        case established
    }

    package enum Reason: Equatable, Sendable {
        /// The system's words, such as "connection refused".
        case system(String)
        case timedOut(Duration)
        case closedByPeer
        case proxy(ProxyError)
        case tls(TLSError)
        /// The server refused us in its own protocol.
        case server(RedisServerError)
        /// The peer broke its protocol or one of our limits.
        case peer(RESPError)
        /// An answer over HTTP, but not the one that was needed.
        case refused(HTTPRefusal)
        /// The peer broke HTTP or one of our limits.
        case http(HTTPError)
        /// A request of ours that cannot be written.
        case request(HTTPUsageError)
        case redirect(HTTPRedirectError)
        /// The WebSocket broke a rule or a limit, was cut, or is silent.
        case webSocket(WebSocketError)
        /// The peer's close frame.
        case closed(WebSocketClose)
        /// The server refused us, broke its protocol or one of our limits, or is silent.
        case socketIO(SocketIOError)
        /// An answer on the way up to a hub that does not lead on.
        case negotiation(SignalRNegotiationError)
        /// The hub ended the conversation, or broke its protocol.
        case hub(HubEnd)
        case unusableAddress(String)
        /// The peer said no in the words of its own protocol; the text is a sentence with advice.
        case declined(String)
        /// The peer does not do what its protocol promises; likewise.
        case misbehaved(String)
    }

    package var stage: Stage
    package var reason: Reason

    package init(_ stage: Stage, _ reason: Reason) {
        (self.stage, self.reason) = (stage, reason)
    }

    /// Another attempt at once would be told the same: somebody has to change something, here or there.
    package var isRefusal: Bool {
        switch reason {
        case .server(let error):
            switch error.reaction {
            case .refusal, .poll, .stopKey, .warn: true
            case .retryOnConnection, .reconnect, .retryAcknowledgement, .pollForNow: false
            }
        case .tls(let error): error.isRefusal
        case .proxy(let error): error.isRefusal
        case .refused(let refusal): refusal.isLasting
        case .socketIO(let error): error.isRefusal
        case .negotiation(let error): [.refuse, .renewToken].contains(error.reaction)
        case .hub(let end): end.isRefusal
        case .webSocket(.handshake), .unusableAddress, .request, .redirect, .declined: true
        case .http(let error):
            switch error.code {
            case .notHTTP, .tlsRecord: true
            default: false
            }
        case .system, .timedOut, .closedByPeer, .peer, .webSocket, .closed, .misbehaved: false
        }
    }
}

extension ConnectionError {
    /// Stage and cause in words of a bounded set, such as `connect.system` or `negotiate.http_401`: fit for a metrics label.
    package var kind: String {
        let cause =
            switch reason {
            case .system: "system"
            case .timedOut: "timeout"
            case .closedByPeer, .closed: "closed"
            case .proxy: "proxy"
            case .tls: "tls"
            case .server: "server"
            case .socketIO(let error): error.isRefusal ? "refused" : "protocol"
            case .peer, .http, .webSocket, .misbehaved: "protocol"
            case .refused(let refusal): "http_\(refusal.status)"
            case .negotiation(.refused(let refusal)): "http_\(refusal.refusal.status)"
            case .negotiation(.declined), .hub(.declined): "declined"
            case .hub(.closed), .hub(.disconnected), .hub(.closedHere): "closed"
            case .hub(.failed(.silent)), .hub(.failed(.noHandshake)): "timeout"
            case .negotiation, .hub: "protocol"
            case .request, .redirect, .unusableAddress: "configuration"
            case .declined: "declined"
            }
        return "\(stage.rawValue).\(cause)"
    }

    /// When the peer wants to be asked again, where it said so.
    package var retryAfter: Duration? {
        switch reason {
        case .refused(let refusal): refusal.retryAfter
        case .negotiation(.refused(let refusal)): refusal.retryAfter
        default: nil
        }
    }
}

extension ConnectionError: CustomStringConvertible {
    package var description: String { "\(stage.rawValue): \(sentence)" }

    private var sentence: String {
        switch reason {
        case .system(let text): text
        case .timedOut(let limit) where stage == .tls:
            "no answer within \(limit): is it the right port, and is TLS on there?"
        case .timedOut(let limit) where [.upgrade, .request, .login, .negotiate].contains(stage):
            "no answer within \(limit): the server accepts connections and says nothing; look whether it is well, and "
                + "whether the port is the right one"
        case .timedOut(let limit): "no answer within \(limit)"
        case .closedByPeer: "the peer closed the connection"
        case .proxy(let error): "\(error)"
        case .tls(let error): "\(error)"
        case .server(let error): "\(error)"
        case .peer(let error): "\(error)"
        case .refused(let refusal): "\(refusal)"
        case .http(let error): "\(error)"
        case .request(let error): "\(error)"
        case .redirect(let error): "\(error)"
        case .webSocket(let error): "\(error)"
        case .socketIO(let error): "\(error)"
        case .closed(let close): "the peer closed the WebSocket with \(close)"
        case .negotiation(let error): "\(error)"
        case .hub(let end): "\(end)"
        case .unusableAddress(let text), .declined(let text), .misbehaved(let text): text
        }
    }
}
