import Glibc

/// A thread that nobody joins, for work that blocks.
package enum DetachedThread {
    /// `name` is shown by `top -H` and `ps -L`, cut to 15 bytes. The thread takes no signals, so that they interrupt nobody's
    /// write, and ends with `body`. Throws when the system refuses another thread.
    package static func start(name: String, _ body: @escaping @Sendable () -> Void) throws(ThreadError) {
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        guard let problem = spawn(start.toOpaque()) else { return }
        start.release()
        throw ThreadError(reason: "no thread for \(name): \(String(cString: strerror(problem)))")
    }

    /// Returns the error number.
    private static func spawn(_ start: UnsafeMutableRawPointer) -> Int32? {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 1 << 20)
        var (all, before) = (sigset_t(), sigset_t())
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        var thread = pthread_t()
        let result = pthread_create(
            &thread, &attributes,
            { argument in
                if let argument { Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, start)
        return result == 0 ? nil : result
    }

    /// What the new thread is given.
    private final class Start: Sendable {
        private let name: String
        private let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) { (self.name, self.body) = (name, body) }

        func run() {
            nameThread()
            body()
        }

        /// `pthread_setname_np` is not imported into Swift (it needs `_GNU_SOURCE`); the kernel offers the same as a file.
        private func nameThread() {
            let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { return }
            // Only a label: a thread without it works as well.
            _ = Array(name.utf8.prefix(15)).withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            close(file)
        }
    }
}

/// The system would not start a thread.
package struct ThreadError: Error, CustomStringConvertible {
    package let reason: String
    package var description: String { reason }
}
