import NIOCore
import WireProtocols

/// A connection to a server before it is a WebSocket: requests, one after the other, and their answers.
final class WebSocketServerHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let server: WebSocketServer
    private var parser: HTTPRequestParser
    private var request: WebSocketServerRequest?
    private var timer: LoopTimer?
    /// The answer to the latest request, while it is not there, and what came behind that request meanwhile.
    private var awaited: WebSocketServerReply?
    private var bytesMeanwhile = 0
    private var isOver = false

    init(server: WebSocketServer) {
        self.server = server
        parser = HTTPRequestParser(limits: server.configuration.limits.handshake)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard server.admits(context.channel) else {
            answer(HTTPResponseHead(status: 503), "too many connections", isLast: true, context)
            return
        }
        let channel = context.channel
        timer = LoopTimer(eventLoop: context.eventLoop) { channel.close(promise: nil) }
        timer?.set(context.eventLoop.now + server.configuration.requestTimeout)
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.set(nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        let bytes = unwrapInboundIn(data)
        if awaited != nil {
            bytesMeanwhile += bytes.readableBytes
            // Hardly any client sends a request before the answer to the last; none sends many.
            guard bytesMeanwhile <= server.configuration.limits.handshake.headBytes else {
                return context.close(promise: nil)
            }
        }
        parser.receive(bytes)
        proceed(context)
    }

    private func proceed(_ context: ChannelHandlerContext) {
        do {
            while !isOver, awaited == nil, let part = try parser.next() { take(part, context) }
        } catch {
            answer(HTTPResponseHead(status: Self.status(error)), "\(error)", isLast: true, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        server.ended(context.channel)
        awaited.take()?.drop()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func take(_ part: HTTPRequestParser.Part, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head):
            request = WebSocketServerRequest(
                head: head, body: ByteBuffer(), handshake: nil, remoteAddress: context.remoteAddress)
        case .body(let bytes): request?.body.writeImmutableBuffer(bytes)
        case .end:
            guard let request = request.take() else { return }
            serve(request, context)
        }
    }

    private func serve(_ request: WebSocketServerRequest, _ context: ChannelHandlerContext) {
        var request = request
        if WebSocketServerHandshake.isWanted(by: request.head) {
            do {
                request.handshake = try WebSocketServerHandshake(request.head)
            } catch {
                return answer(error.response, "\(error)", isLast: true, context)
            }
        }
        switch server.decide(request) {
        case .accept(let delegate, let subprotocol, let headers):
            guard let handshake = request.handshake else {
                let head = HTTPResponseHead(status: 426, headers: ["Upgrade": "websocket"])
                return answer(head, "this path is a WebSocket's", isLast: true, context)
            }
            upgrade(handshake, delegate, subprotocol, headers, context)
        case .answer(let status, let headers, let body):
            answer(
                HTTPResponseHead(status: status, headers: headers), body, isLast: !parser.isReusable,
                isHead: request.head.method == "HEAD", context)
        case .reply(let reply): answer(reply, isHead: request.head.method == "HEAD", context)
        }
    }

    /// Further requests are read when this one is answered.
    private func answer(_ reply: WebSocketServerReply, isHead: Bool, _ context: ChannelHandlerContext) {
        let isLast = !parser.isReusable
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let give = { [self] (answer: WebSocketServerReply.Answer) in
            let context = bound.value
            let wasAwaited = awaited.take() != nil
            bytesMeanwhile = 0
            self.answer(
                HTTPResponseHead(status: answer.status, headers: answer.headers), answer.body, isLast: isLast,
                isHead: isHead, context)
            if wasAwaited { proceed(context) }
        }
        if let answer = reply.answer { return give(answer) }
        awaited = reply
        timer?.set(nil)
        reply.whenAnswered(give)
    }

    private func upgrade(
        _ handshake: WebSocketServerHandshake, _ delegate: any WebSocketConnectionDelegate, _ subprotocol: String?,
        _ headers: HTTPHeaders, _ context: ChannelHandlerContext
    ) {
        let (response, opening) = handshake.accept(
            subprotocol: subprotocol, compression: server.configuration.compression, headers: headers)
        var bytes = ByteBuffer()
        do {
            try HTTPHeadWriter.write(response, into: &bytes)
        } catch {
            return answer(HTTPResponseHead(status: 500), "\(error)", isLast: true, context)
        }
        isOver = true
        timer?.set(nil)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        let connection = server.upgraded(context.channel, delegate: delegate)
        do {
            let pipeline = context.pipeline.syncOperations
            try pipeline.addHandler(WebSocketHandler(connection: connection), position: .after(self))
            pipeline.removeHandler(self, promise: nil)
            connection.start(opening, role: .server, rest: parser.takeRest())
        } catch {
            // Only a channel that is closing refuses a handler.
            connection.inactive()
            context.close(promise: nil)
        }
    }

    private func answer(
        _ head: HTTPResponseHead, _ body: String, isLast: Bool, isHead: Bool = false, _ context: ChannelHandlerContext
    ) {
        answer(head, ByteBuffer(string: body), isLast: isLast, isHead: isHead, context)
    }

    private func answer(
        _ head: HTTPResponseHead, _ body: ByteBuffer, isLast: Bool, isHead: Bool, _ context: ChannelHandlerContext
    ) {
        var head = head
        if body.readableBytes > 0, !head.headers.contains("Content-Type") {
            head.headers.add("Content-Type", "text/plain; charset=utf-8")
        }
        head.headers.add("Content-Length", "\(body.readableBytes)")
        if isLast { head.headers.add("Connection", "close") }
        var bytes = ByteBuffer()
        do {
            try HTTPHeadWriter.write(head, into: &bytes)
        } catch {
            bytes = ByteBuffer(
                string: "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            isOver = true
        }
        if !isHead, !isOver { bytes.writeImmutableBuffer(body) }
        isOver = isOver || isLast
        if isOver {
            let channel = context.channel
            context.writeAndFlush(wrapOutboundOut(bytes)).whenComplete { _ in channel.close(promise: nil) }
        } else {
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            parser.restart()
            timer?.set(context.eventLoop.now + server.configuration.requestTimeout)
        }
    }

    private static func status(_ error: HTTPError) -> Int {
        switch error.code {
        case .headTooLong, .tooManyFields: 431
        case .bodyTooLong: 413
        default: 400
        }
    }
}
