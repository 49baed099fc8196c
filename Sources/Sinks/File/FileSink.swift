import BridgeCore
import Codecs
import Glibc
import Synchronization

/// Appends lines to a file, with rotation by size, by age and by name.
///
/// The file is the proof of what it holds: a torn last line is cut off when it is opened, and delivery goes on behind its
/// last line, so that a kill at any instant makes neither a hole nor a repeat. With `sync: .always` the lines of a batch
/// are on the disk before they count as delivered. A full disk, a missing directory or a refused file is a `retry`.
package actor FileSink: Sink {
    package struct Options: Sendable {
        package enum Sync: Sendable, Equatable {
            /// `fdatasync` for each batch.
            case always
            /// Left to the kernel: a crash of the machine can lose lines that count as delivered.
            case never
        }

        package var path: FilePathTemplate
        package var tenant: String
        /// No file gets larger, but for a single line that is. nil: no limit.
        package var rotateSizeBytes: Int64?
        /// From the first line of a file; looked at when a line is to be written. nil: no limit.
        package var rotateAge: Duration?
        /// Old files `NAME.1` … of each name; nil keeps all. Files whose name differs by its fields of time are never removed.
        package var keep: Int?
        /// Of new files, whatever the umask.
        package var mode: UInt32
        package var sync: Sync

        package init(
            path: FilePathTemplate, tenant: String, rotateSizeBytes: Int64? = nil, rotateAge: Duration? = nil,
            keep: Int? = nil, mode: UInt32 = 0o640, sync: Sync = .always
        ) {
            (self.path, self.tenant, self.keep) = (path, tenant, keep)
            (self.rotateSizeBytes, self.rotateAge) = (rotateSizeBytes, rotateAge)
            (self.mode, self.sync) = (mode, sync)
        }
    }

    package nonisolated let name: String
    package nonisolated let needsThread = true

    private let options: Options
    private let fileName: FileSinkName
    private let now: @Sendable () -> Timestamp
    private let reopens = Atomic(false)

    private var file: FileSinkFile?
    /// The parts of the path of `file`.
    private var parts: [String] = []
    /// Second of the wall clock in which name and place were looked at last.
    private var checkedSecond = Int64.min

    /// How many earlier names are tried for the last line written before a stop.
    private static let earlierNames: Int64 = 1000

    /// `now` is the wall clock. Throws `FileSinkError` for a path that cannot be used; touches no file.
    package init(name: String, options: Options, now: @escaping @Sendable () -> Timestamp) throws {
        (self.name, self.options, self.now) = (name, options, now)
        fileName = try FileSinkName(options.path, tenant: options.tenant)
    }

    package func open(cursor: Int64, stream: UUID128) throws -> Int64 {
        file = nil
        let time = now()
        let current = try openFile(at: time)
        guard let last = current.size > 0 ? current.lastPosition() : lastPositionBefore(time), last.stream == stream
        else { return cursor }
        return max(cursor, last.seq)
    }

    package func deliver(_ batch: DeliveryBatch) -> DeliveryOutcome {
        var line = 0
        do {
            while line < batch.ends.count {
                let start = line > 0 ? batch.ends[line - 1] : 0
                let file = try readyFile(forLineOf: batch.ends[line] - start)
                let end = endOfFitting(batch, from: line, start: start, in: file)
                try batch.bytes.withUnsafeBytes {
                    try file.append($0, ends: batch.ends[line..<end], from: start, syncs: options.sync == .always)
                }
                line = end
            }
            return .delivered
        } catch {
            file = nil
            var reason = "\(error)"
            if let error = error as? FileSinkFile.AppendError {
                line += error.lines
                reason = error.reason
            }
            return .retry(through: line > 0 ? batch.seqs[line - 1] : nil, reason: reason)
        }
    }

    package nonisolated func reopen() { reopens.store(true, ordering: .releasing) }

    package func close() { file = nil }

    // MARK: - The file to write

    /// The file for the next line of `bytes`: the one at hand, or a new one where name, place, size or age ask for it.
    private func readyFile(forLineOf bytes: Int) throws -> FileSinkFile {
        let time = now()
        if reopens.exchange(false, ordering: .acquiring) { file = nil }
        let second = time.microseconds / 1_000_000
        if let file, second != checkedSecond {
            checkedSecond = second
            let isNamed = fileName.period == nil || fileName.parts(at: time) == parts
            if !isNamed || !file.isStillInPlace(now: time) { self.file = nil }
        }
        let current = try file ?? openFile(at: time)
        guard current.size > 0, isFull(current, adding: bytes) || isOld(current, at: time) else { return current }
        return try rotate(at: time)
    }

    private func isFull(_ file: FileSinkFile, adding bytes: Int) -> Bool {
        guard let limit = options.rotateSizeBytes else { return false }
        return file.size + Int64(bytes) > limit
    }

    private func isOld(_ file: FileSinkFile, at time: Timestamp) -> Bool {
        guard let limit = options.rotateAge else { return false }
        return time >= file.startedAt.advanced(by: limit)
    }

    /// One behind the last line that still fits; the line at `line` always does.
    private func endOfFitting(_ batch: DeliveryBatch, from line: Int, start: Int, in file: FileSinkFile) -> Int {
        guard let limit = options.rotateSizeBytes else { return batch.ends.count }
        var end = line + 1
        while end < batch.ends.count, file.size + Int64(batch.ends[end] - start) <= limit { end += 1 }
        return end
    }

    private func openFile(at time: Timestamp) throws -> FileSinkFile {
        parts = fileName.parts(at: time)
        let directory = try directory(of: parts, creating: true)
        // The lock of the file before must be gone: it may be the same file.
        file = nil
        guard let name = parts.last,
            let opened = try FileSinkFile(name, in: directory, mode: mode_t(options.mode), now: time)
        else { throw FileSinkError("no file can be made in \(directory.path)") }
        if options.sync == .always, opened.size == 0 { try directory.sync() }
        file = opened
        checkedSecond = time.microseconds / 1_000_000
        return opened
    }

    private func rotate(at time: Timestamp) throws -> FileSinkFile {
        file = nil
        if let name = parts.last {
            try FileSinkRotation.rotate(name, in: directory(of: parts, creating: true), keep: options.keep)
        }
        return try openFile(at: time)
    }

    private func directory(of parts: [String], creating: Bool) throws -> FileSinkDirectory {
        try FileSinkDirectory(base: fileName.directory, below: parts.dropLast(), creating: creating)
    }

    // MARK: - The line before

    /// The last line in the files before the current, still empty one: its rotated predecessor, or that of an earlier name.
    private func lastPositionBefore(_ time: Timestamp) -> (stream: UUID128, seq: Int64)? {
        if let last = lastPosition(in: parts, suffix: ".1", at: time) { return last }
        guard let period = fileName.period else { return nil }
        var seen = parts
        for step in 1...Self.earlierNames {
            let earlier = fileName.parts(at: time.advanced(by: .seconds(-period * step)))
            guard earlier != seen else { continue }
            seen = earlier
            if let last = lastPosition(in: earlier, suffix: "", at: time) { return last }
        }
        return nil
    }

    /// nil for a file that is missing, cannot be read, or ends with no line of ours.
    private func lastPosition(
        in parts: [String], suffix: String, at time: Timestamp
    ) -> (stream: UUID128, seq: Int64)? {
        guard let name = parts.last, let directory = try? directory(of: parts, creating: false),
            let file = try? FileSinkFile(name + suffix, in: directory, mode: nil, now: time)
        else { return nil }
        return file.lastPosition()
    }
}
