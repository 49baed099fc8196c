import Glibc

/// The files of one store on the disk: made private, and set aside when damaged.
struct StoreFiles {
    let path: String

    private var marker: String { path + ".damaged" }

    /// Makes the directory (0700) and an empty file (0600) where there is none. SQLite gives `-wal` and `-shm` the file's mode.
    func prepare() throws(StoreError) {
        try makeDirectory(String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]))
    }

    func makeFile() throws(StoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        Glibc.close(descriptor)
    }

    /// Why the files cannot be opened as they lie there, or nil.
    func damageFoundBeforeOpening() -> String? {
        if let reason = read(marker) { return reason }
        // SQLite throws a log away whose file is empty. Ours is never empty while a log with content exists.
        if let log = size(path + "-wal"), log > 32, size(path) == 0 {
            return "the file is empty beside a write-ahead log of \(log) bytes"
        }
        return nil
    }

    /// Leaves word for the next start that the file is damaged. Best effort: without it the next start finds out by itself,
    /// or when it reads the damaged place.
    func mark(_ reason: String) {
        let descriptor = open(marker, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        let bytes = Array(reason.utf8)
        _ = write(descriptor, bytes, bytes.count)
        fsync(descriptor)
        Glibc.close(descriptor)
    }

    /// Renames the file and what belongs to it to `<path>.damaged-<UTC>`; returns that path.
    func setAside(now: Int64) throws(StoreError) -> String {
        let base = path + ".damaged-" + StoreFiles.utc(now)
        var target = base
        var attempt = 1
        while size(target) != nil {
            attempt += 1
            target = "\(base)-\(attempt)"
        }
        // The file last: if this is cut short, the marker or the damage itself brings us here again.
        for suffix in ["-shm", "-wal", ""] where size(path + suffix) != nil {
            guard rename(path + suffix, target + suffix) == 0 else { throw failure(path + suffix) }
        }
        guard unlink(marker) == 0 || errno == ENOENT else { throw failure(marker) }
        return target
    }

    /// Identity of the file under this path, nil when there is none.
    var identity: UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }

    private func makeDirectory(_ directory: String) throws(StoreError) {
        guard !directory.isEmpty, size(directory) == nil else { return }
        try makeDirectory(String(directory[..<(directory.lastIndex(of: "/") ?? directory.startIndex)]))
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw failure(directory) }
    }

    private func size(_ path: String) -> Int64? {
        var status = stat()
        return stat(path, &status) == 0 ? Int64(status.st_size) : nil
    }

    private func read(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { Glibc.close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes[..<max(count, 0)], as: UTF8.self)
    }

    private func failure(_ path: String) -> StoreError {
        .cannotOpen(path: path, detail: String(cString: strerror(errno)))
    }

    /// `20250102T030405Z`
    private static func utc(_ microseconds: Int64) -> String {
        var seconds = time_t(microseconds / 1_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let length = strftime(&text, text.count, "%Y%m%dT%H%M%SZ", &parts)
        return String(decoding: text[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
