import WireProtocols

/// A connection that did not come up, or went down: where it happened and why. Never holds a secret.
package struct ConnectionError: Error, Equatable, Sendable {
    /// The stages of coming up, each with a deadline of its own.
    package enum Stage: String, Sendable {
        case resolve
        case connect
        case handshake
        /// It had been up.
        case established
    }

    package enum Reason: Equatable, Sendable {
        /// The system's words, such as "connection refused".
        case system(String)
        case timedOut(Duration)
        case closedByPeer
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
}

extension ConnectionError: CustomStringConvertible {
    package var description: String {
        switch reason {
        case .system(let text): "\(stage.rawValue): \(text)"
        case .timedOut(let limit): "\(stage.rawValue): no answer within \(limit)"
        case .closedByPeer: "\(stage.rawValue): the peer closed the connection"
        case .server(let error): "\(stage.rawValue): \(error)"
        case .peer(let error): "\(stage.rawValue): \(error)"
        case .unusableAddress(let text): "\(stage.rawValue): \(text)"
        }
    }
}
