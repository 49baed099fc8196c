import Foundation
import NIOCore
import TestSupport
import Testing
import WireProtocols

@Suite struct WebSocketSessionTests {
    /// Messages, fragments with control frames between them, empty frames, characters cut apart, and an end.
    static let wire: [UInt8] =
        frame(0x81, Array("one".utf8)) + frame(0x82, [0, 255]) + frame(0x81) + frame(0x82)
        + frame(0x01, [0xE2]) + frame(0x89, Array("p1".utf8)) + frame(0x00) + frame(0x00, [0x82])
        + frame(0x8A, Array("x".utf8)) + frame(0x80, [0xAC])
        + frame(0x02, [1]) + frame(0x80, [UInt8](repeating: 2, count: 200))
        + frame(0x81, Array(repeating: UInt8(ascii: "y"), count: 70_000))
        + frame(0x88, [0x03, 0xE9] + Array("tschüß".utf8)) + frame(0x81, Array("late".utf8))

    static let expected = [
        "text one", "binary 00 ff", "text ", "binary ", "ping p1", "pong x", "text €",
        "binary 01 " + hex([UInt8](repeating: 2, count: 200)), "text " + String(repeating: "y", count: 70_000),
        "closed 1001 (going away): tsch....",
    ]

    @Test("Messages are the same whole, byte by byte, and in random cuts; what follows a close frame is discarded")
    func cuts() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "WebSocketSessionTests.cuts"))
        for role in [WebSocketRole.client, .server] {
            let wire = role == .client ? Self.wire : Self.masked(Self.wire, &random)
            for feed in ChunkedFeed.cuts(of: wire, random: &random, randomCuts: 20, longest: 3000) {
                let peer = WebSocketPeer(role)
                for piece in feed { peer.feed(piece) }
                #expect(peer.seen == Self.expected)
                #expect(peer.closesSocket == (role == .server))
            }
        }
    }

    @Test("What one end says the other end hears, with and without compression, in any mixture")
    func conversation() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "WebSocketSessionTests.conversation"))
        for round in 0..<60 {
            var agreement: PerMessageDeflateAgreement?
            if round % 3 > 0 {
                agreement = PerMessageDeflateAgreement(
                    serverMaxWindowBits: .random(in: 8...15, using: &random),
                    clientMaxWindowBits: .random(in: 8...15, using: &random),
                    serverNoContextTakeover: .random(using: &random), clientNoContextTakeover: .random(using: &random))
            }
            let configuration = PerMessageDeflateConfiguration(
                level: .random(in: 1...9, using: &random), minimumBytes: round % 2 * 100)
            let client = WebSocketPeer(.client, compression: agreement, configuration, seed: random.next())
            let server = WebSocketPeer(.server, compression: agreement, configuration)
            for (from, to) in [(client, server), (server, client), (client, server)] {
                var said: [String] = []
                for _ in 0..<Int.random(in: 1...6, using: &random) {
                    let words = (0..<Int.random(in: 0...400, using: &random)).map { _ in
                        ["ring", "ä", "0123456789", "€", " "].randomElement(using: &random) ?? ""
                    }
                    let text = words.joined()
                    from.send(text)
                    said.append("text \(text)")
                    let noise = (0..<Int.random(in: 0...3000, using: &random)).map { _ in
                        UInt8.random(in: 0...255, using: &random)
                    }
                    from.send(.binary(ByteBuffer(bytes: noise)))
                    said.append("binary \(hex(noise))")
                }
                for piece in ChunkedFeed.randomly(from.takeSent(), random: &random, longest: 5000) { to.feed(piece) }
                #expect(to.takeSeen() == said)
            }
        }
    }

    @Test("A message of 16 MiB in fragments of 64 bytes takes linear time", .timeLimit(.minutes(2)))
    func manyFragments() {
        let peer = Listener()
        var burst: [UInt8] = []
        var sent = 0
        while sent < 16 << 20 {
            let first: UInt8 = sent == 0 ? 0x02 : sent + 64 == 16 << 20 ? 0x80 : 0x00
            burst += frame(first, [UInt8](repeating: UInt8(truncatingIfNeeded: sent >> 6), count: 64))
            sent += 64
            if burst.count > 60_000 {
                peer.feed(burst)
                burst = []
            }
        }
        peer.feed(burst)
        #expect(peer.lengths == [16 << 20])
        peer.feed(frame(0x82, [1]))
        #expect(peer.lengths == [16 << 20, 1])
    }

    @Test("A message is refused at its limit, at the header that announces too much")
    func messageLimit() {
        let limits = WebSocketLimits(messageBytes: 10)
        for (wire, offset) in [
            (frame(0x82, length: 11), 0), (frame(0x02, [UInt8](repeating: 1, count: 9)) + frame(0x80, length: 2), 11),
            (frame(0x01, [UInt8](repeating: 65, count: 10)) + frame(0x00) + frame(0x00, length: 1), 14),
        ] {
            let peer = WebSocketPeer(.client, limits: limits)
            peer.feed(wire)
            #expect(
                peer.seen == ["failed \(WebSocketError.violation(.messageTooLong(limitBytes: 10), offset: offset))"])
        }
        let exact = WebSocketPeer(.client, limits: limits)
        exact.feed(frame(0x02, [1, 2, 3, 4, 5]) + frame(0x80, [6, 7, 8, 9, 10]))
        #expect(exact.seen == ["binary 01 02 03 04 05 06 07 08 09 0a"])
    }

    @Test("An announced length costs nothing: memory follows the bytes that came")
    func announcements() throws {
        let before = try virtualBytes()
        var peers: [WebSocketPeer] = []
        for _ in 0..<1000 {
            let peer = WebSocketPeer(.client)
            peer.feed(frame(0x82, [1, 2, 3], length: 16 << 20))
            peers.append(peer)
        }
        // 16 GB were announced.
        #expect(try virtualBytes() - before < 2 << 30)
        #expect(peers.allSatisfy { $0.seen.isEmpty && $0.isOpen })
    }

    @Test("However many pings come, two pongs at most wait for a peer that does not read")
    func pingFlood() {
        let peer = WebSocketPeer(.server)
        for number in 0..<10_000 { peer.feed(frame(0x89, Array("\(number)".utf8), key: [1, 2, 3, 4])) }
        #expect(peer.takeSent() == frame(0x8A, Array("0".utf8)) + frame(0x8A, Array("9999".utf8)))
        #expect(peer.takeSent().isEmpty)
    }

    @Test("What the peer does not take ends the connection at its limit")
    func unsent() {
        let peer = WebSocketPeer(.client, limits: WebSocketLimits(unsentBytes: 1000))
        for _ in 0..<9 { peer.send(.binary(ByteBuffer(repeating: 1, count: 100))) }
        #expect(peer.isOpen && peer.seen.isEmpty)
        peer.send(.binary(ByteBuffer(repeating: 1, count: 100)))
        #expect(peer.seen == ["failed \(WebSocketError.unsent(limitBytes: 1000))"])
        #expect(peer.closesSocket && peer.outputBytes == 0)
    }

    @Test(
        "Where a connection was cut is told",
        arguments: [
            ([], .betweenMessages), (frame(0x81, [65]), .betweenMessages), (frame(0x01, [65]), .betweenFragments),
            ([0x81], .inFrameHeader), ([0x82, 0x7E, 0x01], .inFrameHeader),
            (frame(0x82, [1, 2], length: 5), .inPayload(received: 2, of: 5)),
            (frame(0x82, length: 5), .inPayload(received: 0, of: 5)),
            (frame(0x89, [1], length: 5), .inPayload(received: 1, of: 5)),
        ] as [([UInt8], WebSocketCut)])
    func cutPlaces(wire: [UInt8], place: WebSocketCut) {
        let peer = WebSocketPeer(.client)
        peer.feed(wire)
        _ = peer.takeSeen()
        peer.cut()
        #expect(peer.seen == ["failed \(WebSocketError.cut(place))"])
        #expect(peer.closesSocket && peer.takeSent().isEmpty)
    }

    @Test("Random and mutated frames never do more than fail, and hold no more than came")
    func mutations() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "WebSocketSessionTests.mutations"))
        let limits = WebSocketLimits(messageBytes: 4096)
        for round in 0..<3000 {
            let role = round % 2 == 0 ? WebSocketRole.client : .server
            var wire: [UInt8] = []
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let first: UInt8 =
                    [0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8A, 0x88, 0xC1, 0xC2, 0x41].randomElement(
                        using: &random) ?? 0x81
                let payload = (0..<Int.random(in: 0...150, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                let key: [UInt8]? =
                    role == .client ? nil : (0..<4).map { _ in UInt8.random(in: 0...255, using: &random) }
                wire += frame(first, payload, key: key)
            }
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                wire[Int.random(in: 0..<wire.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let peer = WebSocketPeer(
                role, compression: round % 3 == 0 ? PerMessageDeflateAgreement() : nil, limits: limits)
            for piece in ChunkedFeed.randomly(wire, random: &random, longest: 40) { peer.feed(piece) }
            peer.cut()
            // Something ends it always, once.
            #expect(peer.seen.filter { $0.hasPrefix("failed") || $0.hasPrefix("closed") }.count == 1)
            #expect(peer.seen.allSatisfy { $0.utf8.count <= 3 * 4096 + 100 })
        }
    }

    /// Counts messages without turning them into words.
    private final class Listener {
        private var session = WebSocketSession(
            role: .client, opening: WebSocketOpening(headers: [:], subprotocol: nil, compression: nil),
            random: SeededGenerator(seed: 1), now: WebSocketPeer.start)
        var lengths: [Int] = []

        func feed(_ bytes: [UInt8]) {
            session.receive(ByteBuffer(bytes: bytes), now: WebSocketPeer.start)
            while let event = session.nextEvent(now: WebSocketPeer.start) {
                if case .message(let message) = event { lengths.append(message.bytes.readableBytes) }
            }
        }
    }

    /// The frames as a client would send them.
    private static func masked(_ wire: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        var masked: [UInt8] = []
        var rest = wire[...]
        while let first = rest.popFirst(), let short = rest.popFirst() {
            var count = Int(short)
            if short >= 126 {
                let digits = rest.prefix(short == 126 ? 2 : 8)
                count = digits.reduce(0) { $0 << 8 | Int($1) }
                rest = rest.dropFirst(digits.count)
            }
            let key = (0..<4).map { _ in UInt8.random(in: 0...255, using: &random) }
            masked += frame(first, Array(rest.prefix(count)), key: key)
            rest = rest.dropFirst(count)
        }
        return masked
    }

    private func virtualBytes() throws -> Int { try ProcessFigures(of: getpid()).virtualBytes }
}
