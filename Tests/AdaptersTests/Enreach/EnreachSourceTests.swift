import BridgeCore
import CallModel
import Codecs
import Foundation
import NIOCore
import TestSupport
import Testing
import Transport
import WireProtocols

@testable import Adapters

/// The rows of "what a best-in-class daemon client does better", on real sockets.
@Suite("Enreach: source and simulated hub", .serialized, .timeLimit(.minutes(10)))
struct EnreachSourceTests {
    private func up(_ seen: SourceRecord, times: Int = 1) async throws {
        try await eventually("the source is up", state: { "\(seen { ($0.links, $0.log.suffix(5)) })" }) {
            seen { $0.isUp && $0.links.count { $0 == "up" } >= times }
        }
    }

    @Test("It logs in, subscribes to everything there is, is up with the last answer, and tells what happens")
    func connects() async throws {
        let bench = try await EnreachBench()
        let seen = try await bench.start()
        try await up(seen)
        try await bench.say("QueueCallInComing", call: "c1")
        try await eventually("the call is told") { seen { $0.kinds.contains(.callOffered) } }
        let figures = try await bench.figures()
        // 8 users and 24 events, 2 queues and 12, a call list and 5.
        #expect(figures.heldPairs == 8 * 24 + 2 * 12 + 5 && figures.subscribeCalls == 1)
        #expect(figures.tokens == 1 && figures.negotiations == 1 && figures.accepted == 1 && figures.unauthorized == 0)
        #expect(figures.longestMessage <= 32 << 10)
        let metrics = try await bench.metrics()
        #expect(metrics.up == 1 && metrics.connects == 1 && metrics.received == 1 && metrics.unmapped == 0)
        try await bench.stop()
    }

