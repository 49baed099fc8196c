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
        /// The greeting of the protocol itself.
        case handshake
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
        case unusableAddress(String)
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
        case .unusableAddress: true
        case .system, .timedOut, .closedByPeer, .peer: false
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
        case .timedOut(let limit): "no answer within \(limit)"
        case .closedByPeer: "the peer closed the connection"
        case .proxy(let error): "\(error)"
        case .tls(let error): "\(error)"
        case .server(let error): "\(error)"
        case .peer(let error): "\(error)"
        case .unusableAddress(let text): text
        }
    }
}
