import CallModel
import Codecs
import Foundation
import Store
import TestSupport
import Testing
import WireProtocols

@testable import Adapters

/// Two stages of the pipeline alone, in this process: payload → line, and line → store. Prints figures, gates nothing.
///
/// Meaningful with the optimiser only: `make bench-stages` builds it so, and runs it.
@Suite(
    .serialized,
    .enabled("set CTI_BRIDGE_BENCH=1; see `make bench-stages`") {
        ProcessInfo.processInfo.environment["CTI_BRIDGE_BENCH"] == "1"
    })
struct StageBenchmarks {
    private static let list = TeleforgeElements.inboundList
    /// As many open calls as the tracker holds: one more, and the oldest is ended to make room, with a third line.
    private static let elements = 20_000
    private static let runs = 5
    /// Elements in one commit, as the source reads a backlog.
    private static let batch = 100
    private static let stream = UUID128("0192f0c4-8a00-7000-8000-000000000001")

    /// What one run cost: both over all elements.
    private struct Cost {
        let wall: Double
        let cpu: Double

        static func of(_ work: () throws -> Void) rethrows -> Cost {
            let (began, used) = (ContinuousClock().now, cpuSeconds())
            try work()
            let wall = (ContinuousClock().now - began) / .seconds(1)
            return Cost(wall: wall, cpu: cpuSeconds() - used)
        }

