import BridgeCore
import Glibc
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import Sinks
import Synchronization
import Transport

/// The admin listener of a tenant: health, status, metrics and feeds over HTTP.
///
/// Connections are on NIO's own loops, as those of network sinks are, and never on the loop of the sources; requests are
/// answered on a thread of their own, which also reads the store for readers who are behind.
final class AdminServer: Sendable {
    /// What it tells.
    struct Service: Sendable {
        let status: @Sendable () -> EventLoopFuture<TenantStatus>
        let feeds: [FeedSink]
    }

    struct Limits: Sendable {
        /// From a connection's beginning, or the answer before, to the end of a request.
        var requestTimeout = TimeAmount.seconds(10)
        var headBytes = 16 << 10
        var headFields = 100
        /// Connections beside those of readers.
        var otherConnections = 64
        var keepAlive = FeedStream.keepAlive
        /// For readers to take the end of their feed.
        var closing = TimeAmount.seconds(2)
    }

    private let configuration: AdminConfiguration
    private let service: Service
    private let limits: Limits
    private let logger: Logger
    private let router: AdminRouter
    private let connections = AdminConnections()
    private let thread: ThreadExecutor
    private let server = Mutex<(task: Task<Void, Never>, server: Server<AdminChannel>)?>(nil)

    /// Begins to listen. Blocks: for the start of the process. Throws a sentence.
    init(_ configuration: AdminConfiguration, service: Service, limits: Limits = Limits(), logger: Logger) throws {
        (self.configuration, self.service, self.limits, self.logger) = (configuration, service, limits, logger)
        router = AdminRouter(
            tokens: AdminTokens(configuration.tokens), origins: configuration.origins,
            feeds: service.feeds.map(\.name))
        thread = try ThreadExecutor(name: "admin")
        do {
            try start()
        } catch {
            thread.shutdown()
            throw error
        }
        logger.info("admin listens", metadata: ["address": "\(configuration.listen)"])
        if !configuration.listen.isLoopback, configuration.identity == nil {
            logger.warning(
                "admin is open to other machines without TLS: tokens and events cross the network in the clear",
                metadata: ["address": "\(configuration.listen)"])
        }
    }

    private func start() throws {
        Self.allowDescriptors(for: configuration.maximumReaders + limits.otherConnections, logger)
        let group = MultiThreadedEventLoopGroup.singleton
        let initialize = try configuration.identity.map {
            try TLSHandler.initializer(server: TLSServerConfiguration(identity: TLSIdentity($0)))
        }
        let listening = group.any().makePromise(of: Void.self)
        let (logger, quiet) = (logger, Self.quiet(logger))
        let server = Server(
            childChannelSetup: AdminChannel(http: http(), connections: connections, initialize: initialize),
            configuration: serverConfiguration(quiet),
            onServerRunning: { channel in
                // Above everything, so that no such error gets to the library, which would end.
                try? await channel.eventLoop.submit {
                    try channel.pipeline.syncOperations.addHandler(AcceptErrorHandler(logger: logger), position: .first)
                }.get()
                listening.succeed()
            },
            eventLoopGroup: group, logger: quiet)
        let task = Task(executorPreference: thread) {
            do {
                try await server.run()
                listening.fail(AdminError("the listener has ended"))
            } catch {
                listening.fail(error)
            }
        }
        self.server.withLock { $0 = (task, server) }
        do {
            try listening.futureResult.wait()
        } catch {
            throw AdminError("admin cannot listen on \(configuration.listen): \(Self.reason(error))")
        }
    }

