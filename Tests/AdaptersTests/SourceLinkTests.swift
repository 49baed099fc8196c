import BridgeCore
import Logging
import NIOCore
import NIOEmbedded
import TestSupport
import Testing
import Transport

@testable import Adapters

/// The connect loop of every source, on a loop whose time a test moves.
@Suite struct SourceLinkTests {
    private final class Connection {
        var isClosed = false
    }

    /// A link, the connections that it opened, and what its owner heard.
    private final class Bench {
        let loop = EmbeddedEventLoop()
        let seen = SeenOfSource()
        let context: ScriptedContext
        var opened: [Connection] = []
        var lost: [ConnectionError] = []
        private(set) var link: SourceLink<Connection>?

        init(tls: TLSClientConfiguration? = nil, reconnection: Reconnection = Reconnection()) {
            context = ScriptedContext(eventLoop: loop, seen: seen, notes: [:])
            link = SourceLink(
                .init(link: "list", peer: "redis", endpoint: "redis://pbx.test"),
                endpoint: EndpointConfiguration(host: "pbx.test", port: 1, tls: tls), context: context,
                reconnection: reconnection,
                open: { [unowned self] in
                    opened.append(Connection())
                    return opened[opened.count - 1]
                }, close: { $0.isClosed = true }, lost: { [unowned self] in lost.append($0) })
            link?.start()
        }

        var log: [String] { seen { $0.log } }
    }

    private static let refused = ConnectionError(.connect, .system("connection refused"))

    @Test("Failures are answered by another attempt, for ever, one at a time, within a minute")
    func forEver() {
        let bench = Bench()
        for attempt in 1...200 {
            #expect(bench.opened.count == attempt && bench.link?.attempts == attempt)
            bench.link?.lost(Self.refused)
            #expect(bench.link?.connection == nil && bench.lost.count == attempt)
            bench.loop.advanceTime(by: .seconds(60))
        }
        #expect(bench.context.metrics.connects.current == 201 && bench.context.metrics.disconnects.current == 0)
    }

    @Test("A refusal is answered after half a minute, and later each time, up to two minutes")
    func refusals() {
        let bench = Bench()
        for seconds in [30, 60, 120, 120] {
            let before = bench.opened.count
            bench.link?.lost(ConnectionError(.tls, .tls(.clientCertificateRequired)))
            bench.loop.advanceTime(by: .seconds(Int64(seconds)) - .milliseconds(1))
            #expect(bench.opened.count == before)
            bench.loop.advanceTime(by: .seconds(Int64(seconds) / 10) + .milliseconds(1))
            #expect(bench.opened.count == before + 1)
        }
    }

    @Test("A connection that was healthy for 30 s makes the next wait short, a shorter one does not")
    func health() {
        for (lifetime, isShort) in [(TimeAmount.seconds(30), true), (.milliseconds(29_999), false)] {
            var reconnection = Reconnection()
            var random = SeededGenerator(seed: 3)
            for _ in 0..<12 { _ = reconnection.lost(isRefusal: false, at: .now(), using: &random) }
            let start = NIODeadline.now()
            reconnection.connected(at: start)
            var longest = Duration.zero
            var copies = reconnection
            for seed in 0..<50 {
                copies = reconnection
                var random = SeededGenerator(seed: UInt64(seed))
                longest = max(longest, copies.lost(isRefusal: false, at: start + lifetime, using: &random))
            }
            #expect((longest <= .milliseconds(100)) == isShort, "\(longest)")
        }
    }

    @Test("Giving a connection up closes it, tells the owner, and connects anew")
    func givesUp() {
        let bench = Bench()
        bench.link?.connected()
        bench.link?.fail(Self.refused)
        #expect(bench.opened[0].isClosed && bench.lost == [Self.refused])
        #expect(bench.context.metrics.disconnects.current == 1)
        bench.link?.fail(Self.refused)
        #expect(bench.lost.count == 1, "there is none to give up")
        bench.loop.advanceTime(by: .seconds(1))
        #expect(bench.opened.count == 2)
    }

    @Test("After a stop nothing is opened and nobody is told", arguments: [true, false])
    func stops(whileConnected: Bool) {
        let bench = Bench()
        if !whileConnected { bench.link?.lost(Self.refused) }
        bench.link?.stop()
        bench.loop.advanceTime(by: .hours(1))
        #expect(bench.opened.count == 1 && bench.opened[0].isClosed == whileConnected)
        bench.link?.fail(Self.refused)
        #expect(bench.lost.count == (whileConnected ? 0 : 1))
    }

    @Test("Of equal failures the first is a warning, and so is the first after the link was of use")
    func log() {
        let bench = Bench()
        func fail(_ count: Int, _ error: ConnectionError) {
            for _ in 0..<count {
                bench.link?.lost(error)
                bench.loop.advanceTime(by: .minutes(2))
            }
        }
        func warnings() -> Int { bench.log.count { $0.hasPrefix("warning no connection to redis") } }
        fail(5, Self.refused)
        #expect(warnings() == 1 && bench.log.count { $0.hasPrefix("debug no connection to redis") } == 4)
        fail(2, ConnectionError(.tls, .tls(.truncated)))
        #expect(warnings() == 2)
        bench.link?.connected(["version": "7.0"])
        #expect(bench.log.last?.hasPrefix("info connected to redis attempts=8 endpoint=redis://pbx.test") == true)
        bench.link?.becameUseful()
        #expect(bench.link?.attempts == 0)
        fail(1, ConnectionError(.tls, .tls(.truncated)))
        #expect(warnings() == 3)
    }

    @Test("Without verification each connect is a warning")
    func insecure() {
        let bench = Bench(tls: TLSClientConfiguration(verification: .insecure))
        for count in 1...3 {
            bench.link?.connected()
            #expect(bench.log.count { $0.hasPrefix("warning whoever answers is believed") } == count)
            bench.link?.lost(Self.refused)
            bench.loop.advanceTime(by: .minutes(2))
        }
    }
}
