import NIOCore

/// Frames to messages: joins fragments, uncovers, inflates, and checks text while it arrives.
///
/// Holds at most one message. Its memory grows with the bytes that came, never with a length that was announced.
struct WebSocketMessageReader {
    /// One step towards a message.
    enum Piece: Equatable {
        case message(WebSocketMessage)
        case control(WebSocketOpcode, ByteBuffer)
    }

    /// A message of which the last frame has not ended.
    private struct Assembly {
        var isText: Bool
        var isCompressed: Bool
        var bytes = ByteBuffer()
        /// As they came, before inflating.
        var wireBytes = 0
        var text = UTF8Validator()
    }

    /// A frame whose header was taken.
    private struct Frame {
        var header: WebSocketFrameHeader
        /// Payload bytes taken.
        var taken = 0
        var isLastOfMessage: Bool { header.isFinal && !header.opcode.isControl }
    }

    private let expectation: WebSocketFrameHeader.Expectation
    private let messageBytes: Int
    private let inflater: WebSocketInflater?
    private var buffer = ByteBuffer()
    private var frame: Frame?
    private var assembly: Assembly?
    /// Bytes behind the handshake that were taken out of `buffer`.
    private(set) var offset = 0
    /// Where the frame under way began: what errors are reported with.
    private(set) var frameOffset = 0

    init(role: WebSocketRole, limits: WebSocketLimits, inflater: WebSocketInflater?) {
        expectation = .init(role: role, allowsCompression: inflater != nil)
        (messageBytes, self.inflater) = (limits.messageBytes, inflater)
    }

    /// Where the connection would be cut if it ended now.
    var cut: WebSocketCut {
        if let frame { return .inPayload(received: frame.taken + buffer.readableBytes, of: frame.header.payloadLength) }
        if buffer.readableBytes > 0 { return .inFrameHeader }
        return assembly == nil ? .betweenMessages : .betweenFragments
    }

    mutating func receive(_ bytes: ByteBuffer) {
        guard buffer.readableBytes > 0 else {
            buffer = bytes
            return
        }
        // At most a header or a control frame is left over.
        var joined = ByteBuffer()
        joined.reserveCapacity(buffer.readableBytes + bytes.readableBytes)
        joined.writeBuffer(&buffer)
        joined.writeImmutableBuffer(bytes)
        buffer = joined
    }

    /// The next message or control frame, or nil when more bytes are needed.
    mutating func next() throws(WebSocketViolation) -> Piece? {
        while true {
            if frame == nil {
                frameOffset = offset
                guard let header = try nextHeader() else { return nil }
                if header.opcode.isControl {
                    frame = Frame(header: header)
                } else if let message = try begin(header) {
                    return .message(message)
                }
            }
            guard let current = frame else { continue }
            if current.header.opcode.isControl {
                return control(current.header)
            }
            guard buffer.readableBytes > 0 || current.header.payloadLength == current.taken else { return nil }
            if let message = try takePayload(current) { return .message(message) }
        }
    }

    private mutating func nextHeader() throws(WebSocketViolation) -> WebSocketFrameHeader? {
        guard buffer.readableBytes > 0 else { return nil }
        if offset == 0 { try refuseHTTP() }
        let expectation = expectation
        let parsed = try buffer.withUnsafeReadableBytes { (bytes) throws(WebSocketViolation) in
            try WebSocketFrameHeader.parse(bytes, expectation)
        }
        guard let parsed else { return nil }
        consume(parsed.length)
        return parsed.header
    }

    /// Some servers agree to a WebSocket and refuse it then, in words of HTTP (engine.io 4 and newer). No frame begins so:
    /// an H has a reserved bit.
    private func refuseHTTP() throws(WebSocketViolation) {
        let head = buffer.readableBytesView.prefix(1024)
        guard head.starts(with: "HTTP/1.".utf8) else { return }
        throw .httpInstead(String(decoding: head, as: UTF8.self))
    }

    private mutating func consume(_ count: Int) {
        buffer.moveReaderIndex(forwardBy: count)
        offset += count
    }

    /// A control frame is short: it is waited for as a whole.
    private mutating func control(_ header: WebSocketFrameHeader) -> Piece? {
        guard let covered = buffer.readSlice(length: header.payloadLength) else { return nil }
        offset += header.payloadLength
        frame = nil
        guard let mask = header.mask else { return .control(header.opcode, covered) }
        var payload = ByteBuffer()
        covered.withUnsafeReadableBytes { mask.append($0, at: 0, to: &payload) }
        return .control(header.opcode, payload)
    }

