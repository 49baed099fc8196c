import Glibc
import Synchronization

/// A pipe to ourselves that ends a wait in `poll`. Raised once and for good.
final class StdoutSinkInterrupt: Sendable {
    private let readEnd: Int32
    private let writeEnd: Int32
    private let isRaised = Atomic(false)

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw StdoutSinkError(reason: "no pipe for stopping: \(String(cString: strerror(errno)))")
        }
        (readEnd, writeEnd) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// From any thread. Never blocks: one byte is all that is ever written.
    func raise() {
        guard !isRaised.exchange(true, ordering: .relaxed) else { return }
        var byte: UInt8 = 1
        while write(writeEnd, &byte, 1) < 0, errno == EINTR {}
    }

    /// Waits until `descriptor` takes bytes or reports its end; false when raised.
    func waitForRoom(on descriptor: Int32) -> Bool {
        var waits = [
            pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0),
        ]
        while poll(&waits, 2, -1) < 0 {
            // EINTR; ENOMEM passes too. A bad descriptor is told by the write that follows.
            guard errno == EINTR || errno == ENOMEM else { return true }
        }
        return waits[0].revents == 0
    }
}
