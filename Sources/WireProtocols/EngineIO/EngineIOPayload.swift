import NIOCore

/// Several packets in the body of one polling request or answer (note, section 2.10).
public enum EngineIOPayload {
    public enum Format: Sendable, Equatable, CaseIterable {
        /// Version 4: packets joined by the byte 1E.
        case separated
        /// Version 3 with `b64=1`: `<length>:<packet>`, the length in UTF-16 units.
        case counted
        /// Version 3 without: 00 or 01, the length in bytes with a byte per digit, FF, the packet.
        case framed

        public var version: EngineIOVersion { self == .separated ? .v4 : .v3 }
        public var contentType: String {
            self == .framed ? "application/octet-stream" : "text/plain; charset=UTF-8"
        }
    }

    /// Most bodies have one to three; a server that was not polled for long may have more to say.
    public static let usualPacketLimit = 4096
    private static let separator = 0x1E as UInt8

    // MARK: - Writing

    public static func encode(_ packets: [EngineIOPacket], as format: Format) -> ByteBuffer {
        var body = ByteBuffer()
        for (index, packet) in packets.enumerated() {
            switch format {
            case .separated:
                if index > 0 { body.writeInteger(separator) }
                body.writeImmutableBuffer(packet.text(version: .v4))
            case .counted:
                let text = packet.text(version: .v3)
                body.writeString("\(units(of: text.readableBytesView)):")
                body.writeImmutableBuffer(text)
            case .framed:
                body.writeInteger(packet.isBinary ? 1 : 0, as: UInt8.self)
                for digit in "\(packet.data.readableBytes + 1)".utf8 { body.writeInteger(digit - UInt8(ascii: "0")) }
                body.writeInteger(0xFF, as: UInt8.self)
                body.writeImmutableBuffer(packet.message(version: .v3).bytes)
            }
        }
        return body
    }

