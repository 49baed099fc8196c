import Glibc

/// Makes room for a new file: `name` becomes `name.1`, `name.1` becomes `name.2`, and so on.
enum FileSinkRotation {
    /// Keeps `keep` old files, all when nil, none when 0. A gap in the numbers ends the shift, so that no more is renamed than must be.
    ///
    /// Each step is one rename, the oldest first: a crash between two of them loses nothing.
    static func rotate(_ name: String, in directory: FileSinkDirectory, keep: Int?) throws {
        guard keep != 0 else {
            guard unlinkat(directory.descriptor, name, 0) == 0 || errno == ENOENT else {
                throw FileSinkError("cannot remove", "\(directory.path)/\(name)", errno)
            }
            return
        }
        var oldest = 1
        while oldest < keep ?? .max, exists("\(name).\(oldest)", in: directory) { oldest += 1 }
        for number in stride(from: oldest, to: 1, by: -1) {
            try rename("\(name).\(number - 1)", to: "\(name).\(number)", in: directory)
        }
        try rename(name, to: "\(name).1", in: directory)
    }

    private static func exists(_ name: String, in directory: FileSinkDirectory) -> Bool {
        var status = stat()
        return fstatat(directory.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0
    }

    private static func rename(_ old: String, to new: String, in directory: FileSinkDirectory) throws {
        guard renameat(directory.descriptor, old, directory.descriptor, new) == 0 || errno == ENOENT else {
            throw FileSinkError("cannot rename", "\(directory.path)/\(old)", errno)
        }
    }
}
