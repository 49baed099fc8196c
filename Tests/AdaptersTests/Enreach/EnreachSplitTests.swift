import CallModel
import Codecs
import Foundation
import NIOCore
import Testing
import WireProtocols

@testable import Adapters

/// A whole session of a hub as bytes, through the client's session and the mapper to lines.
@Suite("Enreach: one session, cut anywhere")
struct EnreachSplitTests {
    private static let now = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private static let received = Timestamp(microseconds: 1_768_471_200_000_000)

    /// A queue's call with two agents: eight events, and seven lines since one is told twice.
    private static func scenario() throws -> JSONValue {
        let file = URL(fileURLWithPath: "\(ReplayScenario.directory)/05-enreach-queue-call-two-agents.json")
        return try JSONDocument(Array(Data(contentsOf: file)), limits: JSONLimits(bytes: 1 << 20, depth: 64)).root
    }

    /// What a hub sends for a recorded scenario: the handshake, a completion, pings, the events.
    private static func session(_ scenario: JSONValue) throws -> [UInt8] {
        var records = ["{}", #"{"type":6}"#, #"{"type":3,"invocationId":"1","result":["QueueCallInComing"]}"#]
        for event in try EnreachScript.events(scenario) {
            records.append(#"{"type":1,"target":"MessageReceived","arguments":[\#(event.argument)]}"#)
            records.append(#"{"type":6}"#)
        }
        return records.flatMap { Array($0.utf8) + [0x1E] }
    }

    /// The lines that the pieces lead to, each a WebSocket message, in text and binary by turns.
    private static func lines(_ pieces: [ArraySlice<UInt8>]) -> [String] {
        var hub = HubClientSession(now: now)
        var mapper = EnreachMapper(raw: .full)
        var tracker = CallTracker(stream: UUID128(high: 1, low: 2))
        var profile = SourceProfile(vendor: "enreach", name: "hel", tenant: "acme", lifecycle: .strict)
        EnreachConfiguration.complete(&profile)
        let source = tracker.register(profile)
        var lines: [String] = []
        for (index, piece) in pieces.enumerated() {
            let buffer = ByteBuffer(bytes: piece)
            hub.receive(index.isMultiple(of: 2) ? .text(buffer) : .binary(buffer), now: now)
            while let event = hub.nextEvent(now: now) {
                switch event {
                case .opened: mapper.take(.connected, at: received)
                case .invocation(let invocation):
                    if let message = invocation.arguments[0] { mapper.take(.message(message), at: received) }
                case .unreadable, .ended, .callFailed: lines.append("\(event)")
                case .result: break
                }
            }
            tracker.apply(&mapper.facts, from: source, receivedAt: received)
            lines += tracker.takeOutput().map { LineWriter.text($0.event) }
        }
        return lines
    }

    private static func kind(_ line: String) throws -> String? {
        try JSONDocument(Array(line.utf8)).root["kind"]?.string
    }

    @Test("At every byte offset, and byte by byte, the lines are the same (row 6)")
    func everyOffset() throws {
        let scenario = try Self.scenario()
        let session = try Self.session(scenario)
        let whole = Self.lines([session[...]])
        let expected = (scenario["expected"]?.elements ?? []).compactMap(\.string)
        #expect(try whole.map(Self.kind) == expected.map(Self.kind) && expected.count == 7)
        for offset in 1..<session.count {
            let lines = Self.lines([session[..<offset], session[offset...]])
            #expect(lines == whole, "cut at \(offset)")
            if lines != whole { break }
        }
        #expect(Self.lines(session.indices.map { session[$0...$0] }) == whole)
    }
}
