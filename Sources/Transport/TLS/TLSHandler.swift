import NIOCore

/// TLS in a channel: the next handler sees the application's bytes.
///
/// Begins once the channel is active and gives up after `timeout`. What is written is joined into as few records as it
/// fits, up to each flush. A fault after the handshake is fired as `TLSError`, then the channel is closed. Closing
/// sends close_notify and waits up to `closeTimeout` for the peer's.
package final class TLSHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// How a handshake ended; the error is of the stage `tls`.
    package typealias Outcome = Result<TLSPeer, ConnectionError>

    private enum State {
        /// The channel is not active yet.
        case idle
        case handshaking
        case established
        /// We sent close_notify and wait for the peer's.
        case closing
        case closed
    }

    /// Of the application, written before the handshake is done.
    private static let maximumEarlyBytes = 1 << 20
    /// Of TLS itself, answered to a peer that does not read.
    private static let maximumAnswerBytes = 256 << 10

    /// Known once established.
    package private(set) var peer: TLSPeer?

    private let session: TLSSession
    private let timeout: TimeAmount
    private let closeTimeout: TimeAmount
    private var handshaken: ((Outcome) -> Void)?
    private var state = State.idle
    private var timer: LoopTimer?
    private var context: ChannelHandlerContext?
    private var pending = CircularBuffer<(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)>()
    private var pendingBytes = 0
    private var record: [UInt8] = []
    private var isFlushWanted = false
    private var answerBytes = 0
    private var isReadWanted = false
    private var closePromise: EventLoopPromise<Void>?

    /// `handshaken` is called once, on the event loop, before any byte of the application is passed on.
    package init(
        _ session: TLSSession, timeout: TimeAmount, closeTimeout: TimeAmount = .seconds(2),
        handshaken: ((Outcome) -> Void)? = nil
    ) {
        (self.session, self.timeout, self.closeTimeout) = (session, timeout, closeTimeout)
        self.handshaken = handshaken
    }

    /// What a server adds to each channel that it accepts, below its own handlers. Throws where the identity cannot be used.
    package static func initializer(
        server configuration: TLSServerConfiguration
    ) throws -> @Sendable (any Channel) throws -> Void {
        let context = try TLSContext(configuration)
        return { try $0.pipeline.syncOperations.addHandler(TLSHandler(server: context)) }
    }

    /// For a channel that was accepted.
    package convenience init(
        server context: TLSContext, timeout: TimeAmount = .seconds(10), handshaken: ((Outcome) -> Void)? = nil
    ) throws(TLSError) {
        self.init(try TLSSession(server: context), timeout: timeout, handshaken: handshaken)
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        end(.closedDuringHandshake)
        self.context = nil
    }

    package func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    // MARK: - In

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state != .closed else { return }
        let bytes = unwrapInboundIn(data)
        bytes.withUnsafeReadableBytes { session.receive($0) }
        advance(context, expecting: bytes.readableBytes)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        switch state {
        // Nobody above asks for bytes that are TLS's own.
        case .handshaking, .closing: context.read()
        case .established where isReadWanted: context.read()
        case .idle, .established, .closed: break
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        let isCut = state == .established
        if isCut, let error = session.endOfInput { context.fireErrorCaught(error) }
        end(.closedDuringHandshake)
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch state {
        case .idle, .handshaking: fail(context, ConnectionError(.tls, .system(SystemWords.of(error))))
        case .established:
            // The channel closes next, and that would be told as a second fault.
            state = .closed
            context.fireErrorCaught(error)
        case .closing, .closed: break
        }
    }

    // MARK: - Out

    package func read(context: ChannelHandlerContext) {
        isReadWanted = true
        context.read()
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard state != .closing, state != .closed else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        let bytes = unwrapOutboundIn(data)
        pending.append((bytes, promise))
        pendingBytes += bytes.readableBytes
        switch state {
        case .established:
            // Beyond one record it counts against the channel's own limits.
            if pendingBytes >= TLSSession.recordBytes { encrypt(context) }
        case .idle, .handshaking, .closing, .closed:
            guard pendingBytes > Self.maximumEarlyBytes else { return }
            fail(context, ConnectionError(.tls, .tls(.failed("too much was written before the handshake was done"))))
        }
    }

    package func flush(context: ChannelHandlerContext) {
        guard state == .established else {
            isFlushWanted = state == .idle || state == .handshaking
            return
        }
        encrypt(context)
        context.flush()
    }

    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .all else {
            promise?.fail(ChannelError.operationUnsupported)
            return
        }
        switch state {
        case .established: beginToClose(context, promise)
        case .closing:
            guard let closePromise else { return self.closePromise = promise }
            if let promise { closePromise.futureResult.cascade(to: promise) }
        case .idle, .handshaking, .closed:
            end(.closedDuringHandshake)
            context.close(promise: promise)
        }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { answerBytes = 0 }
        context.fireChannelWritabilityChanged()
    }
}

