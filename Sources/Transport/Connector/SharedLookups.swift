import NIOCore
import NIOPosix
import Synchronization

/// Blocking lookups on a pool of threads. Whoever wants what is being looked up already waits for the same answer.
final class SharedLookups: Sendable {
    typealias Answer = [SocketAddress]

    private let threads: NIOThreadPool
    /// Who waits for the lookup of a key; empty entries do not stay.
    private let waiting = Mutex<[String: [EventLoopPromise<Answer>]]>([:])

    init(on threads: NIOThreadPool) { self.threads = threads }

    /// `look` is called on one of the threads, unless the key is being looked up. Takes as long as it takes.
    func find(
        _ key: String, for eventLoop: any EventLoop, _ look: @escaping @Sendable () throws -> Answer
    ) -> EventLoopFuture<Answer> {
        let promise = eventLoop.makePromise(of: Answer.self)
        let isFirst = waiting.withLock { waiting in
            waiting[key, default: []].append(promise)
            return waiting[key]?.count == 1
        }
        if isFirst { begin(key, look) }
        return promise.futureResult
    }

    private func begin(_ key: String, _ look: @escaping @Sendable () throws -> Answer) {
        threads.submit { [self] state in
            let result = Result {
                guard state == .active else { throw ChannelError.ioOnClosedChannel }
                return try look()
            }
            let waiters = waiting.withLock { $0.removeValue(forKey: key) } ?? []
            for waiter in waiters { waiter.completeWith(result) }
        }
    }
}
