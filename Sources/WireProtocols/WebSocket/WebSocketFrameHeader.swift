import NIOCore

/// The 2 to 14 bytes before a frame's payload (RFC 6455, section 5.2).
struct WebSocketFrameHeader: Equatable {
    var isFinal: Bool
    /// The first reserved bit: a message is compressed (RFC 7692, section 6).
    var isCompressed: Bool
    var opcode: WebSocketOpcode
    var mask: WebSocketMask?
    var payloadLength: Int

    /// What the reader of frames knows about them beforehand.
    struct Expectation {
        /// Our own role: servers want masks, clients want none.
        var role: WebSocketRole
        var allowsCompression: Bool
    }

    /// The header at the start of `bytes` and its length; nil when more bytes are needed. Each byte is judged when it is
    /// there, whether the others are or not.
    static func parse(
        _ bytes: UnsafeRawBufferPointer, _ expectation: Expectation
    ) throws(WebSocketViolation) -> (header: WebSocketFrameHeader, length: Int)? {
        guard let first = bytes.first else { return nil }
        let reserved = first & 0x70
        guard let opcode = WebSocketOpcode(rawValue: first & 0x0F) else { throw .unknownOpcode(first & 0x0F) }
        // Only the first frame of a data message says that it is compressed.
        let mayBeCompressed = expectation.allowsCompression && (opcode == .text || opcode == .binary)
        guard reserved & (mayBeCompressed ? 0x30 : 0x70) == 0 else { throw .reservedBits(reserved) }
        let isFinal = first & 0x80 != 0
        if opcode.isControl, !isFinal { throw .fragmentedControl }

        guard bytes.count >= 2 else { return nil }
        let isMasked = bytes[1] & 0x80 != 0
        switch expectation.role {
        case .client: if isMasked { throw .maskedByServer }
        case .server: if !isMasked { throw .unmaskedByClient }
        }
        let short = Int(bytes[1] & 0x7F)
        if opcode.isControl, short > 125 { throw .longControl(short) }
        if opcode == .close, short == 1 { throw .shortClose }
        let (lengthBytes, maskBytes) = (short == 127 ? 8 : short == 126 ? 2 : 0, isMasked ? 4 : 0)
        guard let payloadLength = try payloadLength(bytes, short) else { return nil }
        let size = 2 + lengthBytes + maskBytes
        guard bytes.count >= size else { return nil }
        var mask: WebSocketMask?
        if isMasked {
            let key = bytes.loadUnaligned(fromByteOffset: 2 + lengthBytes, as: UInt32.self)
            mask = WebSocketMask(key: UInt32(bigEndian: key))
        }
        let header = WebSocketFrameHeader(
            isFinal: isFinal, isCompressed: reserved & 0x40 != 0, opcode: opcode, mask: mask,
            payloadLength: payloadLength)
        return (header, size)
    }

    private static func payloadLength(
        _ bytes: UnsafeRawBufferPointer, _ short: Int
    ) throws(WebSocketViolation) -> Int? {
        switch short {
        case 126:
            guard bytes.count >= 4 else { return nil }
            let length = Int(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
            guard length > 125 else { throw .wastefulLength }
            return length
        case 127:
            if bytes.count >= 3, bytes[2] & 0x80 != 0 { throw .impossibleLength }
            guard bytes.count >= 10 else { return nil }
            let length = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
            guard length > 0xFFFF else { throw .wastefulLength }
            return Int(length)
        default: return short
        }
    }

    /// Appends the header in its shortest form.
    func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger((isFinal ? 0x80 : 0) | (isCompressed ? 0x40 : 0) | opcode.rawValue)
        let maskBit: UInt8 = mask == nil ? 0 : 0x80
        switch payloadLength {
        case ...125: buffer.writeInteger(maskBit | UInt8(payloadLength))
        case ...0xFFFF:
            buffer.writeInteger(maskBit | 126)
            buffer.writeInteger(UInt16(payloadLength))
        default:
            buffer.writeInteger(maskBit | 127)
            buffer.writeInteger(UInt64(payloadLength))
        }
        if let mask { buffer.writeInteger(mask.key) }
    }
}

/// Frames of ours to bytes. Clients get a fresh key for each frame from the generator given (RFC 6455, section 10.3).
struct WebSocketFrameWriter {
    let role: WebSocketRole
    private var random: any RandomNumberGenerator & Sendable
    /// A number drawn gives two keys.
    private var spareKey: UInt32?

    init(role: WebSocketRole, random: any RandomNumberGenerator & Sendable) {
        (self.role, self.random) = (role, random)
    }

    /// Appends one whole, final frame.
    mutating func write(
        _ opcode: WebSocketOpcode, _ payload: UnsafeRawBufferPointer, isCompressed: Bool = false,
        into buffer: inout ByteBuffer
    ) {
        let mask = role == .client ? WebSocketMask(key: nextKey()) : nil
        buffer.reserveCapacity(minimumWritableBytes: payload.count + 14)
        WebSocketFrameHeader(
            isFinal: true, isCompressed: isCompressed, opcode: opcode, mask: mask, payloadLength: payload.count
        ).write(into: &buffer)
        if let mask { mask.append(payload, at: 0, to: &buffer) } else { buffer.writeBytes(payload) }
    }

    private mutating func nextKey() -> UInt32 {
        if let key = spareKey {
            spareKey = nil
            return key
        }
        let drawn = random.next()
        spareKey = UInt32(truncatingIfNeeded: drawn >> 32)
        return UInt32(truncatingIfNeeded: drawn)
    }
}
