import BridgeCore
import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// Answers requests on a unix socket: one line in, one line out, then the connection is closed. For the commands of this
/// program; who may read the directory may ask.
final class ControlServer: Sendable {
    /// Answers a request. Called on the event loop.
    typealias Answer = @Sendable (ControlRequest) -> EventLoopFuture<[UInt8]>

    private static let maximumConnections = 16
    private static let timeout = TimeAmount.seconds(10)

    private let channel: any Channel
    private let path: String

    /// Begins to listen. Blocks: for the start of the process. Throws a sentence.
    init(path: String, on eventLoop: any EventLoop, answer: @escaping Answer) throws {
        self.path = path
        try Self.makeRoom(for: path)
        let connections = ConnectionCount()
        channel = try ServerBootstrap(group: eventLoop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        ControlHandler(
                            connections, limit: Self.maximumConnections, timeout: Self.timeout, answer: answer))
                }
            }
            .bind(unixDomainSocketPath: path)
            .wait()
        // Whatever the umask: the directory is for the service's user and group.
        chmod(path, 0o660)
    }

    func close() async {
        try? await channel.close()
        unlink(path)
    }

    /// A socket that nobody listens to is left over from a crash.
    private static func makeRoom(for path: String) throws {
        guard path.utf8.count <= SocketPlace.maximumPathBytes else {
            throw ControlError("the path \(path) is longer than a socket may have")
        }
        let directory = path.split(separator: "/").dropLast()
        var made = ""
        for part in directory {
            made += "/\(part)"
            guard mkdir(made, 0o700) == 0 || errno == EEXIST else {
                throw ControlError("\(made) cannot be made (\(String(cString: strerror(errno))))")
            }
        }
        guard access(path, F_OK) == 0 else { return }
        guard !UnixSocket.accepts(path) else { throw ControlError("another service answers on \(path)") }
        unlink(path)
    }
}

struct ControlError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Connections that are open.
private final class ConnectionCount: Sendable {
    private let count = Mutex(0)

    func enter(limit: Int) -> Bool {
        count.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
    }

    func leave() { count.withLock { $0 -= 1 } }
}

/// One connection.
private final class ControlHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let connections: ConnectionCount
    private let limit: Int
    private let timeout: TimeAmount
    private let answer: ControlServer.Answer
    private var received: [UInt8] = []
    private var isCounted = false
    private var isAnswering = false
    private var timer: Scheduled<Void>?

    init(_ connections: ConnectionCount, limit: Int, timeout: TimeAmount, answer: @escaping ControlServer.Answer) {
        (self.connections, self.limit, self.timeout, self.answer) = (connections, limit, timeout, answer)
    }

    func channelActive(context: ChannelHandlerContext) {
        isCounted = connections.enter(limit: limit)
        guard isCounted else { return context.close(promise: nil) }
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        if isCounted { connections.leave() }
        isCounted = false
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isAnswering else { return }
        received += Array(unwrapInboundIn(data).readableBytesView)
        guard let end = received.firstIndex(of: UInt8(ascii: "\n")) else {
            if received.count > ControlRequest.maximumBytes { context.close(promise: nil) }
            return
        }
        isAnswering = true
        let channel = context.channel
        guard let request = ControlRequest(Array(received[..<end])) else {
            return Self.send(ControlAnswer.error("the service does not understand this request"), to: channel)
        }
        answer(request).whenComplete { result in
            switch result {
            case .success(let bytes): Self.send(bytes, to: channel)
            case .failure(let error): Self.send(ControlAnswer.error("\(error)"), to: channel)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private static func send(_ bytes: [UInt8], to channel: any Channel) {
        var buffer = ByteBuffer(bytes: bytes)
        buffer.writeInteger(UInt8(ascii: "\n"))
        channel.writeAndFlush(buffer).whenComplete { _ in channel.close(promise: nil) }
    }
}
