import NIOCore
import TestSupport
import Testing

@testable import WireProtocols

@Suite struct WebSocketFrameTests {
    /// RFC 6455, section 5.7, its examples in its order.
    @Test(
        "The examples of RFC 6455 are read",
        arguments: [
            (.client, "81 05 48 65 6c 6c 6f", ["text Hello"]),
            (.server, "81 85 37 fa 21 3d 7f 9f 4d 51 58", ["text Hello"]),
            (.client, "01 03 48 65 6c 80 02 6c 6f", ["text Hello"]),
            (.client, "89 05 48 65 6c 6c 6f", ["ping Hello"]),
            (.server, "8a 85 37 fa 21 3d 7f 9f 4d 51 58", ["pong Hello"]),
            (
                .client, "82 7e 01 00 " + String(repeating: "07 ", count: 256),
                ["binary " + hex([UInt8](repeating: 7, count: 256))]
            ),
            (
                .client, "82 7f 00 00 00 00 00 01 00 00 " + String(repeating: "09 ", count: 65_536),
                ["binary " + hex([UInt8](repeating: 9, count: 65_536))]
            ),
        ] as [(WebSocketRole, String, [String])])
    func examples(role: WebSocketRole, wire: String, expected: [String]) {
        let peer = WebSocketPeer(role)
        peer.feed(unhex(wire))
        #expect(peer.seen == expected)
    }

    @Test(
        "Lengths are written in their shortest form and read back",
        arguments: [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
    func lengths(count: Int) {
        for role in [WebSocketRole.client, .server] {
            let (sender, receiver) = (WebSocketPeer(role), WebSocketPeer(role == .client ? .server : .client))
            let payload = ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0) })
            sender.send(.binary(payload))
            let wire = sender.takeSent()
            let header = (count < 126 ? 2 : count < 65_536 ? 4 : 10) + (role == .client ? 4 : 0)
            #expect(wire.count == count + header)
            receiver.feed(wire)
            #expect(receiver.seen == ["binary " + hex(payload.readableBytesView)])
        }
    }

    @Test("A mask covers and uncovers payloads of every length from every place in its key")
    func masks() {
        let mask = WebSocketMask(key: 0x37FA_213D)
        let key: [UInt8] = [0x37, 0xFA, 0x21, 0x3D]
        for count in 0...40 {
            let payload = (0..<count).map { UInt8($0 * 7 & 0xFF) }
            for position in 0..<9 {
                var buffer = ByteBuffer(bytes: [1, 2, 3])
                payload.withUnsafeBytes { mask.append($0, at: position, to: &buffer) }
                let expected = payload.enumerated().map { $1 ^ key[($0 + position) % 4] }
                #expect(Array(buffer.readableBytesView) == [1, 2, 3] + expected)
            }
        }
    }

    @Test("A client masks every frame with a key of its own; a server masks none")
    func freshKeys() {
        let client = WebSocketPeer(.client)
        var keys: Set<[UInt8]> = []
        for _ in 0..<1000 {
            client.send("x")
            let wire = client.takeSent()
            #expect(wire.count == 7 && wire[1] == 0x81 && wire[6] == UInt8(ascii: "x") ^ wire[2])
            keys.insert(Array(wire[2..<6]))
        }
        #expect(keys.count == 1000)
        let server = WebSocketPeer(.server)
        server.send("x")
        #expect(server.takeSent() == [0x81, 0x01, UInt8(ascii: "x")])
    }

    /// RFC 6455, sections 5.1 to 5.5, 7.4 and 8.1: what the peer breaks, where, and what it is told.
    @Test(
        "Each broken rule is noticed at its byte and told with the right code",
        arguments: [
            (.client, "91 00", .reservedBits(0x10), 0), (.client, "a1 00", .reservedBits(0x20), 0),
            (.client, "c1 00", .reservedBits(0x40), 0), (.client, "c9 00", .reservedBits(0x40), 0),
            (.client, "83 00", .unknownOpcode(3), 0), (.client, "84 00", .unknownOpcode(4), 0),
            (.client, "85 00", .unknownOpcode(5), 0), (.client, "86 00", .unknownOpcode(6), 0),
            (.client, "87 00", .unknownOpcode(7), 0), (.client, "8b 00", .unknownOpcode(11), 0),
            (.client, "8c 00", .unknownOpcode(12), 0), (.client, "8d 00", .unknownOpcode(13), 0),
            (.client, "8e 00", .unknownOpcode(14), 0), (.client, "8f 00", .unknownOpcode(15), 0),
            (.client, "09 00", .fragmentedControl, 0), (.client, "0a 00", .fragmentedControl, 0),
            (.client, "08 00", .fragmentedControl, 0),
            (.client, "89 7e", .longControl(126), 0), (.client, "8a 7f", .longControl(127), 0),
            (.client, "88 7e", .longControl(126), 0),
            (.client, "81 7e 00 7d", .wastefulLength, 0), (.client, "81 7e 00 00", .wastefulLength, 0),
            (.client, "82 7f 00 00 00 00 00 00 ff ff", .wastefulLength, 0),
            (.client, "82 7f 80", .impossibleLength, 0),
            (.client, "81 80", .maskedByServer, 0), (.server, "81 00", .unmaskedByClient, 0),
            (.server, "88 00", .unmaskedByClient, 0),
            (.client, "80 00", .nothingToContinue, 0), (.client, "81 01 61 80 00", .nothingToContinue, 3),
            (.client, "01 01 61 80 01 62 80 00", .nothingToContinue, 6),
            (.client, "01 01 61 81 01 62", .unfinishedMessage, 3), (.client, "01 00 02 00", .unfinishedMessage, 2),
            (.client, "88 01", .shortClose, 0),
            (.client, "88 02 03 e7", .badCloseCode(999), 0), (.client, "88 02 03 ec", .badCloseCode(1004), 0),
            (.client, "88 02 03 ed", .badCloseCode(1005), 0), (.client, "88 02 03 ee", .badCloseCode(1006), 0),
            (.client, "88 02 03 f7", .badCloseCode(1015), 0), (.client, "88 02 03 f8", .badCloseCode(1016), 0),
            (.client, "88 02 0b b7", .badCloseCode(2999), 0), (.client, "88 02 13 88", .badCloseCode(5000), 0),
            (.client, "88 02 00 00", .badCloseCode(0), 0),
            (.client, "88 03 03 e8 ff", .badCloseText, 0), (.client, "88 05 03 e8 ed a0 80", .badCloseText, 0),
            (.client, "81 01 ff", .badText, 0), (.client, "81 01 c3", .badText, 0),
            (.client, "01 01 c3 80 01 28", .badText, 3), (.client, "01 02 e2 82 89 00 80 01 41", .badText, 6),
            (.client, "82 7f 00 00 00 00 01 00 00 01", .messageTooLong(limitBytes: 16 << 20), 0),
        ] as [(WebSocketRole, String, WebSocketViolation, Int)])
    func rules(role: WebSocketRole, wire: String, violation: WebSocketViolation, offset: Int) {
        let bytes = unhex(wire)
        for feed in [[bytes], bytes.map { [$0] }] {
            let peer = WebSocketPeer(role)
            for piece in feed { peer.feed(piece) }
            #expect(peer.seen.last == "failed \(WebSocketError.violation(violation, offset: offset))")
            #expect(!peer.isOpen)
            // A close frame with the code, and nothing else after it.
            let code = violation.closeCode.rawValue
            let close = Array(peer.takeSent().suffix(role == .client ? 8 : 4))
            let payload = role == .client ? Array(zip(close[6...], close[2...]).map { $0 ^ $1 }) : Array(close[2...])
            #expect(close[0] == 0x88 && payload == [UInt8(code >> 8), UInt8(code & 0xFF)])
            peer.feed([0x81, 0x01, 0x61])
            peer.send("x")
            #expect(peer.takeSent().isEmpty)
        }
    }

    @Test(
        "Close codes that may be sent are taken",
        arguments: [1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999])
    func closeCodes(code: UInt16) {
        let peer = WebSocketPeer(.client)
        peer.feed(frame(0x88, [UInt8(code >> 8), UInt8(code & 0xFF)]))
        #expect(peer.seen == ["closed \(WebSocketCloseCode(rawValue: code))"])
    }

    @Test("Each break of a rule has a sentence of its own")
    func sentences() {
        let all: [WebSocketViolation] = [
            .reservedBits(0x40), .unknownOpcode(3), .fragmentedControl, .longControl(126), .wastefulLength,
            .impossibleLength,
            .maskedByServer, .unmaskedByClient, .nothingToContinue, .unfinishedMessage, .shortClose,
            .badCloseCode(1005),
            .badCloseText, .badText, .messageTooLong(limitBytes: 1), .inflatedTooLong(limitBytes: 1),
            .badCompressedData("x"),
        ]
        let texts = Set(all.map { "\(WebSocketError.violation($0, offset: 4711))" })
        #expect(texts.count == all.count)
        for text in texts { #expect(text.contains("byte 4711") && !text.contains("\n")) }
    }
}