// MARK: - The session

extension TLSHandler {
    private func begin(_ context: ChannelHandlerContext) {
        guard state == .idle else { return }
        state = .handshaking
        let timer = LoopTimer(eventLoop: context.eventLoop) { [weak self] in self?.timerFired() }
        timer.set(context.eventLoop.now + timeout)
        self.timer = timer
        advance(context, expecting: 0)
        context.read()
    }

    private func timerFired() {
        guard let context else { return }
        switch state {
        case .handshaking: fail(context, ConnectionError(.tls, .timedOut(Duration(timeout))))
        case .closing: finishClosing(context)
        case .idle, .established, .closed: break
        }
    }

    /// Goes on as far as the bytes reach. Handlers above may write and close meanwhile.
    private func advance(_ context: ChannelHandlerContext, expecting count: Int) {
        var plaintext = context.channel.allocator.buffer(capacity: state == .handshaking ? 0 : count)
        while state != .closed {
            let step: TLSSession.Step
            do {
                step = try session.step(into: &plaintext)
            } catch {
                sendAnswers(context)
                return fail(context, ConnectionError(.tls, .tls(error)))
            }
            sendAnswers(context)
            switch step {
            case .needsBytes: return
            case .established: becomeEstablished(context)
            case .plaintext:
                pass(plaintext, context)
                plaintext = context.channel.allocator.buffer(capacity: 0)
            case .closed: return peerClosed(context)
            }
        }
    }

    private func pass(_ plaintext: ByteBuffer, _ context: ChannelHandlerContext) {
        guard state == .established else { return }
        isReadWanted = false
        context.fireChannelRead(wrapInboundOut(plaintext))
    }

    private func becomeEstablished(_ context: ChannelHandlerContext) {
        guard state == .handshaking else { return }
        timer?.set(nil)
        state = .established
        let peer = session.peer
        self.peer = peer
        let handshaken = handshaken
        self.handshaken = nil
        handshaken?(.success(peer))
        guard state == .established, isFlushWanted else { return }
        isFlushWanted = false
        flush(context: context)
    }

    private func peerClosed(_ context: ChannelHandlerContext) {
        guard state == .established else { return finishClosing(context) }
        encrypt(context)
        state = .closed
        session.close()
        sendAnswers(context)
        context.close(promise: nil)
    }

    private func beginToClose(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        encrypt(context)
        guard state == .established else { return context.close(promise: promise) }
        (state, closePromise) = (.closing, promise)
        session.close()
        sendAnswers(context)
        timer?.set(context.eventLoop.now + closeTimeout)
        context.read()
    }

    private func finishClosing(_ context: ChannelHandlerContext) {
        guard state == .closing else { return }
        state = .closed
        let promise = closePromise
        closePromise = nil
        context.close(promise: promise)
    }

