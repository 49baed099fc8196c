import Glibc
import NIOCore
import NIOPosix

/// Brings a connection up, stage by stage: resolve, connect, proxy, TLS. One attempt; it never reconnects.
package enum Connector {
    /// Succeeds with a channel that is ready for the application's bytes: tunnelled and handshaken where the endpoint
    /// says so. Fails with `ConnectionError`, and then the channel is closed.
    ///
    /// `initialize` adds the application's handlers. It runs on the event loop, before the future succeeds and before
    /// any application byte is read; the channel is active by then, so a handler begins in `handlerAdded` and will not
    /// be told `channelActive`. What it throws fails the attempt. The future never completes during this call.
    package static func connect(
        _ endpoint: EndpointConfiguration, on eventLoop: any EventLoop,
        initialize: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        let attempt = ConnectionAttempt(endpoint: endpoint, eventLoop: eventLoop, initialize: initialize)
        return eventLoop.flatSubmit { attempt.run() }.flatMapErrorThrowing { throw attempt.told($0) }
    }

    /// What the other side showed, on a channel that `connect` gave; nil without TLS. On the event loop.
    package static func tlsPeer(of channel: any Channel) -> TLSPeer? {
        (try? channel.pipeline.syncOperations.handler(type: TLSHandler.self))?.peer
    }
}

/// The stages of one attempt, in their order.
private struct ConnectionAttempt: Sendable {
    let endpoint: EndpointConfiguration
    let eventLoop: any EventLoop
    let initialize: @Sendable (any Channel) throws -> Void

    /// The errors of whoever uses the channel go through as they are only inside a ConnectionError.
    func told(_ error: any Error) -> ConnectionError {
        error as? ConnectionError ?? ConnectionError(.connect, .system(SystemWords.of(error)))
    }

    /// Files are read first: what cannot be used there needs no connection.
    func run() -> EventLoopFuture<any Channel> {
        makeTLS().flatMap { tls in
            open().flatMap { channel in
                tunnel(channel).flatMap { secure(channel, tls) }.map { channel }.flatMapErrorThrowing { error in
                    channel.close(promise: nil)
                    throw error
                }
            }
        }
    }

    // MARK: - TLS material

    private struct Security: Sendable {
        let context: TLSContext
        let name: TLSServerName
    }

