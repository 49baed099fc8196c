import Glibc

/// What a log line looks like.
package enum LogFormat: String, Sendable, CaseIterable {
    /// Time, level, message, `key=value` pairs: for people.
    case text
    /// As `text`, but a `<N>` priority (sd-daemon(3)) instead of time and level: the journal adds its own time.
    case journal
    /// One JSON object.
    case json

    /// What `text` means for this stream: `journal` when the journal reads it, which is so when `JOURNAL_STREAM` names the
    /// device and inode of the stream itself (systemd.exec(5)); a redirection of the service's output changes those.
    package static func text(for descriptor: Int32, journalStream: String?) -> LogFormat {
        guard let parts = journalStream?.split(separator: ":"), parts.count == 2,
            let device = UInt64(parts[0]), let inode = UInt64(parts[1])
        else { return .text }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return .text }
        return UInt64(status.st_dev) == device && UInt64(status.st_ino) == inode ? .journal : .text
    }
}
