import Codecs
import NIOCore
import TestSupport
import Testing

@testable import WireProtocols

/// What recorded clients sent, to our server session with the application that the recorded servers had: it says what they said.
@Suite("Recorded clients before our Socket.IO server")
struct SocketIOServerReplayTests {
    /// Where we differ from a recorded server on purpose.
    static let differences: [String: String] = [
        "sio136-eio4-query-accepted": "the 2015 server looks at no version",
        "sio136-polling": "we take plain UTF-8 as well",
        "sio136-polling-b64": "we take plain UTF-8 as well",
        "sio136-extra-connect": "the 2015 server runs its handlers twice",
        "eio3-ws-namespace-refused": "python joins namespaces that it does not know",
        "sio136-refused": "refused by a query that our application does not look at",
        "eio4-oversize": "the limit is that of the WebSocket",
        "eio3-ws-refused": "refused before there is a session",
    ]

    static let recordings = SocketIORecording.all.filter { recording in
        differences[recording.name] == nil && !recording.isMalformed && !recording.name.hasPrefix("xcally")
            && !recording.name.contains("bad-requests") && !recording.name.contains("heartbeat")
    }

    @Test("Our session says to every recorded client what its server said", arguments: recordings)
    func replay(_ recording: SocketIORecording) {
        let replay = SocketIOServerReplay(recording)
        #expect(replay.ours == replay.theirs)
        #expect(replay.statuses.allSatisfy { $0.ours == $0.theirs }, "\(replay.statuses)")
    }

    @Test(
        "Malformed packets of the recordings, and every other difference, end in order",
        arguments: SocketIORecording.all.filter { $0.isMalformed || differences[$0.name] != nil })
    func others(_ recording: SocketIORecording) {
        let replay = SocketIOServerReplay(recording)
        #expect(!replay.theirs.isEmpty || recording.name.contains("refused"))
        #expect(replay.ended >= (recording.isMalformed ? 1 : 0))
    }

    @Test("Pings of eio4-heartbeat come when the recorded server's did, and so does the end")
    func heartbeat() throws {
        let recording = try SocketIORecording.named("eio4-heartbeat")
        var configuration = SocketIOServerSessionConfiguration()
        (configuration.pingInterval, configuration.pingTimeout) = (.seconds(1), .seconds(1))
        let peer = SocketIOServerPeer(.v4, .websocket, configuration)
        for line in recording.lines where line.side == .client {
            guard case .message(let message) = line.item else { continue }
            peer.advance(to: line.time)
            peer.feed(message)
        }
        peer.advance(to: .milliseconds(3_999))
        #expect(peer.texts.filter { $0 == "2" }.count == 3)
        #expect(!peer.session.isEnded)
        peer.advance(to: .seconds(4))
        #expect(peer.session.isEnded)
    }

    @Test(
        "Cut anywhere, the bytes of every recorded client mean the same",
        arguments: SocketIORecording.all.filter { !$0.directWebSockets.isEmpty })
    func bytes(_ recording: SocketIORecording) {
        for connection in recording.directWebSockets {
            let client = WebSocketPeer(.client)
            for message in recording.messages(of: connection, from: .client) where message.bytes.readableBytes < 4096 {
                client.send(message)
            }
            let version = recording.askedVersion(of: connection)
            let sent = client.takeSent()
            let whole = Self.outcome(of: [sent], version)
            let step = runsLongTests ? 1 : max(1, sent.count / 2500)
            for place in stride(from: 1, to: sent.count, by: step) {
                let feed = [Array(sent[..<place]), Array(sent[place...])]
                if Self.outcome(of: feed, version) != whole { Issue.record("cut at byte \(place)") }
            }
            #expect(Self.outcome(of: sent.map { [$0] }, version) == whole)
        }
    }

