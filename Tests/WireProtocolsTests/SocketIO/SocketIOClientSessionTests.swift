import Codecs
import NIOCore
import TestSupport
import Testing
import WireProtocols

@Suite("Socket.IO client session")
struct SocketIOClientSessionTests {
    typealias Peer = SocketIOClientPeer

    // MARK: Coming up

    // Note, section 5, statement 11.
    @Test("Protocol 4: the server connects / by itself, and no CONNECT is ever sent for it")
    func protocol4() {
        let peer = Peer(.v3, auth: "{\"token\":\"t\"}")
        peer.feed(Peer.opening())
        #expect(!peer.session.isConnected && peer.session.isOpen)
        peer.feed("40")
        #expect(peer.seen == ["connected e1 -"])
        peer.feed("40")
        #expect(peer.seen.last == "odd repeated_connect")
        #expect(peer.sent.isEmpty)
        #expect(peer.session.isConnected)
    }

    // Note, section 5, statement 3.
    @Test("Protocol 5: CONNECT is sent once with the auth payload, and connected means its answer")
    func protocol5() {
        let peer = Peer(.v4, auth: "{\"token\":\"t1\"}")
        peer.feed(Peer.opening())
        #expect(peer.sent == ["40{\"token\":\"t1\"}"])
        #expect(!peer.session.isConnected)
        peer.feed("40{\"sid\":\"s1\"}")
        #expect(peer.seen == ["connected e1 s1"])
        #expect(peer.sent.count == 1)
    }

    static let others: [(EngineIOVersion, String, String, String, String)] = [
        (EngineIOVersion.v3, "/cti", "40/cti", "40/cti", "connected e1 -"),
        (.v3, "/cti?token=ok", "40/cti?token=ok", "40/cti", "connected e1 -"),
        (.v3, "/cti", "40/cti", "40/cti,", "connected e1 -"),
        (.v4, "/cti", "40/cti,", "40/cti,{\"sid\":\"s2\"}", "connected e1 s2"),
    ]

    @Test("Other namespaces are asked for in both generations", arguments: others)
    func namespaces(_ version: EngineIOVersion, _ name: String, _ ask: String, _ answer: String, _ seen: String) {
        let peer = Peer(version, namespace: name)
        peer.feed(Peer.opening())
        #expect(peer.sent == [ask])
        if version == .v3 { peer.feed("40") }
        #expect(peer.seen.isEmpty)
        peer.feed(answer)
        peer.feed("42/cti,[\"up\",1]")
        peer.feed("42[\"up\",2]")
        #expect(peer.seen == [seen, "event /cti up [\"up\",1]", "odd foreign_namespace"])
        #expect(peer.emit("x") == .sent)
        #expect(peer.sent.last == "42/cti,[\"x\"]")
        peer.disconnect()
        #expect(peer.sent.last == "41/cti")
    }

    @Test("Events before CONNECT is answered are told after it, in their order", arguments: EngineIOVersion.allCases)
    func earlyEvents(_ version: EngineIOVersion) {
        let peer = Peer(version)
        peer.feed(Peer.opening())
        peer.feed("42[\"hello\",1]")
        peer.feed("451-[\"blob\",{\"_placeholder\":true,\"num\":0}]")
        peer.feed(version == .v3 ? [4, 7] : [7])
        #expect(peer.seen.isEmpty)
        peer.feed(version == .v3 ? "40" : "40{\"sid\":\"s1\"}")
        #expect(peer.seen.map { $0.prefix(10) } == ["connected ", "event / he", "event / bl"])
        #expect(peer.events.last?.attachments == [ByteBuffer(bytes: [7])])
    }

    @Test("Early events are bounded")
    func earlyEventLimit() {
        let peer = Peer(.v3, limits: SocketIOLimits(earlyEvents: 2))
        peer.feed(Peer.opening())
        for _ in 0..<2 { peer.feed("42[\"hello\"]") }
        #expect(peer.error == nil)
        peer.feed("42[\"hello\"]")
        #expect(peer.error == .violation(.tooManyEarlyEvents(limit: 2)))
    }

