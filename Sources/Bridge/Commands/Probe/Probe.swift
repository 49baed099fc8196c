import NIOCore
import Transport
import WireProtocols

/// One probe: opens its target, reports, and ends.
final class Probe: Sendable {
    private let target: ProbeTarget
    private let echoes: Bool
    private let limit: Duration?
    private let report: ProbeReport
    private let eventLoop: any EventLoop
    /// Succeeds when it was closed as wanted.
    private let ended: EventLoopPromise<Void>
    /// What is being used; held here, since connections hold their delegates weakly.
    private let user: NIOLoopBoundBox<(any ProbeUser)?>

    init(target: ProbeTarget, echoes: Bool, limit: Duration?, report: ProbeReport, eventLoop: any EventLoop) {
        (self.target, self.echoes, self.limit) = (target, echoes, limit)
        (self.report, self.eventLoop) = (report, eventLoop)
        ended = eventLoop.makePromise()
        user = .makeEmptyBox(eventLoop: eventLoop)
    }

    /// Returns when the peer has shown what it has to show, or `stop` was called; throws what went wrong.
    func run() async throws {
        report.line(target.name)
        eventLoop.execute { self.begin() }
        if let limit {
            eventLoop.scheduleTask(in: TimeAmount(limit)) { self.user.value?.stop() }
        }
        try await ended.futureResult.get()
    }

    /// Closes in an orderly way.
    func stop() {
        eventLoop.execute { self.user.value?.stop() }
    }

    private func begin() {
        let report = report
        let observer = ConnectionObserver { stage, peer in report.stage(stage, peer) }
        switch target.kind {
        case .webSocket(var configuration):
            configuration.endpoint.observer = observer
            user.value = WebSocketProbe(configuration, echoes: echoes, report, ended)
        case .http(let request):
            var configuration = HTTPClientConfiguration(tls: target.tls ?? TLSClientConfiguration())
            configuration.observer = observer
            configuration.limits.bodyBytes = 64 << 20
            user.value = HTTPProbe(request, configuration, report, ended)
        case .redis(var configuration):
            configuration.endpoint.connection.observer = observer
            user.value = RedisProbe(configuration, report, ended)
        }
        user.value?.start(on: eventLoop)
    }
}

/// One protocol's part of a probe. Confined to its loop.
protocol ProbeUser: AnyObject {
    func start(on eventLoop: any EventLoop)
    func stop()
}