    /// Encrypts what was written, joined to full records, and passes it on without a flush.
    private func encrypt(_ context: ChannelHandlerContext) {
        guard !pending.isEmpty else { return }
        var promises: [EventLoopPromise<Void>] = []
        let isAlone = pending.count == 1
        do throws(TLSError) {
            while let (bytes, promise) = pending.popFirst() {
                if let promise { promises.append(promise) }
                if isAlone { try encryptWhole(bytes) } else { try encrypt(bytes) }
            }
            try encryptRecord()
        } catch {
            for promise in promises { promise.fail(error) }
            return fail(context, ConnectionError(.tls, .tls(error)))
        }
        pendingBytes = 0
        send(context, promises)
    }

    private func encrypt(_ bytes: ByteBuffer) throws(TLSError) {
        var view = bytes.readableBytesView[...]
        if record.isEmpty, view.count >= TLSSession.recordBytes {
            return try encryptWhole(bytes)
        }
        while !view.isEmpty {
            let piece = view.prefix(TLSSession.recordBytes - record.count)
            record.append(contentsOf: piece)
            view = view.dropFirst(piece.count)
            if record.count == TLSSession.recordBytes { try encryptRecord() }
        }
    }

    private func encryptWhole(_ bytes: ByteBuffer) throws(TLSError) {
        var fault: TLSError?
        bytes.withUnsafeReadableBytes { pointer in
            do throws(TLSError) { try session.write(pointer) } catch { fault = error }
        }
        if let fault { throw fault }
    }

    private func encryptRecord() throws(TLSError) {
        var fault: TLSError?
        record.withUnsafeBytes { pointer in
            do throws(TLSError) { try session.write(pointer) } catch { fault = error }
        }
        record.removeAll(keepingCapacity: true)
        if let fault { throw fault }
    }

    private func send(_ context: ChannelHandlerContext, _ promises: [EventLoopPromise<Void>]) {
        var output = context.channel.allocator.buffer(capacity: 0)
        session.takeOutput(into: &output)
        var promise = promises.first
        if promises.count > 1 {
            let joint = context.eventLoop.makePromise(of: Void.self)
            for promise in promises { joint.futureResult.cascade(to: promise) }
            promise = joint
        }
        context.write(wrapOutboundOut(output), promise: promise)
    }

    /// Sends what TLS itself has to say: the handshake, alerts, key updates.
    private func sendAnswers(_ context: ChannelHandlerContext) {
        var output = context.channel.allocator.buffer(capacity: 0)
        let count = session.takeOutput(into: &output)
        guard count > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
        guard state == .established, !context.channel.isWritable else { return }
        answerBytes += count
        guard answerBytes > Self.maximumAnswerBytes else { return }
        fail(context, ConnectionError(.tls, .tls(.unreadAnswers(limitBytes: Self.maximumAnswerBytes))))
    }

    // MARK: - Ends

    private func fail(_ context: ChannelHandlerContext, _ error: ConnectionError) {
        let wasEstablished = state == .established
        let wasClosing = state == .closing
        if let handshaken {
            self.handshaken = nil
            handshaken(.failure(error))
        }
        let promise = closePromise
        closePromise = nil
        end(.failed("the TLS connection failed"))
        if wasEstablished, case .tls(let fault) = error.reason {
            context.fireErrorCaught(fault)
        } else if !wasClosing {
            context.fireErrorCaught(error)
        }
        context.close(promise: promise)
    }

    /// Nothing is sent or passed on any more; whoever waits is told `error`.
    private func end(_ error: TLSError) {
        state = .closed
        timer?.set(nil)
        if let handshaken {
            self.handshaken = nil
            handshaken(.failure(ConnectionError(.tls, .tls(error))))
        }
        while let (_, promise) = pending.popFirst() { promise?.fail(error) }
        pendingBytes = 0
        closePromise?.succeed()
        closePromise = nil
    }
}
