import NIOCore
import TestSupport
import Testing

@testable import WireProtocols

@Suite("SignalR: bytes that no hub sends")
struct HubFuzzTests {
    private static let records = [
        "{}", #"{"error":"no"}"#, #"{"protocol":"json","version":1}"#, #"{"type":6}"#,
        #"{"type":1,"target":"MessageReceived","arguments":[{"subscription":{"entityId":"a1","eventName":"x"},"data":{"a":null,"é":"\ud83d\ude00"}}]}"#,
        #"{"type":1,"invocationId":"s1","target":"Ask","arguments":[]}"#, #"{"type":2,"invocationId":"1","item":1}"#,
        #"{"type":3,"invocationId":"1","result":[{"subscribed":true}]}"#, #"{"type":3,"invocationId":"2","error":"e"}"#,
        #"{"type":3,"invocationId":"3"}"#, #"{"type":4,"invocationId":"4","target":"s","arguments":[1.5e3,true]}"#,
        #"{"type":5,"invocationId":"1"}"#, #"{"type":7,"error":"x","allowReconnect":true}"#,
        #"{"type":8,"sequenceId":1}"#, #"{"type":9,"sequenceId":1}"#, #"{"type":77}"#, "",
    ].map { Array($0.utf8) }

    /// A few records with their ends, most of them damaged.
    private static func wire(_ random: inout SeededGenerator) -> [UInt8] {
        var wire: [UInt8] = Bool.random(using: &random) ? Array("{}\u{1E}".utf8) : []
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            var record = records.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...3, using: &random) { mutate(&record, &random) }
            wire += record + [0x1E]
        }
        return wire
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let end = min(bytes.count, place + Int.random(in: 1...8, using: &random))
        let signs: [UInt8] = Array(#"{}[]",:\0159tfn"#.utf8) + [0x1E, 0x00, 0xC3, 0xFF]
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes.removeSubrange(place..<end)
        case 1: bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
        case 2: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random) }
        case 3: bytes.insert(signs.randomElement(using: &random) ?? 0, at: place)
        case 4: if place < bytes.count { bytes[place] = signs.randomElement(using: &random) ?? 0 }
        default: bytes = Array(bytes[..<place]) + (records.randomElement(using: &random) ?? []).suffix(20)
        }
    }

    private static func noise(_ random: inout SeededGenerator) -> [UInt8] {
        (0..<Int.random(in: 0...400, using: &random)).map { _ in .random(in: .min ... .max, using: &random) }
    }

    /// A client with three calls under way once it is open, and what became of it at the end.
    private static func played(_ pieces: [[UInt8]], isOpen: Bool) throws -> HubPeer {
        let limits = HubLimits(recordBytes: 150, depth: 8, sentRecordBytes: 300, unreadableInRow: 4)
        let peer = isOpen ? HubPeer.open(limits: limits) : HubPeer(limits: limits)
        if isOpen { for _ in 0..<3 { try peer.invoke("m") } }
        for (index, piece) in pieces.enumerated() { peer.receive(piece, binary: index.isMultiple(of: 2)) }
        peer.cut()
        return peer
    }

    @Test("No bytes crash or hold up either end; cuts change nothing; every call ends once, and the end comes last")
    func broken() throws {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "HubFuzzTests.broken"))
        var (messages, ends) = (0, 0)
        for round in 0..<(runsLongTests ? 200_000 : 4000) {
            let wire = round.isMultiple(of: 8) ? Self.noise(&random) : Self.wire(&random)
            let isOpen = round % 3 > 0
            let whole = try Self.played([wire], isOpen: isOpen)
            let cut = try Self.played(
                ChunkedFeed.randomly(wire, random: &random, longest: 50), isOpen: isOpen)
            #expect(whole.seen == cut.seen)
            #expect(whole.sent == cut.sent)
            #expect(whole.counts == cut.counts)
            #expect(whole.isEnded && whole.pendingCalls == 0 && whole.deadline == nil)
            #expect(whole.seen.filter { $0.hasPrefix("ended: ") }.count == 1)
            #expect(whole.seen.last?.hasPrefix("ended: ") == true)
            let finished = whole.seen.filter { $0.hasPrefix("result ") || $0.hasPrefix("failed ") }
            #expect(finished.count == (isOpen ? 3 : 0))
            messages += whole.counts.received - whole.counts.unreadable
            ends += whole.seen.last?.contains("without a word") == true ? 0 : 1

            let server = HubServerPeer.open()
            server.receive(wire)
            server.cut()
            #expect(server.isEnded && server.seen.filter { $0.hasPrefix("ended: ") }.count == 1)
        }
        // What is played has to reach both what is understood and what ends a session.
        #expect(messages > 2000)
        #expect(ends > 500)
    }

    @Test("Noise among records that are whole costs none of them")
    func noiseBetween() throws {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "HubFuzzTests.noiseBetween"))
        for _ in 0..<200 {
            let peer = HubPeer.open(limits: HubLimits(unreadableInRow: .max))
            let count = Int.random(in: 1...30, using: &random)
            var wire: [UInt8] = []
            for number in 0..<count {
                for _ in 0..<Int.random(in: 0...3, using: &random) {
                    wire += Self.noise(&random).filter { $0 != 0x1E && $0 != UInt8(ascii: "{") } + [0x1E]
                }
                wire += Array("{\"type\":1,\"target\":\"t\",\"arguments\":[\(number)]}\u{1E}".utf8)
            }
            for piece in ChunkedFeed.randomly(wire, random: &random, longest: 300) { peer.receive(piece) }
            #expect(peer.seen.filter { $0.hasPrefix("t ") } == (0..<count).map { "t [\($0)]" })
            #expect(peer.isOpen)
        }
    }

    @Test("Broken answers to negotiate end in a step or in an error that can be printed")
    func negotiate() throws {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "HubFuzzTests.negotiate"))
        let bodies = [
            #"{"negotiateVersion":1,"connectionId":"p","connectionToken":"s","availableTransports":[{"transport":"WebSockets","transferFormats":["Text"]}]}"#,
            #"{"connectionId":"a+/==","useStatefulReconnect":false}"#,
            #"{"url":"https://cloud:8443/x/?y=z","accessToken":"t"}"#, #"{"url":"/x"}"#, #"{"error":"no"}"#,
            #"{"ProtocolVersion":"1.5"}"#, "<html>", "",
        ].map { Array($0.utf8) }
        let hub = try #require(HubURL("https://h/rte?a=b"))
        var (steps, errors) = (0, 0)
        for _ in 0..<(runsLongTests ? 200_000 : 5000) {
            var body = bodies.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...3, using: &random) { Self.mutate(&body, &random) }
            var negotiation = SignalRNegotiation(hub, credentials: nil, placement: .query)
            do throws(SignalRNegotiationError) {
                _ = try negotiation.receive(HTTPResponseHead(status: 200), body: ByteBuffer(bytes: body))
                steps += 1
            } catch {
                #expect("\(error)".utf8.allSatisfy { (0x20...0x7E).contains($0) })
                errors += 1
            }
        }
        #expect(steps > 500 && errors > 1000)
    }
}
