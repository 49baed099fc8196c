import Foundation

/// A file system of a few kilobytes, to be filled and freed. Needs root.
public final class TinyFileSystem: Sendable {
    public let directory: TemporaryDirectory
    public var path: String { directory.path }

    /// Mounts a tmpfs of `kilobytes`; nil, with a printed reason, where that is not allowed.
    public static func mount(kilobytes: Int) async throws -> TinyFileSystem? {
        guard geteuid() == 0 else {
            printSkip("a full file system needs a mount, and so root")
            return nil
        }
        let directory = try TemporaryDirectory()
        let (exit, output) = try await ChildProcess.run(
            "mount", ["-t", "tmpfs", "-o", "size=\(kilobytes)k,mode=0700", "tmpfs", directory.path])
        guard exit == .code(0) else {
            printSkip("a full file system needs a mount: \(output)")
            return nil
        }
        return TinyFileSystem(directory: directory)
    }

    private init(directory: TemporaryDirectory) { self.directory = directory }

    deinit { umount2(directory.path, Int32(MNT_DETACH)) }

    /// Fills all but about `free` kilobytes with one file.
    public func fill(leaving free: Int = 0) throws {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { throw SystemCallError("statvfs") }
        let blocks = Int(status.f_bavail) - free * 1024 / Int(status.f_frsize)
        guard blocks > 0 else { return }
        let ballast = Data(repeating: 0, count: blocks * Int(status.f_frsize))
        try ballast.write(to: URL(fileURLWithPath: directory.file("ballast")))
    }

    /// Bytes that can still be written.
    public func free() -> Int {
        var status = statvfs()
        return statvfs(path, &status) == 0 ? Int(status.f_bavail) * Int(status.f_frsize) : -1
    }

    /// Gives the room back.
    public func release() throws { try FileManager.default.removeItem(atPath: directory.file("ballast")) }
}