    private func http() -> HTTP1Channel {
        HTTP1Channel(
            responder: { [weak self] request, writer, channel in
                try await self?.respond(to: request, writer, on: channel)
            },
            configuration: HTTP1Channel.Configuration(
                idleTimeout: limits.requestTimeout,
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: limits.headBytes, maxHeaderListSize: limits.headBytes,
                    maxHeaderFieldCount: limits.headFields)))
    }

    private func serverConfiguration(_ logger: Logger) -> ServerConfiguration {
        ServerConfiguration(
            address: .hostname(configuration.listen.host, port: configuration.listen.port),
            availableConnectionsDelegate: .maximum(
                configuration.maximumReaders + limits.otherConnections, logger: logger))
    }

    /// SIGHUP: tokens are read anew.
    func reopen() { router.tokens.reload(logger) }

    /// Ends every connection, those of readers after they had time to take the end of their feed.
    func close() async {
        guard let (task, server) = server.withLock({ $0 }) else { return }
        let closing = MultiThreadedEventLoopGroup.singleton.any().scheduleTask(in: limits.closing) { [connections] in
            connections.closeAll()
        }
        try? await server.shutdownGracefully()
        await task.value
        closing.cancel()
        thread.shutdown()
    }

    // MARK: - Requests

    private func respond(
        to request: Request, _ writer: consuming ResponseWriter, on channel: any Channel
    ) async throws {
        let asked = AdminRequest(request.head)
        let isHead = request.method == .head
        var answer: AdminAnswer
        switch router.decide(asked) {
        case .answer(let given): answer = given
        case .status, .metrics: answer = await told(asked.path)
        case .feed(let feed):
            if isHead {
                // Its length is not known: behind such a head the connection has to end.
                answer = AdminAnswer(status: 200, fields: Self.feedFields, closes: true)
            } else {
                guard connections.enter(limit: configuration.maximumReaders) else {
                    answer = .error(503, "there are as many readers as may be", [.init("retry-after", "5")])
                    break
                }
                defer { connections.leave() }
                guard let reader = await reader(of: feed) else {
                    // No answer at all: a browser comes again after that, and never after a status that is not 200.
                    return channel.close(promise: nil)
                }
                let fields = Self.feedFields + router.originFields(asked)
                let body = try await writer.writeHead(Self.head(200, fields))
                return try await FeedStream(reader, on: channel, keepAlive: limits.keepAlive).run(body)
            }
        }
        answer.fields += router.originFields(asked)
        try await send(answer, isHead: isHead, writer, on: channel)
    }

    /// Waits for a feed that is about to open: the listener is there before the sinks are.
    private func reader(of request: FeedRequest) async -> FeedReader? {
        let filter = FeedFilter(wanted: request.wanted, scope: request.scope)
        guard let feed = service.feeds.first(where: { $0.name == request.feed }) else { return nil }
        for _ in 0..<100 where !feed.isClosed && !Task.isCancelled {
            if let reader = feed.reader(from: request.start, filter: filter) { return reader }
            try? await Task.sleep(for: .milliseconds(20))
        }
        return nil
    }

    private func told(_ path: String) async -> AdminAnswer {
        do {
            let status = try await service.status().get()
            return path == "/status"
                ? .content("application/json", status.json + [UInt8(ascii: "\n")])
                : .content(PrometheusText.contentType, status.prometheus)
        } catch {
            return .error(500, "\(error)")
        }
    }

    private func send(
        _ answer: AdminAnswer, isHead: Bool, _ writer: consuming ResponseWriter, on channel: any Channel
    ) async throws {
        var head = Self.head(answer.status, answer.fields)
        if answer.status != 204, head.headerFields[.contentType] != "text/event-stream" {
            head.headerFields[.contentLength] = "\(answer.body.count)"
        }
        if answer.closes { head.headerFields[.connection] = "close" }
        let body = isHead ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: answer.body))
        try await writer.write(response: head, body: body)
        guard answer.closes else { return }
        // What the client still sends is not read any more; for a moment he may read the answer.
        channel.close(mode: .output, promise: nil)
        channel.eventLoop.scheduleTask(in: limits.closing) { channel.close(promise: nil) }
    }

    private static let feedFields: [AdminAnswer.Field] = [
        .init("content-type", "text/event-stream"), .init("x-accel-buffering", "no"),
    ]

    private static func head(_ status: Int, _ fields: [AdminAnswer.Field]) -> HTTPResponse {
        var response = HTTPResponse(status: HTTPResponse.Status(code: status))
        for field in fields + [.init("cache-control", "no-store"), .init("x-content-type-options", "nosniff")] {
            guard let name = HTTPField.Name(field.name) else { continue }
            response.headerFields[name] = field.value
        }
        return response
    }

    // MARK: - Start

    /// The library tells of its own start and stop at info.
    private static func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = max(.warning, logger.logLevel)
        return quiet
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        return error.errnoCode == EADDRINUSE
            ? "another process listens there" : String(cString: strerror(error.errnoCode))
    }

    /// Raises the number of descriptors that the process may have, where the system lets us.
    private static func allowDescriptors(for connections: Int, _ logger: Logger) {
        let wanted = rlim_t(connections + 512)
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < wanted else {
            return
        }
        let before = limit.rlim_cur
        limit.rlim_cur = min(wanted, limit.rlim_max)
        let isRaised = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        guard !isRaised || limit.rlim_cur < wanted else { return }
        logger.warning(
            "the process may not have as many descriptors as 'max_readers' needs; raise LimitNOFILE",
            metadata: ["limit": "\(isRaised ? limit.rlim_cur : before)", "needed": "\(wanted)"])
    }
}

struct AdminError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension AdminRequest {
    fileprivate init(_ head: HTTPRequest) {
        let fields = head.headerFields
        let length = fields[.contentLength]
        self.init(
            head.method.rawValue, head.path ?? "", authorization: fields[.authorization], origin: fields[.origin],
            lastEventID: HTTPField.Name("last-event-id").flatMap { fields[$0] },
            requestedMethod: fields[.accessControlRequestMethod],
            hasBody: fields[.transferEncoding] != nil || length != nil && length != "0")
    }
}
