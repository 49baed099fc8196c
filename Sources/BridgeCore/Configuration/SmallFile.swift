import Glibc

/// A regular file of bounded size, read whole.
package struct SmallFile {
    package enum Failure: Error, Equatable, CustomStringConvertible {
        /// `errno` of the call that failed.
        case system(Int32)
        case notRegular
        case tooLarge(limit: Int)

        package var description: String {
            switch self {
            case .system(let code): String(cString: strerror(code))
            case .notRegular: "it is not a regular file"
            case .tooLarge(let limit): "it is larger than \(Quantity.text(bytes: limit))"
            }
        }
    }

    package let bytes: [UInt8]
    /// The permission bits.
    package let mode: UInt32

    /// Never waits: a pipe in place of the file is refused, not read.
    package init(path: String, limit: Int) throws(Failure) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw .system(errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notRegular }
        mode = status.st_mode & 0o7777
        bytes = try Self.read(descriptor, limit: limit)
    }

    private static func read(_ descriptor: Int32, limit: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw .system(errno)
            }
            guard count > 0 else { return bytes }
            guard bytes.count + count <= limit else { throw .tooLarge(limit: limit) }
            bytes += chunk[..<count]
        }
    }
}
