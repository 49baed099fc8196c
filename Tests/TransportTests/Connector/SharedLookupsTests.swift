import Dispatch
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Transport

@Suite(.timeLimit(.minutes(1)))
struct SharedLookupsTests {
    @Test func `A name whose server is silent takes one thread, and others are found`() async throws {
        let threads = NIOThreadPool(numberOfThreads: 2)
        threads.start()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let lookups = SharedLookups(on: threads)
        let silence = DispatchSemaphore(value: 0)
        defer { silence.signal() }
        let begun = Mutex(0)
        let found = try SocketAddress(ipAddress: "192.0.2.1", port: 1)
        let sick = (0..<10).map { _ in
            lookups.find("sick", for: loop) {
                begun.withLock { $0 += 1 }
                silence.wait()
                return [found]
            }
        }
        try await eventually("it is being looked up") { begun.withLock { $0 } == 1 }
        for _ in 0..<3 { #expect(try await lookups.find("well", for: loop) { [found] }.get() == [found]) }
        #expect(begun.withLock { $0 } == 1)
        silence.signal()
        for answer in sick { #expect(try await answer.get() == [found]) }
        // The next one looks again, and failures are shared as well.
        await #expect(throws: TestFailure.self) {
            _ = try await lookups.find("sick", for: loop) { throw TestFailure(description: "no such name") }.get()
        }
        try await threads.shutdownGracefully()
    }
}