    // Note, section 5, statement 3.
    @Test("Each stage has its time limit")
    func stages() {
        #expect(SocketIOTimeouts().open == .seconds(10) && SocketIOTimeouts().connect == .seconds(10))
        let timeouts = SocketIOTimeouts(open: .seconds(3), connect: .seconds(4))
        let mute = Peer(.v3, timeouts: timeouts)
        #expect(mute.deadline == .seconds(3))
        mute.advance(to: .milliseconds(2999))
        #expect(mute.error == nil)
        mute.advance(to: .seconds(3))
        #expect(mute.error == .timedOut(.openPacket, after: .seconds(3)))
        #expect(mute.session.closesWebSocket && mute.deadline == nil)

        for version in EngineIOVersion.allCases {
            let slow = Peer(version, timeouts: timeouts)
            slow.advance(to: .seconds(1))
            slow.feed(Peer.opening())
            slow.feed("42[\"hello\"]")
            slow.advance(to: .milliseconds(4999))
            #expect(slow.error == nil)
            slow.advance(to: .seconds(5))
            #expect(slow.error == .timedOut(.connect, after: .seconds(4)))
            #expect(slow.events.isEmpty)
        }
    }

    // MARK: Refusals

    static let refused: [(EngineIOVersion, String, String, SocketIORefusal)] = [
        (
            EngineIOVersion.v4, "/", "44{\"message\":\"Not authorized\",\"data\":{\"code\":401}}",
            SocketIORefusal(.connectRefused, code: 401, text: "Not authorized")
        ),
        (
            .v4, "/nope", "44/nope,\"Unable to connect\"",
            SocketIORefusal(.unknownNamespace, text: "Unable to connect")
        ),
        (
            .v4, "/nope", "44/nope,{\"message\":\"Invalid namespace\"}",
            SocketIORefusal(.unknownNamespace, text: "Invalid namespace")
        ),
        (.v4, "/", "44\"Unable to connect\"", SocketIORefusal(.connectRefused, text: "Unable to connect")),
        (.v3, "/", "44\"Not authorized\"", SocketIORefusal(.connectRefused, text: "Not authorized")),
        (
            .v3, "/nope", "44/nope,\"Invalid namespace\"",
            SocketIORefusal(.unknownNamespace, text: "Invalid namespace")
        ),
        (.v3, "/cti", "44\"Not authorized\"", SocketIORefusal(.connectRefused, text: "Not authorized")),
        (.v3, "/", "44", SocketIORefusal(.connectRefused)),
        (.v3, "/", "44[1,2]", SocketIORefusal(.connectRefused, text: "[1,2]")),
        (.v4, "/", "40", SocketIORefusal(.olderServer)),
        (.v4, "/", "40{}", SocketIORefusal(.olderServer)),
        (.v4, "/cti", "40", SocketIORefusal(.olderServer)),
    ]

    @Test("Refusals are told apart", arguments: refused)
    func refusals(_ version: EngineIOVersion, _ namespace: String, _ answer: String, _ refusal: SocketIORefusal) {
        let peer = Peer(version, namespace: namespace)
        peer.feed(Peer.opening())
        peer.sent = []
        peer.feed(answer)
        #expect(peer.error == .refused(refusal))
        #expect(peer.error?.isRefusal == true)
        #expect(peer.sent.isEmpty && peer.session.closesWebSocket)
        #expect("\(refusal)".contains(": "), "it has advice")
    }

    @Test(
        "A server that speaks something else is named",
        arguments: [
            WebSocketMessage.text("hello"), .text("{\"type\":\"welcome\"}"), .text("42[\"x\"]"), .text("40"), .text(""),
            .binary(ByteBuffer(bytes: [0, 1, 2])),
        ])
    func plainWebSocket(_ message: WebSocketMessage) {
        let peer = Peer(.v4)
        peer.feed(message)
        guard case .refused(let refusal) = peer.error else {
            Issue.record("\(String(describing: peer.error))")
            return
        }
        #expect(refusal.cause == .plainWebSocket)
    }

    @Test("An error after CONNECT is counted, and the session goes on")
    func lateError() {
        let peer = Peer.connected(.v3)
        peer.feed("44\"server error\"")
        #expect(peer.seen == ["odd late_error"])
        #expect(peer.session.isConnected)
    }

    @Test("Secrets are not repeated from a server's words")
    func secrets() {
        let peer = Peer(.v4, auth: "{\"token\":\"s3cret\"}", secrets: ["s3cret"])
        peer.feed(Peer.opening())
        peer.feed("44{\"message\":\"token s3cret is unknown\"}")
        #expect(peer.error.map { "\($0)" }?.contains("s3cret") == false)
        #expect(peer.error.map { "\($0)" }?.contains("token *** is unknown") == true)
    }

    // MARK: Events and acknowledgements

