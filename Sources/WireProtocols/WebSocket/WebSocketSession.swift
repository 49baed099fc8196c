import NIOCore

// A WebSocket behind its handshake, either end of it (RFC 6455, sections 5 to 7).
//
//   open ──close()──▶ closing ──peer's close──▶ closed ──socket's end──▶ ended
//     │                  │  └─────time────────▶ failed
//     ├──peer's close────┼────────────────────▶ closed
//     └──broken rule, silence, socket's end───▶ failed
//
// A driver calls one input (`receive`, `send`, `close`, `deadlineReached`, `connectionClosed`), pulls `nextEvent()` until nil,
// writes `takeOutput()`, closes the socket once `closesSocket` says so, and calls `deadlineReached` at `nextDeadline`.
//
// Pings are answered with the next output; several in between are answered by the first and the last of them (RFC 6455,
// section 5.5.3), so that a peer that pings and does not read cannot make us hold more than two pongs.

/// A control frame that came; what it asks for is already done.
public enum WebSocketControlFrame: Sendable, Equatable {
    case ping(ByteBuffer)
    case pong(ByteBuffer)
    case close(WebSocketClose)
}

/// One end of an open WebSocket as a value: bytes and the time in, events and bytes out.
public struct WebSocketSession: ~Copyable {
    public enum Event: Equatable {
        case message(WebSocketMessage)
        case control(WebSocketControlFrame)
        /// The peer's close frame has come and ours is in the output. Nothing follows.
        case closed(WebSocketClose)
        /// Nothing follows.
        case failed(WebSocketError)
    }

    private enum State {
        /// Messages go both ways. → closing, closed, failed
        case open
        /// Our close frame is in the output or sent; messages still come. → closed, failed
        case closing(until: NIODeadline)
        /// Both close frames are there; the server ends the socket, a client waits for that so long. → ended
        case closed(until: NIODeadline)
        /// Nothing is understood or said any more; the socket stays so long that the peer can read our close frame. → ended
        case failed(until: NIODeadline)
        /// The socket may go.
        case ended
    }

    private let role: WebSocketRole
    private let limits: WebSocketLimits
    private let keepAlive: WebSocketKeepAlive
    private var reader: WebSocketMessageReader
    private var writer: WebSocketFrameWriter
    private let deflater: WebSocketDeflater?
    private let minimumDeflatedBytes: Int

    private var state = State.open
    private var output = ByteBuffer()
    private var failure: WebSocketError?

    private var isReceiving = true
    private var lastReceived: NIODeadline
    private var nextPing: NIODeadline?
    /// The ping that has no pong yet.
    private var unansweredPing: (number: UInt64, sentAt: NIODeadline)?
    private var pingCount = 0 as UInt64
    private var hasPongInOutput = false
    private var laterPong: ByteBuffer?
    /// From the latest ping of ours to its pong.
    public private(set) var roundTrip: TimeAmount?

    /// - Parameters:
    ///   - opening: what the handshake agreed on.
    ///   - deflateLevel: zlib's level for what we send, where compression was agreed on.
    ///   - random: masks of what a client sends; must not be guessable by who chooses the payloads.
    public init(
        role: WebSocketRole, opening: WebSocketOpening, compression: PerMessageDeflateConfiguration? = nil,
        limits: WebSocketLimits = WebSocketLimits(), keepAlive: WebSocketKeepAlive = WebSocketKeepAlive(),
        random: any RandomNumberGenerator & Sendable, now: NIODeadline
    ) {
        (self.role, self.limits, self.keepAlive) = (role, limits, keepAlive)
        let agreement = opening.compression
        let isClient = role == .client
        reader = WebSocketMessageReader(
            role: role, limits: limits,
            inflater: agreement.flatMap {
                WebSocketInflater(
                    windowBits: isClient ? $0.serverMaxWindowBits : $0.clientMaxWindowBits,
                    keepsContext: !(isClient ? $0.serverNoContextTakeover : $0.clientNoContextTakeover))
            })
        let level = compression?.level ?? 6
        deflater = agreement.flatMap {
            WebSocketDeflater(
                windowBits: isClient ? $0.clientMaxWindowBits : $0.serverMaxWindowBits, level: level,
                keepsContext: !(isClient ? $0.clientNoContextTakeover : $0.serverNoContextTakeover))
        }
        minimumDeflatedBytes = compression?.minimumBytes ?? 0
        writer = WebSocketFrameWriter(role: role, random: random)
        lastReceived = now
        nextPing = keepAlive.pingInterval.map { now + $0 }
    }

