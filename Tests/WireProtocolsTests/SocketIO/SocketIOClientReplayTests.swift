import Codecs
import NIOCore
import TestSupport
import Testing
import WireProtocols

/// What recorded servers said, to our client: as messages with their times, and as the bytes of a WebSocket, whole and cut.
@Suite("Recorded servers before our Socket.IO client")
struct SocketIOClientReplayTests {
    typealias Peer = SocketIOClientPeer

    struct Scene: Sendable, CustomTestStringConvertible {
        let recording: SocketIORecording
        let connection: Int

        var testDescription: String { "\(recording), connection \(connection)" }
    }

    static let scenes = SocketIORecording.all.flatMap { recording in
        recording.directWebSockets.map { Scene(recording: recording, connection: $0) }
    }

    @Test("The recordings are there")
    func present() {
        #expect(SocketIORecording.all.count >= 40)
        #expect(Self.scenes.count >= 40)
        let told = Self.scenes.filter { !$0.recording.messages(of: $0.connection, from: .server).isEmpty }
        #expect(told.count >= 30)
    }

    @Test("Every recorded server is understood, and nothing forbidden is said to it", arguments: scenes)
    func replay(_ scene: Scene) {
        let version = scene.recording.askedVersion(of: scene.connection)
        let peer = Peer(version)
        var began: TimeAmount?
        var told: [WebSocketMessage] = []
        for line in scene.recording.lines(of: scene.connection) where line.side == .server {
            guard case .message(let message) = line.item else { continue }
            let start = began ?? line.time
            began = start
            if !peer.session.closesWebSocket { told.append(message) }
            // The clients that were recorded kept the heartbeat; ours answers by itself.
            peer.advance(to: line.time - start)
            peer.feed(message)
        }
        let expected = Expectation(told, version: version)
        #expect(peer.seen.filter { $0.hasPrefix("connected") }.count == (expected.connects ? 1 : 0))
        #expect(peer.events.map(\.name) == expected.events)
        if case .silent = peer.error, scene.recording.name.contains("heartbeat") { return }
        #expect((peer.error != nil) == expected.fails, "\(String(describing: peer.error))")
        #expect(peer.seen.filter { $0 == "failed" }.count <= 1)
        switch version {
        case .v3: #expect(Set(peer.sent).isSubset(of: ["2"]))
        case .v4: #expect(peer.sent.filter { $0 != "40" } == Array(repeating: "3", count: expected.pings))
        }
    }