    private func makeTLS() -> EventLoopFuture<Security?> {
        guard let tls = endpoint.tls else { return eventLoop.makeSucceededFuture(nil) }
        let host = tls.serverName ?? endpoint.address.host
        guard let name = TLSServerName(host) else {
            return eventLoop.makeFailedFuture(ConnectionError(.tls, .tls(.material(.badServerName(host)))))
        }
        let limit = endpoint.timeouts.tls
        return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
            do throws(TLSMaterialError) {
                return Security(context: try TLSContext(tls), name: name)
            } catch {
                throw ConnectionError(.tls, .tls(.material(error)))
            }
        }.within(
            limit,
            orFail: ConnectionError(.tls, .system("certificates and keys were not read within \(Duration(limit))")))
    }

    // MARK: - Resolve, connect

    private func open() -> EventLoopFuture<any Channel> {
        switch endpoint.address {
        case .unix(let path):
            return bootstrap.connect(unixDomainSocketPath: path)
                .flatMapErrorThrowing { throw failure($0) }
                .map { connected($0) }
        case .tcp(let host, let port):
            let (host, port) = endpoint.proxy.map { ($0.host, $0.port) } ?? (host, port)
            return HostResolver.resolve(host, port: port, within: endpoint.timeouts.resolve, on: eventLoop)
                .flatMapThrowing { try permitted($0, of: host) }
                .flatMap { addresses in
                    endpoint.observer?.done(.resolve, nil)
                    return Self.withTCPOptions(bootstrap)
                        .resolver(ResolvedAddresses(addresses: addresses, eventLoop: eventLoop))
                        .connect(host: host, port: port)
                        .flatMapErrorThrowing { throw failure($0) }
                        .map { connected($0) }
                }
        }
    }

    private func permitted(_ addresses: [SocketAddress], of host: String) throws -> [SocketAddress] {
        guard let policy = endpoint.addresses else { return addresses }
        let permitted = addresses.filter(policy.permits)
        guard permitted.isEmpty else { return permitted }
        let found = addresses.compactMap(\.ipAddress).joined(separator: ", ")
        throw ConnectionError(
            .connect,
            .unusableAddress(
                "\(host) is \(found), where the configuration lets nothing connect to; correct one of the two"))
    }

    private func connected(_ channel: any Channel) -> any Channel {
        endpoint.observer?.done(.connect, nil)
        return channel
    }

    /// Nothing is read before a stage asks for it.
    private var bootstrap: ClientBootstrap {
        ClientBootstrap(group: eventLoop)
            .connectTimeout(endpoint.timeouts.connect)
            .channelOption(.autoRead, value: false)
    }

    /// A dead peer is found while sending (user timeout) and while waiting (keepalive: 60 s, then 3 times 10 s).
    private static func withTCPOptions(_ bootstrap: ClientBootstrap) -> ClientBootstrap {
        bootstrap
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: 60)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: 10)
            .channelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: 3)
            .channelOption(.tcpOption(.init(rawValue: TCP_USER_TIMEOUT)), value: 30_000)
    }

    private func failure(_ error: any Error) -> ConnectionError {
        let whom = endpoint.proxy == nil ? "" : "proxy "
        switch error {
        case let error as ConnectionError: return error
        case let error as NIOConnectionError:
            let causes = error.connectionErrors.map { "\(whom)\($0.target): \(SystemWords.of($0.error))" }
            return ConnectionError(.connect, .system(causes.joined(separator: ", ")))
        case ChannelError.connectTimeout(let limit): return ConnectionError(.connect, .timedOut(Duration(limit)))
        case let error as SocketAddressError: return ConnectionError(.connect, .unusableAddress("\(error)"))
        default: return ConnectionError(.connect, .system(whom + SystemWords.of(error)))
        }
    }

    // MARK: - Proxy

    private func tunnel(_ channel: any Channel) -> EventLoopFuture<Void> {
        guard let proxy = endpoint.proxy, case .tcp(let host, let port) = endpoint.address else {
            // Once round the loop: NIO completes the connection before it tells the pipeline that it is active.
            return eventLoop.submit {}
        }
        guard let tunnel = ProxyTunnel(to: host, port: port, credentials: proxy.credentials) else {
            return eventLoop.makeFailedFuture(ConnectionError(.proxy, .unusableAddress("bad host name \(host)")))
        }
        return eventLoop.flatSubmit {
            let promise = eventLoop.makePromise(of: Void.self)
            let handler = ProxyTunnelHandler(tunnel, timeout: endpoint.timeouts.proxy) {
                promise.completeWith($0.mapError { $0 })
            }
            do {
                try channel.pipeline.syncOperations.addHandler(handler)
            } catch {
                promise.fail(ConnectionError(.proxy, .closedByPeer))
            }
            return promise.futureResult.map { endpoint.observer?.done(.proxy, nil) }
        }
    }

    // MARK: - TLS, and the application

    private func secure(_ channel: any Channel, _ security: Security?) -> EventLoopFuture<Void> {
        guard let security else {
            return eventLoop.makeCompletedFuture { try begin(channel) }
        }
        let promise = eventLoop.makePromise(of: Void.self)
        do {
            let handler = TLSHandler(
                try TLSSession(client: security.context, name: security.name), timeout: endpoint.timeouts.tls
            ) { outcome in
                promise.completeWith(
                    Result {
                        let peer = try outcome.get()
                        endpoint.observer?.done(.tls, peer)
                        try begin(channel)
                    })
            }
            let operations = channel.pipeline.syncOperations
            try operations.addHandler(handler)
            try leaveProxy(channel)
        } catch let error as TLSError {
            promise.fail(ConnectionError(.tls, .tls(error)))
        } catch {
            promise.fail(ConnectionError(.tls, .closedByPeer))
        }
        return promise.futureResult
    }

    /// The application's handlers first, then the first byte for them.
    private func begin(_ channel: any Channel) throws {
        guard channel.isActive else { throw ConnectionError(.connect, .closedByPeer) }
        try initialize(channel)
        if endpoint.tls == nil { try leaveProxy(channel) }
        try channel.syncOptions?.setOption(.autoRead, value: true)
    }

    /// What the proxy sent behind its answer goes to the next stage.
    private func leaveProxy(_ channel: any Channel) throws {
        guard endpoint.proxy != nil else { return }
        let operations = channel.pipeline.syncOperations
        if let context = try? operations.context(handlerType: ProxyTunnelHandler.self) {
            operations.removeHandler(context: context, promise: nil)
        }
    }
}

extension EndpointConfiguration.Address {
    /// For a check of certificates; a unix socket has none.
    fileprivate var host: String {
        switch self {
        case .tcp(let host, _): host
        case .unix: ""
        }
    }
}
