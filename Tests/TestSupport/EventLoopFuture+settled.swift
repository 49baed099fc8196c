import Dispatch
import NIOCore
import Synchronization

extension EventLoopFuture where Value: Sendable {
    /// As `get()`, and throws after a minute: a future of a loop that was shut down never tells anything.
    public func settled(_ file: StaticString = #fileID, _ line: UInt = #line) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            let first = FirstResult(continuation)
            DispatchQueue.global().asyncAfter(deadline: .now() + 60) {
                first.resume(with: .failure(TestFailure(description: "\(file):\(line): no result within a minute")))
            }
            whenComplete { first.resume(with: $0) }
        }
    }
}

/// Goes on with whatever comes first.
private final class FirstResult<Value: Sendable>: Sendable {
    private let waiting: Mutex<CheckedContinuation<Value, any Error>?>

    init(_ continuation: CheckedContinuation<Value, any Error>) { waiting = Mutex(continuation) }

    func resume(with result: Result<Value, any Error>) {
        let continuation = waiting.withLock { $0.take() }
        continuation?.resume(with: result)
    }
}
