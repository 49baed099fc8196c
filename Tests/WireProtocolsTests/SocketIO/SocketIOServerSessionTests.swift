import NIOCore
import TestSupport
import Testing

@testable import WireProtocols

/// The checks of the test suites of engine.io-protocol and socket.io-protocol, and our own.
@Suite("Socket.IO server session")
struct SocketIOServerSessionTests {
    typealias Peer = SocketIOServerPeer

    private static func configuration(
        _ change: (inout SocketIOServerSessionConfiguration) -> Void = { _ in }
    ) -> SocketIOServerSessionConfiguration {
        var configuration = SocketIOServerSessionConfiguration()
        configuration.namespaces = ["/", "/cti"]
        (configuration.pingInterval, configuration.pingTimeout) = (.milliseconds(300), .milliseconds(200))
        change(&configuration)
        return configuration
    }

    // MARK: Opening

    @Test("Polling: the first answer is the open packet alone, in each form")
    func openByPolling() {
        let v4 = Peer(.v4, .polling, Self.configuration())
        #expect(
            v4.poll()
                == "0{\"sid\":\"e1\",\"upgrades\":[\"websocket\"],\"pingInterval\":300,\"pingTimeout\":200,\"maxPayload\":1048576}"
        )
        let open = "0{\"sid\":\"e1\",\"upgrades\":[\"websocket\"],\"pingInterval\":300,\"pingTimeout\":200}"
        let v3 = Peer(.v3, .polling, Self.configuration())
        #expect(v3.poll(.counted) == "\(open.utf8.count):\(open)")
        #expect(v3.poll(.counted) == "2:4022:42[\"hello\",{\"ns\":\"/\"}]")
        let framed = Peer(.v3, .polling, Self.configuration())
        #expect(framed.poll(.framed)?.hasPrefix("000705ff307b22736964223a") == true)
        #expect(framed.poll(.framed)?.hasPrefix("0002ff3430000202ff34325b") == true)
        #expect(framed.poll(.framed) == nil)
    }

    @Test("WebSocket: the open packet offers no upgrade; protocol 4 is connected at once, protocol 5 when it asks")
    func openOnWebSocket() {
        let v3 = Peer(.v3, .websocket, Self.configuration())
        #expect(v3.texts.count == 3)
        #expect(v3.texts[0].contains("\"upgrades\":[]"))
        #expect(v3.texts[1] == "40")
        let v4 = Peer(.v4, .websocket, Self.configuration())
        #expect(v4.texts.count == 1 && v4.session.joined.isEmpty)
        v4.feed("40{\"token\":\"123\"}")
        #expect(v4.texts[1...] == ["40{\"sid\":\"s1\"}", "42[\"hello\",{\"ns\":\"/\",\"auth\":{\"token\":\"123\"}}]"])
        #expect(v4.session.joined == ["/"])
    }

    @Test(
        "Namespaces are joined, refused and left",
        arguments: [
            (EngineIOVersion.v3, "40/cti", "40/cti"), (.v3, "40/cti?token=ok,", "40/cti"),
            (.v3, "40/random", "44/random,\"Invalid namespace\""), (.v4, "40/cti,", "40/cti,{\"sid\":"),
            (.v4, "40/cti", "40/cti,{\"sid\":"), (.v4, "40/random", "44/random,{\"message\":\"Invalid namespace\"}"),
            (.v4, "40{\"token\":\"bad\"}", "44{\"message\":\"Not authorized\",\"data\":{\"code\":401}}"),
        ] as [(EngineIOVersion, String, String)])
    func namespaces(_ version: EngineIOVersion, _ ask: String, _ answer: String) {
        let peer = Peer(version, .websocket, Self.configuration())
        peer.sent = []
        peer.feed(ask)
        #expect(peer.texts.first?.hasPrefix(answer) == true, "\(peer.texts)")
        #expect(!peer.session.isEnded)
        guard answer.hasPrefix("40/cti") else { return }
        peer.feed("42/cti,5[\"echo\",\"ns\"]")
        #expect(peer.texts.last == "43/cti,5[\"ns\"]")
        peer.feed("41/cti,")
        peer.feed("42/cti,6[\"echo\",\"ns\"]")
        #expect(peer.texts.last == "43/cti,5[\"ns\"]")
        #expect(peer.seen.suffix(1) == ["disconnected /cti"])
    }

    @Test("CONNECT twice: the end in protocol 5, nothing in protocol 4")
    func connectTwice() {
        let v3 = Peer(.v3, .websocket, Self.configuration())
        v3.sent = []
        v3.feed("40")
        #expect(v3.sent.isEmpty && !v3.session.isEnded)
        let v4 = Peer(.v4, .websocket, Self.configuration())
        v4.feed("40")
        v4.feed("40")
        #expect(v4.end == .repeatedConnect)
    }

    @Test("A session of protocol 5 that joins nothing ends in time")
    func connectTimeout() {
        let peer = Peer(.v4, .websocket, Self.configuration { $0.connectTimeout = .milliseconds(250) })
        peer.advance(to: .milliseconds(249))
        #expect(!peer.session.isEnded)
        peer.advance(to: .milliseconds(250))
        #expect(peer.end == .noConnect(within: .milliseconds(250)))
    }

    // MARK: Messages

    @Test("Events, acknowledgements and attachments come back on a WebSocket", arguments: EngineIOVersion.allCases)
    func echo(_ version: EngineIOVersion) {
        let peer = Peer(version, .websocket, Self.configuration())
        if version == .v4 { peer.feed("40") }
        peer.sent = []
        peer.feed("42[\"push\",1,\"2\",{\"a\":[null,true]}]")
        peer.feed("42456[\"echo\",1,\"2\"]")
        peer.feed("429999999999999999999999[\"echo\",1]")
        peer.feed("451-7[\"bin_echo\",{\"_placeholder\":true,\"num\":0}]")
        peer.feed(.binary(ByteBuffer(bytes: version == .v3 ? [4, 1, 2] : [1, 2])))
        peer.feed("42[\"ask\"]")
        peer.feed("430[\"42\"]")
        #expect(
            peer.texts == [
                "42[\"pushed\",1,\"2\",{\"a\":[null,true]}]", "43456[1]", "439999999999999999999999[1]",
                "461-7[{\"_placeholder\":true,\"num\":0}]", version == .v3 ? "#040102" : "#0102",
                "420[\"question\",\"6x7?\"]", "42[\"answered\",[\"42\"]]",
            ])
    }

    @Test("Polling: several packets in one body, both ways")
    func pollingBodies() {
        let peer = Peer(.v4, .polling, Self.configuration())
        _ = peer.poll()
        #expect(peer.post("40") == nil)
        _ = peer.poll()
        #expect(peer.post("42[\"push\",\"€\"]\u{1e}420[\"echo\",1]") == nil)
        #expect(peer.poll() == "42[\"pushed\",\"€\"]\u{1e}430[1]")
        #expect(peer.post("451-[\"bin_echo\",{\"_placeholder\":true,\"num\":0}]") == nil)
        #expect(peer.post("bAQIDBA==") == nil)
        #expect(peer.post("42[\"push_binary\"]") == nil)
        #expect(peer.poll() == "451-[\"blob\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQIDBA==")
        // A request that waits is answered when there is something.
        #expect(peer.poll() == nil)
        #expect(peer.post("42[\"push\",2]") == nil)
        #expect(peer.answers.map(EngineIOPayloadTests.text) == ["42[\"pushed\",2]"])
    }

    @Test("Protocol 4 by polling is answered in ASCII alone, which 1.x and 2.x read alike")
    func asciiForOldClients() {
        let peer = Peer(.v3, .polling, Self.configuration())
        for _ in 0..<2 { _ = peer.poll(.counted) }
        // A client of 1.x encodes twice, one of 2.x does not.
        #expect(peer.post("16:42[\"push\",\"â\u{82}¬\"]") == nil)
        #expect(peer.post("14:42[\"push\",\"€\"]") == nil)
        #expect(peer.poll(.counted) == "21:42[\"pushed\",\"\\u20ac\"]21:42[\"pushed\",\"\\u20ac\"]")
        #expect(peer.post("17:42[\"push_binary\"]") == nil)
        #expect(peer.poll(.framed)?.hasSuffix("0105ff0401020304") == true)
    }

    @Test(
        "A broken rule ends the session, whatever the transport",
        arguments: [
            "abc", "4abc", "42{}", "42abc[\"echo\",1]", "42", "47", "44\"x\"", "451-[\"x\"]\u{1e}42[\"y\"]", "b4!",
        ])
    func broken(_ text: String) {
        let socket = Peer(.v4, .websocket, Self.configuration())
        socket.feed("40")
        for part in text.split(separator: "\u{1e}") { socket.feed(String(part)) }
        #expect(socket.session.isEnded && socket.session.closesWebSocket)
        let polling = Peer(.v4, .polling, Self.configuration())
        _ = polling.poll()
        #expect(polling.post("40") == nil)
        _ = polling.poll()
        _ = polling.post(text)
        #expect(polling.session.isEnded)
        #expect(polling.poll() == "Session ID unknown")
        #expect(polling.post("40") == .unknownSession)
    }

    @Test("A body that is none, or too long, is refused")
    func badBody() {
        let peer = Peer(.v4, .polling, Self.configuration { $0.limits.messageBytes = 50 })
        #expect(peer.post("abc") == .badRequest)
        let long = Peer(.v4, .polling, Self.configuration { $0.limits.messageBytes = 50 })
        #expect(long.post("4" + String(repeating: "x", count: 50)) == .badRequest)
        #expect(long.end == .violation(.messageTooLong(limitBytes: 50)))
    }

    // MARK: Heartbeat

    @Test("Version 4 pings by either transport, and ends who does not answer")
    func pings() {
        let socket = Peer(.v4, .websocket, Self.configuration())
        socket.sent = []
        for beat in 1...5 as ClosedRange<Int64> {
            socket.advance(to: .milliseconds(300 * beat))
            #expect(socket.texts.count == Int(beat))
            socket.feed("3")
        }
        #expect(socket.texts == Array(repeating: "2", count: 5))
        socket.advance(to: .milliseconds(1999))
        #expect(!socket.session.isEnded)
        socket.advance(to: .milliseconds(2000))
        #expect(socket.end == .silent(for: .milliseconds(500)))

        let polling = Peer(.v4, .polling, Self.configuration())
        _ = polling.poll()
        #expect(polling.poll() == nil)
        polling.advance(to: .milliseconds(300))
        #expect(polling.answers.map(EngineIOPayloadTests.text) == ["2"])
        #expect(polling.post("3") == nil)
        #expect(polling.poll() == nil)
        polling.advance(to: .milliseconds(800))
        #expect(polling.answers.map(EngineIOPayloadTests.text) == ["2", "2"])
        #expect(polling.poll() == "Session ID unknown")
    }

    @Test("Version 3 answers pings with what they carry, and ends who sends nothing")
    func pongs() {
        let peer = Peer(.v3, .websocket, Self.configuration())
        peer.sent = []
        peer.feed("2")
        peer.feed("2hello")
        #expect(peer.texts == ["3", "3hello"])
        peer.advance(to: .milliseconds(499))
        #expect(!peer.session.isEnded)
        peer.advance(to: .milliseconds(500))
        #expect(peer.end == .silent(for: .milliseconds(500)))
    }

    @Test("A heartbeat of the wrong side ends the session")
    func wrongHeartbeat() {
        let v3 = Peer(.v3)
        v3.feed("3")
        let v4 = Peer(.v4)
        v4.feed("2")
        #expect(v3.session.isEnded && v4.session.isEnded)
    }

    // MARK: Closing

    @Test("The client closes: a request that waits gets a noop")
    func clientCloses() {
        let peer = Peer(.v4, .polling, Self.configuration())
        _ = peer.poll()
        #expect(peer.poll() == nil)
        #expect(peer.post("1") == nil)
        #expect(peer.answers.map(EngineIOPayloadTests.text) == ["6"])
        #expect(peer.end == .left)
        #expect(peer.poll() == "Session ID unknown")
    }

    @Test("Two requests at once end the session: the first gets a close packet")
    func overlap() {
        let peer = Peer(.v4, .polling, Self.configuration())
        _ = peer.poll()
        #expect(peer.poll() == nil)
        #expect(peer.poll() == "Bad request")
        #expect(peer.answers.map(EngineIOPayloadTests.text) == ["1"])
        #expect(peer.end == .overlappingPolls)
    }

    @Test("A request that is dropped ends the session")
    func droppedPoll() {
        let peer = Peer(.v4, .polling, Self.configuration())
        _ = peer.poll()
        #expect(peer.poll() == nil)
        peer.session.pollDropped()
        peer.pull()
        #expect(peer.end == .pollDropped)
    }

    @Test("We close: every namespace is told, then the transport")
    func weClose() {
        let socket = Peer(.v4, .websocket, Self.configuration())
        socket.feed("40")
        socket.feed("40/cti,")
        socket.sent = []
        socket.session.close()
        socket.pull()
        #expect(socket.texts == ["41", "41/cti"])
        #expect(socket.session.closesWebSocket && socket.end == .closed)
        let polling = Peer(.v3, .polling, Self.configuration())
        for _ in 0..<2 { _ = polling.poll(.counted) }
        #expect(polling.poll(.counted) == nil)
        polling.session.close()
        polling.pull()
        #expect(polling.answers.map(EngineIOPayloadTests.text) == ["2:411:1"])
    }

    @Test("What waits for a client that does not poll is bounded")
    func buffered() {
        let peer = Peer(.v4, .polling, Self.configuration { $0.bufferedPackets = 5 })
        #expect(peer.post("40") == nil)
        for _ in 0..<2 { peer.emit("x", []) }
        #expect(!peer.session.isEnded)
        peer.emit("x", [])
        peer.pull()
        #expect(peer.end == .unread(packets: 6))
        let bytes = Peer(.v4, .polling, Self.configuration { $0.bufferedBytes = 1000 })
        #expect(bytes.post("40") == nil)
        bytes.emit("x", [.string(String(repeating: "y", count: 1000))])
        bytes.pull()
        #expect(bytes.end == .unread(packets: 4))
    }

    // MARK: Upgrade

    @Test(
        "The upgrade: probe, a noop for the request that waits, then everything on the WebSocket",
        arguments: EngineIOVersion.allCases)
    func upgrade(_ version: EngineIOVersion) {
        let format: EngineIOPayload.Format = version == .v3 ? .counted : .separated
        let peer = Peer(version, .polling, Self.configuration())
        _ = peer.poll(format)
        if version == .v4 { #expect(peer.post("40") == nil) }
        _ = peer.poll(format)
        #expect(peer.poll(format) == nil)
        #expect(peer.session.upgradeRequested(now: peer.now) == nil)
        #expect(peer.session.upgradeRequested(now: peer.now) == .badRequest)
        #expect(!peer.session.closesWebSocket)
        peer.feed("2probe")
        #expect(peer.texts == ["3probe"])
        #expect(peer.answers.map(EngineIOPayloadTests.text) == [version == .v3 ? "1:6" : "6"])
        // A further one is ended at once.
        #expect(peer.poll(format) == (version == .v3 ? "1:6" : "6"))
        peer.emit("between", [])
        #expect(peer.texts == ["3probe"])
        peer.feed("5")
        #expect(peer.session.transport == .websocket)
        #expect(peer.texts.last == "42[\"between\"]")
        peer.feed("421[\"echo\",\"after upgrade\"]")
        #expect(peer.texts.last == "431[\"after upgrade\"]")
        // Everything else with the same sid is refused, and disturbs nothing.
        #expect(peer.poll(format) == "Bad request")
        #expect(peer.post("1") == .badRequest)
        #expect(peer.session.upgradeRequested(now: peer.now) == .badRequest)
        #expect(!peer.session.isEnded)
        peer.session.webSocketClosed()
        peer.pull()
        #expect(peer.end == .socketClosed)
    }

    @Test("What waited for a poll during the probe is answered there, and nothing is lost")
    func upgradeWithTraffic() {
        let peer = Peer(.v4, .polling, Self.configuration())
        _ = peer.poll()
        #expect(peer.post("40") == nil)
        #expect(peer.session.upgradeRequested(now: peer.now) == nil)
        peer.feed("2probe")
        #expect(peer.poll()?.hasPrefix("40{") == true)
        peer.emit("x", [])
        peer.feed("5")
        #expect(peer.texts == ["3probe", "42[\"x\"]"])
    }

    @Test("An upgrade that is not completed leaves the polling session as it was")
    func upgradeGivenUp() {
        let peer = Peer(.v4, .polling, Self.configuration { $0.pingInterval = .hours(1) })
        _ = peer.poll()
        for attempt in ["4hello", "x", "5"] {
            #expect(peer.session.upgradeRequested(now: peer.now) == nil)
            peer.feed(attempt)
            #expect(peer.session.closesWebSocket)
        }
        #expect(peer.session.upgradeRequested(now: peer.now) == nil)
        peer.session.webSocketClosed()
        #expect(peer.session.upgradeRequested(now: peer.now) == nil)
        peer.feed("2probe")
        peer.advance(to: .seconds(10))
        #expect(peer.session.closesWebSocket)
        #expect(peer.post("40") == nil)
        #expect(peer.poll()?.hasPrefix("40{") == true)
        #expect(peer.session.transport == .polling && !peer.session.isEnded)
    }

    @Test("No upgrade where it is not allowed")
    func noUpgrade() {
        let peer = Peer(.v4, .polling, Self.configuration { $0.allowsUpgrade = false })
        #expect(peer.poll()?.contains("\"upgrades\":[]") == true)
        #expect(peer.session.upgradeRequested(now: peer.now) == .badRequest)
    }

    // MARK: Anything

    @Test("Random input of all kinds is taken or ends the session, and memory is bounded")
    func random() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "SocketIOServerSessionTests.random"))
        let words = [
            "40", "40/cti,", "41", "42[\"push\",1]", "421[\"echo\"]", "430[]",
            "451-[\"x\",{\"_placeholder\":true,\"num\":0}]",
            "2", "3", "2probe", "5", "6", "1", "4", "b4AAAA", "bAAAA", "0{}", "hello", "42[\"ask\"]",
            "40\u{1e}42[\"push\"]",
        ]
        for _ in 0..<500 {
            let version: EngineIOVersion = Bool.random(using: &random) ? .v3 : .v4
            let peer = Peer(version, Bool.random(using: &random) ? .polling : .websocket, Self.configuration())
            for _ in 0..<40 {
                let word = words.randomElement(using: &random) ?? ""
                switch Int.random(in: 0...7, using: &random) {
                case 0: _ = peer.poll(EngineIOPayload.Format.allCases.randomElement(using: &random) ?? .separated)
                case 1: _ = peer.post(version == .v3 ? "\(word.utf16.count):\(word)" : word)
                case 2: _ = peer.session.upgradeRequested(now: peer.now)
                case 3: peer.session.pollDropped()
                case 4: peer.session.webSocketClosed()
                case 5: peer.advance(to: peer.now + .milliseconds(Int64.random(in: 0...200, using: &random)))
                default:
                    peer.feed(
                        Int.random(in: 0...9, using: &random) == 0 ? .binary(ByteBuffer(string: word)) : .text(word))
                }
                peer.pull()
                #expect(peer.session.isEnded == (peer.end != nil))
                #expect(peer.seen.filter { $0 == "ended" }.count <= 1)
            }
        }
    }
}

