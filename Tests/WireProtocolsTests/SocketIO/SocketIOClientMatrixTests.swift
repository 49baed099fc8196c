import NIOCore
import TestSupport
import Testing
import WireProtocols

/// Every state of the client session, and every kind of input to it.
@Suite("Socket.IO client session: states and inputs")
struct SocketIOClientMatrixTests {
    typealias Peer = SocketIOClientPeer

    enum State: CaseIterable { case opening, connecting, connected, ended }

    enum Input: String, CaseIterable {
        case open, connect, connectWithID, event, asking, acknowledgement, refusal, disconnect, foreign
        case engineClose, ping, pong, upgrade, noop, unknownEngine, unknownPacket, brokenJSON, binary, announced
        case emit, leave, socketEnd, time
    }

    /// `.`: nothing; `+`: the namespace is connected; `e`: an event; `a`: kept for later; `o`: counted as odd; `x`: failed;
    /// `r`: refused; `q`: ended without a word; `p`: answered by a pong; `s`: sent; `n`: not sent.
    static let table: [(Input, v3: String, v4: String)] = [
        //                      opening connecting connected ended
        (.open, v3: ".oo.", v4: ".oo."),
        (.connect, v3: "r+o.", v4: "rro."),
        (.connectWithID, v3: "r+o.", v4: "r+o."),
        (.event, v3: "rae.", v4: "rae."),
        (.asking, v3: "rae.", v4: "rae."),
        (.acknowledgement, v3: "roo.", v4: "roo."),
        (.refusal, v3: "rro.", v4: "rro."),
        (.disconnect, v3: "rxx.", v4: "rxx."),
        (.foreign, v3: "roo.", v4: "roo."),
        (.engineClose, v3: "rxx.", v4: "rxx."),
        (.ping, v3: "roo.", v4: "rpp."),
        (.pong, v3: "r...", v4: "roo."),
        (.upgrade, v3: "roo.", v4: "roo."),
        (.noop, v3: "r...", v4: "r..."),
        (.unknownEngine, v3: "roo.", v4: "roo."),
        (.unknownPacket, v3: "roo.", v4: "roo."),
        (.brokenJSON, v3: "rxx.", v4: "rxx."),
        (.binary, v3: "rxx.", v4: "rxx."),
        (.announced, v3: "r...", v4: "r..."),
        (.emit, v3: "nnsn", v4: "nnsn"),
        (.leave, v3: "qqq.", v4: "qqq."),
        (.socketEnd, v3: "qqq.", v4: "qqq."),
        (.time, v3: "xxx.", v4: "xxx."),
    ]

    @Test("The table has every input once")
    func complete() {
        #expect(Self.table.map(\.0) == Input.allCases)
    }

    @Test("Each does what the table says", arguments: Input.allCases, EngineIOVersion.allCases)
    func cell(_ input: Input, _ version: EngineIOVersion) throws {
        let row = try #require(Self.table.first { $0.0 == input })
        let outcomes = State.allCases.map { Self.outcome(of: input, in: $0, version) }
        #expect(outcomes.joined() == (version == .v3 ? row.v3 : row.v4))
    }

    private static func peer(in state: State, _ version: EngineIOVersion) -> Peer {
        let peer = Peer(version)
        if state != .opening { peer.feed(Peer.opening()) }
        if state == .connected { peer.feed(version == .v3 ? "40" : "40{\"sid\":\"s\"}") }
        if state == .ended { peer.connectionClosed() }
        (peer.seen, peer.sent) = ([], [])
        return peer
    }

    private static func outcome(of input: Input, in state: State, _ version: EngineIOVersion) -> String {
        let peer = Self.peer(in: state, version)
        switch input {
        case .emit: return peer.emit("x") == .sent && peer.sent == ["42[\"x\"]"] ? "s" : "n"
        case .leave: peer.disconnect()
        case .socketEnd: peer.connectionClosed()
        case .time: peer.advance(to: .hours(1))
        case .binary: peer.feed(version == .v3 ? [4, 1] : [1])
        default: peer.feed(text(input))
        }
        if let error = peer.error {
            if case .refused = error { return "r" }
            return "x"
        }
        if peer.session.closesWebSocket { return state == .ended ? "." : "q" }
        if peer.seen.contains(where: { $0.hasPrefix("connected") }) { return "+" }
        if peer.seen.contains(where: { $0.hasPrefix("odd") }) { return "o" }
        if peer.seen.contains(where: { $0.hasPrefix("event") }) { return "e" }
        if peer.sent.contains("3") { return "p" }
        return peer.session.statistics.events > 0 ? "a" : "."
    }

    private static func text(_ input: Input) -> String {
        switch input {
        case .open: Peer.opening()
        case .connect: "40"
        case .connectWithID: "40{\"sid\":\"s\"}"
        case .event: "42[\"x\"]"
        case .asking: "427[\"x\"]"
        case .acknowledgement: "437[]"
        case .refusal: "44\"no\""
        case .disconnect: "41"
        case .foreign: "42/other,[\"x\"]"
        case .engineClose: "1"
        case .ping: "2"
        case .pong: "3"
        case .upgrade: "5"
        case .noop: "6"
        case .unknownEngine: "9"
        case .unknownPacket: "49"
        case .brokenJSON: "42["
        case .announced: "451-[\"x\",{\"_placeholder\":true,\"num\":0}]"
        case .binary, .emit, .leave, .socketEnd, .time: ""
        }
    }

    // Note, section 5, statement 11.
    @Test("Random input of all kinds: one end at most, nothing after it, nothing forbidden said")
    func random() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "SocketIOClientMatrixTests.random"))
        for _ in 0..<2000 {
            let version: EngineIOVersion = Bool.random(using: &random) ? .v3 : .v4
            let peer = Self.peer(in: State.allCases.randomElement(using: &random) ?? .opening, version)
            var emitted = 0
            for _ in 0..<30 {
                let input = Input.allCases.randomElement(using: &random) ?? .event
                switch input {
                case .emit:
                    if case .notConnected = peer.emit("x", [], asks: Bool.random(using: &random)) { break }
                    emitted += 1
                case .leave where Int.random(in: 0...9, using: &random) == 0: peer.disconnect()
                case .socketEnd where Int.random(in: 0...9, using: &random) == 0: peer.connectionClosed()
                case .time:
                    peer.advance(to: peer.now - Peer.start + .milliseconds(Int64.random(in: 0...9000, using: &random)))
                case .binary: peer.feed(version == .v3 ? [4, 1] : [1])
                case .leave, .socketEnd: break
                default:
                    var text = Self.text(input)
                    if !text.isEmpty, Int.random(in: 0...5, using: &random) == 0 { text.removeLast() }
                    peer.feed(text)
                }
            }
            #expect(peer.seen.filter { $0 == "failed" }.count <= 1)
            if let end = peer.seen.firstIndex(of: "failed") { #expect(end == peer.seen.count - 1) }
            #expect(peer.seen.filter { $0.hasPrefix("connected") }.count <= 1)
            #expect(peer.sent.filter { $0 == "40" }.count <= (version == .v4 ? 1 : 0))
            if version == .v4 { #expect(!peer.sent.contains("2")) }
            #expect(peer.session.statistics.emits == emitted)
        }
    }
}
