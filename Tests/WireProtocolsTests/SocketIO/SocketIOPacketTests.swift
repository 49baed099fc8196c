import Codecs
import NIOCore
import TestSupport
import Testing

@testable import WireProtocols

@Suite("Socket.IO packets")
struct SocketIOPacketTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var text: String
        var type: SocketIOPacketType
        var namespace = "/"
        var id: String?
        var payload: String?
        var attachments = 0
        var comma = SocketIOPacketWriter.TrailingComma.never

        var testDescription: String { text }
    }

    /// Note, sections 2.5 to 2.7, and the examples of socket.io-protocol, 4 and 5.
    static let rows = [
        Row(text: "0", type: .connect),
        Row(text: "0{\"sid\":\"oSO0OpakMV_3jnilAAAA\"}", type: .connect, payload: "{\"sid\":\"oSO0OpakMV_3jnilAAAA\"}"),
        Row(text: "0/cti", type: .connect, namespace: "/cti"),
        Row(text: "0/cti,", type: .connect, namespace: "/cti", comma: .always),
        Row(text: "0/cti?token=ok", type: .connect, namespace: "/cti?token=ok"),
        Row(text: "0/admin,{\"token\":\"123\"}", type: .connect, namespace: "/admin", payload: "{\"token\":\"123\"}"),
        Row(text: "1", type: .disconnect),
        Row(text: "1/admin,", type: .disconnect, namespace: "/admin", comma: .always),
        Row(text: "1/admin", type: .disconnect, namespace: "/admin"),
        Row(text: "2[\"hello\",1]", type: .event, payload: "[\"hello\",1]"),
        Row(text: "2[\"pushed\",\"one\",\"two\"]", type: .event, payload: "[\"pushed\",\"one\",\"two\"]"),
        Row(
            text: "2/admin,456[\"project:delete\",123]", type: .event, namespace: "/admin", id: "456",
            payload: "[\"project:delete\",123]"),
        Row(text: "20[\"echo\",1]", type: .event, id: "0", payload: "[\"echo\",1]"),
        Row(
            text: "299999999999999999999[\"echo\",1]", type: .event, id: "99999999999999999999", payload: "[\"echo\",1]"
        ),
        Row(text: "2007[\"x\"]", type: .event, id: "007", payload: "[\"x\"]"),
        Row(text: "2[\"push\", {\"a\": 1}]", type: .event, payload: "[\"push\", {\"a\": 1}]"),
        Row(
            text: "2[\"a\",\"\\u20ac\\ud83d\\ude00\",\"€😀\"]", type: .event,
            payload: "[\"a\",\"\\u20ac\\ud83d\\ude00\",\"€😀\"]"),
        Row(text: "2", type: .event),
        Row(text: "2{\"a\":1}", type: .event, payload: "{\"a\":1}"),
        Row(text: "3/admin,456[]", type: .acknowledgement, namespace: "/admin", id: "456", payload: "[]"),
        Row(text: "30[\"x\"]", type: .acknowledgement, id: "0", payload: "[\"x\"]"),
        Row(
            text: "4{\"message\":\"Not authorized\",\"data\":{\"code\":401}}", type: .connectError,
            payload: "{\"message\":\"Not authorized\",\"data\":{\"code\":401}}"),
        Row(
            text: "4/nope,\"Unable to connect\"", type: .connectError, namespace: "/nope",
            payload: "\"Unable to connect\""),
        Row(text: "4/nope", type: .connectError, namespace: "/nope"),
        Row(text: "4\"Not authorized\"", type: .connectError, payload: "\"Not authorized\""),
        Row(text: "4403", type: .connectError, payload: "403"),
        Row(
            text: "51-[\"blob\",{\"_placeholder\":true,\"num\":0}]", type: .binaryEvent,
            payload: "[\"blob\",{\"_placeholder\":true,\"num\":0}]", attachments: 1),
        Row(
            text: "51-/cti,2[\"b\",{\"x\":[{\"_placeholder\":true,\"num\":0}]}]", type: .binaryEvent, namespace: "/cti",
            id: "2", payload: "[\"b\",{\"x\":[{\"_placeholder\":true,\"num\":0}]}]", attachments: 1),
        Row(text: "50-[\"b\"]", type: .binaryEvent, payload: "[\"b\"]"),
        Row(
            text: "61-7[{\"_placeholder\":true,\"num\":0}]", type: .binaryAcknowledgement, id: "7",
            payload: "[{\"_placeholder\":true,\"num\":0}]", attachments: 1),
    ]

    @Test("A text is the packet that the tables say, and encodes back", arguments: rows)
    func tables(_ row: Row) throws {
        let packet = try SocketIOPacketParser.parse(ByteBuffer(string: row.text), limits: SocketIOLimits())
        #expect(packet.type == row.type)
        #expect(packet.namespace == row.namespace)
        #expect(packet.acknowledgementID?.digits == row.id)
        #expect(packet.attachmentCount == row.attachments)
        var json = packet.payload.map { String(decoding: $0.root.source, as: UTF8.self) }
        if packet.payload?.root.kind == .string { json = json.map { "\"\($0)\"" } }
        #expect(json == row.payload)
        #expect(String(buffer: SocketIOPacketWriter.write(packet, trailingComma: row.comma)) == row.text)
    }

    static let broken: [(String, SocketIOViolation)] = [
        ("", SocketIOViolation.emptyPacket), ("7", .unknownType(0x37)), ("9[]", .unknownType(0x39)),
        ("abc", .unknownType(0x61)),
        ("2[\"a\",", .json(JSONError(reason: .unexpectedEnd, offset: 6))),
        ("2abc[\"x\"]", .json(JSONError(reason: .unexpectedByte, offset: 1))),
        ("2[\"x\"]y", .json(JSONError(reason: .trailingBytes, offset: 6))),
        ("2/cti,5[", .json(JSONError(reason: .unexpectedEnd, offset: 8))),
        ("5[\"x\"]", .missingAttachmentCount), ("5-[\"x\"]", .missingAttachmentCount),
        ("51", .missingAttachmentCount),
        ("511-[\"x\"]", .tooManyAttachments(limit: 10)),
        ("599999999999999999999999-[\"x\"]", .tooManyAttachments(limit: 10)),
        ("2/" + String(repeating: "n", count: 256) + ",[]", .longNamespace(limitBytes: 256)),
        ("2" + String(repeating: "1", count: 65) + "[]", .longAcknowledgementID(limitDigits: 64)),
    ]

    @Test("What is no packet is refused with its reason", arguments: broken)
    func violations(_ text: String, _ violation: SocketIOViolation) {
        #expect(throws: violation) {
            try SocketIOPacketParser.parse(ByteBuffer(string: text), limits: SocketIOLimits())
        }
    }

    // Note, section 5, statement 8.
    @Test("Size and depth are limits")
    func limits() {
        let limits = SocketIOLimits(messageBytes: 20, depth: 2)
        #expect(throws: Never.self) {
            try SocketIOPacketParser.parse(
                ByteBuffer(string: "2[[1234567890123456]]"), limits: SocketIOLimits(messageBytes: 21, depth: 2))
        }
        #expect(throws: SocketIOViolation.messageTooLong(limitBytes: 20)) {
            try SocketIOPacketParser.parse(ByteBuffer(string: "2[[1234567890123456]]"), limits: limits)
        }
        #expect(throws: SocketIOViolation.json(JSONError(reason: .tooDeep, offset: 3))) {
            try SocketIOPacketParser.parse(ByteBuffer(string: "2[[[]]]"), limits: limits)
        }
    }

    @Test(
        "Every packet text of the recordings decodes and encodes back, or was broken on purpose",
        arguments: SocketIORecording.all)
    func recordings(_ recording: SocketIORecording) throws {
        var count = 0
        for line in recording.lines {
            guard case .message(let message) = line.item else { continue }
            let version = recording.askedVersion(of: line.connection)
            do {
                let engine = try EngineIOPacket(message, version: version)
                #expect(engine.message(version: version) == message)
                guard engine.type == .message, !engine.isBinary else { continue }
                let packet = try SocketIOPacketParser.parse(engine.data, limits: SocketIOLimits())
                let encoded = [.never, .always].map { SocketIOPacketWriter.write(packet, trailingComma: $0) }
                #expect(encoded.contains(engine.data), "\(String(buffer: engine.data.prefix(200)))")
                count += 1
            } catch {
                #expect(recording.isMalformed && line.side == .client, "\(error): \(message)")
            }
        }
        #expect(
            count > 0 || recording.directWebSockets.isEmpty || recording.name.contains("refused")
                || recording.name.contains("bad-requests"))
    }

    @Test("Attachments are put where their placeholders stand")
    func attachments() throws {
        var reader = SocketIOPacketReader(limits: SocketIOLimits())
        let text =
            "52-[\"up\",{\"a\":{\"_placeholder\":true,\"num\":1}},[{\"num\":0,\"_placeholder\":true}],{\"num\":0}]"
        #expect(try reader.receive(EngineIOPacket(.message, text)) == nil)
        #expect(try reader.receive(EngineIOPacket(.message, ByteBuffer(bytes: [1]), isBinary: true)) == nil)
        let whole = try #require(try reader.receive(EngineIOPacket(.message, ByteBuffer(bytes: [2]), isBinary: true)))
        let event = try #require(SocketIOEvent(whole.packet, attachments: whole.attachments))
        #expect(event.name == "up")
        #expect(event.arguments.count == 3)
        #expect(event.firstArgument?["a"].flatMap(event.attachment) == ByteBuffer(bytes: [2]))
        #expect(event.arguments[1].firstElement.flatMap(event.attachment) == ByteBuffer(bytes: [1]))
        #expect(event.attachment(event.arguments[2]) == nil)
    }

    @Test(
        "A placeholder that leads nowhere ends it before any attachment is waited for",
        arguments: [
            "51-[\"x\",{\"_placeholder\":true,\"num\":1}]", "51-[\"x\",{\"_placeholder\":true}]",
            "51-[\"x\",{\"a\":[{\"_placeholder\":true,\"num\":-1}]}]",
            "51-[\"x\",{\"_placeholder\":true,\"num\":\"0\"}]",
            "50-[\"x\",{\"_placeholder\":true,\"num\":0}]",
        ])
    func badPlaceholder(_ text: String) {
        var reader = SocketIOPacketReader(limits: SocketIOLimits())
        #expect(throws: SocketIOViolation.badPlaceholder) { try reader.receive(EngineIOPacket(.message, text)) }
    }

    // Note, section 5, statement 7.
    @Test("Attachments out of order and beyond their limits are refused")
    func attachmentOrder() throws {
        let limits = SocketIOLimits(messageBytes: 30, attachmentBytes: 40)
        var reader = SocketIOPacketReader(limits: limits)
        let bytes = { (count: Int) in EngineIOPacket(.message, ByteBuffer(repeating: 7, count: count), isBinary: true) }
        #expect(throws: SocketIOViolation.unexpectedBinary) { try reader.receive(bytes(1)) }
        #expect(try reader.receive(EngineIOPacket(.message, "52-[\"x\"]")) == nil)
        #expect(throws: SocketIOViolation.messageTooLong(limitBytes: 30)) { try reader.receive(bytes(31)) }
        reader = SocketIOPacketReader(limits: limits)
        #expect(try reader.receive(EngineIOPacket(.message, "52-[\"x\"]")) == nil)
        #expect(try reader.receive(bytes(30)) == nil)
        #expect(throws: SocketIOViolation.attachmentsTooLong(limitBytes: 40)) { try reader.receive(bytes(11)) }
        reader = SocketIOPacketReader(limits: limits)
        #expect(try reader.receive(EngineIOPacket(.message, "52-[\"x\"]")) == nil)
        #expect(throws: SocketIOViolation.missingAttachment(received: 0, of: 2)) {
            try reader.receive(EngineIOPacket(.message, "2[\"y\"]"))
        }
    }

    @Test("Events are written with their placeholders, and ASCII alone where it is asked for")
    func writing() {
        let arguments: [SocketIOArgument] = [
            .json(Array("{\"a\":1}".utf8)), .binary(ByteBuffer(bytes: [9])), .string("€😀\""),
        ]
        let event = SocketIOPacketWriter.write(
            name: "x", arguments, namespace: "/cti", id: SocketIOAcknowledgementID(7), ascii: false)
        #expect(
            String(buffer: event.data)
                == "51-/cti,7[\"x\",{\"a\":1},{\"_placeholder\":true,\"num\":0},\"€😀\\\"\"]")
        #expect(event.attachments == [ByteBuffer(bytes: [9])])
        let ascii = SocketIOPacketWriter.write(name: nil, [.string("€😀")], namespace: "/", id: nil, ascii: true)
        #expect(String(buffer: ascii.data) == "3[\"\\u20ac\\ud83d\\ude00\"]")
    }

    @Test("Any bytes are taken or refused; what is taken encodes back to what means the same")
    func random() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "SocketIOPacketTests.random"))
        let limits = SocketIOLimits(messageBytes: 512, depth: 4)
        for _ in 0..<20_000 {
            var bytes = Array((Self.rows.randomElement(using: &random)?.text ?? "").utf8)
            for _ in 0..<Int.random(in: 0...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.insert(UInt8(ascii: "/,-[]{}\"0917".utf8.randomElement(using: &random)), at: place)
                case 2: bytes.remove(at: place)
                default: bytes.removeSubrange(place...)
                }
            }
            guard let packet = try? SocketIOPacketParser.parse(ByteBuffer(bytes: bytes), limits: limits) else {
                continue
            }
            let encoded = SocketIOPacketWriter.write(packet)
            guard let again = try? SocketIOPacketParser.parse(encoded, limits: SocketIOLimits()) else {
                Issue.record("\(String(decoding: bytes, as: UTF8.self)) became \(String(buffer: encoded))")
                continue
            }
            #expect(SocketIOPacketWriter.write(again) == encoded)
        }
    }
}

extension UInt8 {
    fileprivate init(ascii byte: UInt8?) { self = byte ?? 0 }
}