@Suite("Requests to an Engine.IO server")
struct EngineIORequestTests {
    static let rows: [(String, String, Bool, Result<EngineIORequest, EngineIORequestFault>)] = [
        ("GET", "?EIO=4&transport=polling", false, .success(.openByPolling(.v4, .separated))),
        ("GET", "?EIO=3&transport=polling&t=1", false, .success(.openByPolling(.v3, .framed))),
        ("GET", "?EIO=3&transport=polling&b64=1", false, .success(.openByPolling(.v3, .counted))),
        ("GET", "?transport=websocket&EIO=4", true, .success(.openOnWebSocket(.v4))),
        ("GET", "?EIO=4&transport=polling&sid=x", false, .success(.poll(sid: "x", .framed))),
        ("GET", "?EIO=3&transport=polling&sid=x&b64=true", false, .success(.poll(sid: "x", .counted))),
        ("POST", "?EIO=4&transport=polling&sid=x", false, .success(.post(sid: "x"))),
        ("GET", "?EIO=4&transport=websocket&sid=x", true, .success(.upgrade(sid: "x"))),
        ("GET", "?transport=polling", false, .failure(.unsupportedVersion)),
        ("GET", "?EIO=abc&transport=polling", false, .failure(.unsupportedVersion)),
        ("GET", "?EIO=2&transport=polling", false, .failure(.unsupportedVersion)),
        ("GET", "?EIO=5&transport=websocket", true, .failure(.unsupportedVersion)),
        ("GET", "?EIO=4", false, .failure(.unknownTransport)),
        ("GET", "?EIO=4&transport=abc", false, .failure(.unknownTransport)),
        ("GET", "", false, .failure(.unknownTransport)),
        ("POST", "?EIO=4&transport=polling", false, .failure(.badHandshakeMethod)),
        ("PUT", "?EIO=4&transport=polling", false, .failure(.badHandshakeMethod)),
        ("PUT", "?EIO=4&transport=polling&sid=x", false, .failure(.badRequest)),
        ("GET", "?EIO=4&transport=websocket", false, .failure(.badRequest)),
        ("GET", "?EIO=4&transport=polling", true, .failure(.badRequest)),
        ("GET", "?EIO=3&transport=polling&j=0", false, .failure(.badRequest)),
    ]

    @Test("A request is what method and query say, or the fault of the table", arguments: rows)
    func table(
        _ method: String, _ query: String, _ isWebSocket: Bool,
        _ expected: Result<EngineIORequest, EngineIORequestFault>
    ) {
        let head = HTTPRequestHead(method: method, target: "/socket.io/" + query)
        #expect(
            Result { () throws(EngineIORequestFault) in try EngineIORequest(head, isWebSocket: isWebSocket) }
                == expected)
    }

    @Test(
        "Faults are told in the reference server's words, which our client understands",
        arguments: EngineIORequestFault.allCases)
    func faults(_ fault: EngineIORequestFault) {
        let refusal = SocketIORefusal(
            HTTPRefusal(head: HTTPResponseHead(status: fault.status), body: Array(fault.json.utf8)))
        #expect(refusal.code == fault.rawValue)
        #expect(refusal.text == fault.message)
        #expect(refusal.cause != .other && refusal.cause != .unavailable)
    }
}