    private static func outcome(of feed: [[UInt8]], _ version: EngineIOVersion) -> [String] {
        var stream = WebSocketSession(
            role: .server, opening: WebSocketOpening(headers: [:], subprotocol: nil, compression: nil),
            keepAlive: WebSocketKeepAlive(pingInterval: nil, receiveTimeout: nil), random: SeededGenerator(seed: 1),
            now: SocketIOServerPeer.start)
        var configuration = SocketIOServerSessionConfiguration()
        configuration.namespaces = ["/", "/cti"]
        let peer = SocketIOServerPeer(version, .websocket, configuration)
        for bytes in feed {
            stream.receive(ByteBuffer(bytes: bytes), now: SocketIOServerPeer.start)
            while let event = stream.nextEvent(now: SocketIOServerPeer.start) {
                if case .message(let message) = event { peer.feed(message) }
            }
        }
        return peer.seen + peer.texts
    }
}

/// One recording, client's side to our sessions; packets of both servers in comparable words.
final class SocketIOServerReplay {
    private let recording: SocketIORecording
    private var configuration = SocketIOServerSessionConfiguration()
    private var peers: [SocketIOServerPeer] = []
    /// Recorded session ids, and the place of our session.
    private var sessions: [String: Int] = [:]
    /// Which session a connection's WebSocket belongs to.
    private var sockets: [Int: Int] = [:]
    private var pendingStatus: [Int: Int] = [:]
    private(set) var theirs: [String] = []
    private(set) var statuses: [(ours: Int, theirs: Int)] = []

    init(_ recording: SocketIORecording) {
        self.recording = recording
        configuration.namespaces = recording.name.hasPrefix("sio") ? ["/"] : ["/", "/cti"]
        for line in recording.lines {
            switch line.side {
            case .client: client(line)
            case .server: server(line)
            }
        }
        theirs.sort()
    }

    var ended: Int { peers.filter(\.session.isEnded).count }

    /// All packets that our sessions sent.
    var ours: [String] {
        peers.flatMap { peer -> [String] in
            let version = peer.session.version
            let polled = peer.answers.flatMap { (try? EngineIOPayload.decode($0, version: version)) ?? [] }
            let said = peer.sent.compactMap { try? EngineIOPacket($0, version: version) }
            return (polled + said).compactMap(words)
        }.sorted()
    }

    private func client(_ line: SocketIORecording.Line) {
        let now = SocketIOServerPeer.start + line.time
        switch line.item {
        case .request(let head, let body): request(head, body, line.connection, now)
        case .message(let message):
            guard let place = sockets[line.connection] else { return }
            peers[place].advance(to: now)
            peers[place].feed(renumbered(message, for: peers[place]))
        case .close, .socket:
            guard let place = sockets.removeValue(forKey: line.connection) else { return }
            peers[place].session.webSocketClosed()
            peers[place].pull()
        case .response: break
        }
    }

    private func request(_ head: HTTPRequestHead, _ body: [UInt8], _ connection: Int, _ now: NIODeadline) {
        let isWebSocket = head.headers.first("upgrade") == "websocket"
        guard let request = try? EngineIORequest(head, isWebSocket: isWebSocket) else {
            pendingStatus[connection] = 400
            return
        }
        pendingStatus[connection] = 200
        switch request {
        case .openByPolling(let version, let format):
            peers.append(peer(version, .polling, now))
            poll(peers.count - 1, format, connection, now)
        case .openOnWebSocket(let version):
            peers.append(peer(version, .websocket, now))
            sockets[connection] = peers.count - 1
            pendingStatus[connection] = 101
        case .poll(let sid, let format): known(sid, connection) { poll($0, format, connection, now) }
        case .post(let sid):
            known(sid, connection) { place in
                peers[place].advance(to: now)
                if peers[place].session.posted(ByteBuffer(bytes: body), now: now) != nil {
                    pendingStatus[connection] = 400
                }
                peers[place].pull()
            }
        case .upgrade(let sid):
            known(sid, connection) { place in
                if peers[place].session.upgradeRequested(now: now) == nil {
                    sockets[connection] = place
                    pendingStatus[connection] = 101
                } else {
                    pendingStatus[connection] = 400
                }
            }
        }
    }

