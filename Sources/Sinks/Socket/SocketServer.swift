import BridgeCore
import Codecs
import Glibc
import Logging
import NIOCore
import NIOPosix
import Transport

/// The listening side: who reads, and how far deliveries have come. Confined to its event loop.
final class SocketServer {
    enum Past: Sendable {
        case lines(DeliveryBatch)
        /// Nothing follows; `isKnown`: the line asked for is there, or lies before the oldest.
        case end(isKnown: Bool)
    }

    private static let portion = (lines: 500, bytes: 64 << 10)

    let options: SocketListeningSink.Options
    private let eventLoop: any EventLoop
    private let context: SinkContext
    private(set) var stream: UUID128
    /// Everything up to this line has been delivered.
    private(set) var latest: Int64
    private var readers: [ObjectIdentifier: SocketReader] = [:]
    private var listener: (any Channel)?
    private var file: (device: dev_t, inode: ino_t)?
    private var isClosed = false
    private var drained: EventLoopPromise<Void>?

    init(
        _ options: SocketListeningSink.Options, context: SinkContext, cursor: Int64, stream: UUID128,
        eventLoop: any EventLoop
    ) {
        (self.options, self.context, self.eventLoop) = (options, context, eventLoop)
        (latest, self.stream) = (cursor, stream)
    }

    /// A TLS handshake comes first.
    var greetingLimit: TimeAmount {
        if options.token != nil { return .seconds(10) }
        return options.identity == nil ? .milliseconds(250) : .seconds(2)
    }

    // MARK: - Listening

    /// Succeeds with the port; 0 for a unix socket.
    func start() -> EventLoopFuture<Int> {
        do {
            let bootstrap = bootstrap(
                try options.identity.map { try TLSHandler.initializer(server: TLSServerConfiguration(identity: $0)) })
            let bound: EventLoopFuture<any Channel>
            switch options.place {
            case .tcp(let host, let port): bound = bootstrap.bind(host: host, port: port)
            case .unix(let path):
                try makeRoom(for: path)
                bound = bootstrap.bind(unixDomainSocketPath: path)
            }
            let place = "\(options.place)"
            return bound.flatMapErrorThrowing { error in
                let words = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
                throw SocketSinkError("cannot listen on \(place): \(words)")
            }.assumeIsolated().map { self.listens($0) }.nonisolated()
        } catch {
            return eventLoop.makeFailedFuture(error)
        }
    }

    private func bootstrap(_ secure: (@Sendable (any Channel) throws -> Void)?) -> ServerBootstrap {
        let server = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: options.place.isUnix ? 0 : 1)
            .childChannelOption(.allowRemoteHalfClosure, value: secure == nil)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if !server.value.options.place.isUnix {
                        try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
                        try channel.syncOptions?.setOption(.socketOption(.so_keepalive), value: 1)
                    }
                    try secure?(channel)
                    try channel.pipeline.syncOperations.addHandler(SocketReader(server: server.value))
                }
            }
    }

    /// A socket that nobody listens on is left over from a crash. Whatever else is there stays.
    private func makeRoom(for path: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw SocketSinkError("\(path) is there and no socket") }
        guard !UnixSocket.accepts(path) else { throw SocketSinkError("another program listens on \(path)") }
        unlink(path)
    }

    private func listens(_ channel: any Channel) -> Int {
        listener = channel
        if case .unix(let path) = options.place {
            chmod(path, mode_t(options.mode))
            var status = stat()
            if stat(path, &status) == 0 { file = (status.st_dev, status.st_ino) }
        }
        return channel.localAddress?.port ?? 0
    }

    // MARK: - Deliveries

    func deliver(_ batch: DeliveryBatch) {
        let isOld = batch.throughSeq <= latest
        latest = max(latest, batch.throughSeq)
        let bytes = ByteBuffer(bytes: batch.bytes)
        for reader in readers.values { reader.take(batch, bytes, isOld: isOld) }
    }

    /// What is stored behind `seq`, off the loop.
    func read(after seq: Int64) -> EventLoopFuture<Past> {
        let (history, portion, latest) = (context.history, Self.portion, latest)
        return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
            if let batch = try history(seq, portion.lines, portion.bytes) { return .lines(batch) }
            // Named by somebody who knows another stream, it may lie where this one has not come to.
            return .end(isKnown: try seq <= latest || history(seq - 1, 1, 1) != nil)
        }
    }

    /// Nobody is let in any more; succeeds when those who read have got what was theirs.
    func close() -> EventLoopFuture<Void> {
        isClosed = true
        let done = eventLoop.makePromise(of: Void.self)
        drained = done
        removeFile()
        let stopped = listener?.close() ?? eventLoop.makeSucceededVoidFuture()
        for reader in readers.values { reader.leave() }
        if readers.isEmpty { done.succeed() }
        return stopped.recover { _ in }.and(done.futureResult).map { _ in }
    }

    /// Ours alone: another program may have taken the place.
    private func removeFile() {
        guard case .unix(let path) = options.place, let file else { return }
        var status = stat()
        guard stat(path, &status) == 0, status.st_dev == file.device, status.st_ino == file.inode else { return }
        unlink(path)
    }

    // MARK: - From readers

    func admits(_ reader: SocketReader) -> Bool {
        guard !isClosed, readers.count < options.readers else {
            context.logger.warning("a reader is refused: there are too many", metadata: ["readers": "\(readers.count)"])
            return false
        }
        readers[ObjectIdentifier(reader)] = reader
        context.logger.debug("a reader is connected", metadata: ["readers": "\(readers.count)"])
        return true
    }

    /// Without telling by the time that it takes how much of the token is right.
    func accepts(_ token: [UInt8]?) -> Bool {
        guard let wanted = options.token?.bytes else { return true }
        let given = token ?? []
        var difference = UInt8(wanted.count == given.count ? 0 : 1)
        for index in wanted.indices { difference |= wanted[index] ^ (index < given.count ? given[index] : 0) }
        return difference == 0
    }

    func dropped() { context.logger.warning("a reader is too slow and is dropped", metadata: [:]) }

    func refused(_ reason: String) { context.logger.info("a reader is refused", metadata: ["reason": "\(reason)"]) }

    func left(_ reader: SocketReader) {
        guard readers.removeValue(forKey: ObjectIdentifier(reader)) != nil else { return }
        context.logger.debug("a reader is gone", metadata: ["readers": "\(readers.count)"])
        if isClosed, readers.isEmpty { drained?.succeed() }
    }
}

extension SocketPlace {
    var isUnix: Bool { if case .unix = self { true } else { false } }
}

/// Why the sink cannot begin, in one sentence.
struct SocketSinkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
