import Glibc

/// A thread of the store: named, without signals (they belong to the main thread), joined once.
struct StoreThread: Sendable {
    private let thread: pthread_t

    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Nil when the system gives no thread.
    init?(name: String, _ run: @escaping @Sendable () -> Void) {
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        let body = Unmanaged.passRetained(
            Body {
                StoreThread.setName(name)
                run()
            })
        var created = pthread_t()
        let code = pthread_create(
            &created, nil,
            { argument in
                // `argument` is the body retained above; nothing else is ever passed.
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        guard code == 0 else {
            body.release()
            return nil
        }
        thread = created
    }

    func join() { pthread_join(thread, nil) }

    /// For `top` and `gdb` only, so a failure does not matter. (`pthread_setname_np` is not visible to Swift.)
    private static func setName(_ name: String) {
        let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        let bytes = Array(name.utf8.prefix(15))
        _ = write(descriptor, bytes, bytes.count)
        close(descriptor)
    }
}
