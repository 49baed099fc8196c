import NIOCore
import TestSupport
import Testing

@testable import WireProtocols

@Suite("Engine.IO polling bodies")
struct EngineIOPayloadTests {
    /// Packets in words: text as it is, bytes in hexadecimal behind a #.
    static func words(_ packets: [EngineIOPacket]) -> [String] {
        packets.map { packet in
            packet.isBinary
                ? "\(packet.type.rawValue)#"
                    + packet.data.readableBytesView.map { String($0, radix: 16) }.joined(separator: " ")
                : "\(packet.type.rawValue)" + String(buffer: packet.data)
        }
    }

    /// A body as text; the bytes of a framed one in hexadecimal.
    static func text(_ body: ByteBuffer) -> String {
        body.getInteger(at: body.readerIndex, as: UInt8.self) ?? 0x30 < 2
            ? SocketIOClientPeer.hexadecimal(body) : String(buffer: body)
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var format: EngineIOPayload.Format
        var body: [UInt8]
        var packets: [String]
        var encodesBack = true

        init(_ format: EngineIOPayload.Format, _ body: String, _ packets: [String], encodesBack: Bool = true) {
            (self.format, self.body, self.packets, self.encodesBack) = (format, Array(body.utf8), packets, encodesBack)
        }

        init(_ body: [UInt8], _ packets: [String]) {
            (format, self.body, self.packets) = (.framed, body, packets)
        }

        var testDescription: String { "\(format): \(packets)" }
    }

    /// Note, section 2.10, the recordings, and the examples of the two specifications.
    static let rows = [
        Row(.separated, "4hello", ["4hello"]),
        Row(.separated, "4test1\u{1e}4test2\u{1e}4test3", ["4test1", "4test2", "4test3"]),
        Row(.separated, "4hello\u{1e}bAQIDBA==", ["4hello", "4#1 2 3 4"]),
        Row(.separated, "2\u{1e}4€", ["2", "4€"]),
        Row(.counted, "6:4hello", ["4hello"]),
        Row(.counted, "6:4hello2:4€", ["4hello", "4€"]),
        Row(.counted, "14:42[\"push\",\"€\"]13:420[\"echo\",1]", ["42[\"push\",\"€\"]", "420[\"echo\",1]"]),
        Row(.counted, "3:4😀1:6", ["4😀", "6"]),
        Row(.counted, "2:4😀1:6", ["4😀", "6"], encodesBack: false),  // Python counts code points.
        Row(.counted, "10:b4AQIDBA==", ["4#1 2 3 4"]),
        Row(.counted, "16:42[\"push\",\"â\u{82}¬\"]", ["42[\"push\",\"€\"]"], encodesBack: false),  // 1.x.
        Row(.counted, "4:4äöü", ["4äöü"]),
        Row([0, 2, 0xFF, 0x34, 0x30], ["40"]),
        Row([0, 2, 0xFF, 0x34, 0x30, 1, 5, 0xFF, 4, 1, 2, 3, 4], ["40", "4#1 2 3 4"]),
        Row([0, 4, 0xFF, 0x34, 0xE2, 0x82, 0xAC], ["4€"]),
        Row([0, 1, 0, 0xFF] + Array("4123456789".utf8), ["4123456789"]),
    ]

    @Test("A body is the packets that the tables say, and encodes back", arguments: rows)
    func tables(_ row: Row) throws {
        let packets = try EngineIOPayload.decode(ByteBuffer(bytes: row.body), version: row.format.version)
        #expect(Self.words(packets) == row.packets)
        if row.encodesBack {
            #expect(Array(EngineIOPayload.encode(packets, as: row.format).readableBytesView) == row.body)
        }
    }

    static let broken: [(String, EngineIOVersion, EngineIOViolation)] = [
        ("", EngineIOVersion.v4, EngineIOViolation.empty), ("", .v3, .empty),
        ("abc", .v4, .unknownType(0x61)), ("4a\u{1e}", .v4, .empty), ("4a\u{1e}\u{1e}4b", .v4, .empty),
        ("abc", .v3, .badLength(offset: 0)), ("9:4a", .v3, .badLength(offset: 0)),
        ("2:4a2:4", .v3, .badLength(offset: 4)), (":4a", .v3, .badLength(offset: 0)),
        ("-1:4a", .v3, .badLength(offset: 0)), ("2:9a", .v3, .unknownType(0x39)), ("0:", .v3, .empty),
        ("99999999999999999999:4a", .v3, .badLength(offset: 0)),
    ]

    @Test("What is no body is refused, with the place", arguments: broken)
    func violations(_ body: String, _ version: EngineIOVersion, _ violation: EngineIOViolation) {
        #expect(throws: violation) { try EngineIOPayload.decode(ByteBuffer(string: body), version: version) }
    }

