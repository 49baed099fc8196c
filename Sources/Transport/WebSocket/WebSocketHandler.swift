import NIOCore

/// Hands what the channel says to its connection.
final class WebSocketHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: WebSocketConnection

    init(connection: WebSocketConnection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { connection.received(unwrapInboundIn(data)) }

    func channelReadComplete(context: ChannelHandlerContext) { connection.readComplete() }

    func channelWritabilityChanged(context: ChannelHandlerContext) { connection.writabilityChanged() }

    func channelInactive(context: ChannelHandlerContext) { connection.inactive() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { connection.caught(error) }
}
