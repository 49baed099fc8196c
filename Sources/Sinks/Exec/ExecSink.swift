import BridgeCore
import Codecs
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Feeds lines to the standard input of a program of the operator's, which is started again whenever it ends.
///
/// Without acknowledgement a line counts as delivered when the pipe has it: what lies in the pipe, or in the program, when the
/// program ends is lost. With acknowledgement it counts when the program has written its id.
package final class ExecSink: Sink {
    package struct Options: Sendable {
        /// The program, a path or a name in `PATH`, and its arguments.
        package var command: [String]
        /// Added to the environment of this process.
        package var environment: [String: String] = [:]
        package var acknowledges = false
        /// Written before their answers are waited for.
        package var batchLines = 1
        /// The program must take or answer a line in that time, or it is ended.
        package var timeout = TimeAmount.seconds(60)
        /// From the end of its input to SIGTERM.
        package var stopTimeout = TimeAmount.seconds(5)
        /// Waits before it is started again.
        package var restart = Backoff(initial: .milliseconds(200), maximum: .seconds(30))

        package init(command: [String]) { self.command = command }
    }

    /// Without acknowledgement: at once, so many.
    private static let unansweredLines = 1000

    package let name: String
    package let needsThread = false
    package let policy: DeliveryPolicy
    private let eventLoop: any EventLoop
    private let runner: NIOLoopBoundBox<ExecRunner>
    private let lastDelivery = Atomic(0)

    package init(
        name: String, options: Options, logger: Logger,
        eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    ) {
        (self.name, self.eventLoop) = (name, eventLoop)
        let lines = options.acknowledges ? options.batchLines : Self.unansweredLines
        policy = DeliveryPolicy(batchLines: lines, batchBytes: 256 << 10)
        runner = .makeBoxSendingValue(ExecRunner(options, logger: logger, eventLoop: eventLoop), eventLoop: eventLoop)
    }

    package func open(cursor: Int64, stream: UUID128) async throws -> Int64 {
        try await eventLoop.flatSubmit { [runner] in runner.value.open() }.get()
        return cursor
    }

    package func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        let number = lastDelivery.wrappingAdd(1, ordering: .relaxed).newValue
        return await withTaskCancellationHandler {
            do {
                return try await eventLoop.flatSubmit { [runner] in runner.value.deliver(batch, number: number) }.get()
            } catch {
                return .retry(through: nil, reason: "\(error)")
            }
        } onCancel: {
            eventLoop.execute { [runner] in runner.value.giveUp(number) }
        }
    }

    package func reopen() { eventLoop.execute { [runner] in runner.value.restart() } }

    package func close() async {
        let closed: EventLoopFuture<Void> = eventLoop.flatSubmit { [runner] in runner.value.close() }
        // Fails only on a loop that has ended, and then nothing is left to close.
        try? await closed.get()
    }
}
