import BridgeCore
import NIOCore
import Transport

/// One reader of a listening socket: its request, its place in the stream, and what it has not read yet.
///
/// Lines come to it from deliveries while it is *live*. Until then it reads the store from its own place, no faster than it takes
/// lines, and becomes live when nothing is left between the two.
final class SocketReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        /// Nothing is sent before its request, or before the time for one is over.
        case greeting
        case catchingUp
        case live
        /// Its last words are on their way.
        case leaving
    }

    /// While so much is unsent nothing more is read from the store.
    private static let lowWater = 64 << 10
    /// Without a byte taken a reader is dropped.
    private static let stallLimit = TimeAmount.seconds(60)
    /// For the last words.
    private static let lingerLimit = TimeAmount.seconds(5)

    private let server: SocketServer
    private var state = State.greeting
    private var splitter = LineSplitter(limit: SocketRequest.maximumBytes)
    private var hasRequested = false
    private var isReading = false
    private var unsent = 0
    private var context: ChannelHandlerContext?
    private var timer: LoopTimer?
    private var timerFires: ((SocketReader) -> Void)?
    /// The last line that it was given, or does not want.
    private var position: Int64

    init(server: SocketServer) {
        self.server = server
        position = server.latest
    }

    // MARK: - Lines

    /// A delivery. `isOld`: lines that everybody has passed, sent again.
    func take(_ batch: DeliveryBatch, _ bytes: ByteBuffer, isOld: Bool) {
        guard state == .live else { return }
        // From the store it may have had lines that are delivered only now.
        let first = isOld ? 0 : batch.seqs.firstIndex { $0 > position } ?? batch.count
        let start = first > 0 ? batch.ends[first - 1] : 0
        defer { if state == .live { position = max(position, batch.throughSeq) } }
        guard first < batch.count, let slice = bytes.getSlice(at: start, length: bytes.readableBytes - start) else {
            return
        }
        guard unsent == 0 || unsent + slice.readableBytes <= server.options.bufferBytes else { return dropAsSlow() }
        send(slice)
    }

    /// Tells it nothing more; what it has not read is given a moment.
    func leave(_ notice: SocketNotice? = nil) {
        guard state != .leaving else { return }
        state = .leaving
        if let notice { send(ByteBuffer(bytes: notice.line)) }
        guard unsent > 0 else { return close() }
        setTimer(Self.lingerLimit) { $0.close() }
    }

    private func dropAsSlow() {
        server.dropped()
        leave(.dropped(seq: position))
    }

    private func send(_ bytes: ByteBuffer) {
        guard let context else { return }
        let count = bytes.readableBytes
        if unsent == 0, state != .leaving { watch() }
        unsent += count
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in self.sent(count) }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: promise)
    }

    private func sent(_ count: Int) {
        unsent -= count
        switch state {
        case .leaving: if unsent == 0 { close() }
        case .greeting: break
        case .live, .catchingUp:
            watch()
            catchUp()
        }
    }

    private func watch() {
        setTimer(Self.stallLimit) { if $0.unsent > 0 { $0.dropAsSlow() } }
    }

    // MARK: - Catching up

    private func begin(_ request: SocketRequest) {
        if let since = request.since {
            // Lines of another stream tell nothing of this one.
            position = request.stream.map { $0 == server.stream } ?? true ? since : 0
            state = .catchingUp
            // Also where nothing seems to follow: whether the line that was named exists is seen there. What is being read is
            // thrown away.
            if !isReading { read() }
        } else {
            state = .catchingUp
            catchUp()
        }
    }

    private func catchUp() {
        guard state == .catchingUp, !isReading, unsent < Self.lowWater else { return }
        if position == server.latest { state = .live } else { read() }
    }

    private func read() {
        isReading = true
        let (after, latest) = (position, server.latest)
        server.read(after: after).assumeIsolated().whenComplete { result in
            self.isReading = false
            guard self.state == .catchingUp else { return }
            // It has asked for another place meanwhile.
            guard self.position == after else { return self.read() }
            switch result {
            case .failure: self.leave(.refused(reason: "the store cannot be read now"))
            case .success(.lines(let batch)):
                self.position = batch.throughSeq
                if batch.count > 0 { self.send(ByteBuffer(bytes: batch.bytes)) }
                self.caughtUp(to: self.server.latest)
            case .success(.end(let isKnown)):
                if !isKnown || (after < latest && latest == self.server.latest) { self.position = self.server.latest }
                self.caughtUp(to: self.server.latest)
            }
        }
    }

    /// Ahead of the deliveries it is live as well: what is delivered again of what it has is left out.
    private func caughtUp(to latest: Int64) {
        if position >= latest { state = .live } else { catchUp() }
    }

    // MARK: - Channel

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        timer = LoopTimer(eventLoop: context.eventLoop, slack: .seconds(10)) { [weak self] in
            if let self { timerFires?(self) }
        }
        guard server.admits(self) else {
            return leave(.refused(reason: "there are \(server.options.readers) readers already"))
        }
        setTimer(server.greetingLimit) { $0.greetingIsOver() }
    }

    private func greetingIsOver() {
        if server.options.token == nil {
            begin(SocketRequest())
        } else {
            leave(.refused(reason: "the token is missing"))
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        for line in splitter.receive(unwrapInboundIn(data)) { received(line) }
        if splitter.isOverlong { received(LineSplitter.Line([], isCut: true)) }
    }

    private func received(_ line: LineSplitter.Line) {
        guard state != .leaving else { return }
        if line.bytes.isEmpty, !line.isCut, server.options.token == nil {
            if state == .greeting { begin(SocketRequest()) }
            return
        }
        do throws(SocketRequest.Fault) {
            let request = try SocketRequest(line)
            guard !hasRequested else { throw SocketRequest.Fault(reason: "a reader sends one request") }
            guard server.accepts(request.token) else { throw SocketRequest.Fault(reason: "the token is wrong") }
            hasRequested = true
            if state == .greeting { timer?.set(nil) }
            begin(request)
        } catch {
            server.refused(error.reason)
            leave(.refused(reason: error.reason))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        state = .leaving
        timer?.set(nil)
        timer = nil
        self.context = nil
        server.left(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func close() { context?.close(promise: nil) }

    private func setTimer(_ limit: TimeAmount, _ fire: @escaping (SocketReader) -> Void) {
        guard let eventLoop = context?.eventLoop else { return }
        timerFires = fire
        timer?.set(eventLoop.now + limit)
    }
}
