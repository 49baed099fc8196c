import NIOCore
import TestSupport
import Testing
import WireProtocols

@Suite("Engine.IO heartbeat of a client")
struct EngineIOHeartbeatTests {
    typealias Peer = SocketIOClientPeer

    @Test("Version 4: every ping is answered at once with what it carried, and none is ever sent")
    func version4() {
        let peer = Peer.connected(.v4, interval: 1000, timeout: 1000)
        for second in 1...50 {
            peer.advance(to: .seconds(Int64(second)))
            peer.feed("2")
        }
        peer.feed("2payload")
        #expect(peer.sent == Array(repeating: "3", count: 50) + ["3payload"])
        #expect(peer.error == nil)
        #expect(peer.session.statistics.pingsMissed == 0)
    }

    @Test("Version 4: nothing for interval and time limit together is the end, and anything starts it anew")
    func version4Silence() {
        let peer = Peer.connected(.v4, interval: 25_000, timeout: 5_000)
        #expect(peer.deadline == .seconds(30))
        peer.advance(to: .seconds(20))
        peer.feed("42[\"x\"]")
        #expect(peer.deadline == .seconds(50))
        peer.advance(to: .milliseconds(49_999))
        #expect(peer.error == nil)
        peer.advance(to: .seconds(50))
        #expect(peer.error == .silent(for: .seconds(30)))
        #expect(peer.session.statistics.pingsMissed == 1)
    }

    @Test("Version 4: pings that did not come are counted")
    func version4Missed() {
        let peer = Peer.connected(.v4, interval: 10_000, timeout: 60_000)
        peer.advance(to: .seconds(10))
        peer.feed("2")
        peer.advance(to: .seconds(42))
        peer.feed("2")
        #expect(peer.session.statistics.pingsMissed == 2)
    }

    /// Note, section 2.4: the defaults met, and the quirk of python-engineio 3.14.
    @Test(
        "Version 3: a ping leaves every interval, or four fifths of the time limit where that is less",
        arguments: [
            (25_000, 60_000, 25_000), (25_000, 5_000, 4_000), (25_000, 20_000, 16_000), (1_000, 1_000, 800), (1, 1, 1),
        ])
    func version3(_ interval: Int, _ timeout: Int, _ every: Int64) {
        let peer = Peer.connected(.v3, interval: interval, timeout: timeout)
        for beat in 1...20 as ClosedRange<Int64> {
            peer.advance(to: .milliseconds(beat * every))
            #expect(peer.sent.count == Int(beat))
            peer.feed("3")
        }
        #expect(peer.sent == Array(repeating: "2", count: 20))
        #expect(peer.error == nil)
        #expect(peer.session.statistics.pingsMissed == 0)
    }

    @Test("Version 3: nothing within the time limit of a ping is the end, and any packet counts")
    func version3Silence() {
        let peer = Peer.connected(.v3, interval: 1_000, timeout: 2_000)
        peer.advance(to: .milliseconds(1_000))
        peer.advance(to: .milliseconds(2_900))
        peer.feed("42[\"x\"]")
        peer.advance(to: .milliseconds(4_999))
        #expect(peer.error == nil)
        peer.advance(to: .milliseconds(5_000))
        // The ping of second 3 was the first after which nothing came.
        #expect(peer.error == .silent(for: .milliseconds(2_100)))
        #expect(peer.session.statistics.pingsMissed >= 2)
    }

    @Test("Version 3: a server that grants itself a minute is left earlier")
    func version3Limit() {
        let peer = Peer.connected(.v3, interval: 25_000, timeout: 60_000)
        peer.advance(to: .seconds(44))
        #expect(peer.error == nil && peer.sent == ["2"])
        peer.advance(to: .seconds(45))
        #expect(peer.error == .silent(for: .seconds(45)))
    }

    // Note, section 5, statement 4.
    @Test(
        "A server that is mute behind its open packet is left in both generations", arguments: EngineIOVersion.allCases)
    func mute(_ version: EngineIOVersion) {
        let peer = Peer(version, timeouts: SocketIOTimeouts(connect: .hours(1)))
        peer.feed(Peer.opening(1_000, 2_000))
        peer.advance(to: .seconds(10))
        guard case .silent = peer.error else {
            Issue.record("\(String(describing: peer.error))")
            return
        }
        #expect(peer.now <= SocketIOClientPeer.start + .seconds(10))
    }

    @Test("The round trip is from a ping to its pong")
    func roundTrip() {
        let peer = Peer.connected(.v3, interval: 1_000, timeout: 2_000)
        peer.advance(to: .milliseconds(1_000))
        peer.advance(to: .milliseconds(1_030))
        peer.feed("3")
        peer.feed("3")
        #expect(peer.session.roundTrip == .milliseconds(30))
    }

    @Test("While nothing is read, silence is not held against the server", arguments: EngineIOVersion.allCases)
    func suspended(_ version: EngineIOVersion) {
        let peer = Peer.connected(version, interval: 1_000, timeout: 1_000)
        peer.session.setReceiving(false, now: peer.now)
        peer.advance(to: .seconds(60))
        #expect(peer.error == nil)
        peer.session.setReceiving(true, now: peer.now)
        peer.advance(to: .seconds(64))
        #expect(peer.error != nil)
    }

    @Test("A heartbeat of the other side is counted, not answered")
    func wrongDirection() {
        let old = Peer.connected(.v3)
        old.feed("2")
        let new = Peer.connected(.v4)
        new.feed("3")
        for peer in [old, new] {
            #expect(peer.seen == ["odd unexpected_engine_packet"])
            #expect(peer.sent.isEmpty)
        }
    }
}
