import NIOCore
import NIOPosix
import Synchronization
import Transport

/// An HTTP client on a loop of its own.
final class HTTPBench: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let loop: any EventLoop
    private let client: NIOLoopBound<HTTPClient>

    init(
        tls: TLSClientConfiguration = TLSClientConfiguration(),
        _ adjust: (inout HTTPClientConfiguration) -> Void = { _ in }
    ) async throws {
        let loop = group.next()
        self.loop = loop
        var configuration = HTTPClientConfiguration(tls: tls)
        adjust(&configuration)
        let settled = configuration
        client = try await loop.submit { NIOLoopBound(HTTPClient(settled, on: loop), eventLoop: loop) }.get()
    }

    func send(_ request: HTTPClientRequest) async throws -> HTTPClientResponse {
        let client = client
        return try await loop.flatSubmit { client.value.send(request) }.get()
    }

    /// The same request so many times, in one turn of the loop.
    func begin(_ count: Int, _ request: HTTPClientRequest) async throws -> [EventLoopFuture<HTTPClientResponse>] {
        let client = client
        return try await loop.submit { (0..<count).map { _ in client.value.send(request) } }.get()
    }

    func close() async throws {
        let client = client
        try await loop.submit { client.value.close() }.get()
    }

    func end() async throws {
        try await close()
        try await group.shutdownGracefully()
    }
}

/// Counts by number.
final class Counter: Sendable {
    private let counts = Mutex<[Int: Int]>([:])

    func next(_ number: Int) -> Int {
        counts.withLock { counts in
            counts[number, default: 0] += 1
            return counts[number] ?? 0
        }
    }
}
