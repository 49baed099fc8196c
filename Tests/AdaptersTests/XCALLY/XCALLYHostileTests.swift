import CallModel
import Codecs
import NIOCore
import TestSupport
import Testing
import WireProtocols

@testable import Adapters

/// Everything behind the WebSocket, from packets that a server or a script may send, broken in every way, to lines.
@Suite("XCALLY: hostile input")
struct XCALLYHostileTests {
    /// Values that a payload should not have.
    static let odd: [String] = [
        "null", "true", "-1", "1e400", "-0.0", "99999999999999999999999", "12.50", "\"\"", "\" \"", "[]", "{}",
        String(repeating: "[", count: 12) + String(repeating: "]", count: 12), #""\u0000""#, #""\ud83d""#, #""\"},{""#,
        #""<unknown>""#, #""99999999999.1""#, #""1437069264.914""#, #""-1437069264.1""#, #""transfer""#, #""outbound""#,
        #"{"_placeholder":true,"num":0}"#, #""{\"event\":\"up\",\"uniqueid\":\"1\"}""#,
        "\"\(String(repeating: "é", count: 3000))\"", "\"\(String(repeating: "-", count: 1100))\"",
    ]

    private static let start = Timestamp(microseconds: 1_437_069_264_000_000)
    private static let names = ["ringing", "up", "hangup", "abandon", "outbound", "message", "RealtimeCTI", ""]

    /// Payloads of all events, as the simulator invents them.
    private static let payloads: [String] = {
        var traffic = XCALLYTraffic(
            callsPerSecond: 2, speed: 10, startingAt: start, random: SplitMix(seed: 914))
        return traffic.events(until: start.advanced(by: .seconds(120))).compactMap {
            guard case .event(_, let payload) = $0.content else { return nil }
            return payload
        }
    }()

    /// A payload with some of its members replaced, doubled or renamed.
    private static func payload(_ random: inout SeededGenerator) throws -> String {
        let text = payloads.randomElement(using: &random) ?? "{}"
        var members: [(name: String, value: String)] = try JSONDocument(Array(text.utf8)).root.members.map {
            var writer = ByteWriter()
            writer.append(json: $0.value)
            return ($0.name, String(decoding: writer.bytes, as: UTF8.self))
        }
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let place = Int.random(in: 0..<members.count, using: &random)
            let value = odd.randomElement(using: &random) ?? "null"
            switch Int.random(in: 0...3, using: &random) {
            case 0: members.append((members[place].name, value))
            case 1: members.append(("x\(Int.random(in: 0...999, using: &random))", value))
            case 2 where members.count > 1: members.remove(at: place)
            default: members[place].value = value
            }
        }
        return "{\(members.map { "\"\($0.name)\":\($0.value)" }.joined(separator: ","))}"
    }

    private static func packet(_ random: inout SeededGenerator) throws -> [UInt8] {
        let payload = try payload(&random)
        let name = names.randomElement(using: &random) ?? ""
        let argument =
            Bool.random(using: &random)
            ? payload : #"{"type":"crm","channel":\#(payload),"reference":7,"url":["http://a"]}"#
        let prefixes = ["42", "42", "42", "421", "42/cti,", "451-", "452-3", "43", "44", "40", "41", "2", "3", "0"]
        var bytes = Array("\(prefixes.randomElement(using: &random) ?? "42")[\"\(name)\",\(argument)]".utf8)
        for _ in 0..<max(0, Int.random(in: -3...3, using: &random)) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...4, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.insert(Array("\"\\{}[]:,0".utf8).randomElement(using: &random) ?? 0, at: place)
            case 2: bytes.remove(at: place)
            case 3: bytes.removeSubrange(place...)
            default: bytes.insert(contentsOf: bytes[..<place].suffix(50), at: place)
            }
        }
        return bytes
    }

    @Test("Broken packets and payloads: nothing traps or hangs, and each line is bounded by what came")
    func broken() throws {
        let seed = SeededGenerator.printedSeed(for: "hostile XCALLY input")
        var random = SeededGenerator(seed: seed)
        var subject = Subject()
        let validator = try SchemaValidator.callEvent()
        for round in 0..<(runsLongTests ? 200_000 : 5000) {
            let bytes = try Self.packet(&random)
            let isBinary = Int.random(in: 0..<40, using: &random) == 0
            let lines = subject.take(bytes, isBinary: isBinary, &random)
            for line in lines {
                // What came, and what is known of the call from before: short texts, each bounded.
                #expect(line.utf8.count <= 32_768 + 4 * bytes.count, "seed \(seed), round \(round)")
                if round % 10 == 0 {
                    try #require(validator.faults(of: line) == [], "seed \(seed), round \(round): \(line)")
                }
            }
        }
        let (taken, ends, events) = (subject.taken, subject.ends, subject.events)
        #expect(taken > (runsLongTests ? 20_000 : 500) && ends > 500, "taken \(taken), ends \(ends)")
        #expect(PromiseJudge.faults(of: events).faults == [], "seed \(seed)")
    }

    /// A client's session, both readings, mapper and tracker.
    private struct Subject: ~Copyable {
        private var session: SocketIOClientSession
        private var version = EngineIOVersion.v3
        private var mapper = XCALLYMapper(raw: .onUnmapped)
        private var tracker = CallTracker(stream: UUID128(high: 1, low: 2))
        private let source: Int
        private var time = XCALLYHostileTests.start
        private let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        private(set) var events: [CallEvent] = []
        /// Events that came through, and sessions that ended.
        private(set) var taken = 0
        private(set) var ends = 0

        init() {
            source = tracker.register(XCALLYRun.profile)
            session = Self.connected(.v3, now)
        }

        private static func connected(_ version: EngineIOVersion, _ now: NIODeadline) -> SocketIOClientSession {
            var session = SocketIOClientSession(SocketIOClientConfiguration(), version: version, now: now)
            for text in [#"0{"sid":"e1","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#, #"40{"sid":"s1"}"#] {
                session.receive(.text(ByteBuffer(string: text)), now: now)
            }
            return session
        }

        /// Lines that a packet became.
        mutating func take(_ bytes: [UInt8], isBinary: Bool, _ random: inout SeededGenerator) -> [String] {
            if session.closesWebSocket {
                ends += 1
                version = Bool.random(using: &random) ? .v3 : .v4
                session = Self.connected(version, now)
            }
            let buffer = ByteBuffer(bytes: bytes)
            session.receive(isBinary ? .binary(buffer) : .text(buffer), now: now)
            time = time.advanced(by: .milliseconds(Int64.random(in: 0...3000, using: &random)))
            while let output = session.nextEvent() {
                guard case .event(let event) = output else { continue }
                taken += 1
                let argument = event.firstArgument
                let limits = JSONLimits(bytes: 1 << 20, depth: 16)
                mapper.take(
                    event.name == "RealtimeCTI" && Bool.random(using: &random)
                        ? XCALLYReading(pushed: argument, limits: limits)
                        : XCALLYReading(name: event.name, argument: argument, limits: limits), receivedAt: time)
            }
            while session.nextOutput() != nil {}
            tracker.advance(to: time)
            // Of calls that had waited for a time limit, not of this packet.
            events += tracker.takeOutput().map(\.event)
            for fact in mapper.takeFacts() { tracker.apply(fact, from: source, receivedAt: time) }
            let told = tracker.takeOutput().map(\.event)
            events += told
            return told.map { LineWriter.text($0) }
        }
    }
}