    private func peer(
        _ version: EngineIOVersion, _ transport: SocketIOServerSession.Transport, _ now: NIODeadline
    ) -> SocketIOServerPeer {
        SocketIOServerPeer(
            version, transport, configuration, answersRealtimeCTI: recording.name.hasPrefix("sio"), now: now)
    }

    private func known(_ sid: String, _ connection: Int, _ body: (Int) -> Void) {
        if let place = sessions[sid] { body(place) } else { pendingStatus[connection] = 400 }
    }

    private func poll(_ place: Int, _ format: EngineIOPayload.Format, _ connection: Int, _ now: NIODeadline) {
        peers[place].advance(to: now)
        switch peers[place].session.polled(format, now: now) {
        case .answer(let answer): peers[place].answers.append(answer.body)
        case .wait: break
        case .refuse: pendingStatus[connection] = 400
        }
        peers[place].pull()
    }

    private func server(_ line: SocketIORecording.Line) {
        switch line.item {
        case .response(let status, let body):
            if let ours = pendingStatus.removeValue(forKey: line.connection) {
                // What python answers behind the end, 400 or 500, is all one. Polling behind an upgrade is taken by old
                // servers, and refused by us.
                let isLate = ours == 400 && status == 200 && peers.contains { $0.session.transport == .websocket }
                statuses.append((ours, isLate || status == 500 ? 400 : status))
            }
            guard status == 200, body.count > 2 else { return }
            let version = recording.askedVersion(of: line.connection)
            for packet in (try? EngineIOPayload.decode(ByteBuffer(bytes: body), version: version)) ?? [] {
                told(packet)
            }
        case .message(let message):
            if let packet = try? EngineIOPacket(message, version: recording.askedVersion(of: line.connection)) {
                told(packet)
            }
        case .request, .close, .socket: break
        }
    }

    private func told(_ packet: EngineIOPacket) {
        if packet.type == .open, let opening = try? EngineIOOpening(packet.data) {
            sessions[opening.sid] = peers.count - 1
        }
        if let words = words(packet) { theirs.append(words) }
    }

    /// Without what is drawn or timed: session ids, heartbeat, and how placeholders are nested.
    private func words(_ packet: EngineIOPacket) -> String? {
        guard packet.type == .message else { return nil }
        if packet.isBinary { return "#" + SocketIOClientPeer.hexadecimal(packet.data) }
        guard let parsed = try? SocketIOPacketParser.parse(packet.data, limits: SocketIOLimits()) else { return "?" }
        let namespace = SocketIONamespace.withoutQuery(parsed.namespace)
        switch parsed.type {
        case .connect, .connectError, .disconnect: return "\(parsed.type) \(namespace)"
        case .event, .binaryEvent, .acknowledgement, .binaryAcknowledgement: break
        }
        var writer = ByteWriter()
        if let payload = parsed.payload { writer.append(canonicalJSON: payload.root) }
        let json = String(decoding: writer.bytes, as: UTF8.self)
        if json.contains("blob") { return "blob" }
        // Posted behind the upgrade.
        if json == "[\"pushed\",\"late\"]" { return nil }
        let isEvent = parsed.type == .event || parsed.type == .binaryEvent
        return "\(parsed.type) \(namespace) \(isEvent ? "" : parsed.acknowledgementID?.digits ?? "") \(json)"
    }

    /// Servers count their own questions from 0 or from 1: the answer finds ours.
    private func renumbered(_ message: WebSocketMessage, for peer: SocketIOServerPeer) -> WebSocketMessage {
        guard case .text(let bytes) = message, String(buffer: bytes).hasPrefix("431[") else { return message }
        return .text("430" + String(buffer: bytes).dropFirst(3))
    }
}
