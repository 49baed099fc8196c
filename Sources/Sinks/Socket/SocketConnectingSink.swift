import BridgeCore
import Codecs
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Transport

/// Writes lines to a server of somebody else's. A line is delivered when the kernel has it: a plain socket acknowledges nothing.
/// It connects when there is something to deliver.
package final class SocketConnectingSink: Sink {
    package struct Options: Sendable {
        /// As it is shown.
        package let place: SocketPlace
        package var endpoint: EndpointConfiguration
        /// The server must take something of a delivery in that time, or the connection is given up.
        package var timeout = TimeAmount.seconds(60)

        package init(_ place: SocketPlace, tls: TLSClientConfiguration? = nil) {
            self.place = place
            let address: EndpointConfiguration.Address =
                switch place {
                case .unix(let path): .unix(path: path)
                case .tcp(let host, let port): .tcp(host: host, port: port)
                }
            endpoint = EndpointConfiguration(address, tls: tls)
        }
    }

    package let name: String
    package let needsThread = false
    package let policy = DeliveryPolicy(batchBytes: 64 << 10)
    private let eventLoop: any EventLoop
    private let link: NIOLoopBoundBox<SocketLink>
    private let lastDelivery = Atomic(0)

    package init(
        _ options: Options, context: SinkContext,
        eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    ) {
        (name, self.eventLoop) = (context.name, eventLoop)
        link = .makeBoxSendingValue(
            SocketLink(options, logger: context.logger, eventLoop: eventLoop), eventLoop: eventLoop)
    }

    package func open(cursor: Int64, stream: UUID128) -> Int64 { cursor }

    package func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        let number = lastDelivery.wrappingAdd(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            do {
                try await eventLoop.flatSubmit { [link] in link.value.deliver(batch, number: number) }.get()
                return .delivered
            } catch {
                return .retry(through: nil, reason: "\(error)")
            }
        } onCancel: {
            eventLoop.execute { [link] in link.value.giveUp(number) }
        }
    }

    /// The name may lead elsewhere now.
    package func reopen() { eventLoop.execute { [link] in link.value.reopen() } }

    package func close() async {
        let closed: EventLoopFuture<Void> = eventLoop.flatSubmit { [link] in link.value.close() }
        // Fails only on a loop that has ended, and then nothing is left to close.
        try? await closed.get()
    }
}

/// The one connection, and the one delivery on it. Confined to its event loop.
final class SocketLink {
    private struct Task {
        let number: Int
        let bytes: ByteBuffer
        let promise: EventLoopPromise<Void>
    }

    private let options: SocketConnectingSink.Options
    private let logger: Logger
    private let eventLoop: any EventLoop
    private var channel: (any Channel)?
    private var isConnecting = false
    private var task: Task?
    private var givenUp = 0
    private var isClosed = false
    private var timer: LoopTimer?

    init(_ options: SocketConnectingSink.Options, logger: Logger, eventLoop: any EventLoop) {
        (self.options, self.logger, self.eventLoop) = (options, logger, eventLoop)
    }

    func deliver(_ batch: DeliveryBatch, number: Int) -> EventLoopFuture<Void> {
        guard number > givenUp, !isClosed else {
            return eventLoop.makeFailedFuture(SocketSinkError("stopped before the server took it"))
        }
        let promise = eventLoop.makePromise(of: Void.self)
        task = Task(number: number, bytes: ByteBuffer(bytes: batch.bytes), promise: promise)
        if let channel { write(to: channel) } else { connect() }
        return promise.futureResult
    }

    /// Nobody waits for it any more. Part of a line may be on its way, so the connection ends.
    func giveUp(_ number: Int) {
        givenUp = max(givenUp, number)
        guard let task, task.number <= givenUp else { return }
        fail(SocketSinkError("stopped before the server took it"))
    }

    func reopen() {
        guard task == nil else { return }
        channel?.close(promise: nil)
        channel = nil
    }

    func close() -> EventLoopFuture<Void> {
        isClosed = true
        fail(SocketSinkError("the sink is closed"), closing: false)
        let closed = channel?.close() ?? eventLoop.makeSucceededVoidFuture()
        channel = nil
        return closed
    }

    private func connect() {
        guard !isConnecting else { return }
        isConnecting = true
        Connector.connect(options.endpoint, on: eventLoop) { channel in
            try channel.pipeline.syncOperations.addHandler(SocketDrain())
        }.assumeIsolated().whenComplete { self.connected($0) }
    }

    private func connected(_ result: Result<any Channel, any Error>) {
        isConnecting = false
        switch result {
        case .failure(let error): fail(error)
        case .success(let channel) where isClosed: channel.close(promise: nil)
        case .success(let channel):
            self.channel = channel
            logger.info("connected", metadata: ["endpoint": "\(options.place)"])
            channel.closeFuture.assumeIsolated().whenComplete { _ in self.ended(channel) }
            if task != nil { write(to: channel) }
        }
    }

    private func write(to channel: any Channel) {
        guard let task else { return }
        timer = LoopTimer(eventLoop: eventLoop, slack: .zero) { [weak self] in
            guard let self else { return }
            fail(SocketSinkError("the server took nothing within \(Duration(options.timeout))"))
        }
        timer?.set(eventLoop.now + options.timeout)
        channel.writeAndFlush(task.bytes).assumeIsolated().whenComplete { result in
            guard self.task?.number == task.number else { return }
            switch result {
            case .success:
                self.timer?.set(nil)
                self.task = nil
                task.promise.succeed()
            case .failure(let error): self.fail(SocketSinkError("the connection broke: \(error)"))
            }
        }
    }

    private func ended(_ channel: any Channel) {
        guard self.channel === channel else { return }
        self.channel = nil
        logger.info("the server has closed the connection", metadata: ["endpoint": "\(options.place)"])
        fail(SocketSinkError("the server has closed the connection"))
    }

    /// Lines that a server got in part are given to it again as a whole, on another connection.
    private func fail(_ error: any Error, closing: Bool = true) {
        guard let task else { return }
        timer?.set(nil)
        self.task = nil
        let channel = channel
        if closing {
            self.channel = nil
            channel?.close(promise: nil)
        }
        task.promise.fail(error)
    }
}

/// What a server says is read and means nothing.
private final class SocketDrain: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