    // MARK: - Inputs

    /// Bytes from the socket.
    public mutating func receive(_ bytes: ByteBuffer, now: NIODeadline) {
        lastReceived = now
        switch state {
        case .open, .closing: reader.receive(bytes)
        // RFC 6455, section 1.4: what comes behind a close frame is discarded.
        case .closed, .failed, .ended: break
        }
    }

    /// Whether the socket is being read. While it is not, a silent peer is not held against it.
    public mutating func setReceiving(_ isReceiving: Bool, now: NIODeadline) {
        guard isReceiving != self.isReceiving else { return }
        self.isReceiving = isReceiving
        lastReceived = now
        if let ping = unansweredPing { unansweredPing = (ping.number, now) }
    }

    /// Puts a message into the output; it is dropped once a close frame of ours is there.
    public mutating func send(_ message: WebSocketMessage, now: NIODeadline) {
        guard isOpen else { return }
        switch message {
        case .text(let bytes): write(.text, bytes)
        case .binary(let bytes): write(.binary, bytes)
        }
        if output.readableBytes > limits.unsentBytes {
            // What waits is given up with the peer: it has not taken it anyway.
            output.clear()
            fail(.unsent(limitBytes: limits.unsentBytes), tell: nil, now: now)
        }
    }

    /// Begins the close handshake. `reason` is cut to 123 bytes; a code that may not be sent is sent as none.
    public mutating func close(_ close: WebSocketClose, now: NIODeadline) {
        guard isOpen else { return }
        writeClose(close)
        state = .closing(until: now + keepAlive.closeTimeout)
    }

    /// The time has come to `nextDeadline`, or to any other.
    public mutating func deadlineReached(now: NIODeadline) {
        switch state {
        case .open: checkPeer(now: now)
        case .closing(let until) where until <= now:
            fail(.closeUnanswered(within: keepAlive.closeTimeout), tell: nil, now: now)
        case .closed(let until) where until <= now, .failed(let until) where until <= now: state = .ended
        case .closing, .closed, .failed, .ended: break
        }
    }

    /// The socket has ended. Pull the last events.
    public mutating func connectionClosed() {
        switch state {
        case .open, .closing: failure = .cut(reader.cut)
        case .closed, .failed, .ended: break
        }
        state = .ended
    }

    // MARK: - Outputs

    public var isOpen: Bool {
        if case .open = state { return true }
        return false
    }

    /// The driver closes the socket, once the output is written.
    public var closesSocket: Bool {
        if case .ended = state { return true }
        return false
    }

    /// Bytes that wait for `takeOutput`.
    public var outputBytes: Int { output.readableBytes }

    /// What is to be written, or nil.
    public mutating func takeOutput() -> ByteBuffer? {
        if let payload = laterPong.take(), isOpen { writeControl(.pong, payload) }
        hasPongInOutput = false
        guard output.readableBytes > 0 else { return nil }
        defer { output = ByteBuffer() }
        return output
    }

    /// When to call `deadlineReached`.
    public var nextDeadline: NIODeadline? {
        switch state {
        case .open:
            let silence = isReceiving ? keepAlive.receiveTimeout.map { lastReceived + $0 } : nil
            return [nextPing, pongDeadline, silence].compactMap { $0 }.min()
        case .closing(let until), .closed(let until), .failed(let until): return until
        case .ended: return nil
        }
    }

    public mutating func nextEvent(now: NIODeadline) -> Event? {
        if let failure = failure.take() { return .failed(failure) }
        switch state {
        case .open, .closing: break
        case .closed, .failed, .ended: return nil
        }
        do throws(WebSocketViolation) {
            switch try reader.next() {
            case .message(let message): return .message(message)
            case .control(let opcode, let payload): return try control(opcode, payload, now: now)
            case nil: return nil
            }
        } catch {
            fail(.violation(error, offset: reader.frameOffset), tell: error.closeCode, now: now)
            return failure.take().map { .failed($0) }
        }
    }

    // MARK: - Control frames

    private mutating func control(
        _ opcode: WebSocketOpcode, _ payload: ByteBuffer, now: NIODeadline
    ) throws(WebSocketViolation) -> Event? {
        switch opcode {
        case .ping:
            answer(payload)
            return .control(.ping(payload))
        case .pong:
            if let ping = unansweredPing, payload.getInteger(at: payload.readerIndex) == ping.number {
                roundTrip = now - ping.sentAt
                unansweredPing = nil
            }
            return .control(.pong(payload))
        case .close: return .closed(try closed(by: payload, now: now))
        case .continuation, .text, .binary: return nil
        }
    }

