import Glibc

/// Writes whole lines to a descriptor without ever waiting for its reader.
///
/// Lines that the reader has no room for wait here, up to a bound; beyond it they are dropped and counted, and the count
/// is told when there is room again. Once the reader has gone everything is dropped. The descriptor's flags are left
/// alone, since other processes may share them. `SIGPIPE` must be ignored by the process.
struct LogStream {
    /// Bytes that may wait.
    static let maximumWaiting = 64 * 1024

    private enum Kind {
        /// A unix socket (the journal): `send` can be told not to wait.
        case socket
        /// A file: never waits for a reader.
        case file
        /// A pipe or a terminal: has room for `PIPE_BUF` bytes when poll(2) says so.
        case pipe
    }

    private enum Progress {
        case wrote(Int), full, gone, failed
    }

    private let descriptor: Int32
    private let kind: Kind
    private var waiting: [UInt8] = []
    private var isGone = false
    /// Lines dropped since the last report.
    private(set) var dropped = 0

    init(descriptor: Int32) {
        self.descriptor = descriptor
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            kind = .file
            isGone = true
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFSOCK: kind = .socket
        case S_IFREG: kind = .file
        default: kind = .pipe
        }
    }

    /// Writes `line`, or keeps it, or drops and counts it.
    mutating func write(_ line: [UInt8]) {
        guard !isGone else { return }
        flush()
        guard waiting.isEmpty else {
            if waiting.count + line.count <= Self.maximumWaiting { waiting += line } else { dropped += 1 }
            return
        }
        waiting = line
        flush()
    }

    /// Writes what waits, as far as there is room.
    mutating func flush() {
        var done = 0
        loop: while done < waiting.count, !isGone {
            switch step(waiting[done...]) {
            case .wrote(let count): done += count
            case .full: break loop
            case .gone: isGone = true
            case .failed:
                // A full disk, say: these lines are lost, the next may fare better.
                dropped += waiting[done...].lazy.filter { $0 == UInt8(ascii: "\n") }.count
                done = waiting.count
            }
        }
        if isGone { waiting = [] } else { waiting.removeFirst(done) }
    }

    /// The number of dropped lines once there is room to tell it, and 0 from then on.
    mutating func takeDropped() -> Int {
        guard dropped > 0, waiting.isEmpty, !isGone else { return 0 }
        defer { dropped = 0 }
        return dropped
    }

    private func step(_ bytes: ArraySlice<UInt8>) -> Progress {
        let length = min(bytes.count, Int(PIPE_BUF))
        if kind == .pipe {
            var request = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&request, 1, 0) == 1 else { return .full }
        }
        let written = bytes.withUnsafeBytes {
            kind == .socket
                ? send(descriptor, $0.baseAddress, length, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
                : Glibc.write(descriptor, $0.baseAddress, length)
        }
        guard written < 0 else { return .wrote(written) }
        switch errno {
        case EINTR: return .wrote(0)
        case EAGAIN, EWOULDBLOCK: return .full
        case EPIPE, EBADF, ECONNRESET, ENOTCONN: return .gone
        default: return .failed
        }
    }
}