    @Test(
        "Lengths of bytes that lead nowhere are refused, and reserve nothing",
        arguments: [
            [0], [0, 0xFF], [0, 1], [0, 10, 0xFF, 0x34], [0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0xFF, 0x34], [0, 1, 0xFF],
            [2, 1, 0xFF, 0x34], [0, 1, 0xFF, 0x34, 3, 1, 0xFF, 0x34],
            [0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0xFF, 0x34],
        ] as [[UInt8]])
    func badFrames(_ body: [UInt8]) {
        #expect(throws: EngineIOViolation.self) { try EngineIOPayload.decode(ByteBuffer(bytes: body), version: .v3) }
    }

    @Test("Text that is no UTF-8 is refused in every form")
    func badText() {
        let bodies: [([UInt8], EngineIOVersion)] = [
            ([0x34, 0xFF], .v4), ([0x32, 0x3A, 0x34, 0xC3], .v3), ([0, 2, 0xFF, 0x34, 0xC3], .v3),
        ]
        for (body, version) in bodies {
            #expect(throws: EngineIOViolation.badText) {
                try EngineIOPayload.decode(ByteBuffer(bytes: body), version: version)
            }
        }
    }

    @Test("More packets than the limit are refused", arguments: ["6\u{1e}6\u{1e}6", "1:61:61:6", "\u{0}\u{1}"])
    func limit(_ text: String) {
        let framed = [0, 1, 0xFF, 0x36, 0, 1, 0xFF, 0x36, 0, 1, 0xFF, 0x36] as [UInt8]
        let body = text.hasPrefix("\u{0}") ? ByteBuffer(bytes: framed) : ByteBuffer(string: text)
        let version: EngineIOVersion = text.contains("\u{1e}") ? .v4 : .v3
        #expect(throws: EngineIOViolation.tooManyPackets(limit: 2)) {
            try EngineIOPayload.decode(body, version: version, packetLimit: 2)
        }
        #expect(throws: Never.self) { try EngineIOPayload.decode(body, version: version, packetLimit: 3) }
    }

    @Test("Every body of the recordings decodes, and encodes back", arguments: SocketIORecording.all)
    func recordings(_ recording: SocketIORecording) throws {
        for line in recording.lines {
            let body: [UInt8]
            switch line.item {
            case .request(let head, let bytes) where head.method == "POST": body = bytes
            case .response(200, let bytes): body = bytes
            case .request, .response, .message, .close, .socket: continue
            }
            // OK and ok answer a POST.
            guard body.count > 2, body.first != UInt8(ascii: "o") else { continue }
            let version = recording.askedVersion(of: line.connection)
            let packets = try EngineIOPayload.decode(ByteBuffer(bytes: body), version: version)
            let format: EngineIOPayload.Format = version == .v4 ? .separated : body[0] < 2 ? .framed : .counted
            let encoded = Array(EngineIOPayload.encode(packets, as: format).readableBytesView)
            // 1.x encodes text as UTF-8 once more; that is undone, and never done.
            let isDoubled = body.contains(0xC2) && recording.name.hasPrefix("sio")
            #expect(encoded == body || isDoubled, "\(recording): \(Self.words(packets))")
            if isDoubled { #expect(Self.words(packets).contains { $0.contains("€") }) }
        }
    }

    @Test("Any packets come back from any form; any bytes are taken or refused")
    func random() throws {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "EngineIOPayloadTests.random"))
        let texts = ["", "2[\"a\"]", "0", "äöü", "€😀", "\u{7f}x", String(repeating: "y", count: 300)]
        for _ in 0..<2000 {
            let packets = (0...Int.random(in: 0...4, using: &random)).map { _ -> EngineIOPacket in
                guard Bool.random(using: &random) else {
                    return EngineIOPacket(.message, texts.randomElement(using: &random) ?? "")
                }
                let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                return EngineIOPacket(.message, ByteBuffer(bytes: bytes), isBinary: true)
            }
            for format in EngineIOPayload.Format.allCases {
                var body = EngineIOPayload.encode(packets, as: format)
                #expect(try EngineIOPayload.decode(body, version: format.version) == packets)
                for _ in 0..<3 {
                    let place = Int.random(in: 0..<body.readableBytes, using: &random)
                    body.setInteger(UInt8.random(in: 0...255, using: &random), at: place)
                }
                _ = try? EngineIOPayload.decode(body, version: format.version)
                let shorter = Int.random(in: 0...body.readableBytes, using: &random)
                _ = try? EngineIOPayload.decode(body.prefix(shorter), version: format.version)
            }
        }
    }
}