@Suite struct UTF8ValidatorTests {
    private static func isValid(_ pieces: [[UInt8]]) -> Bool {
        var validator = UTF8Validator()
        for piece in pieces {
            guard piece.withUnsafeBytes({ validator.accept($0) }) else { return false }
        }
        return validator.isComplete
    }

    @Test("Every sequence of up to three bytes is judged as Unicode does")
    func short() {
        let edges: [UInt8] =
            [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED]
            + [0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                let two = [first, second]
                #expect(Self.isValid([two]) == (String(validating: two, as: UTF8.self) != nil))
                for third in edges {
                    let three = [first, second, third]
                    let expected = String(validating: three, as: UTF8.self) != nil
                    if Self.isValid([three]) != expected { Issue.record("\(hex(three))") }
                }
            }
        }
    }

    @Test("Random bytes are judged as Unicode does, however they are cut")
    func random() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "UTF8ValidatorTests"))
        let scalars = Array("aé€😀\u{10FFFF}\u{0}zzzzzzzzzzzzzzzzzzzzzzzzz".unicodeScalars)
        for _ in 0..<5000 {
            var text = ""
            for _ in 0..<Int.random(in: 0...30, using: &random) {
                if let scalar = scalars.randomElement(using: &random) { text.unicodeScalars.append(scalar) }
            }
            var bytes = Array(text.utf8)
            if !bytes.isEmpty, Bool.random(using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let expected = String(validating: bytes, as: UTF8.self) != nil
            #expect(Self.isValid([bytes]) == expected)
            #expect(Self.isValid(ChunkedFeed.randomly(bytes, random: &random, longest: 5)) == expected)
        }
    }

    @Test("A mistake is found at its first wrong byte, before the message ends")
    func early() {
        for (good, bad) in [
            ([0xF4], 0x90), ([0xE0], 0x80), ([0xED], 0xA0), ([0xF0], 0x80), ([0xC2], 0x41), ([], 0xC0), ([], 0xF5),
        ] as [([UInt8], UInt8)] {
            var validator = UTF8Validator()
            #expect(good.withUnsafeBytes { validator.accept($0) })
            #expect(![bad].withUnsafeBytes { validator.accept($0) })
        }
    }
}
