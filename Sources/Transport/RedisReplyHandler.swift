import NIOCore
import WireProtocols

/// Bytes to replies: speaks the handshake, then hands every reply to its connection.
final class RedisReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let connection: RedisConnection
    private let reader: RESPReader
    private var handshake: RedisHandshake?
    private var handshakeTimer: LoopTimer?
    private var isInBurst = false

    init(connection: RedisConnection, reader: RESPReader) {
        (self.connection, self.reader) = (connection, reader)
    }

    private var stage: ConnectionError.Stage { handshake == nil ? .established : .handshake }

    /// The channel is active by now.
    func handlerAdded(context: ChannelHandlerContext) {
        let configuration = connection.configuration
        let timer = LoopTimer(eventLoop: context.eventLoop) { [connection] in
            connection.fail(ConnectionError(.handshake, .timedOut(Duration(configuration.handshakeTimeout))))
        }
        timer.set(.now() + configuration.handshakeTimeout)
        handshakeTimer = timer
        var handshake = RedisHandshake(
            credentials: configuration.credentials, clientName: configuration.clientName,
            database: configuration.endpoint.database, writer: configuration.writer)
        connection.send(handshake.start())
        self.handshake = handshake
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !isInBurst {
            isInBurst = true
            connection.beginBurst()
        }
        let buffer = unwrapInboundIn(data)
        do {
            try buffer.withUnsafeReadableBytes { try consume($0) }
        } catch let error as RESPError {
            connection.fail(ConnectionError(stage, .peer(error)))
        } catch {
            connection.fail(ConnectionError(stage, .system("\(error)")))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isInBurst = false
        connection.endBurst()
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        handshakeTimer?.set(nil)
        connection.fail(ConnectionError(stage, .closedByPeer))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        // A server with TLS 1.3 refuses a client's certificate only after the handshake.
        case let error as TLSError:
            connection.fail(ConnectionError(handshake == nil ? .established : .tls, .tls(error)))
        default: connection.fail(ConnectionError(stage, .system(SystemWords.of(error))))
        }
    }

    private func consume(_ bytes: UnsafeRawBufferPointer) throws {
        var rest = bytes
        while !rest.isEmpty {
            let taken = try reader.feed(rest)
            rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
            while let reply = try reader.next() {
                guard handshake == nil ? connection.receive(reply) : greet(reply) else { return }
            }
        }
    }

    /// One reply of the handshake; false when it failed.
    private func greet(_ reply: RESPReply) -> Bool {
        guard var handshake else { return false }
        let step = handshake.receive(reply)
        self.handshake = handshake
        switch step {
        case .send(let bytes): connection.send(bytes)
        case .ready(let version):
            handshakeTimer?.set(nil)
            handshakeTimer = nil
            self.handshake = nil
            connection.ready(version: version, warnings: handshake.warnings)
        case .failed(let error):
            connection.fail(ConnectionError(.handshake, .server(error)))
            return false
        }
        return true
    }
}
