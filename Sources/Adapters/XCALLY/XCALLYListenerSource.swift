import BridgeCore
import CallModel
import Codecs
import Logging
import NIOCore
import Transport
import WireProtocols

/// The server mode: scripts of a Shuttle connect to the bridge and push what they hear with `RealtimeCTI`. Confined to the
/// tenant's event loop.
///
/// The link is up while at least one script is connected. An address that is taken is tried again for ever.
package final class XCALLYListenerSource: Source {
    package let name: String

    private let listener: XCALLYListener
    private let configuration: XCALLYConfiguration
    private let context: any SourceContext
    private var intake: XCALLYIntake?
    private var server: SocketIOServer?
    private var timer: LoopTimer?
    private var backoff = Backoff(initial: .seconds(1), maximum: .seconds(60))
    private var random = SystemRandomNumberGenerator()
    private var clients = 0
    private var attempts = 0
    private var isFlushing = false
    private var isOverflowing = false
    private var isStopped = false
    private var lastHeard: Timestamp

    init(
        name: String, configuration: XCALLYConfiguration, listener: XCALLYListener, raw: RawPolicy,
        context: any SourceContext
    ) {
        (self.name, self.listener, self.configuration, self.context) = (name, listener, configuration, context)
        lastHeard = context.now()
        intake = XCALLYIntake(context: context, raw: raw, limits: configuration.jsonLimits) { [weak self] isReading in
            self?.setReading(isReading)
        }
    }

    package func start() {
        timer = LoopTimer(eventLoop: context.eventLoop, slack: .zero) { [weak self] in self?.listen() }
        listen()
    }

    package func stop() -> EventLoopFuture<Void> {
        isStopped = true
        timer?.set(nil)
        intake?.flush()
        return server?.close() ?? context.eventLoop.makeSucceededVoidFuture()
    }

    // MARK: - Listening

    private func listen() {
        guard !isStopped else { return }
        attempts += 1
        context.metrics.connects.add()
        do {
            let server = SocketIOServer(try serverConfiguration(), on: context.eventLoop, delegate: self)
            self.server = server
            server.start().assumeIsolated().whenComplete { [weak self] in self?.started($0) }
        } catch {
            started(.failure(error))
        }
    }

    private func started(_ result: Result<Int, any Error>) {
        switch result {
        case .success(let port):
            backoff.reset()
            note(.waiting)
            context.logger.info(
                "scripts may connect", metadata: ["link": "events", "endpoint": "\(endpoint)", "port": "\(port)"])
        case .failure(let error):
            server = nil
            guard !isStopped else { return }
            let wait = backoff.next(using: &random)
            note(.waiting)
            let failure = SourceStatus.Failure(kind: "listen", text: "\(error)", at: context.now())
            context.metrics.status.update { $0.lastFailure = failure }
            context.logger.log(
                level: backoff.failures == 1 ? .warning : .debug, "cannot listen",
                metadata: [
                    "link": "events", "endpoint": "\(endpoint)", "reason": "\(error)", "retry_in": "\(wait)",
                ])
            timer?.set(context.eventLoop.now + TimeAmount(wait))
        }
    }

    private var endpoint: String {
        let host = listener.host.contains(":") ? "[\(listener.host)]" : listener.host
        return "\(listener.identity == nil ? "http" : "https")://\(host):\(listener.port)\(listener.path)"
    }

    private func serverConfiguration() throws -> SocketIOServerConfiguration {
        var server = SocketIOServerConfiguration(host: listener.host, port: listener.port)
        server.path = listener.path
        server.token = try XCALLYListener.credentials(listener.token?.bytes)
        server.session.limits.messageBytes = configuration.maximumMessageBytes
        server.session.limits.depth = configuration.maximumDepth
        server.initialize = try listener.identity.map {
            try TLSHandler.initializer(server: TLSServerConfiguration(identity: TLSIdentity($0)))
        }
        return server
    }

    /// Scripts cannot be told to wait, and stock ones do not come back when they are put out: what they push while the store
    /// has no room is lost, and a gap says so.
    private func setReading(_ isReading: Bool) {
        isOverflowing = !isReading
        if isOverflowing {
            context.metrics.up.set(0)
            note(.waiting)
            context.linkDown(
                reason: "the store has no room for what scripts push", lastGood: context.now(), gap: .overflow)
        } else if clients > 0 {
            tellUp()
        }
    }

    /// For those who ask how the source is: it is up while a script is there.
    private func note(_ phase: SourceStatus.Phase) {
        context.metrics.status.update { $0.links["events", default: SourceStatus.Link()].phase = phase }
    }

    private func tellUp() {
        context.metrics.up.set(1)
        note(.up)
        context.linkUp(attempt: max(1, attempts))
        attempts = 0
    }

    // MARK: - The burst

    /// A server tells of events one by one: they go to the store together at the end of the loop's turn.
    private func flushSoon() {
        guard !isFlushing else { return }
        isFlushing = true
        context.eventLoop.assumeIsolated().execute { [weak self] in
            guard let self else { return }
            isFlushing = false
            intake?.flush()
        }
    }
}

extension XCALLYListenerSource: SocketIOServerDelegate {
    package func socketIOServer(_ server: SocketIOServer, connected client: SocketIOServerClient) {
        lastHeard = context.now()
        clients += 1
        context.logger.info(
            "a script is connected",
            metadata: [
                "link": "events", "engine_io": "\(client.version.rawValue)",
                "peer": "\(client.remoteAddress.map { "\($0)" } ?? "?")", "scripts": "\(clients)",
            ])
        if clients == 1, !isOverflowing { tellUp() }
    }

    package func socketIOServer(
        _ server: SocketIOServer, client: SocketIOServerClient, received event: SocketIOEvent
    ) {
        guard !isStopped, let intake else { return }
        lastHeard = context.now()
        guard !isOverflowing else { return context.metrics.dropped.add("overflow") }
        _ = intake.takePushed(event)
        if event.acknowledgementID != nil { intake.whenStored { client.acknowledge(event) } }
        flushSoon()
    }

    package func socketIOServer(
        _ server: SocketIOServer, client: SocketIOServerClient, disconnected reason: SocketIOServerClient.End
    ) {
        clients -= 1
        intake?.flush()
        context.logger.info(
            "a script is gone", metadata: ["link": "events", "reason": "\(reason)", "scripts": "\(clients)"])
        guard clients == 0, !isStopped, !isOverflowing else { return }
        context.metrics.up.set(0)
        note(.waiting)
        context.metrics.disconnects.add()
        let isOrderly = reason == .disconnected || reason == .putOut || reason == .session(.left)
        context.linkDown(
            reason: "the last script is gone: \(reason)", lastGood: isOrderly ? context.now() : lastHeard,
            gap: .disconnect)
    }

    package func socketIOServer(
        _ server: SocketIOServer, refused refusal: SocketIOServer.Refusal, from address: SocketAddress?
    ) { context.metrics.refusals.add(refusal.word) }
}

extension SocketIOServer.Refusal {
    fileprivate var word: String {
        switch self {
        case .wrongToken: "unauthorized"
        case .foreignOrigin: "foreign_origin"
        case .wrongPath: "wrong_path"
        case .tooManySessions: "too_many_sessions"
        case .fault(.unsupportedVersion): "wrong_version"
        case .fault: "bad_request"
        }
    }
}
