import Glibc

/// Tells systemd how the service is doing: the datagram protocol of sd_notify(3), without libsystemd.
///
/// Without `NOTIFY_SOCKET` every call does nothing. A message that cannot be sent is dropped: the service is worth more
/// than its report. No call blocks, so any thread may make it, an event loop too.
package struct SystemdNotifier: Sendable {
    /// Path of the socket, or its abstract name after an `@`; nil when nobody listens.
    private let socketPath: String?

    /// - Parameter socketPath: the value of `NOTIFY_SOCKET`. Anything but an absolute path or an abstract name that fits
    ///   into a socket address is taken as "nobody listens".
    package init(socketPath: String?) {
        guard let socketPath, let first = socketPath.utf8.first, socketPath.utf8.count > 1,
            first == UInt8(ascii: "/") || first == UInt8(ascii: "@"),
            socketPath.utf8.count < MemoryLayout.size(ofValue: sockaddr_un().sun_path)
        else {
            self.socketPath = nil
            return
        }
        self.socketPath = socketPath
    }

    /// The notifier of this process. The variable stays set; child processes of the service may not use it anyway
    /// (`NotifyAccess=main`).
    package static func ofProcess() -> SystemdNotifier {
        SystemdNotifier(socketPath: getenv("NOTIFY_SOCKET").map { String(cString: $0) })
    }

    /// True when messages go anywhere.
    package var isActive: Bool { socketPath != nil }

    /// The service is up; also ends a reload that was announced with `reloading`.
    package func ready(status: String) { send("READY=1\nSTATUS=\(Self.oneLine(status))") }

    /// One line for `systemctl status`.
    package func status(_ text: String) { send("STATUS=\(Self.oneLine(text))") }

    /// A reload has begun. systemd 253 and newer match it with the time stamp, so it is always sent: without it a reload
    /// of a `notify-reload` service waits for its time-out.
    package func reloading() {
        var now = timespec()
        guard clock_gettime(CLOCK_MONOTONIC, &now) == 0 else { return }
        let microseconds = Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
        send("RELOADING=1\nMONOTONIC_USEC=\(microseconds)")
    }

    /// The service has begun to stop.
    package func stopping(status: String) { send("STOPPING=1\nSTATUS=\(Self.oneLine(status))") }

    /// Asks for more time to start or stop than the unit grants: `duration` from now on.
    package func extendTimeout(by duration: Duration) {
        let (seconds, attoseconds) = duration.components
        send("EXTEND_TIMEOUT_USEC=\(max(0, seconds) * 1_000_000 + max(0, attoseconds) / 1_000_000_000_000)")
    }

    /// A line break would begin another assignment.
    private static func oneLine(_ text: String) -> String {
        String(decoding: text.utf8.prefix(1024).map { $0 < 0x20 ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
    }

    private func send(_ message: String) {
        guard let socketPath else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var path = Array(socketPath.utf8)
        // An abstract name begins with a zero byte and is not ended by one: its length is part of the address.
        if path[0] == UInt8(ascii: "@") { path[0] = 0 }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path) }
        let offset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? MemoryLayout<sa_family_t>.size
        let length = socklen_t(offset + path.count)
        let bytes = Array(message.utf8)
        withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(
                    descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT), $0, length)
            }
        }
    }
}
