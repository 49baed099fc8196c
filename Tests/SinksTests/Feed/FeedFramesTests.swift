import BridgeCore
import Codecs
import NIOCore
import Sinks
import TestSupport
import Testing

struct FeedFramesTests {
    private func text(_ batch: DeliveryBatch, isReplay: Bool = false, _ filter: FeedFilter = FeedFilter()) -> String {
        String(buffer: FeedFrames(batch, isReplay: isReplay).passing(filter, after: 0))
    }

    @Test func `A line is an event with its seq, its kind and itself`() {
        let whole = String(decoding: feedLine(7).dropLast(), as: UTF8.self)
        #expect(text(delivery(7...7) { feedLine($0) }) == "id: 7\nevent: call.answered\ndata: \(whole)\n\n")
        #expect(
            text(delivery(7...7) { feedLine($0) }, isReplay: true) == "event: call.answered\ndata: \(whole)\n\n",
            "a replay moves no reader")
    }

    @Test func `A CloudEvent has the kind of what it carries, a foreign line none`() {
        var writer = ByteWriter()
        feedLine(7).dropLast().withUnsafeBytes {
            LineTransform(format: .cloudEvents(typePrefix: "com.acme.")).append($0, isReplay: false, to: &writer)
        }
        let cloud = writer.bytes
        let event = ServerSentEvent.parse(text(delivery(7...7) { _ in cloud }))
        #expect(event.count == 1 && event[0].event == "call.answered" && event[0].id == "7")
        #expect(event[0].data + "\n" == String(decoding: cloud, as: UTF8.self))
        #expect(text(delivery(7...7) { _ in Array("{}\n".utf8) }) == "id: 7\ndata: {}\n\n")
    }

    @Test func `Of several lines those behind the position come`() {
        let frames = FeedFrames(delivery(5...9))
        for position in 0...10 as ClosedRange<Int64> {
            let seqs = ServerSentEvent.parse(String(buffer: frames.passing(FeedFilter(), after: position))).map(\.seq)
            #expect(seqs == (5...9).filter { $0 > position })
        }
        #expect(frames.through == 9)
    }
}

struct FeedFilterTests {
    private static let lines: [[UInt8]] = [
        feedLine(1, call: "cape:1", agent: "1001", queue: "sales"),
        feedLine(2, call: "cape:1", queue: "sales"),
        feedLine(3, call: "cape:1"),
        feedLine(4, call: "cape:2", direction: "outbound", agent: "1002", kind: "call.ended"),
        feedLine(5, call: "hel:3", agent: "1001", source: "hel"),
        line(6, kind: "agent.presence"),
    ]

    private func passing(_ filter: FeedFilter, _ lines: [[UInt8]] = FeedFilterTests.lines) -> [Int] {
        lines.indices.filter { lines[$0].dropLast().withUnsafeBytes { filter.passes($0) } }.map { $0 + 1 }
    }

    @Test(arguments: [
        (LineCriteria(), [1, 2, 3, 4, 5, 6]),
        (LineCriteria(kinds: ["call.*"]), [1, 2, 3, 4, 5]),
        (LineCriteria(kinds: ["call.ended", "agent.*"]), [4, 6]),
        (LineCriteria(sources: ["hel"]), [5]),
        (LineCriteria(queues: ["sales"]), [1, 2]),
        (LineCriteria(queues: ["Sales sales"]), [1, 2]),
        (LineCriteria(agents: ["1001"]), [1, 5]),
        (LineCriteria(agents: ["21002"]), [4]),
        (LineCriteria(agents: ["1001", "1002"], directions: ["outbound"]), [4]),
        (LineCriteria(calls: ["cape:1"]), [1, 2, 3]),
        (LineCriteria(calls: ["cape:1", "hel:3"]), [1, 2, 3, 5]),
        (LineCriteria(calls: ["cape"]), []),
    ])
    func `A reader gets what he asks for`(wanted: LineCriteria, expected: [Int]) {
        #expect(passing(FeedFilter(wanted: wanted)) == expected)
    }

    @Test(arguments: [
        // Not the lines 2 and 3 of the same call: they do not say whose they are.
        (LineCriteria(agents: ["1001"]), [1, 5]),
        (LineCriteria(sources: ["cape"], agents: ["1001"]), [1]),
        (LineCriteria(agents: ["100"]), []),
        (LineCriteria(queues: ["sales"]), [1, 2]),
        (LineCriteria(queues: ["sales"], agents: ["1002"]), []),
        (LineCriteria(sources: ["cape"]), [1, 2, 3, 4, 6]),
    ])
    func `A token sees only what names what it is for`(scope: LineCriteria, expected: [Int]) {
        #expect(passing(FeedFilter(scope: scope)) == expected)
        let clouds = Self.lines.map { line in
            var writer = ByteWriter()
            line.dropLast().withUnsafeBytes {
                LineTransform(format: .cloudEvents(typePrefix: "x.")).append($0, isReplay: false, to: &writer)
            }
            return writer.bytes
        }
        #expect(passing(FeedFilter(scope: scope), clouds) == expected, "also in CloudEvents")
    }

    @Test func `A reader cannot ask for more than his token sees`() {
        let scope = LineCriteria(agents: ["1001"])
        #expect(passing(FeedFilter(wanted: LineCriteria(agents: ["1002"]), scope: scope)).isEmpty)
        #expect(passing(FeedFilter(wanted: LineCriteria(calls: ["cape:1"]), scope: scope)) == [1])
    }

    @Test(arguments: [
        "{}\n", "\n", "rubbish\n", #"{"agent":{"id":"1001"}}"# + "\n",
        #"{"specversion":"1.0","data":{"agent":{"id":"1001"}}}"# + "\n",
    ])
    func `What cannot be read is hidden from a token with a scope, and from no other`(text: String) {
        #expect(passing(FeedFilter(), [Array(text.utf8)]) == [1])
        for scope in [LineCriteria(agents: ["1001"]), LineCriteria(sources: ["cape"])] {
            #expect(passing(FeedFilter(scope: scope), [Array(text.utf8)]).isEmpty)
        }
    }

    @Test func `Data inside a text is no member`() {
        let spoofed = line(1, text: #"","agent":{"id":"1001"},"x":""#)
        #expect(passing(FeedFilter(scope: LineCriteria(agents: ["1001"])), [spoofed]).isEmpty)
    }
}
