import NIOCore
import TestSupport
import Testing
import WireProtocols

@Suite struct WebSocketLifecycleTests {
    private static let keepAlive = WebSocketKeepAlive(
        pingInterval: .seconds(20), pongTimeout: .seconds(10), receiveTimeout: .seconds(45), closeTimeout: .seconds(5))
    private static let text = frame(0x81, Array("m".utf8))
    private static let closeFrame = frame(0x88, [0x03, 0xE8])
    private static let badFrame = frame(0x83)

    enum State: String, CaseIterable, Sendable {
        case open, closing, closed, failed, ended
    }

    enum Input: String, CaseIterable, Sendable {
        case message, ping, close, bad, send, ownClose, early, late, cut
    }

    /// A client brought into `state`, what it told and wrote until then forgotten.
    private static func peer(in state: State) -> WebSocketPeer {
        let peer = WebSocketPeer(
            .client, keepAlive: WebSocketKeepAlive(pingInterval: nil, receiveTimeout: nil, closeTimeout: .seconds(5)))
        switch state {
        case .open: break
        case .closing: peer.close()
        case .closed: peer.feed(closeFrame)
        case .failed: peer.feed(badFrame)
        case .ended: peer.cut()
        }
        _ = (peer.takeSeen(), peer.takeSent())
        return peer
    }

    /// What is told, how many bytes are written, and whether the socket is to be closed, for every input in every state.
    private static func expected(_ state: State, _ input: Input) -> (seen: [String], writes: Bool, closes: Bool) {
        let violation = "failed \(WebSocketError.violation(.unknownOpcode(3), offset: 0))"
        switch (state, input) {
        case (.open, .message): return (["text m"], false, false)
        case (.open, .ping): return (["ping x"], true, false)
        case (.open, .close): return (["closed 1000 (normal)"], true, false)
        case (.open, .bad): return ([violation], true, false)
        case (.open, .send), (.open, .ownClose): return ([], true, false)
        case (.open, .early), (.open, .late): return ([], false, false)
        case (.open, .cut), (.closing, .cut): return (["failed \(WebSocketError.cut(.betweenMessages))"], false, true)
        // Messages still come, and nothing more is said.
        case (.closing, .message): return (["text m"], false, false)
        case (.closing, .ping): return (["ping x"], false, false)
        case (.closing, .close): return (["closed 1000 (normal)"], false, false)
        case (.closing, .bad): return ([violation], false, false)
        case (.closing, .send), (.closing, .ownClose), (.closing, .early): return ([], false, false)
        case (.closing, .late): return (["failed \(WebSocketError.closeUnanswered(within: .seconds(5)))"], false, true)
        // Whatever comes is discarded until time or the peer ends the socket.
        case (.closed, .late), (.failed, .late), (.closed, .cut), (.failed, .cut): return ([], false, true)
        case (.closed, _), (.failed, _): return ([], false, false)
        case (.ended, _): return ([], false, true)
        }
    }

    @Test("Every input in every state does what it should", arguments: State.allCases, Input.allCases)
    func transitions(state: State, input: Input) {
        let peer = Self.peer(in: state)
        switch input {
        case .message: peer.feed(Self.text)
        case .ping: peer.feed(frame(0x89, Array("x".utf8)))
        case .close: peer.feed(Self.closeFrame)
        case .bad: peer.feed(Self.badFrame)
        case .send: peer.send("x")
        case .ownClose: peer.close()
        case .early: peer.advance(.milliseconds(500))
        case .late: peer.advance(.seconds(5))
        case .cut: peer.cut()
        }
        let expected = Self.expected(state, input)
        #expect(peer.seen == expected.seen)
        #expect(!peer.takeSent().isEmpty == expected.writes)
        #expect(peer.closesSocket == expected.closes)
    }

    @Test("A close frame is answered with its code; the server ends the socket at once, the client waits for it")
    func peerCloses() {
        let client = WebSocketPeer(.client, keepAlive: Self.keepAlive)
        let server = WebSocketPeer(.server, keepAlive: Self.keepAlive)
        server.close(.goingAway, "restart")
        #expect(!server.closesSocket && !server.isOpen)
        client.feed(server.takeSent())
        #expect(client.seen == ["closed 1001 (going away): restart"])
        #expect(!client.closesSocket && client.deadline == .seconds(5))
        server.feed(client.takeSent())
        #expect(server.seen == ["closed 1001 (going away)"])
        #expect(server.closesSocket && server.takeSent().isEmpty)
        client.advance(.seconds(5))
        #expect(client.closesSocket && client.seen.count == 1)
    }

