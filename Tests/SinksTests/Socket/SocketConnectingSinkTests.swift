import Bridge
import BridgeCore
import Glibc
import NIOCore
import TestSupport
import Testing

@testable import Sinks

@Suite(.serialized, .timeLimit(.minutes(3)))
struct SocketConnectingSinkTests {
    private let log = RecordingLog()

    private func sink(
        _ place: SocketPlace, _ change: (inout SocketConnectingSink.Options) -> Void = { _ in }
    ) -> SocketConnectingSink {
        var options = SocketConnectingSink.Options(place)
        change(&options)
        return SocketConnectingSink(options, context: SinkContext(name: "out", tenant: "acme", logger: log.logger))
    }

    private func reason(_ outcome: DeliveryOutcome) -> String {
        guard case .retry(nil, let reason, nil) = outcome else { return "\(outcome)" }
        return reason
    }

    @Test func `Lines wait for the server, and go on when it has been away`() async throws {
        let port = Int(try LoopbackPort.free())
        let feed = ScriptedFeed(lines: 10)
        let sink = sink(.tcp(host: "127.0.0.1", port: port))
        let metrics = SinkMetrics()
        let pump = SinkPump(
            sink: sink, feed: feed.feed, preparation: LinePreparation(policy: sink.policy), metrics: metrics,
            logger: log.logger)
        async let ending = pump.run()
        try await eventually("it has tried") { metrics.retries.current > 1 }
        #expect(feed.cursor == 0 && metrics.lastFailure?.reason.contains("refused") == true)
        var listener: SocketListener? = try SocketListener(port: port)
        var server = try await listener?.accepted()
        try await eventually("all have arrived") { server?.eventSeqs == Array(1...10) && feed.cursor == 10 }
        feed.commit(2)
        try await eventually("and the next") { server?.eventSeqs == Array(1...12) && feed.cursor == 12 }
        (listener, server) = (nil, nil)
        try await eventually("its end is seen") { log.has("the server has closed the connection") }
        let failures = metrics.retries.current
        feed.commit(3)
        try await eventually("it tries again") { metrics.retries.current > failures }
        #expect(feed.cursor == 12)
        listener = try SocketListener(port: port)
        server = try await listener?.accepted()
        try await eventually("what was missing") { server?.eventSeqs == [13, 14, 15] && feed.cursor == 15 }
        pump.finish(within: .seconds(5))
        #expect(try await ending == .finished)
        try await eventually("the connection is closed") {
            server?.read()
            return server?.isAtEnd == true
        }
    }

    @Test func `A unix socket is connected to alike`() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("in.sock")
        let listening = SocketListeningSink(
            SocketListeningSink.Options(.unix(path: path)),
            context: SinkContext(name: "x", tenant: "acme", logger: log.logger))
        _ = try await listening.open(cursor: 0, stream: testStream)
        let sink = sink(.unix(path: path))
        #expect(await sink.deliver(delivery(1...3)) == .delivered)
        try await eventually("what came was no request") { log.has("a reader is refused") }
        await sink.close()
        await listening.close()
    }

    @Test func `A server that does not read is given up after a time, and gets whole lines on the next connection`()
        async throws
    {
        let port = Int(try LoopbackPort.free())
        let listener = try SocketListener(port: port)
        let sink = sink(.tcp(host: "127.0.0.1", port: port)) { $0.timeout = .milliseconds(300) }
        let batch = delivery(1...3000) { line($0, text: String(repeating: "x", count: 4000)) }
        let outcome = await sink.deliver(batch)
        #expect(reason(outcome) == "the server took nothing within 0.3 seconds")
        let first = try await listener.accepted()
        #expect(await sink.deliver(delivery(1...5)) == .delivered)
        let second = try await listener.accepted()
        try await eventually("the lines are there") { second.eventSeqs == [1, 2, 3, 4, 5] }
        first.read()
        await sink.close()
    }

    @Test func `A cancelled delivery ends at once`() async throws {
        let port = Int(try LoopbackPort.free())
        let listener = try SocketListener(port: port)
        let sink = sink(.tcp(host: "127.0.0.1", port: port))
        let batch = delivery(1...3000) { line($0, text: String(repeating: "x", count: 4000)) }
        let outcome = await withTaskGroup(of: DeliveryOutcome.self) { group in
            group.addTask { await sink.deliver(batch) }
            try? await eventually("it is connected") { log.has("connected") }
            group.cancelAll()
            return await group.next()
        }
        #expect(outcome.map(reason) == "stopped before the server took it")
        _ = try await listener.accepted()
        await sink.close()
    }
}