    @Test("Cut anywhere, the bytes of every recorded server mean the same", arguments: scenes)
    func bytes(_ scene: Scene) {
        let version = scene.recording.askedVersion(of: scene.connection)
        let server = WebSocketPeer(.server)
        for message in scene.recording.messages(of: scene.connection, from: .server) {
            // Long ones would only be the same again and again.
            if message.bytes.readableBytes < 4096 { server.send(message) }
        }
        let sent = server.takeSent()
        let whole = Self.outcome(of: [sent], version)
        #expect(whole.isEmpty == scene.recording.messages(of: scene.connection, from: .server).isEmpty)
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "\(scene.testDescription)"))
        for feed in ChunkedFeed.cuts(of: sent, random: &random, randomCuts: 10) {
            #expect(Self.outcome(of: feed, version) == whole)
        }
        // In two, at every place; of what is very long, at every third or so unless told otherwise.
        let step = runsLongTests ? 1 : max(1, sent.count / 2500)
        for place in stride(from: 1, to: sent.count, by: step) {
            let outcome = Self.outcome(of: [Array(sent[..<place]), Array(sent[place...])], version)
            if outcome != whole { Issue.record("cut at byte \(place): \(outcome)") }
        }
    }

    private static func outcome(of feed: [[UInt8]], _ version: EngineIOVersion) -> [String] {
        var stream = WebSocketSession(
            role: .client, opening: WebSocketOpening(headers: [:], subprotocol: nil, compression: nil),
            keepAlive: WebSocketKeepAlive(pingInterval: nil, receiveTimeout: nil), random: SeededGenerator(seed: 1),
            now: Peer.start)
        let peer = Peer(version)
        for bytes in feed {
            stream.receive(ByteBuffer(bytes: bytes), now: Peer.start)
            while let event = stream.nextEvent(now: Peer.start) {
                if case .message(let message) = event { peer.feed(message) }
            }
        }
        return peer.seen + peer.sent
    }

    /// What a list of messages should lead to, told without the code under test.
    struct Expectation {
        var connects = false
        var fails = false
        var events: [String] = []
        var pings = 0

        init(_ messages: [WebSocketMessage], version: EngineIOVersion) {
            for message in messages {
                guard case .text(let bytes) = message else { continue }
                let text = String(buffer: bytes)
                if Self.isEvent(text) {
                    events.append(text.split(separator: "\"").dropFirst().first.map(String.init) ?? "")
                }
                if text == "2" { pings += 1 }
                if text.hasPrefix("40") && !text.hasPrefix("40/") {
                    if version == .v4, !text.contains("sid") { fails = true } else { connects = true }
                }
                if text.hasPrefix("44") && !text.hasPrefix("44/") && !connects { fails = true }
                if text == "41" || text == "1" { fails = true }
            }
            // Events are for who is connected.
            if !connects { events = [] }
        }

        /// Of `/`, with or without an id or an attachment.
        private static func isEvent(_ text: String) -> Bool {
            guard text.hasPrefix("42") || text.hasPrefix("451-") else { return false }
            return text.dropFirst(text.hasPrefix("42") ? 2 : 4).drop { $0.isNumber }.hasPrefix("[\"")
        }
    }

    // MARK: What each file shows

    @Test(
        "Each generation's session: early hello, echo, acknowledgements, binary, DISCONNECT",
        arguments: [
            ("eio4-ws-session", EngineIOVersion.v4), ("eio3-ws-session", .v3), ("sio136-ws-session", .v3),
        ])
    func sessions(_ name: String, _ version: EngineIOVersion) throws {
        let recording = try SocketIORecording.named(name)
        let peer = Peer(version)
        for message in recording.messages(of: recording.directWebSockets[0], from: .server) { peer.feed(message) }
        #expect(peer.seen.first?.hasPrefix("connected") == true)
        #expect(peer.events.first?.name == "hello")
        let question = try #require(peer.events.first { $0.name == "question" })
        #expect(question.firstArgument?.string == "6x7?")
        #expect(question.acknowledgementID != nil)
        #expect(peer.events.contains { $0.name == "pushed" })
        if !name.hasPrefix("sio") {
            let blob = try #require(peer.events.first { $0.name == "blob" })
            #expect(blob.firstArgument?["b"].flatMap(blob.attachment) == ByteBuffer(bytes: [1, 2, 3, 4]))
        }
    }

    @Test(
        "What ends or refuses a session in the recordings is named",
        arguments: [
            ("eio4-ws-refused", "refused (code 401, \"Not authorized\")"),
            ("eio4-ws-server-disconnect", "the server disconnected us"),
            ("eio3-ws-server-disconnect", "the server disconnected us"),
            ("sio136-server-disconnect-namespace", "the server disconnected us"),
            ("sio136-server-disconnect-engine", "the server disconnected us"),
            ("sio136-eio4-query-accepted", "the server is of Socket.IO 1.x or 2.x"),
        ])
    func ends(_ name: String, _ words: String) throws {
        let recording = try SocketIORecording.named(name)
        let connection = recording.directWebSockets[0]
        let peer = Peer(recording.askedVersion(of: connection))
        for message in recording.messages(of: connection, from: .server) { peer.feed(message) }
        let told = peer.error.map { "\($0)" } ?? "no error"
        #expect(told.contains(words.prefix { $0 != "(" }.trimmingBlanks), "\(told)")
        if words.contains("(") { #expect(told.contains(words.drop { $0 != "(" }), "\(told)") }
    }

    @Test("The mute server of sio136-heartbeat is left within the deadline")
    func muteServer() throws {
        let recording = try SocketIORecording.named("sio136-heartbeat")
        let peer = Peer(.v3)
        for line in recording.lines(of: recording.directWebSockets[0]) where line.side == .server {
            guard case .message(let message) = line.item else { continue }
            peer.feed(message)
        }
        // Interval 1 s, time limit 2 s; from here on it says nothing more and leaves the socket open.
        peer.advance(to: .seconds(3))
        #expect(peer.error == .silent(for: .seconds(3)))
    }
}

extension Substring {
    fileprivate var trimmingBlanks: String { String(reversed().drop { $0 == " " }.reversed()) }
}
