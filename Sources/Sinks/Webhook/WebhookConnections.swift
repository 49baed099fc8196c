import NIOCore
import Synchronization
import Transport

/// A client for each request under way. An answered one keeps its connection for the next request.
final class WebhookConnections: Sendable {
    private let eventLoop: any EventLoop
    private let clients: NIOLoopBoundBox<Clients>

    /// Confined to the event loop.
    private struct Clients {
        let configuration: HTTPClientConfiguration
        var idle: [HTTPClient] = []
        var busy: [Int: HTTPClient] = [:]
        var isClosed = false

        mutating func take(_ number: Int, on eventLoop: any EventLoop) -> HTTPClient {
            // The one that was used last: its connection is the least likely to have been closed.
            let client = idle.popLast() ?? HTTPClient(configuration, on: eventLoop)
            busy[number] = client
            return client
        }

        mutating func giveBack(_ number: Int) {
            guard let client = busy.removeValue(forKey: number) else { return }
            if isClosed { client.close() } else { idle.append(client) }
        }
    }

    /// The task was cancelled, perhaps before its request began.
    private final class Flag: Sendable {
        private let state = Atomic(false)
        var isRaised: Bool { state.load(ordering: .acquiring) }
        func raise() { state.store(true, ordering: .releasing) }
    }

    private let lastRequest = Atomic(0)

    init(_ configuration: HTTPClientConfiguration, on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        clients = .makeBoxSendingValue(Clients(configuration: configuration), eventLoop: eventLoop)
    }

    /// Fails with `ConnectionError`; at once when the task is cancelled.
    func send(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        let number = lastRequest.wrappingAdd(1, ordering: .relaxed).newValue
        let isGivenUp = Flag()
        return try await withTaskCancellationHandler {
            try await eventLoop.flatSubmit { [self] in begin(request, number, isGivenUp) }.get()
        } onCancel: {
            isGivenUp.raise()
            eventLoop.execute { [self] in giveUp(number) }
        }
    }

    func closeIdle() {
        eventLoop.execute { [clients] in
            for client in clients.value.idle { client.close() }
            clients.value.idle = []
        }
    }

    func close() async {
        let closed: EventLoopFuture<Void> = eventLoop.submit { [clients] in
            clients.value.isClosed = true
            for client in clients.value.idle + clients.value.busy.values { client.close() }
            (clients.value.idle, clients.value.busy) = ([], [:])
        }
        // Fails only on a loop that has ended, and then nothing is left to close.
        try? await closed.get()
    }

    private func begin(
        _ request: HTTPClientRequest, _ number: Int, _ isGivenUp: Flag
    ) -> EventLoopFuture<HTTPClientResponse> {
        guard !clients.value.isClosed, !isGivenUp.isRaised else {
            let words = isGivenUp.isRaised ? "given up before it began" : "the sink is closed"
            return eventLoop.makeFailedFuture(ConnectionError(.request, .system(words)))
        }
        let answer = clients.value.take(number, on: eventLoop).send(request)
        answer.assumeIsolated().whenComplete { [clients] _ in clients.value.giveBack(number) }
        return answer
    }

    /// The request fails with that; its connection is of no use any more.
    private func giveUp(_ number: Int) {
        clients.value.busy.removeValue(forKey: number)?.close()
    }
}
