import BridgeCore
import Codecs
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Transport

/// Gives lines to whoever connects. A line is delivered when it was handed to every reader that is there; none is kept for
/// readers to come, who say themselves from where they want to go on.
package final class SocketListeningSink: Sink {
    package struct Options: Sendable {
        package var place: SocketPlace
        /// Of the file of a unix socket.
        package var mode: UInt32 = 0o660
        /// What the first line of a reader must bear; nil: nothing.
        package var token: Secret?
        package var identity: TLSIdentity?
        package var readers = 100
        /// What one reader may leave unread.
        package var bufferBytes = 1 << 20

        package init(_ place: SocketPlace) { self.place = place }
    }

    package let name: String
    package let needsThread = false
    package let policy = DeliveryPolicy(batchBytes: 64 << 10)
    private let options: Options
    private let context: SinkContext
    private let eventLoop: any EventLoop
    private let server = Mutex<NIOLoopBound<SocketServer>?>(nil)
    private let boundPort = Atomic(0)

    package init(
        _ options: Options, context: SinkContext,
        eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    ) {
        (name, self.options, self.context, self.eventLoop) = (context.name, options, context, eventLoop)
    }

    /// The port, once it is open.
    package var port: Int { boundPort.load(ordering: .relaxed) }

    package func open(cursor: Int64, stream: UUID128) async throws -> Int64 {
        let opening: EventLoopFuture<(Int, NIOLoopBound<SocketServer>)> = eventLoop.flatSubmit { [self] in
            let server = SocketServer(options, context: context, cursor: cursor, stream: stream, eventLoop: eventLoop)
            let bound = NIOLoopBound(server, eventLoop: eventLoop)
            return server.start().map { ($0, bound) }
        }
        let (port, bound) = try await opening.get()
        boundPort.store(port, ordering: .relaxed)
        server.withLock { $0 = bound }
        context.logger.info("readers may connect", metadata: ["endpoint": "\(options.place)"])
        return cursor
    }

    package func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        guard let server = server.withLock({ $0 }) else { return .retry(through: nil, reason: "it does not listen") }
        do {
            try await eventLoop.submit { server.value.deliver(batch) }.get()
            return .delivered
        } catch {
            return .retry(through: nil, reason: "\(error)")
        }
    }

    /// The socket stays, and with it its readers.
    package func reopen() {}

    package func close() async {
        guard let server = server.withLock({ $0.take() }) else { return }
        let closed: EventLoopFuture<Void> = eventLoop.flatSubmit { server.value.close() }
        // Fails only on a loop that has ended, and then nothing is left to close.
        try? await closed.get()
    }
}
