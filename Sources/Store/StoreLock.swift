import Glibc
import Synchronization

/// One process per store: an exclusive lock on `<path>.lock`, which also holds the owner's process id.
///
/// The lock belongs to the open file, so it ends with the process however that ends. The file stays: removing it would let
/// two processes lock two files of the same name.
final class StoreLock: Sendable {
    private let descriptor: Mutex<Int32?>

    init(storePath: String) throws(StoreError) {
        let path = storePath + ".lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .cannotOpen(path: path, detail: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let reason = errno
            let owner = StoreLock.owner(descriptor)
            Glibc.close(descriptor)
            guard reason == EWOULDBLOCK else {
                throw .cannotOpen(path: path, detail: String(cString: strerror(reason)))
            }
            throw .locked(path: storePath, pid: owner)
        }
        // The id only serves the error message of others: a full disk must not keep the service from starting.
        let text = Array("\(getpid())\n".utf8)
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
        self.descriptor = Mutex(descriptor)
    }

    deinit { release() }

    /// A second call does nothing.
    func release() {
        descriptor.withLock { descriptor in
            if let descriptor { Glibc.close(descriptor) }
            descriptor = nil
        }
    }

    private static func owner(_ descriptor: Int32) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        return Int32(String(decoding: bytes[..<count].prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }
}