    /// The length of UTF-8 in UTF-16 units, which is how JavaScript counts.
    private static func units(of bytes: ByteBufferView) -> Int {
        bytes.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : $1 >= 0xF0 ? 2 : 1) }
    }

    // MARK: - Reading

    /// The packets of a body. Of the two kinds of version 3 a body shows by its first byte which it is.
    ///
    /// Version 3 with lengths: where they do not fit UTF-16 they are taken as code points, as Python counts. Clients of
    /// Socket.IO 1.x encode their text as UTF-8 once more before the body is; text that looks like it is undone.
    public static func decode(
        _ body: ByteBuffer, version: EngineIOVersion, packetLimit: Int = usualPacketLimit
    ) throws(EngineIOViolation) -> [EngineIOPacket] {
        switch (version, body.getInteger(at: body.readerIndex, as: UInt8.self)) {
        case (_, nil): throw .empty
        case (.v4, _): return try separated(body, packetLimit)
        case (.v3, 0), (.v3, 1): return try framed(body, packetLimit)
        case (.v3, _): return try counted(body, packetLimit)
        }
    }

    private static func separated(_ body: ByteBuffer, _ limit: Int) throws(EngineIOViolation) -> [EngineIOPacket] {
        var packets: [EngineIOPacket] = []
        var rest = body
        while true {
            guard packets.count < limit else { throw .tooManyPackets(limit: limit) }
            let length = rest.readableBytesView.firstIndex(of: separator).map { $0 - rest.readerIndex }
            guard let text = rest.readSlice(length: length ?? rest.readableBytes) else { throw .empty }
            packets.append(try .text(checked(text), version: .v4))
            if length == nil { return packets }
            rest.moveReaderIndex(forwardBy: 1)
        }
    }

    private static func framed(_ body: ByteBuffer, _ limit: Int) throws(EngineIOViolation) -> [EngineIOPacket] {
        var packets: [EngineIOPacket] = []
        var rest = body
        while let kind = rest.readInteger(as: UInt8.self) {
            guard packets.count < limit else { throw .tooManyPackets(limit: limit) }
            let offset = rest.readerIndex - body.readerIndex
            guard kind <= 1, let length = readDigits(&rest), let bytes = rest.readSlice(length: length) else {
                throw .badLength(offset: offset)
            }
            packets.append(
                kind == 0 ? try .text(checked(bytes), version: .v3) : try .binary(bytes, version: .v3))
        }
        return packets
    }

    /// Up to nine digits, a byte each, and the FF behind them.
    private static func readDigits(_ rest: inout ByteBuffer) -> Int? {
        var length = 0
        for count in 0..<10 {
            guard let digit = rest.readInteger(as: UInt8.self) else { return nil }
            if digit == 0xFF { return count == 0 ? nil : length }
            guard digit <= 9, count < 9 else { return nil }
            length = length * 10 + Int(digit)
        }
        return nil
    }

    private static func counted(_ body: ByteBuffer, _ limit: Int) throws(EngineIOViolation) -> [EngineIOPacket] {
        let body = try checked(body)
        do throws(EngineIOViolation) {
            return try counted(body, limit, unitsBeyondBMP: 2)
        } catch {
            guard case .badLength = error, body.readableBytesView.contains(where: { $0 >= 0xF0 }) else { throw error }
            do throws(EngineIOViolation) {
                return try counted(body, limit, unitsBeyondBMP: 1)
            } catch _ {
                throw error
            }
        }
    }

    private static func counted(
        _ body: ByteBuffer, _ limit: Int, unitsBeyondBMP: Int
    ) throws(EngineIOViolation) -> [EngineIOPacket] {
        var packets: [EngineIOPacket] = []
        var rest = body
        while rest.readableBytes > 0 {
            guard packets.count < limit else { throw .tooManyPackets(limit: limit) }
            let offset = rest.readerIndex - body.readerIndex
            guard let colon = rest.readableBytesView.prefix(10).firstIndex(of: UInt8(ascii: ":")),
                let units = HTTPSyntax.decimal(rest.readableBytesView[..<colon])
            else { throw .badLength(offset: offset) }
            rest.moveReaderIndex(to: colon + 1)
            guard let length = bytes(of: units, in: rest.readableBytesView, unitsBeyondBMP: unitsBeyondBMP),
                let text = rest.readSlice(length: length)
            else { throw .badLength(offset: offset) }
            packets.append(try .text(undoubled(text), version: .v3))
        }
        return packets
    }

    /// How many bytes so many units of text take; nil where there are not so many, or the last of them is half of a pair.
    private static func bytes(of units: Int, in text: ByteBufferView, unitsBeyondBMP: Int) -> Int? {
        var rest = units
        var position = text.startIndex
        while rest > 0 {
            guard position < text.endIndex else { return nil }
            let lead = text[position]
            position += lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
            rest -= lead >= 0xF0 ? unitsBeyondBMP : 1
        }
        return rest == 0 ? position - text.startIndex : nil
    }

    private static func checked(_ text: ByteBuffer) throws(EngineIOViolation) -> ByteBuffer {
        var validator = UTF8Validator()
        guard text.withUnsafeReadableBytes({ validator.accept($0) }), validator.isComplete else { throw .badText }
        return text
    }

    /// Text of characters up to U+00FF which, taken as bytes, are UTF-8 again: those bytes. Anything else as it is.
    private static func undoubled(_ text: ByteBuffer) -> ByteBuffer {
        let view = text.readableBytesView
        // UTF-8 of U+0080 to U+00FF is C2 or C3 and one more byte.
        guard view.contains(where: { $0 >= 0x80 }), view.allSatisfy({ $0 < 0xC4 }) else { return text }
        var single = ByteBuffer()
        var lead: UInt8?
        for byte in view {
            if let high = lead.take() {
                single.writeInteger(high << 6 | byte & 0x3F)
            } else if byte >= 0xC0 {
                lead = byte
            } else {
                single.writeInteger(byte)
            }
        }
        return (try? checked(single)) ?? text
    }
}
