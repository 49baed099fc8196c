import Glibc

/// An open directory at or below the constant one. Every step below it is taken without following symbolic links, so that
/// nobody who may write there can lead the sink elsewhere.
final class FileSinkDirectory {
    let descriptor: Int32
    let path: String

    /// Opens `base` (in which symbolic links are the operator's own and followed), then `below`. What is missing is made
    /// with mode 0750 when `creating`.
    init(base: String, below: some Sequence<String>, creating: Bool) throws {
        var (current, path) = (try Self.openBase(base, creating: creating), base == "/" ? "" : base)
        for name in below {
            path += "/" + name
            let next = Self.openStep(current, name, creating: creating)
            let problem = errno
            Glibc.close(current)
            guard next >= 0 else {
                if problem == ELOOP || problem == ENOTDIR {
                    throw FileSinkError("\(path) is not a directory of its own: symbolic links are not followed there")
                }
                throw FileSinkError("cannot use the directory", path, problem)
            }
            current = next
        }
        (descriptor, self.path) = (current, path)
    }

    deinit { Glibc.close(descriptor) }

    /// Makes created, renamed and removed names durable.
    func sync() throws {
        guard fsync(descriptor) == 0 else { throw FileSinkError("cannot sync the directory", path, errno) }
    }

    private static func openBase(_ path: String, creating: Bool) throws -> Int32 {
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
        let direct = Glibc.open(path, flags)
        if direct >= 0 { return direct }
        guard errno == ENOENT, creating else { throw FileSinkError("cannot use the directory", path, errno) }
        var built = ""
        for name in path.split(separator: "/") {
            built += "/" + name
            guard mkdir(built, 0o750) == 0 || errno == EEXIST else {
                throw FileSinkError("cannot make the directory", built, errno)
            }
        }
        let made = Glibc.open(path, flags)
        guard made >= 0 else { throw FileSinkError("cannot use the directory", path, errno) }
        return made
    }

    /// A descriptor, or -1 with `errno`.
    private static func openStep(_ directory: Int32, _ name: String, creating: Bool) -> Int32 {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        let direct = openat(directory, name, flags, 0)
        guard direct < 0, errno == ENOENT, creating else { return direct }
        guard mkdirat(directory, name, 0o750) == 0 || errno == EEXIST else { return -1 }
        return openat(directory, name, flags, 0)
    }
}
