import NIOCore
import TestSupport
import Testing

@testable import WireProtocols

@Suite("SignalR: a client's session")
struct HubClientSessionTests {
    // MARK: - A whole session

    private static let pair = #"{"EntityId":"a1ee0000-0000-4000-8000-000000000001","EventName":"UserCallInComing"}"#
    private static let result =
        #"[{"subscribed":true,"message":null,"entityId":"a1ee0000-0000-4000-8000-000000000001","eventName":"usercallincoming"}]"#
    private static let message =
        #"[{"subscription":{"entityId":"a1ee0000-0000-4000-8000-000000000001","eventName":"usercallincoming"},"#
        + #""data":{"callerNumber":"+3581234","callId":"c1","userName":"Zoë 😀","legId":null}}]"#

    private static let fromServer = [
        "{}", #"{"type":3,"invocationId":"1","result":\#(result)}"#,
        #"{"type":1,"target":"MessageReceived","arguments":\#(message)}"#, #"{"type":6}"#, #"{"type":99,"new":[]}"#,
        #"{"type":1,"target":"GetState","arguments":[1],"invocationId":"s1"}"#,
        #"{"type":7,"error":"restart","allowReconnect":true}"#, #"{"type":6}"#,
    ]
    private static let seen = [
        "opened", "result 1 \(result)", "MessageReceived \(message)", "GetState #s1 [1]",
        "ended: the hub closed the connection with 'restart' and lets us come back",
    ]
    private static let sent = [
        #"{"protocol":"json","version":1}"#, #"{"type":6}"#,
        #"{"type":1,"invocationId":"1","target":"Subscribe","arguments":[[\#(pair)]]}"#,
        #"{"type":3,"invocationId":"s1","result":{"ok":true}}"#,
    ]

    /// Subscribes once it can, and answers GetState.
    private static func scripted() -> HubPeer {
        let peer = HubPeer()
        peer.reaction = { peer, event in
            switch event {
            case .opened: _ = try? peer.invoke("Subscribe", "[[\(pair)]]")
            case .invocation(let invocation) where invocation.calls("GETSTATE"):
                try? peer.answer(.value(Array(#"{"ok":true}"#.utf8)))
            default: break
            }
        }
        return peer
    }

    private static let wire = Array(fromServer.map { $0 + "\u{1E}" }.joined().utf8)

    @Test("A session as recorded: handshake, ping, Subscribe, its result, an event, a call that wants a result, Close")
    func session() {
        let peer = Self.scripted()
        for record in Self.fromServer { peer.receive(record) }
        #expect(peer.seen == Self.seen)
        #expect(peer.sent == Self.sent)
        #expect(peer.counts == HubCounts(received: 6, ignored: 1, unreadable: 0, unmatched: 0))
        #expect(peer.isEnded && peer.deadline == nil)
    }

    @Test("The session is the same cut at every byte, byte by byte, in random pieces and in one, text or binary")
    func cuts() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "HubClientSessionTests.cuts"))
        var feeds = ChunkedFeed.cuts(of: Self.wire, random: &random, randomCuts: 100, longest: 60)
        for place in 1..<Self.wire.count { feeds.append([Array(Self.wire[..<place]), Array(Self.wire[place...])]) }
        #expect(feeds.count > Self.wire.count)
        for feed in feeds {
            for isBinary in [false, true] {
                let peer = Self.scripted()
                // Both kinds in one session, too.
                for (index, piece) in feed.enumerated() {
                    peer.receive(piece, binary: isBinary != index.isMultiple(of: 3))
                }
                #expect(peer.seen == Self.seen)
                #expect(peer.sent == Self.sent)
            }
        }
    }

    // MARK: - Handshake

