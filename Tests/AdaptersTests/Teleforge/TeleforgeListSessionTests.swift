import NIOCore
import TestSupport
import Testing
import WireProtocols

@testable import Adapters

/// The session as a value: what it says and does in each of its states.
@Suite struct TeleforgeListSessionTests {
    private static let call = Bytes(#"{"type":"call","payload":{"call_ref":"1"}}"#.utf8)
    private static let calls = (0..<6).map { Bytes(#"{"type":"call","payload":{"call_ref":"\#($0)"}}"#.utf8) }

    @Test(
        "An empty list is waited for at the configured end; a lone element is removed with the next wait",
        arguments: [
            (TeleforgeListEnd.left, "LEFT", "LRANGE k 0 99", "1"), (.right, "RIGHT", "LRANGE k -100 -1", "-1"),
        ])
    func loneElement(end: TeleforgeListEnd, word: String, range: String, count: String) throws {
        let bench = try SessionBench(SessionBench.settings(end: end), isTrusted: true)
        try bench.connect()
        try bench.settle()
        let wait = "BLMOVE k k \(word) \(word) 5"
        #expect(bench.model.log == [range, wait])
        #expect(bench.events == [.ready])
        try bench.advance(.seconds(1))
        bench.model.pushTail(Self.call)
        try bench.deliver()
        try bench.pump()
        #expect(!bench.model.hasCommands, "nothing is said before the element is stored")
        bench.store()
        try bench.pump()
        bench.model.stepAll()
        #expect(bench.model.log.suffix(2) == ["LREM k \(count) \(String(decoding: Self.call, as: UTF8.self))", wait])
        #expect(bench.model.list.isEmpty && bench.stored == [Self.call])
    }

    @Test(
        "A backlog is read ahead behind what is not removed, two batches at most, in order",
        arguments: [
            TeleforgeListEnd.left, .right,
        ])
    func prefetch(end: TeleforgeListEnd) throws {
        let bench = try SessionBench(SessionBench.settings(end: end, batch: 2), isTrusted: true)
        bench.session.batchCount = 2
        for element in Self.calls { end == .left ? bench.model.pushTail(element) : bench.model.pushHead(element) }
        try bench.connect()
        bench.model.stepAll()
        try bench.deliver()
        try bench.pump()
        #expect(bench.commits.count == 1)
        // One more than asked for: the last element held shows that the list did not move. `batchCount` grew meanwhile.
        #expect(bench.model.log == [end == .left ? "LRANGE k 0 1" : "LRANGE k -2 -1"])
        bench.model.stepAll()
        #expect(bench.model.log.last == (end == .left ? "LRANGE k 1 9" : "LRANGE k -10 -2"))
        while try bench.deliver() {}
        try bench.pump()
        bench.model.stepAll()
        let reads = bench.model.log.filter { $0.hasPrefix("LRANGE") }
        #expect(bench.commits.count == 2 && reads.count == 2 && bench.model.list.count == 6)
        #expect(bench.model.log.contains("LLEN k"), "the gauge rides along where there is a backlog")
        try bench.settle()
        #expect(bench.stored == Self.calls && bench.model.list.isEmpty)
    }

    @Test("Waits that are answered at once lead back to reading in batches")
    func quickWaits() throws {
        let bench = try SessionBench(SessionBench.settings(), isTrusted: true)
        try bench.connect()
        try bench.settle()
        for element in Self.calls.prefix(3) {
            bench.model.pushTail(element)
            while try bench.deliver() {}
            try bench.pump()
            bench.store()
            try bench.pump()
            bench.model.stepAll()
        }
        #expect(bench.model.log.last { $0.hasPrefix("LRANGE") } == "LRANGE k 0 100")
    }

    @Test("The same bytes twice in a batch are removed twice")
    func duplicates() throws {
        let bench = try SessionBench(SessionBench.settings(), isTrusted: true)
        for element in [Self.call, Self.call, Self.calls[2]] { bench.model.pushTail(element) }
        try bench.connect()
        try bench.settle()
        #expect(bench.model.list.isEmpty && bench.session.removedCount == 3 && bench.session.stolenCount == 0)
    }

    // MARK: - First contact

    @Test(
        "Foreign elements and garbage refuse an untrusted key, and it is looked at again after 30 s",
        arguments: [
            (#"{"type":"status"}"#, TeleforgeListSession.Problem.foreignElements), ("garbage", .garbage),
        ])
    func refusal(text: String, problem: TeleforgeListSession.Problem) throws {
        let bench = try SessionBench(SessionBench.settings())
        bench.model.pushTail(Bytes(text.utf8))
        try bench.connect()
        try bench.settle()
        #expect(bench.events == [.unready(problem)])
        try bench.advance(.seconds(29))
        #expect(bench.model.log == ["LRANGE k 0 99"] && bench.model.list.count == 1)
        bench.model.list = [Self.call]
        try bench.advance(.seconds(2))
        try bench.settle()
        #expect(bench.model.list.isEmpty && bench.stored == [Self.call] && bench.isTrusted)
    }

    @Test("An element that arrives at an untrusted empty key is only looked at")
    func arrivalAtUntrustedKey() throws {
        let bench = try SessionBench(SessionBench.settings())
        try bench.connect()
        try bench.settle()
        bench.model.pushTail(Bytes(#"{"type":"queue_calls"}"#.utf8))
        try bench.settle()
        #expect(bench.model.list.count == 1 && bench.events == [.ready, .unready(.foreignElements)])
    }

    @Test(
        "The configured end is doubted when it holds the clearly newer record",
        arguments: [
            (TeleforgeListEnd.left, true), (.right, false),
        ])
    func probe(end: TeleforgeListEnd, isDoubted: Bool) throws {
        for (batch, count) in [(2, 6), (100, 6)] {
            let bench = try SessionBench(SessionBench.settings(end: end, batch: batch), isTrusted: true)
            for index in 0..<count {
                let record =
                    #"{"type":"cdr","payload":{"call_ref":"\#(index)","dialed_at":\#(1_700_000_000 + index * 100)}}"#
                bench.model.pushHead(Bytes(record.utf8))
            }
            try bench.connect()
            try bench.settle()
            #expect(bench.events.contains(.newerEndFirst) == isDoubted)
            #expect(bench.model.list.isEmpty)
        }
    }

    // MARK: - Errors

    @Test(
        "Without BLMOVE the list is polled, slower while it stays empty; after -OOM it is tried again",
        arguments: [
            ("-ERR unknown command 'BLMOVE', with args beginning with: 'k'", false),
            ("-NOPERM this user has no permissions to run the 'blmove' command", false),
            ("-OOM command not allowed when used memory > 'maxmemory'.", true),
        ])
    func polling(reply: String, comesBack: Bool) throws {
        let bench = try SessionBench(SessionBench.settings(), isTrusted: true)
        try bench.connect()
        bench.model.stepAll()
        try bench.deliver()
        try bench.pump()
        bench.model.cutInbox()
        bench.model.answer(reply + "\r\n")
        try bench.deliver()
        try bench.pump()
        #expect(bench.events.contains { if case .polling = $0 { true } else { false } })
        var reads: [Int] = []
        for tick in 0..<400 {
            bench.model.stepAll()
            while try bench.deliver() { try bench.pump() }
            let before = bench.model.log.count
            try bench.advance(.milliseconds(100))
            bench.model.stepAll()
            if bench.model.log.count > before { reads.append(tick) }
            if bench.model.isBlocked { break }
        }
        #expect(bench.model.isBlocked == comesBack)
        #expect(reads.count > 20 && reads.count < 60, "\(reads)")
    }

    @Test("Refused removals are tried again, alone first, and nothing new is read meanwhile")
    func misconfigured() throws {
        let bench = try SessionBench(SessionBench.settings(), isTrusted: true)
        for element in Self.calls { bench.model.pushTail(element) }
        bench.model.fault = .misconfigured
        try bench.connect()
        try bench.settle()
        #expect(bench.events.contains(.unready(.server(.writesDisabled))))
        #expect(bench.model.list.count == 6 && bench.stored == Self.calls)
        bench.model.pushTail(Self.call)
        let before = bench.model.log.count
        try bench.advance(.seconds(2))
        try bench.settle()
        #expect(bench.model.log.count == before + 1 && bench.model.log.last?.hasPrefix("LREM") == true)
        bench.model.fault = .none
        try bench.advance(.seconds(5))
        try bench.settle()
        #expect(bench.model.list.isEmpty && bench.stored == Self.calls + [Self.call])
        #expect(bench.events.suffix(3).contains(.ready))
    }

    @Test(
        "Each class of error has its effect on a read",
        arguments: [
            ("-WRONGTYPE x", TeleforgeListSession.Event.unready(.server(.wrongType)), 30),
            ("-LOADING x", .unready(.server(.loading)), 1), ("-BUSY x", .unready(.server(.busy)), 1),
            ("-MASTERDOWN x", .unready(.server(.masterDown)), 1),
            ("-CLUSTERDOWN x", .unready(.server(.clusterDown)), 1),
            ("-TRYAGAIN x", .unready(.server(.tryAgain)), 1), ("-READONLY x", .close(.server(.readOnly)), 0),
            ("-UNBLOCKED x", .close(.server(.unblocked)), 0), ("-NOAUTH x", .close(.server(.passwordRequired)), 0),
            ("-MOVED 1 x", .close(.server(.moved)), 0), ("-NOPERM x", .unready(.server(.noPermission("NOPERM x"))), 30),
            (":1", .close(.unexpectedReply), 0), ("*1\r\n:1", .close(.unexpectedReply), 0),
        ])
    func readErrors(reply: String, event: TeleforgeListSession.Event, retrySeconds: Int64) throws {
        let bench = try SessionBench(SessionBench.settings(), isTrusted: true)
        try bench.connect()
        bench.model.cutInbox()
        bench.model.answer(reply + "\r\n")
        try bench.deliver()
        try bench.pump()
        #expect(bench.events == [event])
        #expect(!bench.model.hasCommands)
        guard retrySeconds > 0 else { return }
        try bench.advance(.seconds(retrySeconds) - .milliseconds(950))
        #expect(!bench.model.hasCommands)
        try bench.advance(.seconds(1))
        #expect(bench.model.hasCommands)
    }

    @Test("A server that does not answer is given up: after the wait and ten seconds, or ten seconds")
    func mute() throws {
        let bench = try SessionBench(SessionBench.settings(), isTrusted: true)
        try bench.connect()
        #expect(bench.session.nextDeadline == bench.now + .seconds(10))
        try bench.settle()
        #expect(bench.session.nextDeadline == bench.now + .seconds(15))
        try bench.advance(.seconds(15))
        #expect(bench.events.last == .close(.mute(.seconds(15))))
    }

    @Test("A reply that was too long is asked for in smaller batches, and one element that is too long is refused")
    func tooLong() throws {
        let bench = try SessionBench(SessionBench.settings(), isTrusted: true)
        for expected in ["LRANGE k 0 99", "LRANGE k 0 11", "LRANGE k 0 0"] {
            try bench.connect()
            bench.model.stepAll()
            #expect(bench.model.log.last == expected)
            bench.session.connectionClosed(replyWasTooLong: true)
            bench.model.cut()
        }
        try bench.connect()
        #expect(bench.events.last == .unready(.elementTooLong))
        #expect(!bench.model.hasCommands)
        try bench.advance(.seconds(30))
        #expect(bench.model.hasCommands)
    }

    // MARK: - Other consumers, restarts, stops

    @Test("After a stolen element removals go one by one, and it is said once a minute")
    func stolen() throws {
        let bench = try SessionBench(SessionBench.settings(), isTrusted: true)
        for element in Self.calls { bench.model.pushTail(element) }
        try bench.connect()
        bench.model.stepAll()
        try bench.deliver()
        try bench.pump()
        bench.model.list.removeFirst(2)
        try bench.settle()
        #expect(bench.session.stolenCount == 2 && bench.model.list.isEmpty && bench.stored == Self.calls)
        #expect(
            bench.events.filter { if case .anotherConsumer = $0 { true } else { false } } == [
                .anotherConsumer(stolen: 1)
            ])
        for element in Self.calls { bench.model.pushTail(element) }
        try bench.deliver()
        try bench.pump()
        bench.store()
        try bench.pump()
        #expect(bench.session.acknowledger.inFlight <= 1)
    }

    @Test("An unmapped element that was stored before a restart is removed and not handed out again")
    func restart() throws {
        let bench = try SessionBench(SessionBench.settings(), isTrusted: true)
        let garbage = Bytes("garbage".utf8)
        bench.model.pushTail(garbage)
        try bench.connect()
        bench.model.stepAll()
        try bench.deliver()
        try bench.pump()
        bench.store()
        #expect(bench.note.count == TeleforgeElementHash.byteCount)
        bench.restart()
        try bench.connect()
        try bench.settle()
        #expect(bench.model.list.isEmpty && bench.stored == [garbage])
        #expect(bench.note.isEmpty)
        bench.model.pushTail(garbage)
        try bench.settle()
        #expect(bench.stored == [garbage, garbage], "a new element with the same bytes is a new element")
    }

    @Test("Stopping ends at once where nothing is held, and else after what is stored was removed")
    func stop() throws {
        let idle = try SessionBench(SessionBench.settings(), isTrusted: true)
        idle.session.stop(now: idle.now)
        try idle.pump()
        #expect(idle.events == [.finished], "not connected")

        let waiting = try SessionBench(SessionBench.settings(), isTrusted: true)
        try waiting.connect()
        try waiting.settle()
        waiting.session.stop(now: waiting.now)
        try waiting.pump()
        #expect(waiting.model.isBlocked && waiting.events.last == .finished, "an abandoned peek does no harm")

        let holding = try SessionBench(SessionBench.settings(), isTrusted: true)
        for element in Self.calls { holding.model.pushTail(element) }
        try holding.connect()
        holding.model.stepAll()
        try holding.deliver()
        try holding.pump()
        holding.session.stop(now: holding.now)
        try holding.pump()
        #expect(holding.events.last != .finished)
        try holding.settle()
        #expect(holding.model.list.isEmpty && holding.events.last == .finished)

        let stuck = try SessionBench(SessionBench.settings(), isTrusted: true)
        stuck.model.pushTail(Self.call)
        try stuck.connect()
        stuck.model.stepAll()
        try stuck.deliver()
        try stuck.pump()
        stuck.session.stop(now: stuck.now)
        try stuck.advance(.seconds(10))
        #expect(stuck.events.last == .finished && stuck.model.list.count == 1, "a stuck store does not hold the stop")
    }

    @Test(
        "At most once pops from the configured end; what a pending pop brings after the stop is stored first",
        arguments: [
            (TeleforgeListEnd.left, "BLPOP k 5"), (.right, "BRPOP k 5"),
        ])
    func atMostOnce(end: TeleforgeListEnd, command: String) throws {
        let bench = try SessionBench(SessionBench.settings(end: end, popsAtOnce: true), isTrusted: true)
        try bench.connect()
        try bench.settle()
        #expect(bench.model.log == [command])
        bench.session.stop(now: bench.now)
        try bench.pump()
        #expect(bench.events.last != .finished)
        bench.model.pushTail(Self.call)
        try bench.deliver()
        try bench.pump()
        #expect(bench.events.last != .finished)
        bench.store()
        try bench.pump()
        #expect(bench.events.last == .finished && bench.stored == [Self.call] && bench.note.isEmpty)
    }

    @Test("At most once looks before it pops from a key it does not trust")
    func atMostOnceLooksFirst() throws {
        let bench = try SessionBench(SessionBench.settings(popsAtOnce: true))
        bench.model.pushTail(Bytes(#"{"type":"status"}"#.utf8))
        try bench.connect()
        try bench.settle()
        #expect(bench.model.list.count == 1 && bench.events == [.unready(.foreignElements)])
        bench.model.list = [Self.call]
        try bench.advance(.seconds(31))
        try bench.settle()
        #expect(bench.model.list.isEmpty && bench.stored == [Self.call])
    }
}
