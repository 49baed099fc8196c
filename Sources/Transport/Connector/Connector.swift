import Glibc
import NIOCore
import NIOPosix

/// Brings a connection up, stage by stage: resolve, connect, proxy, TLS. One attempt; it never reconnects.
package enum Connector {
    /// Succeeds with a channel that is ready for the application's bytes: tunnelled and handshaken where the endpoint says
    /// so. Fails with `ConnectionError`, and then the channel is closed.
    ///
    /// `initialize` adds the application's handlers. It runs on the event loop, before the future succeeds and before any
    /// application byte is read; the channel is active by then, so a handler begins in `handlerAdded` and will not be
    /// told `channelActive`. What it throws fails the attempt.
    package static func connect(
        _ endpoint: EndpointConfiguration, on eventLoop: any EventLoop,
        initialize: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        guard case .tcp(let host, let port) = endpoint.address, endpoint.tls == nil, endpoint.proxy == nil else {
            return eventLoop.makeFailedFuture(ConnectionError(.connect, .unusableAddress("TCP only so far")))
        }
        return ClientBootstrap(group: eventLoop)
            .connectTimeout(endpoint.timeouts.connect)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: host, port: port)
            .flatMapThrowing { channel in
                try initialize(channel)
                return channel
            }
            .flatMapErrorThrowing { throw ConnectionError(.connect, .system("\($0)")) }
    }

    /// What the other side showed, on a channel that `connect` gave; nil without TLS. On the event loop.
    package static func tlsPeer(of channel: any Channel) -> TLSPeer? { nil }
}