    @Test("A close frame without a code is answered by one without a code")
    func emptyClose() {
        let peer = WebSocketPeer(.server)
        peer.feed(frame(0x88, key: [0, 0, 0, 0]))
        #expect(peer.seen == ["closed no code"])
        #expect(peer.takeSent() == [0x88, 0x00])
    }

    @Test("Both ends may close at once")
    func crossing() {
        let (client, server) = (WebSocketPeer(.client), WebSocketPeer(.server))
        client.close(.normal)
        server.close(.goingAway)
        let (said, answered) = (client.takeSent(), server.takeSent())
        client.feed(answered)
        server.feed(said)
        #expect(client.seen == ["closed 1001 (going away)"] && server.seen == ["closed 1000 (normal)"])
        #expect(client.takeSent().isEmpty && server.takeSent().isEmpty)
    }

    @Test("A reason that is too long is cut between characters, a code that may not be sent is left out")
    func closeContent() {
        let peer = WebSocketPeer(.server)
        peer.close(.normal, String(repeating: "ä", count: 100))
        let wire = peer.takeSent()
        #expect(wire.count == 2 + 2 + 122)
        #expect(String(validating: wire[4...], as: UTF8.self) == String(repeating: "ä", count: 61))
        let other = WebSocketPeer(.server)
        other.close(WebSocketCloseCode(rawValue: 1006), "x")
        #expect(other.takeSent() == [0x88, 0x00])
    }

    @Test("A ping goes out at its interval, is answered, and tells the round trip")
    func pings() {
        let (client, server) = (WebSocketPeer(.client, keepAlive: Self.keepAlive), WebSocketPeer(.server))
        #expect(client.deadline == .seconds(20))
        client.advance(.seconds(19))
        #expect(client.takeSent().isEmpty)
        client.advance(.seconds(20))
        server.feed(client.takeSent())
        #expect(server.seen.count == 1 && server.seen[0].hasPrefix("ping "))
        client.now = WebSocketPeer.start + .milliseconds(20_030)
        client.feed(server.takeSent())
        #expect(client.roundTrip == .milliseconds(30))
        #expect(client.deadline == .seconds(40))
    }

    @Test("A ping without its pong ends the connection, unless something else comes")
    func noPong() {
        let peer = WebSocketPeer(.client, keepAlive: Self.keepAlive)
        peer.advance(.seconds(20))
        #expect(peer.deadline == .seconds(30))
        peer.now = WebSocketPeer.start + .seconds(25)
        peer.feed(Self.text)
        #expect(peer.deadline == .seconds(35))
        // An answer to something that was not asked is no pong, but life all the same.
        peer.now = WebSocketPeer.start + .seconds(30)
        peer.feed(frame(0x8A, Array("other".utf8)))
        peer.advance(.seconds(40))
        #expect(peer.seen.last == "failed \(WebSocketError.noPong(within: .seconds(10)))")
        #expect(peer.closesSocket)
    }

    @Test("Without pings, silence alone ends the connection; each byte counts as life")
    func silence() {
        let peer = WebSocketPeer(
            .client, keepAlive: WebSocketKeepAlive(pingInterval: nil, receiveTimeout: .seconds(45)))
        peer.now = WebSocketPeer.start + .seconds(40)
        peer.feed([0x81])
        peer.advance(.seconds(84))
        #expect(peer.isOpen && peer.deadline == .seconds(85))
        peer.advance(.seconds(85))
        #expect(peer.seen == ["failed \(WebSocketError.silent(for: .seconds(45)))"])
    }

    @Test("While we do not read, silence is not held against the peer; then it has all its time again")
    func paused() {
        let peer = WebSocketPeer(.client, keepAlive: Self.keepAlive)
        peer.advance(.seconds(20))
        peer.setReceiving(false)
        peer.advance(.seconds(500))
        #expect(peer.isOpen)
        peer.now = WebSocketPeer.start + .seconds(500)
        peer.setReceiving(true)
        #expect(peer.deadline == .seconds(510))
        peer.advance(.seconds(510))
        #expect(!peer.isOpen)
    }

    @Test("Nothing is due where nothing is configured")
    func noDeadlines() {
        let peer = WebSocketPeer(.client)
        #expect(peer.deadline == nil)
        peer.advance(.hours(1000))
        #expect(peer.isOpen && peer.seen.isEmpty && peer.takeSent().isEmpty)
    }
}
