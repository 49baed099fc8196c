import BridgeCore
import Codecs
import Glibc

/// One open file that lines are appended to, locked against a second writer. Not for two threads at once.
final class FileSinkFile {
    private let descriptor: Int32
    let path: String
    private let device: dev_t
    private let inode: ino_t
    /// Bytes in the file as far as this process knows.
    private(set) var size: Int64
    /// When its first line was received; for a new file, when it was made.
    private(set) var startedAt: Timestamp

    /// Lines were not, or not all, appended. The file holds the first `lines` of them and nothing of the next.
    struct AppendError: Error {
        let lines: Int
        let reason: String
    }

    /// Opens or makes `name`, and cuts a torn last line off. nil when it is missing and `mode` is nil.
    /// Throws for all that is not a regular file, and for one that another process or sink writes.
    init?(_ name: String, in directory: FileSinkDirectory, mode: mode_t?, now: Timestamp) throws {
        path = "\(directory.path)/\(name)"
        guard let (opened, isNew) = try Self.open(name, in: directory, mode: mode, path) else { return nil }
        descriptor = opened
        var status = stat()
        var problem: FileSinkError?
        if fstat(descriptor, &status) != 0 {
            problem = FileSinkError("cannot look at", path, errno)
        } else if status.st_mode & S_IFMT != S_IFREG {
            problem = FileSinkError(Self.refusal(path, status.st_mode))
        } else if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            // File systems without locks answer otherwise, and are used without.
            problem = FileSinkError("\(path) is being written by another sink or process")
        } else if isNew, let mode, fchmod(descriptor, mode) != 0 {
            problem = FileSinkError("cannot set the mode of", path, errno)
        }
        (device, inode, size, startedAt) = (status.st_dev, status.st_ino, Int64(status.st_size), now)
        if let problem { throw problem }
        let tail = FileSinkTail(descriptor: descriptor, path: path)
        size = try tail.repair(size: size, endsForeignLine: mode != nil)
        guard size > 0 else { return }
        startedAt = tail.firstReceivedAt() ?? Timestamp(status.st_mtim)
    }

    deinit { Glibc.close(descriptor) }

    /// Which line the last one is, if it is one of ours.
    func lastPosition() -> (stream: UUID128, seq: Int64)? {
        FileSinkTail(descriptor: descriptor, path: path).lastPosition(size: size)
    }

    /// Whether the path still leads to this file. Also takes note of a file that was emptied in place (`copytruncate`).
    func isStillInPlace(now: Timestamp) -> Bool {
        var (named, own) = (stat(), stat())
        guard lstat(path, &named) == 0, named.st_dev == device, named.st_ino == inode, fstat(descriptor, &own) == 0
        else { return false }
        if own.st_size < size {
            size = Int64(own.st_size)
            startedAt = now
        }
        return true
    }

    /// Appends whole lines, durably if asked; `ends` lie in `bytes`. After an error the file must be opened anew.
    func append(
        _ bytes: UnsafeRawBufferPointer, ends: ArraySlice<Int>, from start: Int, syncs: Bool
    ) throws(AppendError) {
        let end = ends.last ?? start
        var done = start
        var problem: FileSinkError?
        while done < end, problem == nil {
            let count = Glibc.write(descriptor, bytes.baseAddress.map { $0 + done }, end - done)
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                problem = FileSinkError("cannot write", path, errno)
            }
        }
        let lines = ends.prefix { $0 <= done }
        let whole = lines.last ?? start
        var held = lines.count
        cut(done - whole)
        if syncs, whole > start, fdatasync(descriptor) != 0 {
            problem = problem ?? FileSinkError("cannot sync", path, errno)
            // The kernel reports a failed write-back once and then takes the pages for clean: write them anew.
            cut(whole - start)
            held = 0
        }
        if let problem { throw AppendError(lines: held, reason: problem.reason) }
        size += Int64(end - start)
    }

    /// Takes the last `count` bytes away. Should that fail too, the next opening repairs the end.
    private func cut(_ count: Int) {
        var status = stat()
        guard count > 0, fstat(descriptor, &status) == 0 else { return }
        _ = ftruncate(descriptor, max(0, status.st_size - count))
    }

    // MARK: - Opening

    private static func open(
        _ name: String, in directory: FileSinkDirectory, mode: mode_t?, _ path: String
    ) throws -> (descriptor: Int32, isNew: Bool)? {
        var status = stat()
        if fstatat(directory.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 {
            // Looked at before it is opened: opening a device or FIFO can have effects.
            guard status.st_mode & S_IFMT == S_IFREG else { throw FileSinkError(refusal(path, status.st_mode)) }
        } else if errno != ENOENT {
            throw FileSinkError("cannot look at", path, errno)
        }
        let flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        let existing = openat(directory.descriptor, name, flags, 0)
        if existing >= 0 { return (existing, false) }
        guard errno == ENOENT else { throw FileSinkError("cannot open", path, errno) }
        guard let mode else { return nil }
        let made = openat(directory.descriptor, name, flags | O_CREAT | O_EXCL, mode)
        guard made >= 0 else { throw FileSinkError("cannot make", path, errno) }
        return (made, true)
    }

    private static func refusal(_ path: String, _ mode: mode_t) -> String {
        let what =
            switch mode & S_IFMT {
            case S_IFDIR: "a directory"
            case S_IFIFO: "a FIFO"
            case S_IFLNK: "a symbolic link"
            case S_IFSOCK: "a socket"
            default: "a device"
            }
        return "\(path) is \(what): a file sink writes regular files only"
    }
}
