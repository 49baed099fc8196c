import NIOCore
import TestSupport
import Testing
import WireProtocols

@Suite("Engine.IO packets on a WebSocket")
struct EngineIOPacketTests {
    /// The tables of the note, section 2.3, and of engine.io-protocol, both revisions.
    struct Row: Sendable, CustomTestStringConvertible {
        var message: WebSocketMessage
        var version: EngineIOVersion
        var type: EngineIOPacketType
        var data: [UInt8]
        var isBinary = false
        var encodesBack = true

        var testDescription: String { "\(version): \(message)" }
    }

    static let rows: [Row] =
        EngineIOVersion.allCases.flatMap { version in
            [
                Row(
                    message: .text("0{\"sid\":\"x\"}"), version: version, type: .open,
                    data: Array("{\"sid\":\"x\"}".utf8)),
                Row(message: .text("1"), version: version, type: .close, data: []),
                Row(message: .text("2"), version: version, type: .ping, data: []),
                Row(message: .text("2probe"), version: version, type: .ping, data: Array("probe".utf8)),
                Row(message: .text("3probe"), version: version, type: .pong, data: Array("probe".utf8)),
                Row(message: .text("4hello"), version: version, type: .message, data: Array("hello".utf8)),
                Row(message: .text("4"), version: version, type: .message, data: []),
                Row(message: .text("4€"), version: version, type: .message, data: Array("€".utf8)),
                Row(message: .text("5"), version: version, type: .upgrade, data: []),
                Row(message: .text("6"), version: version, type: .noop, data: []),
            ]
        } + [
            binary([4, 1, 2, 3, 4], .v3, [1, 2, 3, 4]), binary([1, 2, 3, 4], .v4, [1, 2, 3, 4]),
            binary([4], .v3, []), binary([], .v4, []),
            Row(
                message: .text("b4AQIDBA=="), version: .v3, type: .message, data: [1, 2, 3, 4], isBinary: true,
                encodesBack: false),
            Row(
                message: .text("bAQIDBA=="), version: .v4, type: .message, data: [1, 2, 3, 4], isBinary: true,
                encodesBack: false),
        ]

    private static func binary(_ bytes: [UInt8], _ version: EngineIOVersion, _ data: [UInt8]) -> Row {
        Row(
            message: .binary(ByteBuffer(bytes: bytes)), version: version, type: .message, data: data, isBinary: true)
    }

    @Test("A message is the packet that the tables say, and encodes back", arguments: rows)
    func tables(_ row: Row) throws {
        let packet = try EngineIOPacket(row.message, version: row.version)
        #expect(packet.type == row.type)
        #expect(Array(packet.data.readableBytesView) == row.data)
        #expect(packet.isBinary == row.isBinary)
        if row.encodesBack { #expect(packet.message(version: row.version) == row.message) }
    }

    static let broken: [(WebSocketMessage, EngineIOVersion, EngineIOViolation)] = [
        (WebSocketMessage.text(""), EngineIOVersion.v3, EngineIOViolation.empty),
        (.text(""), .v4, .empty),
        (.text("7"), .v3, .unknownType(0x37)),
        (.text("9x"), .v4, .unknownType(0x39)),
        (.text("hello"), .v4, .unknownType(0x68)),
        (.text("b"), .v3, .empty),
        (.text("b9AAAA"), .v3, .unknownType(0x39)),
        (.text("b4A"), .v3, .badBase64),
        (.text("b!!!!"), .v4, .badBase64),
        (.binary(ByteBuffer()), .v3, .empty),
        (.binary(ByteBuffer(bytes: [0x34, 1])), .v3, .unknownType(0x34)),
    ]

    @Test("What is no packet is refused with its reason", arguments: broken)
    func violations(_ message: WebSocketMessage, _ version: EngineIOVersion, _ violation: EngineIOViolation) {
        #expect(throws: violation) { try EngineIOPacket(message, version: version) }
    }

    @Test(
        "An open packet is read and written",
        arguments: [
            "{\"sid\":\"abc\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":60000}",
            "{\"sid\":\"abc\",\"upgrades\":[\"websocket\"],\"pingInterval\":1,\"pingTimeout\":86400000,\"maxPayload\":100000}",
        ])
    func opening(_ json: String) throws {
        #expect(String(buffer: try EngineIOOpening(ByteBuffer(string: json)).data) == json)
    }

    @Test("Times of an open packet are bounded, and may be written as any JSON number")
    func openingTimes() throws {
        let json = "{\"sid\":\"abc\",\"pingInterval\":2.5e3,\"pingTimeout\":1e300,\"maxPayload\":0}"
        let opening = try EngineIOOpening(ByteBuffer(string: json))
        #expect(opening.pingInterval == .milliseconds(2500))
        #expect(opening.pingTimeout == .hours(24))
        #expect(opening.maximumPayloadBytes == nil)
        #expect(opening.upgrades.isEmpty)
    }

    @Test(
        "An open packet that misses something, or has something impossible, is none",
        arguments: [
            "", "[]", "{", "{\"pingInterval\":1,\"pingTimeout\":1}",
            "{\"sid\":\"\",\"pingInterval\":1,\"pingTimeout\":1}", "{\"sid\":7,\"pingInterval\":1,\"pingTimeout\":1}",
            "{\"sid\":\"a b\",\"pingInterval\":1,\"pingTimeout\":1}",
            "{\"sid\":\"\(String(repeating: "x", count: 129))\",\"pingInterval\":1,\"pingTimeout\":1}",
            "{\"sid\":\"a\",\"pingTimeout\":1}", "{\"sid\":\"a\",\"pingInterval\":0,\"pingTimeout\":1}",
            "{\"sid\":\"a\",\"pingInterval\":1,\"pingTimeout\":-1}",
            "{\"sid\":\"a\",\"pingInterval\":\"1\",\"pingTimeout\":1}",
        ])
    func badOpening(_ json: String) {
        #expect(throws: EngineIOViolation.self) { try EngineIOOpening(ByteBuffer(string: json)) }
    }
}