    private mutating func answer(_ payload: ByteBuffer) {
        guard isOpen else { return }
        if hasPongInOutput {
            laterPong = payload
        } else {
            writeControl(.pong, payload)
            hasPongInOutput = true
        }
    }

    /// RFC 6455, sections 5.5.1 and 7.1.1: the same code goes back; the server ends the socket first.
    private mutating func closed(by payload: ByteBuffer, now: NIODeadline) throws(WebSocketViolation) -> WebSocketClose
    {
        let close = try Self.close(payload)
        if isOpen { writeClose(WebSocketClose(code: close.code)) }
        state = role == .server ? .ended : .closed(until: now + keepAlive.closeTimeout)
        return close
    }

    private static func close(_ payload: ByteBuffer) throws(WebSocketViolation) -> WebSocketClose {
        var payload = payload
        guard let number = payload.readInteger(as: UInt16.self) else { return WebSocketClose() }
        let code = WebSocketCloseCode(rawValue: number)
        guard code.mayBeSent else { throw .badCloseCode(number) }
        guard let reason = String(validating: payload.readableBytesView, as: UTF8.self) else { throw .badCloseText }
        return WebSocketClose(code: code, reason: reason)
    }

    // MARK: - Failing

    /// `tell`: the code of a close frame, where the peer can be expected to read it.
    private mutating func fail(_ error: WebSocketError, tell: WebSocketCloseCode?, now: NIODeadline) {
        failure = error
        guard let tell else {
            state = .ended
            return
        }
        if isOpen { writeClose(WebSocketClose(code: tell)) }
        // Closing a socket with unread bytes resets it, and a reset takes our close frame with it.
        state = .failed(until: now + min(keepAlive.closeTimeout, .seconds(1)))
    }

    private var pongDeadline: NIODeadline? {
        guard let unansweredPing, isReceiving else { return nil }
        return max(unansweredPing.sentAt, lastReceived) + keepAlive.pongTimeout
    }

    private mutating func checkPeer(now: NIODeadline) {
        if isReceiving, let limit = keepAlive.receiveTimeout, lastReceived + limit <= now {
            return fail(.silent(for: limit), tell: nil, now: now)
        }
        if let deadline = pongDeadline, deadline <= now {
            return fail(.noPong(within: keepAlive.pongTimeout), tell: nil, now: now)
        }
        if let due = nextPing, due <= now, let interval = keepAlive.pingInterval {
            nextPing = now + interval
            // One at a time: the next one would only wait behind it.
            if unansweredPing == nil { ping(now: now) }
        }
    }

    private mutating func ping(now: NIODeadline) {
        pingCount += 1
        unansweredPing = (pingCount, now)
        var payload = ByteBuffer()
        payload.writeInteger(pingCount)
        writeControl(.ping, payload)
    }

    // MARK: - Writing

    private mutating func write(_ opcode: WebSocketOpcode, _ payload: ByteBuffer) {
        if let deflater, payload.readableBytes >= minimumDeflatedBytes {
            var deflated = ByteBuffer()
            if payload.withUnsafeReadableBytes({ deflater.deflateMessage($0, into: &deflated) }) {
                return writeFrame(opcode, deflated, isCompressed: true)
            }
        }
        writeFrame(opcode, payload, isCompressed: false)
    }

    private mutating func writeControl(_ opcode: WebSocketOpcode, _ payload: ByteBuffer) {
        writeFrame(opcode, payload, isCompressed: false)
    }

    private mutating func writeFrame(_ opcode: WebSocketOpcode, _ payload: ByteBuffer, isCompressed: Bool) {
        payload.withUnsafeReadableBytes { writer.write(opcode, $0, isCompressed: isCompressed, into: &output) }
    }

    private mutating func writeClose(_ close: WebSocketClose) {
        var payload = ByteBuffer()
        if let code = close.code, code.mayBeSent {
            payload.writeInteger(code.rawValue)
            payload.writeString(Self.shortened(close.reason))
        }
        writeControl(.close, payload)
    }

    /// Whole characters of at most 123 bytes, which is what a control frame leaves (RFC 6455, section 5.5).
    private static func shortened(_ text: String) -> String {
        var kept = ""
        for character in text {
            guard kept.utf8.count + character.utf8.count <= 123 else { break }
            kept.append(character)
        }
        return kept
    }
}