        /// All threads of this process.
        private static func cpuSeconds() -> Double {
            var usage = rusage()
            guard getrusage(Int32(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
            let times = [usage.ru_utime, usage.ru_stime]
            return times.reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
        }
    }

    private func report(_ stage: String, _ costs: [Cost], events: Int) {
        func spread(_ values: [Double], _ digits: Int) -> String {
            let sorted = values.sorted()
            let text = [sorted[sorted.count / 2], sorted.first ?? 0, sorted.last ?? 0]
                .map { String(format: "%.\(digits)f", $0) }
            return "\(text[0]) (\(text[1])-\(text[2]))"
        }
        print(
            "\(stage): \(spread(costs.map { Double(events) / $0.wall / 1000 }, 0)) thousand events/s, "
                + "\(spread(costs.map { $0.cpu / Double(events) * 1e6 }, 2)) us CPU per event")
    }

    /// The lines of all elements, in batches as the pipeline hands them to the store.
    private func makeBatches(_ payloads: [[UInt8]]) throws -> [StoreAppend] {
        let mapper = TeleforgeMapper(prefix: "enigma:notifications", raw: .onUnmapped)
        var tracker = CallTracker(stream: try #require(Self.stream))
        let source = tracker.register(SourceProfile(vendor: "teleforge", name: "cape", tenant: "bench"))
        var writer = ByteWriter(capacity: 1 << 18)
        var facts: [CallFact] = []
        var batches: [StoreAppend] = []
        for start in stride(from: 0, to: payloads.count, by: Self.batch) {
            let now = Timestamp(microseconds: 1_768_471_217_250_000 + Int64(start) * 100)
            for payload in payloads[start..<min(start + Self.batch, payloads.count)] {
                facts.removeAll(keepingCapacity: true)
                _ = payload.withUnsafeBytes { mapper.facts(list: Self.list, element: $0, into: &facts) }
                for fact in facts { tracker.apply(fact, from: source, receivedAt: now) }
            }
            var ends: [Int] = []
            let first = tracker.output.first?.event.seq ?? 1
            let previous = tracker.output.map(\.previousSeq)
            for item in tracker.output {
                LineWriter.write(item.event, to: &writer)
                ends.append(writer.count)
            }
            let lines = LineBatch(firstSeq: first, bytes: writer.bytes, ends: ends)
            batches.append(
                StoreAppend(
                    lines: lines, receivedAt: Array(repeating: now.microseconds, count: ends.count),
                    previous: previous))
            writer.removeAll()
            _ = tracker.takeOutput()
        }
        return batches
    }

    private func payloads() -> [[UInt8]] {
        var generator = TeleforgeElements(seed: 7)
        return (0..<Self.elements).map { _ in Array(generator.inbound().json.utf8) }
    }

    @Test func `Payload to line: JSON, mapping, tracker and writer on one thread`() throws {
        let payloads = payloads()
        var costs: [Cost] = []
        for _ in 0..<Self.runs {
            var events = 0
            costs.append(try Cost.of { events = try makeBatches(payloads).reduce(0) { $0 + $1.lines.count } })
            #expect(events == 2 * Self.elements)
        }
        report("payload -> line", costs, events: 2 * Self.elements)
    }

    @Test func `Line to store: group commit, synced, from the first append until all is durable`() throws {
        let batches = try makeBatches(payloads())
        // Beside the build, which is on a real disk where /tmp may not be.
        let place = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../.build/bench-store")
            .standardized
        defer { try? FileManager.default.removeItem(at: place) }
        var costs: [Cost] = []
        for run in 0..<Self.runs {
            let path = place.appendingPathComponent("run\(run)/store.sqlite").path
            let configuration = StoreConfiguration(path: path, retention: .seconds(86_400), maxSizeBytes: 2 << 30)
            let stream = try #require(Self.stream)
            let store = try Store.open(configuration, newStream: { stream }, notify: { _ in })
            costs.append(
                try Cost.of {
                    for batch in batches {
                        // The pipeline stops taking from its sources beyond a bound; so does this.
                        if store.queuedBytes > 4 << 20 { try store.flush() }
                        store.append(batch)
                    }
                    try store.flush()
                })
            #expect(store.lastSeq == Int64(2 * Self.elements))
            store.close()
        }
        report("line -> store", costs, events: 2 * Self.elements)
    }

    // MARK: Basix

    /// Frames of a busy PBX: layouts, the state of everything, then the events of `minutes` at `callsPerSecond`.
    private func basixFrames(callsPerSecond: Double, minutes: Int64) throws -> (frames: [[UInt8]], at: [Timestamp]) {
        let start = Timestamp(microseconds: 1_768_471_217_250_000)
        var traffic = BasixTraffic(
            callsPerSecond: callsPerSecond, speed: 1, startingAt: start, random: SplitMix(seed: 7))
        var notation = BasixNotationEncoder()
        var frames: [[UInt8]] = []
        var times: [Timestamp] = []
        func add(_ message: String, _ at: Timestamp) throws {
            let document = try JSONDocument(Array(message.utf8), limits: JSONLimits(bytes: 64 << 20, depth: 64))
            for frame in try notation.frames(of: document.root) {
                frames.append(frame)
                times.append(at)
            }
        }
        for (element, fields) in BasixNotationEncoder.documentedLayouts {
            let names = fields.map { "\"\($0)\"" }.joined(separator: ",")
            try add("{\"msg\":\"field_spec\",\"element\":\"\(element)\",\"fields\":[\(names)]}", start)
        }
        for message in traffic.snapshot() { try add(message, start) }
        for second in 1...(minutes * 60) {
            let now = start.advanced(by: .seconds(second))
            for message in traffic.messages(until: now) {
                if case .notation(let text) = message.content { try add(text, now) }
            }
        }
        return (frames, times)
    }

    /// What a frame goes through on the loop.
    private final class BasixStages {
        private var mapper = BasixMapper(source: "tokyo", raw: .onUnmapped)
        private var value: CallTracker
        private let reader = BasixMessageReader(limits: BERTLimits())
        private let source: Int
        private(set) var events = 0

        init() throws {
            value = CallTracker(stream: try #require(StageBenchmarks.stream))
            var profile = SourceProfile(vendor: "basix", name: "tokyo", tenant: "bench")
            BasixReplayer(name: "tokyo", raw: .onUnmapped).complete(&profile)
            source = value.register(profile)
            mapper.connected()
        }

        func take(_ frame: [UInt8], at now: Timestamp) throws {
            try frame.withUnsafeBytes { _ = mapper.take(try reader.read($0), frame: $0, receivedAt: now) }
            var facts = mapper.takeFacts()
            value.apply(&facts, from: source, receivedAt: now)
            events += value.takeOutput().count
        }
    }

    @Test func `Basix: frames decoded, and frames to CallEvents, on one thread`() throws {
        let (frames, times) = try basixFrames(callsPerSecond: 4, minutes: 10)
        let bytes = frames.reduce(0) { $0 + $1.count }
        var (decoded, mapped): ([Cost], [Cost]) = ([], [])
        var events = 0
        for _ in 0..<Self.runs {
            let decoder = BERTDecoder(limits: BERTLimits())
            decoded.append(
                try Cost.of {
                    for frame in frames { _ = try frame.withUnsafeBytes { try decoder.decode($0).kind } }
                })
            let stages = try BasixStages()
            mapped.append(
                try Cost.of {
                    for (index, frame) in frames.enumerated() { try stages.take(frame, at: times[index]) }
                })
            events = stages.events
        }
        print("basix: \(frames.count) frames, mean \(bytes / frames.count) bytes, \(events) CallEvents")
        #expect(events > 1000)
        report("basix frame -> term", decoded, events: frames.count)
        report("basix frame -> CallEvents", mapped, events: frames.count)
    }

    @Test func `Basix: a snapshot of 5,000 channels is decoded, mapped and reconciled within 20 ms`() throws {
        let start = Timestamp(microseconds: 1_768_471_217_250_000)
        var items: [String] = []
        for index in 0..<5000 {
            let offered = start.microseconds - Int64(index) * 1000
            items.append(
                """
                {"uuid":"5714495a-b8a1-4fff-8420-\(String(format: "%012d", index))","direction":"inbound",\
                "peer_location":"external","calling_name":"Caller \(index)","calling_number":"09012\(100_000 + index)",\
                "called_number":"0312345678","offer_timestamp":\(offered),"answer_timestamp":\(offered + 100),\
                "state":{"ts":\(offered + 200),"name":"ivr","data":{"ivr_id":100}},"last_event":"STATE_CHANGE"}
                """)
        }
        let notation = "{\"msg\":\"initial_info\",\"element\":\"channel\",\"items\":[\(items.joined(separator: ","))]}"
        var encoder = BasixNotationEncoder()
        let document = try JSONDocument(Array(notation.utf8), limits: JSONLimits(bytes: 64 << 20, depth: 64))
        let frames = try encoder.frames(of: document.root)
        var costs: [Cost] = []
        for _ in 0..<Self.runs {
            let stages = try BasixStages()
            costs.append(try Cost.of { for frame in frames { try stages.take(frame, at: start) } })
            #expect(stages.events >= 5000)
        }
        let milliseconds = costs.map { $0.wall * 1000 }.sorted()
        print(
            "basix snapshot of 5,000 channels (\(frames.map(\.count).max() ?? 0) bytes): "
                + "\(String(format: "%.1f (%.1f-%.1f) ms", milliseconds[2], milliseconds[0], milliseconds[4]))")
    }
}
