import BridgeCore
import Codecs
import Glibc
import NIOCore
import NIOPosix
import Sinks
import Store

/// Answers the requests of a running tenant.
final class TenantControl: Sendable {
    /// What there is to tell of a sink.
    struct Sink: Sendable {
        let type: String
        let pump: SinkPump
    }

    private let tenant: String
    private let storePath: String
    private let store: Store
    private let sinks: [Sink]
    private let sources: [TenantStatus.Source]
    private let openCalls: @Sendable () -> EventLoopFuture<Int>
    private let startedAt = WallClock.now()
    private let eventLoop: any EventLoop

    init(
        tenant: String, store: Store, storePath: String, sources: [TenantStatus.Source], sinks: [Sink],
        eventLoop: any EventLoop, openCalls: @escaping @Sendable () -> EventLoopFuture<Int>
    ) {
        (self.tenant, self.store, self.storePath) = (tenant, store, storePath)
        (self.sources, self.sinks, self.eventLoop, self.openCalls) = (sources, sinks, eventLoop, openCalls)
    }

    /// On the event loop; what blocks runs elsewhere.
    func answer(_ request: ControlRequest) -> EventLoopFuture<[UInt8]> {
        switch request {
        case .status: status().map(\.json)
        case .retry(let sink, let selection):
            blocking { [self] in
                let count = try DeliveryOrders(store: store).retry(selection, of: sink, at: WallClock.now())
                pump(sink)?.lettersWereRevived()
                return ControlAnswer.retrying(count)
            }
        case .purge(let sink, let selection):
            blocking { [self] in
                ControlAnswer.purged(try DeliveryOrders(store: store).purge(selection, of: sink))
            }
        case .replay(let sink, let since, let until, let call):
            blocking { [self] in
                let replay = try DeliveryOrders(store: store).replay(
                    to: sink, since: since, until: until, call: call, at: WallClock.now())
                pump(sink)?.replayWasAskedFor()
                return ControlAnswer.replay(replay)
            }
        }
    }

    private func pump(_ name: String) -> SinkPump? { sinks.first { $0.pump.sink.name == name }?.pump }

    /// How the tenant is now. From any thread.
    func status() -> EventLoopFuture<TenantStatus> {
        openCalls().flatMap { [self] calls in blocking { try self.status(openCalls: calls) } }
    }

    private func blocking<Result: Sendable>(
        _ work: @escaping @Sendable () throws -> Result
    ) -> EventLoopFuture<Result> {
        NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop, work)
    }

    private func status(openCalls: Int) throws -> TenantStatus {
        let letters = try store.letterCounts()
        return TenantStatus(
            tenant: tenant, process: getpid(), startedAt: startedAt, now: WallClock.now(), stream: store.stream,
            store: storePath, firstSeq: store.firstSeq, lastSeq: store.lastSeq, openCalls: openCalls, sources: sources,
            sinks: try sinks.map { sink in
                let name = sink.pump.sink.name
                let backlog = sink.pump.backlog
                return TenantStatus.Sink(
                    name: name, type: sink.type, metrics: sink.pump.metrics, backlog: backlog,
                    backlogSince: backlog > 0 ? try oldest(after: Int64(sink.pump.metrics.cursor.current)) : nil,
                    letters: Dictionary(
                        letters.filter { $0.sink == name }.map { ($0.state.rawValue, $0.count) },
                        uniquingKeysWith: { $0 + $1 }),
                    readers: (sink.pump.sink as? FeedSink).map { ($0.readerCount.current, $0.droppedCount.current) })
            })
    }

    /// When the first line behind `cursor` was received.
    private func oldest(after cursor: Int64) throws -> Timestamp? {
        var found: Timestamp?
        try store.forEachLine(from: cursor + 1, through: cursor + 1) { _, _, receivedAt, _ in
            found = Timestamp(microseconds: receivedAt)
            return false
        }
        return found
    }
}
