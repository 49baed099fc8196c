import NIOCore
import Transport

/// Reads a pipe from the program, line by line.
final class ExecReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Read at once; after that the program waits until the next pause is over.
    private static let pacedBytes = 64 << 10
    private static let pause = TimeAmount.milliseconds(100)

    private var splitter: LineSplitter
    private let isPaced: Bool
    private let received: (LineSplitter.Line) -> Void
    private let overlong: () -> Void
    private var unpaused = 0
    private var timer: LoopTimer?

    /// - Parameters:
    ///   - limit: bytes of a line.
    ///   - isPaced: the program cannot make us read more than some 600 KiB a second.
    ///   - overlong: told while a line grows beyond the limit.
    init(
        limit: Int, isPaced: Bool, received: @escaping (LineSplitter.Line) -> Void, overlong: @escaping () -> Void = {}
    ) {
        splitter = LineSplitter(limit: limit)
        (self.isPaced, self.received, self.overlong) = (isPaced, received, overlong)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        timer = LoopTimer(eventLoop: context.eventLoop, slack: .zero) { context.read() }
        if context.channel.isActive { context.read() }
    }

    func channelActive(context: ChannelHandlerContext) { context.read() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        unpaused += bytes.readableBytes
        for line in splitter.receive(bytes) { received(line) }
        if splitter.isOverlong { overlong() }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard isPaced, unpaused >= Self.pacedBytes else { return context.read() }
        unpaused = 0
        timer?.set(context.eventLoop.now + Self.pause)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let last = splitter.finish() { received(last) }
        timer?.set(nil)
        timer = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
