import NIOCore
import WireProtocols

/// One connection's requests and answers, one at a time.
final class HTTPExchangeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// How a request went.
    enum Outcome {
        case answer(HTTPResponseHead, ByteBuffer)
        /// `isUntouched`: not one byte of an answer had come.
        case failed(ConnectionError, isUntouched: Bool)
    }

    private struct Exchange {
        var head: HTTPResponseHead?
        var body = ByteBuffer()
        var isUntouched = true
        let completion: (Outcome) -> Void
    }

    private let configuration: HTTPClientConfiguration
    private var channel: (any Channel)?
    private var parser: HTTPResponseParser
    private var exchange: Exchange?
    private var timer: LoopTimer?

    init(configuration: HTTPClientConfiguration) {
        self.configuration = configuration
        var limits = configuration.limits
        if configuration.sufficientBodyBytes != nil { limits.bodyBytes = .max }
        parser = HTTPResponseParser(limits: limits)
    }

    /// Another request may be sent.
    var isUsable: Bool { exchange == nil && channel?.isActive == true }

    /// Sends a request. `completion` is called once, later, on the event loop.
    func perform(_ bytes: ByteBuffer, method: String, completion: @escaping (Outcome) -> Void) {
        guard let channel, channel.isActive else {
            return completion(.failed(ConnectionError(.request, .closedByPeer), isUntouched: true))
        }
        exchange = Exchange(completion: completion)
        parser.expect(method: method)
        timer?.set(channel.eventLoop.now + configuration.headTimeout)
        channel.writeAndFlush(bytes, promise: nil)
    }

    func close() { channel?.close(promise: nil) }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
        timer = LoopTimer(eventLoop: context.eventLoop) { [weak self] in self?.deadlineReached() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.set(nil)
        (timer, channel) = (nil, nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        exchange?.isUntouched = false
        parser.receive(unwrapInboundIn(data))
        pull()
    }

    func channelInactive(context: ChannelHandlerContext) {
        do {
            try parser.connectionClosed()
            pull()
            fail(.closedByPeer)
        } catch {
            fail(.http(error))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as ConnectionError: fail(error.reason)
        case let error as TLSError: fail(.tls(error))
        default: fail(.system(SystemWords.of(error)))
        }
    }

    private func pull() {
        do {
            while let part = try parser.next() {
                switch part {
                case .head(let head):
                    exchange?.head = head
                    if let channel { timer?.set(channel.eventLoop.now + configuration.bodyTimeout) }
                case .body(let bytes):
                    guard take(bytes) else {
                        cutShort()
                        return
                    }
                case .end: return complete()
                }
            }
        } catch {
            fail(.http(error))
        }
    }

    /// False when no more of the body is wanted.
    private func take(_ bytes: ByteBuffer) -> Bool {
        guard let limit = configuration.sufficientBodyBytes, let read = exchange?.body.readableBytes else {
            exchange?.body.writeImmutableBuffer(bytes)
            return true
        }
        exchange?.body.writeImmutableBuffer(
            bytes.getSlice(
                at: bytes.readerIndex, length: min(bytes.readableBytes, limit - read)) ?? ByteBuffer())
        return bytes.readableBytes < limit - read
    }

    /// The head is answer enough. Returns whether there is one.
    @discardableResult
    private func cutShort() -> Bool {
        guard configuration.sufficientBodyBytes != nil, let head = exchange?.head, let exchange = exchange.take() else {
            return false
        }
        close()
        exchange.completion(.answer(head, exchange.body))
        return true
    }

    private func complete() {
        guard let exchange = exchange.take(), let head = exchange.head else { return }
        if parser.isReusable, isQuiet, let channel {
            timer?.set(channel.eventLoop.now + configuration.idleTimeout)
        } else {
            close()
        }
        exchange.completion(.answer(head, exchange.body))
    }

    /// What stands behind an answer answers nothing, and would be taken for the next one.
    private var isQuiet: Bool {
        do {
            _ = try parser.next()
            return true
        } catch {
            return false
        }
    }

    private func fail(_ reason: ConnectionError.Reason) {
        if cutShort() { return }
        // Before closing, which would be told as a second fault.
        let exchange = exchange.take()
        close()
        guard let exchange else { return }
        exchange.completion(.failed(ConnectionError(.request, reason), isUntouched: exchange.isUntouched))
    }

    private func deadlineReached() {
        let limit = exchange?.head == nil ? configuration.headTimeout : configuration.bodyTimeout
        fail(.timedOut(Duration(limit)))
    }
}
