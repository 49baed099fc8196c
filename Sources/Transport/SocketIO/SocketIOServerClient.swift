import NIOCore
import WireProtocols

/// A client in one namespace of a `SocketIOServer`.
package final class SocketIOServerClient {
    /// Why it is gone.
    package enum End: Equatable, Sendable, CustomStringConvertible {
        /// It left the namespace.
        case disconnected
        /// We put it out.
        case putOut
        /// Its session ended.
        case session(SocketIOServerEnd)

        package var description: String {
            switch self {
            case .disconnected: "the client left the namespace"
            case .putOut: "the server put the client out"
            case .session(let end): "\(end)"
            }
        }
    }

    /// Drawn for this client and this namespace.
    package let id: String
    package let namespace: String
    package let version: EngineIOVersion
    package let remoteAddress: SocketAddress?
    private weak var connection: SocketIOServerConnection?

    init(_ connection: SocketIOServerConnection, id: String, namespace: String) {
        (self.connection, self.id, self.namespace) = (connection, id, namespace)
        (version, remoteAddress) = (connection.version, connection.address)
    }

    /// Polling may become websocket; nil when it is gone.
    package var transport: SocketIOServerSession.Transport? { connection?.transport }

    /// Emits an event. A client that polls gets it with its next request.
    package func emit(
        _ name: String, _ arguments: [SocketIOArgument], wantsAcknowledgement: Bool = false
    ) -> SocketIOEmission {
        connection?.emit(name, arguments, to: namespace, wantsAcknowledgement: wantsAcknowledgement) ?? .notConnected
    }

    /// Answers an event of this client that asks for it; does nothing for one that does not.
    package func acknowledge(_ event: SocketIOEvent, with arguments: [SocketIOArgument] = []) {
        connection?.acknowledge(event, with: arguments)
    }

    /// Puts it out of the namespace; the delegate is told.
    package func disconnect() { connection?.disconnect(namespace) }

    /// Cuts its connection without a word, as a network does; the delegate is told. A client that polls hears of it with its
    /// next request.
    package func abort() { connection?.abort() }
}