    // MARK: - Data frames

    /// The rules of fragmentation (RFC 6455, section 5.4). A message that lies in the buffer as a whole is handed out as it
    /// lies there.
    private mutating func begin(_ header: WebSocketFrameHeader) throws(WebSocketViolation) -> WebSocketMessage? {
        let length = header.payloadLength
        guard header.opcode != .continuation else {
            guard let assembly else { throw .nothingToContinue }
            guard length <= messageBytes - assembly.wireBytes else { throw .messageTooLong(limitBytes: messageBytes) }
            frame = Frame(header: header)
            return nil
        }
        guard assembly == nil else { throw .unfinishedMessage }
        guard length <= messageBytes else { throw .messageTooLong(limitBytes: messageBytes) }
        if header.isFinal, !header.isCompressed, header.mask == nil, let payload = buffer.readSlice(length: length) {
            offset += length
            return try whole(payload, isText: header.opcode == .text)
        }
        frame = Frame(header: header)
        assembly = Assembly(isText: header.opcode == .text, isCompressed: header.isCompressed)
        return nil
    }

    private func whole(_ payload: ByteBuffer, isText: Bool) throws(WebSocketViolation) -> WebSocketMessage {
        guard isText else { return .binary(payload) }
        var text = UTF8Validator()
        guard payload.withUnsafeReadableBytes({ text.accept($0) }), text.isComplete else { throw .badText }
        return .text(payload)
    }

    /// Takes what is there of the frame's payload; the message when that was the end of it.
    private mutating func takePayload(_ current: Frame) throws(WebSocketViolation) -> WebSocketMessage? {
        let count = min(buffer.readableBytes, current.header.payloadLength - current.taken)
        let taken = buffer
        if count > 0 {
            try taken.withUnsafeReadableBytes { (bytes) throws(WebSocketViolation) in
                try append(UnsafeRawBufferPointer(rebasing: bytes[..<count]), of: current)
            }
            consume(count)
        }
        guard current.taken + count == current.header.payloadLength else {
            frame?.taken += count
            return nil
        }
        frame = nil
        return current.isLastOfMessage ? try finish() : nil
    }

    private mutating func append(
        _ bytes: UnsafeRawBufferPointer, of frame: Frame
    ) throws(WebSocketViolation) {
        guard var assembly = assembly.take() else { return }
        assembly.wireBytes += bytes.count
        let known = assembly.bytes.readableBytes
        if assembly.isCompressed, let inflater {
            var plain = ByteBuffer()
            if let mask = frame.header.mask { mask.append(bytes, at: frame.taken, to: &plain) }
            if frame.header.mask == nil {
                try inflater.inflate(bytes, into: &assembly.bytes, limit: messageBytes)
            } else {
                try plain.withUnsafeReadableBytes { (bytes) throws(WebSocketViolation) in
                    try inflater.inflate(bytes, into: &assembly.bytes, limit: messageBytes)
                }
            }
        } else if let mask = frame.header.mask {
            mask.append(bytes, at: frame.taken, to: &assembly.bytes)
        } else {
            assembly.bytes.writeBytes(bytes)
        }
        try Self.checkText(of: &assembly, from: known)
        self.assembly = assembly
    }

    private static func checkText(of assembly: inout Assembly, from known: Int) throws(WebSocketViolation) {
        guard assembly.isText else { return }
        var text = assembly.text
        let isText = assembly.bytes.withUnsafeReadableBytes {
            text.accept(UnsafeRawBufferPointer(rebasing: $0[known...]))
        }
        guard isText else { throw .badText }
        assembly.text = text
    }

    private mutating func finish() throws(WebSocketViolation) -> WebSocketMessage? {
        guard var assembly = assembly.take() else { return nil }
        if assembly.isCompressed, let inflater {
            let known = assembly.bytes.readableBytes
            try inflater.finishMessage(into: &assembly.bytes, limit: messageBytes)
            try Self.checkText(of: &assembly, from: known)
        }
        guard assembly.isText else { return .binary(assembly.bytes) }
        guard assembly.text.isComplete else { throw .badText }
        return .text(assembly.bytes)
    }
}