    @Test("Events are told with all their arguments, and whether they ask for an acknowledgement")
    func events() {
        let peer = Peer.connected(.v4)
        peer.feed("42[\"pushed\",\"one\",\"two\"]")
        peer.feed("42007[\"question\",\"6x7?\"]")
        peer.feed("42[7,1]")
        peer.feed("42[\"rec\",{\"a\":1},\"offset-of-recovery\"]")
        #expect(
            peer.seen == [
                "event / pushed [\"pushed\",\"one\",\"two\"]", "event / question [\"question\",\"6x7?\"] asks 007",
                "event / 7 [7,1]", "event / rec [\"rec\",{\"a\":1},\"offset-of-recovery\"]",
            ])
        #expect(peer.events[3].firstArgument?["a"]?.numberText == "1")
        #expect(peer.events[2].firstArgument?.numberText == "1")
        #expect(peer.events[0].arguments.map(\.string) == ["one", "two"])
        peer.acknowledge(peer.events[1], [.string("42"), .json(Array("{\"ok\":true}".utf8))])
        peer.acknowledge(peer.events[0])
        #expect(peer.sent == ["43007[\"42\",{\"ok\":true}]"])
        #expect(peer.session.statistics.events == 4)
        #expect(peer.session.statistics.lastEvent == Peer.start)
    }

    @Test("Binary goes both ways in each generation's form", arguments: [(EngineIOVersion.v3, "04"), (.v4, "")])
    func binary(_ version: EngineIOVersion, _ prefix: String) {
        let peer = Peer.connected(version)
        #expect(
            peer.emit("bin", [.binary(ByteBuffer(bytes: [0xDE, 0xAD])), .string("x")], asks: true)
                == .awaits(acknowledgement: 0))
        #expect(peer.sent == ["451-0[\"bin\",{\"_placeholder\":true,\"num\":0},\"x\"]", "#\(prefix)dead"])
        peer.feed("461-0[{\"_placeholder\":true,\"num\":0}]")
        #expect(peer.seen.isEmpty)
        // The server may ping in between.
        if version == .v4 { peer.feed("2") }
        peer.feed(version == .v3 ? [4, 0xBE] : [0xBE])
        #expect(peer.seen == ["acknowledged 0 [{\"_placeholder\":true,\"num\":0}]"])
        peer.feed(version == .v3 ? "b4AQIDBA==" : "bAQIDBA==")
        #expect(peer.error == .violation(.unexpectedBinary))
    }

    @Test("Acknowledgements find their emits, or time out, or are told when the connection ends")
    func acknowledgements() {
        let peer = Peer.connected(.v4, timeouts: SocketIOTimeouts(acknowledgement: .seconds(2)))
        #expect(peer.emit("a", asks: true) == .awaits(acknowledgement: 0))
        peer.advance(to: .seconds(1))
        #expect(peer.emit("b", asks: true) == .awaits(acknowledgement: 1))
        #expect(peer.emit("c", asks: true) == .awaits(acknowledgement: 2))
        peer.feed("431[]")
        peer.feed("431[]")
        peer.feed("4399999999999999999999[1]")
        peer.feed("4300[1]")
        peer.feed("43[1]")
        peer.feed("430{}")
        peer.advance(to: .seconds(2))
        peer.feed("430[1]")
        peer.connectionClosed()
        #expect(
            peer.seen == [
                "acknowledged 1 []", "odd unknown_acknowledgement", "odd unknown_acknowledgement",
                "odd unknown_acknowledgement", "odd unknown_acknowledgement", "odd malformed_acknowledgement",
                "unacknowledged 0", "odd unknown_acknowledgement", "unacknowledged 2",
            ])
        let statistics = peer.session.statistics
        #expect((statistics.emits, statistics.acknowledged, statistics.unacknowledged) == (3, 1, 2))
    }

    @Test("What cannot be sent is refused: not connected, too many unanswered, too large for the server")
    func emissions() {
        let early = Peer(.v4)
        #expect(early.emit("x") == .notConnected)
        early.feed(Peer.opening())
        #expect(early.emit("x") == .notConnected)

        let peer = Peer.connected(.v4, maximumPayload: 100, limits: SocketIOLimits(pendingAcknowledgements: 2))
        for number in 0..<2 as Range<UInt64> { #expect(peer.emit("x", asks: true) == .awaits(acknowledgement: number)) }
        #expect(peer.emit("x", asks: true) == .tooManyUnacknowledged)
        peer.feed("430[]")
        #expect(peer.emit("x", asks: true) == .awaits(acknowledgement: 2))
        // 2["x","…"] and the digit of the message around it may have 100 bytes.
        #expect(peer.emit("x", [.string(String(repeating: "y", count: 90))]) == .sent)
        #expect(peer.sent.last?.utf8.count == 100)
        #expect(peer.emit("x", [.string(String(repeating: "y", count: 91))]) == .tooLarge)
        peer.disconnect()
        #expect(peer.emit("x") == .notConnected)
    }

    // MARK: Ends

    // Note, section 5, statement 10.
    @Test("A clean stop says DISCONNECT and nothing after it", arguments: EngineIOVersion.allCases)
    func cleanStop(_ version: EngineIOVersion) {
        let peer = Peer.connected(version)
        peer.disconnect()
        #expect(peer.sent == ["41"])
        #expect(peer.session.closesWebSocket)
        peer.feed("42[\"late\"]")
        peer.feed("41")
        peer.advance(to: .hours(1))
        #expect(peer.seen.isEmpty && peer.sent == ["41"])
    }

    @Test(
        "The server's ends are told apart",
        arguments: [("41", SocketIOError.disconnected), ("1", .closed)])
    func ends(_ text: String, _ error: SocketIOError) {
        for version in EngineIOVersion.allCases {
            let peer = Peer.connected(version)
            peer.feed(text)
            #expect(peer.error == error)
            #expect(peer.session.closesWebSocket && peer.sent.isEmpty && !error.isRefusal)
            peer.feed("1")
            #expect(peer.seen == ["failed"])
        }
    }

    @Test("DISCONNECT of another namespace ends nothing")
    func foreignDisconnect() {
        let peer = Peer.connected(.v4)
        peer.feed("41/cti,")
        #expect(peer.seen == ["odd foreign_namespace"])
    }

    static let odd: [(String, SocketIOOddity)] = [
        ("", SocketIOOddity.unknownEnginePacket), ("9x", .unknownEnginePacket), ("hello", .unknownEnginePacket),
        ("49", .unknownPacket), ("4", .unknownPacket), ("42", .namelessEvent), ("42{\"a\":1}", .namelessEvent),
        ("42[]", .namelessEvent), ("42[{}]", .namelessEvent), ("42[null,1]", .namelessEvent),
        ("0{}", .unexpectedEnginePacket), ("5", .unexpectedEnginePacket), ("42/x,[\"a\"]", .foreignNamespace),
    ]

    // Note, section 5, statement 7.
    @Test("Unknown packets are counted, and the session goes on", arguments: odd)
    func oddities(_ text: String, _ oddity: SocketIOOddity) {
        for version in EngineIOVersion.allCases {
            let peer = Peer.connected(version)
            peer.feed(text)
            peer.feed("42[\"echo\",\"still alive?\"]")
            #expect(peer.seen == ["odd \(oddity.rawValue)", "event / echo [\"echo\",\"still alive?\"]"])
            #expect(peer.session.statistics.oddities == [oddity: 1])
        }
    }

    static let broken: [(String, SocketIOViolation)] = [
        ("42[\"a\",", SocketIOViolation.json(JSONError(reason: .unexpectedEnd, offset: 6))),
        ("451-[\"a\",{\"_placeholder\":true,\"num\":1}]", .badPlaceholder),
        ("45[\"a\"]", .missingAttachmentCount), ("4511-[\"a\"]", .tooManyAttachments(limit: 10)),
        ("b4!", .engine(.badBase64)),
        ("42[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]", .json(JSONError(reason: .tooDeep, offset: 17))),
    ]

    // Note, section 5, statement 7.
    @Test("Broken packets end the session with a reason", arguments: broken)
    func violations(_ text: String, _ violation: SocketIOViolation) {
        let peer = Peer.connected(.v3)
        peer.feed(text)
        #expect(peer.error == .violation(violation))
        #expect(peer.session.closesWebSocket && peer.error?.isRefusal == false)
    }

    @Test("Text where an attachment is due ends the session")
    func missingAttachment() {
        let peer = Peer.connected(.v3)
        peer.feed("451-[\"a\"]")
        peer.feed("42[\"b\"]")
        #expect(peer.error == .violation(.missingAttachment(received: 0, of: 1)))
    }

    // Note, section 5, statement 8.
    @Test("A message beyond the limit ends the session")
    func size() {
        let peer = Peer.connected(.v4, limits: SocketIOLimits(messageBytes: 100))
        peer.feed("42[\"\(String(repeating: "x", count: 100))\"]")
        #expect(peer.error == .violation(.messageTooLong(limitBytes: 100)))
    }

    // Note, section 5, statement 1.
    @Test("An old session does nothing more, whatever comes", arguments: EngineIOVersion.allCases)
    func ended(_ version: EngineIOVersion) {
        let peer = Peer.connected(version)
        peer.connectionClosed()
        for text in ["40", "42[\"x\"]", "2", "3", "1", "41", "44\"x\"", "", "9"] { peer.feed(text) }
        peer.feed([4, 1])
        peer.advance(to: .hours(1))
        peer.disconnect()
        #expect(peer.seen.isEmpty && peer.sent.isEmpty && peer.deadline == nil)
    }
}
