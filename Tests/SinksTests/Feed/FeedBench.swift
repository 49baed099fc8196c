import BridgeCore
import Codecs
import Logging
import NIOCore
import Sinks
import Synchronization
import TestSupport

/// A line of a call, with agent and queue where they are given.
func feedLine(
    _ seq: Int64, call: String = "cape:1", direction: String = "inbound", agent: String? = nil, queue: String? = nil,
    kind: String = "call.answered", source: String = "cape"
) -> [UInt8] {
    var text = String(decoding: line(seq, kind: kind, source: source).dropLast(2), as: UTF8.self)
    var members = #","call":{"id":"\#(call)","seq":1,"state":"talking","direction":"\#(direction)"}"#
    if let agent { members += #","agent":{"id":"\#(agent)","extension":"2\#(agent)","name":"Nomsa \#(agent)"}"# }
    if let queue { members += #","queue":{"id":"\#(queue)","name":"Sales \#(queue)"}"# }
    text.replace(#","extra""#, with: #"\#(members),"extra""#)
    return Array("\(text)}\n".utf8)
}

/// A feed beside the store that its readers fall back on.
final class FeedBench: Sendable {
    private struct Stored {
        var lines: [Int64: [UInt8]] = [:]
        var (first, last): (Int64, Int64) = (1, 0)
        var isBroken = false
        var reads = 0
    }

    let feed: FeedSink
    private let stored: StoredLines

    private final class StoredLines: Sendable {
        let state = Mutex(Stored())
    }

    init() {
        let stored = StoredLines()
        self.stored = stored
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        feed = FeedSink(
            SinkContext(
                name: "live", tenant: "acme", logger: logger,
                history: { after, lines, bytes in
                    try stored.state.withLock { state in
                        state.reads += 1
                        if state.isBroken { throw FeedFault(description: "the store cannot be read") }
                        return Self.batch(&state, after: after, lines: lines, bytes: bytes)
                    }
                },
                extent: { stored.state.withLock { ($0.first, $0.last) } }))
    }

    var reads: Int { stored.state.withLock { $0.reads } }
    var last: Int64 { stored.state.withLock { $0.last } }
    func breakStore() { stored.state.withLock { $0.isBroken = true } }

    /// As retention does.
    func remove(below seq: Int64) {
        stored.state.withLock { state in
            for old in state.first..<seq { state.lines[old] = nil }
            state.first = seq
        }
    }

    /// Stores `count` lines; they are not offered yet.
    func commit(_ count: Int64, _ make: (Int64) -> [UInt8] = { feedLine($0) }) -> DeliveryBatch {
        let seqs = stored.state.withLock { state in
            let seqs = state.last + 1...state.last + count
            for seq in seqs { state.lines[seq] = make(seq) }
            state.last = seqs.upperBound
            return seqs
        }
        return delivery(seqs) { seq in stored.state.withLock { $0.lines[seq] ?? [] } }
    }

    func offer(_ count: Int64 = 1, _ make: (Int64) -> [UInt8] = { feedLine($0) }) async {
        _ = await feed.deliver(commit(count, make))
    }

    private static func batch(_ state: inout Stored, after: Int64, lines: Int, bytes: Int) -> DeliveryBatch? {
        let first = max(after + 1, state.first)
        guard first <= state.last else { return nil }
        var seqs = first...first
        var size = 0
        for seq in first...min(state.last, first + Int64(lines) - 1) {
            size += state.lines[seq]?.count ?? 0
            guard seq == first || size <= bytes else { break }
            seqs = first...seq
        }
        let lines = state.lines
        return delivery(seqs) { lines[$0] ?? [] }
    }
}

/// What one reader has read so far.
struct FeedReading {
    let reader: FeedReader
    private(set) var cursor: FeedCursor
    private(set) var events: [ServerSentEvent] = []
    private(set) var isOver = false
    private(set) var keepAlives = 0

    init(_ reader: FeedReader) { (self.reader, cursor) = (reader, reader.start) }

    var seqs: [Int64] { events.map(\.seq) }

    /// Reads until there are so many events, or the end.
    mutating func read(_ count: Int) async {
        while !isOver, events.count < count { await step() }
    }

    mutating func step() async {
        switch await reader.next(&cursor) {
        case .frames(let frames): events += ServerSentEvent.parse(String(buffer: frames))
        case .keepAlive: keepAlives += 1
        case .end: isOver = true
        }
    }
}