    @Test("Status: state, attempts, last failure, age of the last receipt, subscriptions, the token's end (row 15)")
    func status() async throws {
        let bench = try await EnreachBench()
        try await bench.perform(.refuse(events: ["useralert"], message: "Unauthorized"))
        let seen = try await bench.start()
        try await up(seen)
        var status = try await bench.status()
        #expect(status.phase == .up && status.attempts == 0 && status.lastFailure == nil)
        #expect(status.subscriptions == .init(wanted: 221, held: 213, refused: 8))
        let now = WallClock.now()
        #expect(
            status.tokenExpiresAt.map { abs($0.microseconds - now.microseconds - 3_600_000_000) < 60_000_000 } == true)
        #expect(status.lastHeard.map { now.milliseconds(since: $0) < 60_000 } == true)
        try await bench.perform(.status(503, retryAfter: 60, count: 1000))
        try await bench.perform(.drop)
        try await eventually("it fails") { try await bench.status().lastFailure?.kind == "negotiate.http_503" }
        status = try await bench.status()
        #expect(status.phase == .waiting && status.attempts == 1)
        #expect(status.subscriptions?.held == 0)
        try await bench.stop()
        #expect(seen { $0.log }.contains { $0.contains("retry_in=6") }, "Retry-After is obeyed: \(seen { $0.log })")
    }

    @Test("A cut connection comes back with a gap; everything is subscribed before the link is up (rows 9, 11)")
    func reconnects() async throws {
        let bench = try await EnreachBench { $0.users = 100 }
        let seen = try await bench.start()
        try await up(seen)
        try await bench.say("QueueCallInComing", call: "c1")
        try await eventually("the call is told") { seen { $0.kinds.contains(.callOffered) } }
        try await bench.perform(.drop)
        try await up(seen, times: 2)
        #expect(seen { $0.links[1].hasPrefix("down disconnect: established:") }, "\(seen { $0.links })")
        let figures = try await bench.figures()
        #expect(figures.heldPairs == 100 * 24 + 2 * 12 + 5 && figures.connections == 1)
        #expect(figures.tokens == 1, "the token is kept")
        #expect(figures.negotiations == 2)
        let metrics = try await bench.metrics()
        #expect(metrics.disconnects == 1 && metrics.connects == 2 && metrics.up == 1)
        try await bench.stop()
    }

    @Test("12,000 pairs are subscribed before the link is up, and again after a drop, in calls below 32 KiB (row 9)")
    func manyPairs() async throws {
        let bench = try await EnreachBench { $0.users = 500 }
        let began = ContinuousClock.now
        let seen = try await bench.start { settings in
            settings.subscriptions = [EnreachSubscription(kind: .user, entities: .all, events: .all)]
        }
        try await eventually("the source is up", within: .seconds(60)) { seen { $0.isUp } }
        print("12,000 pairs subscribed in \(ContinuousClock.now - began)")
        var figures = try await bench.figures()
        #expect(figures.heldPairs == 12_000 && figures.subscribeCalls == 48)
        try await bench.perform(.drop)
        try await eventually("it is up again", within: .seconds(60)) { seen { $0.links.count { $0 == "up" } == 2 } }
        figures = try await bench.figures()
        #expect(figures.heldPairs == 12_000 && figures.subscribeCalls == 96)
        // The hub ends a connection on which a longer record comes: there was the one drop that was asked for.
        #expect(seen { $0.links.count } == 3, "\(seen { $0.links })")
        try await bench.stop()
    }

    @Test("What is told while subscriptions are restored comes behind the link's coming up, in its order")
    func restoring() async throws {
        let bench = try await EnreachBench { $0.users = 500 }
        let seen = try await bench.start { $0.connection.subscribeBatch = 5 }
        // Call events come first, so calls are told long before the last pair is subscribed.
        try await eventually("it subscribes") { try await bench.figures().subscribeCalls > 60 }
        #expect(seen { !$0.isUp })
        for number in 0..<20 {
            try await bench.onSimulator { simulator in
                let user = simulator.userIDs[0]
                simulator.say(
                    "UserCallInComing", of: user,
                    data:
                        #"{"callId":"c\#(number)","legId":"1","callerNumber":"1","targetNumber":"2","userId":"\#(user)"}"#
                )
            }
        }
        try await up(seen)
        try await eventually("all are told", state: { "\(seen { $0.timeline })" }) {
            seen { $0.kinds.count { $0 == .callOffered } == 20 }
        }
        #expect(seen { $0.timeline.first } == "up")
        #expect(seen { $0.facts.compactMap(\.callID) } == (0..<20).map { "c\($0)" })
        try await bench.stop()
    }

    @Test("Enough held back makes the link up early, with a warning")
    func heldTooMuch() async throws {
        let bench = try await EnreachBench()
        try await bench.perform(.silent(method: "subscribe"))
        let seen = try await bench.start { $0.connection.invokeTimeout = .seconds(300) }
        try await eventually("it subscribed") { try await bench.figures().heldPairs > 0 }
        for start in stride(from: 0, to: 20_100, by: 300) {
            try await bench.onSimulator { simulator in
                let user = simulator.userIDs[0]
                for number in start..<start + 300 {
                    simulator.say(
                        "UserCallInComing", of: user,
                        data:
                            #"{"callId":"c\#(number)","legId":"1","callerNumber":"1","targetNumber":"2","userId":"\#(user)"}"#
                    )
                }
            }
        }
        try await up(seen)
        #expect(seen { $0.log.contains { $0.contains("cannot be held back any longer") } })
        try await eventually("all are told", within: .seconds(60)) {
            seen { $0.kinds.count { $0 == .callOffered } >= 20_100 }
        }
        try await bench.stop()
    }

    @Test("A 401 gets one fresh token at once; a second one in a row waits, is said loudly, and asks no more (row 3)")
    func unauthorized() async throws {
        let bench = try await EnreachBench()
        let seen = try await bench.start()
        try await up(seen)
        try await bench.perform(.expireTokens)
        try await bench.perform(.drop)
        try await up(seen, times: 2)
        var figures = try await bench.figures()
        #expect(figures.tokens == 2 && figures.unauthorized == 1 && figures.negotiations == 3)
        #expect(seen { $0.links.count } == 3)

        try await bench.perform(.unauthorized(count: 1000))
        try await bench.perform(.drop)
        try await eventually("it is refused", state: { "\(seen { $0.log })" }) {
            seen { $0.log.contains { $0.hasPrefix("error enreach does not let us in") } }
        }
        figures = try await bench.figures()
        #expect(figures.tokens == 3 && figures.unauthorized == 3, "one more token, two refusals")
        #expect(
            seen { $0.log.contains { $0.hasPrefix("warning") && $0.contains("HTTP 401") && $0.contains("retry_in=6") } }
        )
        #expect(seen { $0.kinds.count { $0 == .sourceNotice } } == 1)
        #expect(try await bench.status().lastFailure?.kind == "negotiate.http_401")
        try await bench.stop()
    }

    @Test("A token that is about to end is renewed for the next connect, and no connection is given up for it")
    func expiry() async throws {
        let bench = try await EnreachBench { $0.tokenLife = .seconds(59) }
        let seen = try await bench.start()
        try await up(seen)
        try await bench.perform(.drop)
        try await up(seen, times: 2)
        let figures = try await bench.figures()
        #expect(figures.tokens == 2 && figures.unauthorized == 0)
        try await bench.stop()
    }

    @Test("Where the token stands, and that it stands nowhere else (row 4)", arguments: [true, false])
    func tokenPlace(isQuery: Bool) async throws {
        let bench = try await EnreachBench()
        let token = try await bench.onSimulator { $0.issueToken() }
        let reference = SecretReference(Secret(Array(token.utf8)))
        let seen = try await bench.start(
            access: .fixed(hub: try bench.url("/rte"), token: .secret(reference))
        ) {
            $0.tokenPlace = isQuery ? .query : .header
            $0.subscriptions = [
                EnreachSubscription(kind: .user, entities: .listed([UUID128(high: 1, low: 1)]), events: .all)
            ]
        }
        try await up(seen)
        #expect(try await bench.figures().tokensInQueries == (isQuery ? 1 : 0))
        #expect(seen { $0.log.contains { $0.contains("token_in: query") } } == isQuery)
        try await bench.perform(.expireTokens)
        try await bench.perform(.drop)
        try await eventually("it is refused") { seen { $0.log.contains { $0.contains("HTTP 401") } } }
        let status = try await bench.status()
        #expect(status.lastFailure?.kind == "negotiate.http_401")
        try await bench.stop()
        let everything = seen { "\($0.log) \($0.links) \($0.facts) \($0.notes)" } + "\(status)"
        #expect(!everything.contains(token) && !everything.contains(token.suffix(20)))
    }

    @Test("A silent hub is noticed within the time-out, and the gap begins when it was last heard of (row 5)")
    func silence() async throws {
        let bench = try await EnreachBench { $0.keepAlive = .milliseconds(200) }
        let seen = try await bench.start {
            $0.connection.pingInterval = .milliseconds(300)
            $0.connection.serverTimeout = .seconds(2)
        }
        try await up(seen)
        try await bench.perform(.mute)
        try await eventually("the silence is noticed", state: { "\(seen { $0.links })" }) { seen { !$0.isUp } }
        #expect(seen { $0.links[1] }.contains("nothing came for 2 s"))
        #expect(try await bench.status().lastFailure?.kind == "established.timeout")
        try await bench.perform(.drop)
        try await bench.perform(.speak)
        try await up(seen, times: 2)
        try await bench.stop()
    }

    @Test("Our pings keep the connection while only the hub speaks, and while only we do")
    func pings() async throws {
        let bench = try await EnreachBench(rate: 50, speed: 50) {
            $0.keepAlive = .milliseconds(500)
            $0.clientTimeout = .seconds(2)
        }
        let seen = try await bench.start {
            $0.connection.pingInterval = .milliseconds(400)
            $0.connection.serverTimeout = .seconds(4)
        }
        try await up(seen)
        // Longer than the hub's patience, in events, so that no time is waited for.
        try await eventually("many events came", within: .seconds(60)) { try await bench.metrics().received > 1000 }
        #expect(seen { $0.links } == ["up"])
        try await bench.stop()
    }

    @Test("The first connect is retried for ever, and what failed is said stage by stage (rows 1, 2)")
    func firstConnect() async throws {
        let bench = try await EnreachBench()
        let free = Int(try LoopbackPort.free())
        let login = EnreachLogin(
            user: "api@acme.example", credential: .secretKey(Secret(Array("simulated-key".utf8))),
            place: .api(try #require(HTTPURL("http://127.0.0.1:\(free)/"))))
        let seen = try await bench.start(access: .login(login))
        try await eventually("it keeps trying", within: .seconds(60)) { try await bench.metrics().connects >= 5 }
        #expect(seen { $0.log.count { $0.hasPrefix("warning no connection to enreach") } } == 1, "told once")
        #expect(try await bench.status().lastFailure?.kind == "connect.system")
        try await bench.stop()
    }

    @Test(
        "A name without an address, a port where nobody is, and one without TLS are told apart (row 2)",
        arguments: [
            ("http://no-such-host.invalid/rte", "resolve."), ("http://127.0.0.1:PORT/rte", "connect."),
            ("https://127.0.0.1:SIMULATOR/rte", "tls."),
        ])
    func unreachable(url: String, kind: String) async throws {
        let bench = try await EnreachBench()
        let place =
            url.replacing("PORT", with: "\(try LoopbackPort.free())").replacing("SIMULATOR", with: "\(bench.port)")
        let login = EnreachLogin(
            user: "api@acme.example", credential: .secretKey(Secret(Array("simulated-key".utf8))),
            place: .api(try #require(HTTPURL(place))))
        let seen = try await bench.start(access: .login(login))
        try await eventually("it fails", within: .seconds(60), state: { "\(seen { $0.log })" }) {
            try await bench.status().lastFailure != nil
        }
        let failure = try #require(try await bench.status().lastFailure)
        #expect(failure.kind.hasPrefix(kind), "\(failure)")
        try await bench.stop()
    }

    @Test(
        "Each fault has its name and its wait (row 2)",
        arguments: [
            (.status(403, retryAfter: nil, count: 1), "negotiate.http_403", true),
            (.status(404, retryAfter: nil, count: 1), "negotiate.http_404", true),
            (.status(429, retryAfter: 1, count: 1), "negotiate.http_429", false),
            (.status(500, retryAfter: nil, count: 1), "negotiate.http_500", false),
            (.status(502, retryAfter: nil, count: 1), "negotiate.http_502", false),
            (.negotiateAnswer("<html>login</html>"), "negotiate.protocol", true),
            (.negotiateAnswer(#"{"error":"no more"}"#), "negotiate.declined", true),
            (.negotiateAnswer(#"{"ProtocolVersion":"1.5"}"#), "negotiate.protocol", true),
            (.handshakeAnswer(#"{"error":"not today"}"#), "handshake.declined", true),
            (.handshakeAnswer(#"{"type":6}"#), "handshake.protocol", false),
            (
                .fail(method: "subscribe", error: "Unknown hub method 'Subscribe'", count: 1000), "subscribe.declined",
                true
            ),
            (.silent(method: "subscribe"), "subscribe.protocol", false),
        ] as [(EnreachSimulator.Fault, String, Bool)])
    func faults(fault: EnreachSimulator.Fault, kind: String, isRefusal: Bool) async throws {
        let bench = try await EnreachBench()
        try await bench.perform(fault)
        let seen = try await bench.start { $0.connection.invokeTimeout = .seconds(1) }
        try await eventually("it fails", state: { "\(seen { $0.log })" }) {
            try await bench.status().lastFailure != nil
        }
        #expect(try await bench.status().lastFailure?.kind == kind)
        #expect(seen { $0.log.contains { $0.hasPrefix("error enreach does not let us in") } } == isRefusal)
        if !isRefusal {
            try await bench.perform(.negotiateAnswer(nil))
            try await bench.perform(.handshakeAnswer(nil))
            try await bench.perform(.silent(method: nil))
            try await up(seen)
        }
        #expect(seen { $0.links.count { $0.hasPrefix("down") } } == 0, "it never was up before")
        try await bench.stop()
    }

    @Test("An id that is not known any more is negotiated anew, once at once")
    func unknownID() async throws {
        let bench = try await EnreachBench()
        try await bench.onSimulator { $0.forgetsIDs = 1 }
        let seen = try await bench.start()
        try await up(seen)
        #expect(try await bench.figures().negotiations == 2)
        #expect(try await bench.metrics().connects == 1)
        try await bench.stop()
    }

    @Test(
        "A Close record: with allowReconnect at once, without it after a minute, the text to the operator (row 13)",
        arguments: [true, false])
    func close(allowReconnect: Bool) async throws {
        let bench = try await EnreachBench()
        let seen = try await bench.start()
        try await up(seen)
        try await bench.perform(.close(error: "moved to another node", allowReconnect: allowReconnect))
        if allowReconnect {
            try await up(seen, times: 2)
        } else {
            try await eventually("it waits") { seen { $0.log.contains { $0.contains("retry_in=6") } } }
            #expect(seen { $0.facts.contains { $0.kind == .sourceNotice } })
        }
        #expect(seen { $0.links[1] }.contains("moved to another node"))
        try await bench.stop()
    }

    @Test("A call of the hub that wants an answer gets one (row 14)")
    func answersHub() async throws {
        let bench = try await EnreachBench()
        let seen = try await bench.start()
        try await up(seen)
        try await bench.perform(.invokeClient(target: "SubscribeDetails"))
        try await eventually("it is answered") { try await bench.figures().completions == 1 }
        #expect(seen { $0.links } == ["up"])
        try await bench.stop()
    }

    @Test("Unknown records, methods, events and members are kept or ignored (row 12)")
    func unknown() async throws {
        let bench = try await EnreachBench()
        let seen = try await bench.start()
        try await up(seen)
        for record in [
            #"{"type":99}"#, #"{"type":2,"invocationId":"1","item":1}"#, #"{"type":8,"sequenceId":1}"#,
            #"{"type":1,"target":"Weather","arguments":[]}"#, #"{"type":3,"invocationId":"77","result":1}"#,
            #"{"type":6,"more":1}"#, "no json", #"{"type":1,"target":"messagereceived","arguments":[7]}"#,
            #"{"type":1,"target":"MESSAGERECEIVED","arguments":[{"subscription":{"entityId":"x","eventName":"y"},"data":{}},1]}"#,
        ] { try await bench.onSimulator { $0.say(record: record) } }
        try await bench.say("QueueCallInComing", call: "c1")
        try await eventually("the call is told") { seen { $0.kinds.contains(.callOffered) } }
        #expect(seen { $0.links } == ["up"] && seen { $0.kinds.count { $0 == .sourceUnmapped } } == 3)
        #expect(try await bench.metrics().unmapped == 3)
        try await bench.stop()
    }

    @Test(
        "Old servers, no negotiation, redirects, text and binary frames (row 16, row 6)",
        arguments: [
            (0, true, 0, .text), (1, false, 0, .binary), (1, true, 3, .both), (1, true, 0, .binary),
        ] as [(Int, Bool, Int, EnreachSimulator.Frames)])
    func variants(version: Int, negotiates: Bool, redirects: Int, frames: EnreachSimulator.Frames) async throws {
        let bench = try await EnreachBench {
            $0.negotiateVersion = version
            $0.frames = frames
        }
        try await bench.perform(.redirect(count: redirects))
        let seen = try await bench.start { $0.negotiates = negotiates }
        try await up(seen)
        try await bench.say("QueueCallInComing", call: "c1")
        try await bench.say("QueueCallInDisconnected", call: "c1", more: #","reason":"remote","techReason":null"#)
        try await eventually("the call is told") { seen { $0.kinds.contains(.callAbandoned) } }
        let figures = try await bench.figures()
        #expect(figures.negotiations == (negotiates ? 1 + redirects : 0))
        try await bench.perform(.drop)
        try await up(seen, times: 2)
        // After a redirect the next attempt begins at the hub's own place, with its own token.
        #expect(try await bench.figures().negotiations == (negotiates ? 2 + redirects : 0))
        #expect(try await bench.figures().unauthorized == 0)
        try await bench.stop()
    }

    @Test("Refused pairs are told once, and shown; what the hub does not offer is left out (row 8)")
    func refused() async throws {
        let bench = try await EnreachBench()
        try await bench.onSimulator { $0.offered = ["UserCallInComing", "UserAlert", "QueueStatus", "UserSetting"] }
        try await bench.perform(.refuse(events: ["useralert"], message: "Unauthorized"))
        let seen = try await bench.start()
        try await up(seen)
        #expect(try await bench.status().subscriptions == .init(wanted: 8 * 3 + 2, held: 8 * 2 + 2, refused: 8))
        #expect(
            seen {
                $0.log.count {
                    $0.contains("the hub refused subscriptions") && $0.contains("answer=Unauthorized")
                        && $0.contains("count=8")
                }
            }
                == 1)
        #expect(
            seen { $0.log.contains { $0.contains("events that are not known here") && $0.contains("UserSetting") } })
        #expect(seen { $0.kinds.count { $0 == .sourceNotice } } == 1)
        try await bench.perform(.drop)
        try await up(seen, times: 2)
        #expect(seen { $0.kinds.count { $0 == .sourceNotice } } == 1, "told once")
        try await bench.stop()
    }

    @Test("New users and queues are subscribed, removed ones dropped, on an open connection")
    func enumeration() async throws {
        let bench = try await EnreachBench()
        let seen = try await bench.start()
        try await up(seen)
        try await bench.onSimulator {
            $0.addUser()
            $0.addUser()
            $0.removeLastQueue()
        }
        try await bench.enumerateNow()
        try await eventually("they are subscribed") {
            try await bench.figures().heldPairs == 10 * 24 + 1 * 12 + 5
        }
        #expect(try await bench.figures().unsubscribeCalls == 1)
        let held = 10 * 24 + 12 + 5
        try await eventually("the status follows") { try await bench.status().subscriptions?.held == held }
        #expect(seen { $0.links } == ["up"])
        try await bench.stop()
    }

    @Test("A list that is not there keeps nobody out: the rest is subscribed, and it is said")
    func missingList() async throws {
        let bench = try await EnreachBench()
        try await bench.onSimulator { $0.hiddenLists = ["calllists"] }
        let seen = try await bench.start()
        try await up(seen)
        #expect(try await bench.figures().heldPairs == 8 * 24 + 2 * 12)
        #expect(seen { $0.log.contains { $0.contains("does not list these entities") && $0.contains("call_lists") } })
        try await bench.stop()
    }

    @Test("While the store is stuck reading stops, pings go on, and everything comes afterwards (row 10)")
    func backPressure() async throws {
        let bench = try await EnreachBench {
            $0.clientTimeout = .seconds(2)
            $0.keepAlive = .milliseconds(300)
        }
        let seen = try await bench.start {
            $0.connection.pingInterval = .milliseconds(300)
            $0.connection.serverTimeout = .seconds(3)
        }
        try await up(seen)
        try await bench.setStoreStuck(true)
        let total = 20_000
        for start in stride(from: 0, to: total, by: 500) {
            try await bench.onSimulator { simulator in
                let queue = simulator.queueIDs[0]
                for number in start..<start + 500 {
                    simulator.say(
                        "QueueCallInComing", of: queue,
                        data:
                            #"{"callId":"c\#(number)","queueId":"\#(queue)","queueName":"\#(String(repeating: "x", count: 300))"}"#
                    )
                }
            }
        }
        try await eventually("reading stops") { seen { $0.heldReceipts > 0 } }
        let taken = try await bench.metrics().received
        // Twice the hub's patience with a client that does not ping.
        let before = try await bench.figures().pings
        try await eventually("pings go on") { try await bench.figures().pings >= before + 14 }
        #expect(seen { $0.isUp })
        try await bench.setStoreStuck(false)
        try await eventually("everything is told", within: .seconds(60), state: { "\(seen { $0.kinds.count })" }) {
            seen { $0.kinds.count { $0 == .callOffered } == total || !$0.isUp }
        }
        #expect(taken < total && seen { $0.links } == ["up"])
        try await bench.stop()
    }

    @Test("A pending Subscribe fails with its connection, and the next one asks anew (row 7)")
    func dropWhilePending() async throws {
        let bench = try await EnreachBench()
        try await bench.perform(.silent(method: "subscribe"))
        let seen = try await bench.start { $0.connection.invokeTimeout = .seconds(300) }
        try await eventually("it is asked") { try await bench.figures().subscribeCalls == 1 }
        try await bench.perform(.silent(method: nil))
        try await bench.perform(.drop)
        try await up(seen)
        #expect(seen { $0.links } == ["up"])
        try await bench.stop()
    }

    @Test("A gap is repaired over REST: ended calls end, unseen ones are told, presence and queues are as they are now")
    func repairs() async throws {
        let bench = try await EnreachBench()
        let seen = try await bench.start()
        try await up(seen)
        try await eventually("the present state is told") {
            seen { $0.kinds.count { $0 == .agentPresence } == 8 && $0.kinds.count { $0 == .queueStatus } == 2 }
        }
        try await bench.say("QueueCallInComing", call: "open")
        try await eventually("the call is told") { seen { $0.kinds.contains(.callOffered) } }
        try await bench.perform(.status(503, retryAfter: nil, count: 1))
        try await bench.perform(.drop)
        try await eventually("the link is lost") { seen { !$0.isUp } }
        try await bench.onSimulator { simulator in
            simulator.addRecord(call: "open", secondsAgo: 40, seconds: 40, user: 0)
            simulator.addRecord(call: "unseen", secondsAgo: 3, seconds: 3, user: 1)
            simulator.addRecord(call: "long-gone", secondsAgo: 900, seconds: 30, user: 1)
        }
        try await up(seen, times: 2)
        try await eventually("the gap is repaired", state: { "\(seen { $0.timeline })" }) {
            seen { $0.kinds.contains(.sourceSnapshot) }
        }
        let told = seen { state in
            state.facts.filter { $0.origin == .snapshot && $0.kind.isCall }.map { "\($0.kind.name) \($0.callID ?? "")" }
        }
        #expect(
            told.sorted() == [
                "call.answered open", "call.answered unseen", "call.ended open", "call.ended unseen",
                "call.offered unseen",
            ])
        #expect(seen { $0.kinds.count { $0 == .agentPresence } } == 8, "nothing has changed")
        let order = seen { $0.timeline }
        #expect((order.lastIndex(of: "up") ?? 0) < (order.firstIndex(of: "source.snapshot") ?? 0))
        try await bench.stop()
    }

    @Test("After a restart the gap since the note is repaired, and calls of the time before are known")
    func repairsAfterRestart() async throws {
        let bench = try await EnreachBench()
        var open = CallTracker.RecentCall(
            id: "open", direction: .inbound, wasAnswered: true, lastOccurred: WallClock.now())
        open.connected = ["agent:x"]
        try await bench.onSimulator { $0.addRecord(call: "open", secondsAgo: 30, seconds: 10, user: 0) }
        let heard = WallClock.now().advanced(by: .seconds(-60)).microseconds
        let seen = try await bench.start(notes: ["heard": Array("\(heard)".utf8)], recentCalls: [open])
        try await up(seen)
        try await eventually("the call ends", state: { "\(seen { $0.timeline })" }) {
            seen { $0.kinds.contains(.callEnded) }
        }
        try await bench.stop()
        #expect(seen { $0.notes["heard"] != nil })
    }

    @Test("A hub with a token alone is not repaired, and says what that means for open calls")
    func noRepair() async throws {
        let bench = try await EnreachBench()
        let token = try await bench.onSimulator { $0.issueToken() }
        let queues = try await bench.onSimulator { $0.queueIDs }
        let seen = try await bench.start(
            access: .fixed(hub: try bench.url("/rte"), token: .secret(SecretReference(Secret(Array(token.utf8)))))
        ) { $0.subscriptions = [EnreachSubscription(kind: .queue, entities: .listed(queues), events: .all)] }
        try await up(seen)
        try await bench.say("QueueCallInComing", call: "c1")
        try await eventually("the call is told") { seen { $0.kinds.contains(.callOffered) } }
        try await bench.perform(.drop)
        try await up(seen, times: 2)
        #expect(seen { $0.log.contains { $0.contains("carry the gap") && $0.contains("calls=1") } })
        #expect(seen { !$0.kinds.contains(.sourceSnapshot) })
        try await bench.stop()
    }

    @Test("A token command is run for each connect that needs one, and its failures are told")
    func command() async throws {
        let bench = try await EnreachBench()
        let directory = try TemporaryDirectory()
        try directory.write("token", try await bench.onSimulator { $0.issueToken() })
        let arguments = ["/bin/cat", directory.file("token")]
        let user = try await bench.onSimulator { $0.userIDs[0] }
        let seen = try await bench.start(access: .fixed(hub: try bench.url("/rte"), token: .command(arguments))) {
            $0.subscriptions = [EnreachSubscription(kind: .user, entities: .listed([user]), events: .all)]
        }
        try await up(seen)
        try await bench.perform(.expireTokens)
        try directory.write("token", try await bench.onSimulator { $0.issueToken() })
        try await bench.perform(.drop)
        try await up(seen, times: 2)
        try await bench.perform(.expireTokens)
        try await bench.perform(.drop)
        try await eventually("it is refused", state: { "\(seen { $0.log })" }) {
            seen { $0.log.contains { $0.contains("has no other one yet") } }
        }
        unlink(directory.file("token"))
        try await bench.stop()
    }

    @Test("Calls of invented traffic come through whole, over drops")
    func traffic() async throws {
        let bench = try await EnreachBench(rate: 30, speed: 30)
        let seen = try await bench.start()
        try await up(seen)
        try await eventually("calls end", within: .seconds(60)) { seen { $0.kinds.count { $0 == .callEnded } > 30 } }
        try await bench.perform(.drop)
        try await up(seen, times: 2)
        let ended = seen { $0.kinds.count { $0 == .callEnded } }
        try await eventually("calls end", within: .seconds(60)) {
            seen { $0.kinds.count { $0 == .callEnded } > ended + 30 }
        }
        #expect(seen { $0.kinds.count { $0 == .sourceUnmapped } } == 0)
        try await bench.stop()
    }
}
