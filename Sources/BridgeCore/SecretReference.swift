import Glibc

/// A secret and where it was read from, for those that change while the process runs, such as tokens.
package struct SecretReference: Sendable, Equatable {
    /// Why a file holds no secret. Completes "the secret file NAME …".
    package enum Failure: Error, Equatable, CustomStringConvertible {
        case unreadable(SmallFile.Failure)
        case openToOthers
        case empty

        package var description: String {
            switch self {
            case .unreadable(let failure): "cannot be read: \(failure)"
            case .openToOthers: "can be read or written by others"
            case .empty: "is empty"
            }
        }
    }

    /// The largest secret that is read.
    private static let maximumBytes = 64 * 1024

    /// As it was when the configuration was read.
    package let value: Secret
    /// The file that it is in, where there is one.
    package let path: String?
    private let isGuarded: Bool

    /// A secret that stays what it is.
    package init(_ value: Secret) { (self.value, path, isGuarded) = (value, nil, true) }

    /// Reads the secret at `path`. In a directory that systemd guards the permission bits are the mask of an access list, and
    /// say nothing; elsewhere others must not be able to read the file.
    package init(path: String, isGuarded: Bool) throws(Failure) {
        value = try Self.content(of: path, isGuarded: isGuarded)
        (self.path, self.isGuarded) = (path, isGuarded)
    }

    /// True where `read` may give another secret than before.
    package var isRenewable: Bool { path != nil }

    /// The secret as it is now: the file is read anew. Blocks for the time of a small file.
    package func read() throws(Failure) -> Secret {
        guard let path else { return value }
        return try Self.content(of: path, isGuarded: isGuarded)
    }

    private static func content(of path: String, isGuarded: Bool) throws(Failure) -> Secret {
        let file: SmallFile
        do {
            file = try SmallFile(path: path, limit: maximumBytes)
        } catch {
            throw .unreadable(error)
        }
        guard isGuarded || file.mode & 0o077 == 0 else { throw .openToOthers }
        var bytes = file.bytes
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty else { throw .empty }
        return Secret(bytes)
    }
}