    @Test(
        "The first record decides whether there is a session",
        arguments: [
            ("{}", "opened"), (#" { "x" : 1 } "#, "opened"), (#"{"error":null}"#, "opened"),
            (#"{"type":null,"minorVersion":1}"#, "opened"),
            (#"{"error":"no json here"}"#, "ended: the hub refused the handshake: 'no json here'"),
            (#"{"Error":"no\njson"}"#, "ended: the hub refused the handshake: 'no.json'"),
            (#"{"error":17}"#, "ended: the hub refused the handshake: '17'"),
            (#"{"type":6}"#, "ended: the first record is no handshake, but a message of type 6: \(check)"),
            (#"{"TYPE":7,"error":"x"}"#, "ended: the first record is no handshake, but a message of type 7: \(check)"),
            (#"{"type":"6"}"#, "ended: the first record is no handshake, but a message of type 6: \(check)"),
            (
                "<html>",
                "ended: the first record is no handshake, but a record is no JSON: unexpected byte at byte 0: \(check)"
            ),
            ("[]", "ended: the first record is no handshake, but a record is no JSON object: \(check)"),
        ])
    func handshake(answer: String, event: String) {
        let peer = HubPeer()
        peer.receive(answer)
        #expect(peer.seen == [event])
        #expect(peer.isOpen == (event == "opened"))
        #expect(peer.isEnded == !peer.isOpen)
        #expect(peer.sent == [Self.sent[0]] + (peer.isOpen ? [#"{"type":6}"#] : []))
    }

    private static let check = "check the URL and the server's version"

    @Test("Records behind the handshake's answer in the same message are messages")
    func pitfallOfTheFirstMessage() {
        let peer = HubPeer()
        peer.receive("{}", #"{"type":1,"target":"a","arguments":[]}"#, #"{"type":7}"#)
        let end = "ended: the hub closed the connection and does not ask us back: look into its log"
        #expect(peer.seen == ["opened", "a []", end])
    }

    @Test("Without an answer the handshake fails at its limit, even one that has begun, and not before")
    func handshakeLimit() {
        let peer = HubPeer()
        #expect(peer.deadline == .seconds(15))
        peer.receive(Array("{".utf8))
        peer.advance(to: .milliseconds(14_999))
        #expect(peer.seen == [] && peer.deadline == .seconds(15))
        peer.advance(to: .seconds(15))
        #expect(peer.seen == ["ended: no handshake within 15 s: look whether the server is well"])
        peer.receive("}")
        #expect(peer.seen.count == 1 && peer.sent == [Self.sent[0]])
    }

    // MARK: - Calls

    @Test("Completions find their calls by id, in any order")
    func completions() throws {
        let peer = HubPeer.open()
        let ids = try (0..<4).map { try peer.invoke("m\($0)", "[\($0)]") }
        #expect(peer.pendingCalls == 4 && ids == ids.sorted() && Set(ids).count == 4)
        peer.receive(#"{"type":3,"invocationId":"3"}"#, #"{"type":3,"invocationId":"1","result":[1]}"#)
        peer.receive(#"{"type":3,"invocationId":"4","error":"Unknown hub method 'm3'"}"#)
        peer.receive(#"{"type":3,"invocationId":2,"result":7,"error":"both"}"#)
        #expect(
            peer.seen == [
                "result 3 void", "result 1 [1]", "failed 4: the hub answered 'Unknown hub method 'm3''",
                "failed 2: the hub answered with a result and an error at once: 'both'",
            ])
        #expect(peer.pendingCalls == 0)
        #expect(peer.sent[1] == #"{"type":1,"invocationId":"2","target":"m1","arguments":[1]}"#)
    }

    @Test("A completion of no call that waits is counted and changes nothing")
    func unmatched() throws {
        let peer = HubPeer.open()
        try peer.invoke("m")
        for id in [#""0""#, #""2""#, #""01""#, #"" 1""#, #""+1""#, #""x""#, "\"\"", #""99999999999999999999""#, "1.0"] {
            peer.receive("{\"type\":3,\"invocationId\":\(id),\"result\":1}")
        }
        #expect(peer.seen == [] && peer.pendingCalls == 1 && peer.counts.unmatched == 9)
        peer.receive(#"{"type":3,"invocationId":"1","result":1}"#, #"{"type":3,"invocationId":"1","result":2}"#)
        #expect(peer.seen == ["result 1 1"] && peer.counts.unmatched == 10)
    }

    @Test("Each call fails at its own time limit; what comes later is of no call")
    func timeLimits() throws {
        let peer = HubPeer.open(timeouts: HubTimeouts(invocationTimeout: .seconds(9)))
        try peer.invoke("a", within: .seconds(12))
        try peer.invoke("b")
        try peer.invoke("c", within: .milliseconds(500))
        #expect(peer.deadline == .milliseconds(500))
        peer.advance(to: .milliseconds(499))
        #expect(peer.seen == [])
        peer.advance(to: .milliseconds(500))
        #expect(peer.seen == ["failed 3: no answer of the hub within 500 ms"] && peer.deadline == .seconds(9))
        peer.receive(#"{"type":3,"invocationId":"3"}"#)
        peer.advance(to: .seconds(9))
        peer.receive(#"{"type":3,"invocationId":"1"}"#)
        #expect(
            peer.seen.dropFirst() == ["failed 2: no answer of the hub within 9 s", "result 1 void"])
        #expect(peer.counts.unmatched == 1 && peer.deadline == .seconds(15))
    }

    @Test(
        "All pending calls fail when the connection ends, whatever ends it, oldest first and each once",
        arguments: [
            "cut", "close", "Close", "silence", "too long", "garbage",
        ])
    func drops(end: String) throws {
        let limits = HubLimits(recordBytes: 100, unreadableInRow: 1)
        let peer = HubPeer.open(limits: limits, timeouts: HubTimeouts(invocationTimeout: .hours(1)))
        for _ in 0..<20 { try peer.invoke("Subscribe") }
        peer.receive(#"{"type":3,"invocationId":"5"}"#)
        peer.seen = []
        switch end {
        case "cut": peer.cut()
        case "close": peer.close()
        case "Close": peer.receive(#"{"type":7,"allowReconnect":true}"#)
        case "silence": peer.advance(to: .seconds(30))
        case "too long": peer.receive([UInt8](repeating: 0x61, count: 101))
        default: peer.receive("garbage")
        }
        let failures = (1...20).filter { $0 != 5 }.map { "failed \($0): the connection ended before the hub answered" }
        #expect(peer.seen.dropLast() == failures[...])
        #expect(peer.seen.last?.hasPrefix("ended: ") == true)
        #expect(peer.pendingCalls == 0 && peer.isEnded)
        // Nothing more, whatever happens.
        let count = peer.seen.count
        peer.cut()
        peer.receive(#"{"type":3,"invocationId":"1"}"#)
        peer.advance(to: .hours(2))
        #expect(peer.seen.count == count)
        #expect(throws: HubUsageError.notOpen) { try peer.invoke("m") }
    }

    @Test("Calls are bounded in number and size, and must be JSON arrays; what is refused leaves nothing behind")
    func refusedCalls() throws {
        let peer = HubPeer.open(limits: HubLimits(sentRecordBytes: 100, pendingCalls: 2))
        for arguments in ["", "{}", "7", "[", "]x", "[\u{1E}]"] {
            #expect(throws: HubUsageError.notJSON) { try peer.invoke("m", arguments) }
            #expect(throws: HubUsageError.notJSON) { try peer.send("m", arguments) }
        }
        // `{"type":1,"invocationId":"1","target":"m","arguments":…}` and the end are 56 bytes beside the arguments.
        let long = "[" + String(repeating: "1", count: 43) + "]"
        #expect(throws: HubUsageError.recordTooLong(bytes: 101, limitBytes: 100)) { try peer.invoke("m", long) }
        #expect(peer.sent == [] && peer.pendingCalls == 0)
        try peer.invoke("m", "[" + String(repeating: "1", count: 42) + "]")
        try peer.invoke("m")
        #expect(peer.sent.map { $0.utf8.count + 1 } == [100, 58])
        #expect(throws: HubUsageError.tooManyCalls(limit: 2)) { try peer.invoke("m") }
        peer.receive(#"{"type":3,"invocationId":"1"}"#)
        try peer.invoke("m")
        #expect(peer.sent.last == #"{"type":1,"invocationId":"3","target":"m","arguments":[]}"#)
    }

    @Test("Arguments as long as there is room for fit under the limit, whatever the method is called")
    func argumentRoom() throws {
        for target in ["Subscribe", "ü\"\n😀"] {
            for number in [1, 9, 10] {
                let peer = HubPeer.open(limits: HubLimits(sentRecordBytes: 32 << 10))
                for _ in 1..<number { try peer.invoke("m") }
                let room = peer.argumentBytes(for: target)
                try peer.invoke(target, "[" + String(repeating: "1", count: room - 2) + "]")
                let length = try #require(peer.sent.last).utf8.count + 1
                // A little is kept for longer ids.
                #expect((32 << 10) - 20...32 << 10 ~= length)
            }
        }
        #expect(HubPeer.open(limits: HubLimits(sentRecordBytes: 64)).argumentBytes(for: "abcdefghijkl") == 0)
    }

    @Test("A call that wants no completion has no id and does not wait")
    func sends() throws {
        let peer = HubPeer.open()
        try peer.send("m\"", "[1]")
        #expect(peer.sent == [#"{"type":1,"target":"m\"","arguments":[1]}"#])
        #expect(peer.pendingCalls == 0)
    }

    // MARK: - Calls of the server

    @Test("A call of the server that wants a result gets one: a value, void, an error, or that there is no such method")
    func answers() throws {
        let peer = HubPeer.open()
        peer.reaction = { peer, event in
            guard case .invocation(let invocation) = event else { return }
            switch invocation.target {
            case "value": try? peer.answer(.value(Array("[1]".utf8)))
            case "void": try? peer.answer(.void)
            case "error": try? peer.answer(.error("not \"now\""))
            case "twice":
                try? peer.answer(.void)
                try? peer.answer(.error("second"))
            default: break
            }
        }
        let targets = ["value", "void", "error", "twice", "nobody", "value"]
        let records = targets.enumerated().map {
            #"{"type":1,"target":"\#($1)","arguments":[],"invocationId":"i\#($0)"}"#
        }
        peer.receive(Array(records.map { $0 + "\u{1E}" }.joined().utf8))
        #expect(
            peer.sent == [
                #"{"type":3,"invocationId":"i0","result":[1]}"#, #"{"type":3,"invocationId":"i1"}"#,
                #"{"type":3,"invocationId":"i2","error":"not \"now\""}"#, #"{"type":3,"invocationId":"i3"}"#,
                #"{"type":3,"invocationId":"i4","error":"The client has no method 'nobody' that gives what is asked for."}"#,
                #"{"type":3,"invocationId":"i5","result":[1]}"#,
            ])
        // One that wants none gets none, whatever is tried.
        peer.sent = []
        peer.receive(#"{"type":1,"target":"value","arguments":[]}"#)
        #expect(peer.sent == [])
    }

    @Test("A call for a stream is declined, also between others")
    func streams() {
        let peer = HubPeer.open()
        peer.receive(
            #"{"type":4,"target":"s","arguments":[],"invocationId":"1"}"#,
            #"{"type":1,"target":"a","arguments":[],"invocationId":"2"}"#,
            #"{"type":4,"target":"s","arguments":[],"invocationId":"3"}"#)
        #expect(peer.seen == ["a #2 []"])
        #expect(
            peer.sent
                == [("1", "s"), ("2", "a"), ("3", "s")].map {
                    "{\"type\":3,\"invocationId\":\"\($0)\",\"error\":\"The client has no method '\($1)' that gives what is asked for.\"}"
                })
        #expect(peer.counts.ignored == 2)
    }

    @Test("A call whose id leaves no room for an answer gets none, and an answer that does not fit becomes an error")
    func answersTooLong() {
        let peer = HubPeer.open(limits: HubLimits(sentRecordBytes: 200))
        let id = String(repeating: "i", count: 300)
        peer.receive("{\"type\":1,\"target\":\"t\",\"arguments\":[],\"invocationId\":\"\(id)\"}")
        #expect(peer.seen.count == 1 && peer.sent == [] && peer.counts.ignored == 1)
        var error: HubUsageError?
        peer.reaction = { peer, _ in
            do { try peer.answer(.value([UInt8](repeating: 0x31, count: 300))) } catch let thrown as HubUsageError {
                error = thrown
            } catch {}
        }
        peer.receive(#"{"type":1,"target":"t","arguments":[],"invocationId":"1"}"#)
        #expect(error == .recordTooLong(bytes: 340, limitBytes: 200))
        #expect(
            peer.sent == [
                #"{"type":3,"invocationId":"1","error":"The client has no method 't' that gives what is asked for."}"#
            ])
    }

    // MARK: - Messages that mean nothing here

    @Test("Types that mean nothing here, or nothing to anybody, are counted and do no harm")
    func ignored() {
        let peer = HubPeer.open()
        for type in [2, 8, 9, 0, 10, 1000, -3] { peer.receive("{\"type\":\(type),\"invocationId\":\"1\",\"item\":1}") }
        peer.receive(#"{"type":5,"invocationId":"1"}"#)
        #expect(peer.seen == [] && peer.sent == [] && peer.isOpen)
        #expect(peer.counts == HubCounts(received: 8, ignored: 8, unreadable: 0, unmatched: 0))
    }

    @Test("Records that are no messages are handed out; so many in a row are no hub, but faulty messages never are")
    func unreadable() {
        let peer = HubPeer.open(limits: HubLimits(unreadableInRow: 3))
        for _ in 0..<50 { peer.receive(#"{"type":1,"target":"t"}"#, "x", "[]") }
        peer.receive(#"{"type":6}"#)
        #expect(peer.isOpen && peer.seen.count == 150 && peer.counts.unreadable == 150)
        #expect(peer.seen[0] == "unreadable 23: a record of type 1 without a usable 'arguments'")
        #expect(peer.seen[1] == "unreadable 1: a record is no JSON: unexpected byte at byte 0")
        peer.seen = []
        peer.receive("x", "y", "z", "never")
        #expect(
            peer.seen == [
                "unreadable 1: a record is no JSON: unexpected byte at byte 0",
                "unreadable 1: a record is no JSON: unexpected byte at byte 0",
                "ended: 3 records in a row are no messages of the hub protocol: check the URL",
            ])
    }

    @Test("A record above the limit ends the session, finished or not; one at the limit does not")
    func recordLimit() {
        let limits = HubLimits(recordBytes: 60)
        let base = #"{"type":1,"target":"t","arguments":[""]}"#
        let fitting = base.replacing("\"\"", with: "\"" + String(repeating: "x", count: 60 - base.utf8.count) + "\"")
        let peer = HubPeer.open(limits: limits)
        peer.receive(fitting)
        #expect(peer.seen.count == 1 && peer.isOpen)
        peer.receive(Array((fitting + " ").utf8))
        #expect(
            peer.seen.last
                == "ended: a record is longer than 60 bytes: raise max_record_bytes, or look at what sends it")
        let handshaking = HubPeer(limits: limits)
        handshaking.receive([UInt8](repeating: 0x20, count: 61))
        #expect(handshaking.isEnded)
    }

    @Test("Empty messages and empty records are no messages, but a sign of life")
    func empty() {
        let peer = HubPeer.open()
        peer.advance(to: .seconds(10))
        peer.receive([])
        peer.receive("", "", "", binary: true)
        #expect(peer.seen == [] && peer.counts.received == 0 && peer.lastReceived == .seconds(10))
    }

    // MARK: - Close

    @Test(
        "Close says whether to come back soon and why; without allowReconnect it is a refusal",
        arguments: [
            (#"{"type":7}"#, HubClose(), true), (#"{"type":7,"allowReconnect":false}"#, HubClose(), true),
            (#"{"type":7,"allowReconnect":true}"#, HubClose(allowsReconnect: true), false),
            (#"{"type":7,"error":"e","allowReconnect":true}"#, HubClose(error: "e", allowsReconnect: true), false),
            (
                #"{"type":7,"error":"Connection closed with an error."}"#,
                HubClose(error: "Connection closed with an error."), true
            ),
        ])
    func closes(record: String, close: HubClose, isRefusal: Bool) {
        let peer = HubPeer.open()
        var end: HubEnd?
        peer.reaction = { if case .ended(let reason) = $1 { end = reason } }
        peer.receive(record, #"{"type":1,"target":"late","arguments":[]}"#)
        #expect(end == .closed(close))
        #expect(end?.isRefusal == isRefusal)
        #expect(peer.seen.count == 1 && peer.sent == [])
    }

    @Test("Which ends ask for a long pause, and what they say")
    func ends() {
        let ends: [(HubEnd, Bool, String)] = [
            (
                .closed(HubClose(error: "a\u{7}b", allowsReconnect: false)), true,
                "the hub closed the connection with 'a.b' and does not ask us back: look into its log"
            ),
            (.declined("x"), true, "the hub refused the handshake: 'x'"),
            (.disconnected, false, "the connection ended without a word of the hub"),
            (.closedHere, false, "the connection was closed here"),
            (
                .failed(.silent(for: .seconds(30))), false,
                "nothing came for 30 s: the line is dead, or the server hangs"
            ),
        ]
        for (end, isRefusal, text) in ends {
            #expect(end.isRefusal == isRefusal)
            #expect("\(end)" == text)
        }
        #expect("\(HubEnd.declined(String(repeating: "x", count: 10_000)))".count < 300)
    }

    @Test("Our own Close leaves before the end, with or without a reason")
    func ownClose() {
        for (error, record) in [(nil, #"{"type":7}"#), ("bye", #"{"type":7,"error":"bye"}"#)] as [(String?, String)] {
            let peer = HubPeer.open()
            peer.close(error: error)
            #expect(peer.sent == [record] && peer.seen == ["ended: the connection was closed here"])
            peer.close()
            #expect(peer.sent.count == 1 && peer.seen.count == 1)
        }
    }

    // MARK: - Clocks

    @Test("The first ping leaves right behind the handshake, further ones 15 s after the last record that was sent")
    func pings() throws {
        let peer = HubPeer()
        peer.advance(to: .seconds(3))
        peer.receive("{}")
        #expect(peer.sent.last == #"{"type":6}"# && peer.deadline == .seconds(18))
        peer.sent = []
        peer.advance(to: .seconds(10))
        peer.receive(#"{"type":6}"#)
        try peer.send("m")
        #expect(peer.deadline == .seconds(25))
        peer.advance(to: .milliseconds(24_999))
        #expect(peer.sent.count == 1)
        peer.receive(#"{"type":6}"#)
        peer.advance(to: .seconds(25))
        #expect(peer.sent == [#"{"type":1,"target":"m","arguments":[]}"#, #"{"type":6}"#])
        // The answer to a call of the server is a record like any other.
        peer.advance(to: .seconds(30))
        peer.receive(#"{"type":1,"target":"t","arguments":[],"invocationId":"1"}"#)
        #expect(peer.deadline == .seconds(45))
    }

    @Test("Ten minutes of busy traffic from the server do not postpone a single ping")
    func busyTraffic() {
        let peer = HubPeer.open()
        var pings: [Int64] = []
        for step in 1...6000 {
            let time = TimeAmount.milliseconds(Int64(step) * 100)
            peer.advance(to: time)
            if !peer.sent.isEmpty {
                #expect(peer.sent == [#"{"type":6}"#])
                pings.append(time.nanoseconds / 1_000_000_000)
                peer.sent = []
            }
            peer.receive(#"{"type":1,"target":"MessageReceived","arguments":[{}]}"#)
        }
        #expect(pings == (1...40).map { $0 * 15 })
        #expect(peer.isOpen && peer.seen.count == 6000)
    }

    @Test("A line that dies without a word is noticed 30 s after the last byte, although pings are being sent")
    func silentDeath() throws {
        let peer = HubPeer.open()
        peer.advance(to: .seconds(12))
        // Half a record is a sign of life.
        peer.receive(Array(#"{"type""#.utf8))
        var times: [TimeAmount] = []
        while let deadline = peer.deadline {
            times.append(deadline)
            peer.advance(to: deadline)
        }
        #expect(times == [.seconds(15), .seconds(30), .seconds(42)])
        #expect(peer.sent == [#"{"type":6}"#, #"{"type":6}"#])
        #expect(peer.seen == ["ended: nothing came for 30 s: the line is dead, or the server hangs"])
    }

    @Test("While the driver does not read, silence is its own; it counts anew afterwards, and pings go on")
    func pausedReading() {
        let peer = HubPeer.open()
        peer.advance(to: .seconds(10))
        peer.setReceiving(false)
        for time in stride(from: Int64(15), through: 300, by: 15) { peer.advance(to: .seconds(time)) }
        #expect(peer.isOpen && peer.sent.count == 20)
        peer.setReceiving(true)
        peer.advance(to: .seconds(329))
        #expect(peer.isOpen)
        // Told twice, it counts once.
        peer.setReceiving(true)
        peer.advance(to: .seconds(330))
        #expect(peer.isEnded)
    }

    @Test("A deadline that is reached early does nothing, and one that is reached late all that is due")
    func lateDeadlines() throws {
        let peer = HubPeer.open(timeouts: HubTimeouts(receiveTimeout: .hours(1)))
        try peer.invoke("a", within: .seconds(20))
        peer.sent = []
        peer.advance(to: .seconds(1))
        #expect(peer.seen == [] && peer.sent == [])
        peer.advance(to: .seconds(100))
        #expect(peer.seen == ["failed 1: no answer of the hub within 20 s"] && peer.sent == [#"{"type":6}"#])
        #expect(peer.deadline == .seconds(115))
    }

    @Test("No interval is so short that a driver goes round and round")
    func shortestInterval() {
        let peer = HubPeer.open(timeouts: HubTimeouts(pingInterval: .seconds(-1)))
        #expect(peer.deadline == .milliseconds(1))
        #expect(HubServerPeer.open(timeouts: HubServerTimeouts(keepAliveInterval: .zero)).deadline == .milliseconds(1))
    }

    // MARK: - Every state and every input

    enum Input: String, CaseIterable, Sendable {
        case handshake, message, garbage, close7, invoke, send, answer, close, early, late, cut
    }

    private static let failed = "failed 1: the connection ended before the hub answered"
    private static let closedHere = "ended: the connection was closed here"
    private static let dropped = "ended: the connection ended without a word of the hub"
    private static let garbage = "unreadable 1: a record is no JSON: unexpected byte at byte 0"
    private static let closed7 = "ended: the hub closed the connection and does not ask us back: look into its log"
    private static let silent = "ended: nothing came for 30 s: the line is dead, or the server hangs"
    private static let ping = #"{"type":6}"#
    private static let notOpen = "the hub connection is not open"

    /// What happens: events, and then what is thrown; what is sent.
    private typealias Outcomes = [Input: (seen: [String], sent: [String])]

    private static let handshaking: Outcomes = [
        .handshake: (["opened"], [ping]),
        .message: (["ended: the first record is no handshake, but a message of type 1: \(check)"], []),
        .garbage: (
            ["ended: the first record is no handshake, but a record is no JSON: unexpected byte at byte 0: \(check)"],
            []
        ),
        .close7: (["ended: the first record is no handshake, but a message of type 7: \(check)"], []),
        .invoke: ([notOpen], []), .send: ([notOpen], []), .answer: ([], []), .close: ([closedHere], []),
        .early: ([], []), .late: (["ended: no handshake within 15 s: look whether the server is well"], []),
        .cut: ([dropped], []),
    ]
    private static let open: Outcomes = [
        .handshake: (["unreadable 2: a record without a type"], []), .message: (["t []"], []),
        .garbage: ([garbage], []), .close7: ([closed7], []),
        .invoke: ([], [#"{"type":1,"invocationId":"1","target":"m","arguments":[]}"#]),
        .send: ([], [#"{"type":1,"target":"m","arguments":[]}"#]), .answer: ([], []),
        .close: ([closedHere], [#"{"type":7}"#]), .early: ([], []), .late: ([silent], []), .cut: ([dropped], []),
    ]
    private static let waiting: Outcomes = [
        .handshake: (["unreadable 2: a record without a type"], []), .message: (["t []"], []),
        .garbage: ([garbage], []), .close7: ([failed, closed7], []),
        .invoke: ([], [#"{"type":1,"invocationId":"2","target":"m","arguments":[]}"#]),
        .send: ([], [#"{"type":1,"target":"m","arguments":[]}"#]), .answer: ([], []),
        .close: ([failed, closedHere], [#"{"type":7}"#]), .early: ([], []), .late: ([failed, silent], []),
        .cut: ([failed, dropped], []),
    ]
    private static let ended: Outcomes = [
        .handshake: ([], []), .message: ([], []), .garbage: ([], []), .close7: ([], []), .invoke: ([notOpen], []),
        .send: ([notOpen], []), .answer: ([], []), .close: ([], []), .early: ([], []), .late: ([], []), .cut: ([], []),
    ]

    private static func outcomes(_ state: String) -> Outcomes {
        switch state {
        case "handshaking": handshaking
        case "open": open
        case "waiting": waiting
        default: ended
        }
    }

    @Test("Every input in every state has its result", arguments: ["handshaking", "open", "waiting", "ended"])
    func transitions(state: String) throws {
        for input in Input.allCases {
            let peer = state == "handshaking" ? HubPeer() : HubPeer.open()
            if state == "waiting" { try peer.invoke("Subscribe", within: .hours(1)) }
            if state == "ended" { peer.cut() }
            (peer.seen, peer.sent) = ([], [])
            do {
                switch input {
                case .handshake: peer.receive("{}")
                case .message: peer.receive(#"{"type":1,"target":"t","arguments":[]}"#)
                case .garbage: peer.receive("x")
                case .close7: peer.receive(#"{"type":7}"#)
                case .invoke: try peer.invoke("m")
                case .send: try peer.send("m")
                case .answer: try peer.answer(.void)
                case .close: peer.close()
                case .early: peer.advance(to: .seconds(1))
                case .late: peer.advance(to: .seconds(30))
                case .cut: peer.cut()
                }
            } catch { peer.seen.append("\(error)") }
            let expected = try #require(Self.outcomes(state)[input])
            #expect(peer.seen == expected.seen, "\(state), \(input)")
            #expect(peer.sent == expected.sent, "\(state), \(input)")
            #expect((peer.deadline == nil) == peer.isEnded, "\(state), \(input)")
        }
    }
}
