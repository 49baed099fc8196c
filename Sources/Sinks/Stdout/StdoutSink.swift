import BridgeCore
import Codecs
import Glibc

/// Writes lines to an open descriptor: a pipe, a terminal, a socket, or a file that the shell redirected to.
///
/// A reader that does not read is waited for without end, and a cancelled task ends that wait at once: before each write to
/// anything but a file, `poll` says whether there is room, and to a pipe no more than `PIPE_BUF` bytes are written then, in
/// whole lines where they fit, so that the write itself does not block and two writers of one pipe do not mix lines.
/// A line that could be written in part only is completed before anything else, also in a later `deliver`.
/// What is written is as durable as the reader makes it: there is nothing to sync. SIGPIPE must be ignored by the process.
package actor StdoutSink: Sink {
    package nonisolated let name: String
    package nonisolated let needsThread = true

    private let descriptor: Int32
    private let interrupt: StdoutSinkInterrupt
    private var kind = Kind.stream
    /// The rest of the line `seq`, of which some bytes are out already.
    private var torn: (seq: Int64, rest: [UInt8])?

    private enum Kind {
        case file
        case socket
        /// Pipe, terminal, device.
        case stream
    }

    /// Linux: a write up to this size to a pipe is whole or nothing, and fits when `poll` says that there is room.
    private static let pipeWriteBytes = 4096
    private static let fileWriteBytes = 1 << 20

    /// `descriptor` stays the caller's: it is not closed here, and its flags, shared with other processes, are not changed.
    package init(name: String, descriptor: Int32 = 1) throws {
        (self.name, self.descriptor) = (name, descriptor)
        interrupt = try StdoutSinkInterrupt()
    }

    package func open(cursor: Int64, stream: UUID128) throws -> Int64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw StdoutSinkError(reason: "descriptor \(descriptor) is not open (\(String(cString: strerror(errno))))")
        }
        kind =
            switch status.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFSOCK: .socket
            default: .stream
            }
        return cursor
    }

    package func deliver(_ batch: DeliveryBatch) async -> DeliveryOutcome {
        await withTaskCancellationHandler {
            write(batch)
        } onCancel: {
            interrupt.raise()
        }
    }

    /// Nothing was opened by name.
    package nonisolated func reopen() {}

    package func close() {}

    // MARK: - Writing

    private enum Attempt {
        case wrote(Int)
        case ended(DeliveryOutcome)
    }

    private func write(_ batch: DeliveryBatch) -> DeliveryOutcome {
        var line = 0
        if let torn {
            if let outcome = writeRest(of: torn) { return outcome }
            if batch.seqs.first == torn.seq { line = 1 }
        }
        var done = line > 0 ? batch.ends[line - 1] : 0
        return batch.bytes.withUnsafeBytes { bytes in
            while done < bytes.count {
                let end = chunkEnd(of: batch, from: done, line: line)
                let attempt = writeOnce(UnsafeRawBufferPointer(rebasing: bytes[done..<end]))
                if case .wrote(let count) = attempt { done += count }
                while line < batch.ends.count, batch.ends[line] <= done { line += 1 }
                guard case .ended(let outcome) = attempt else { continue }
                let lineStart = line > 0 ? batch.ends[line - 1] : 0
                if done > lineStart { torn = (batch.seqs[line], Array(bytes[done..<batch.ends[line]])) }
                return outcome.through(line > 0 ? batch.seqs[line - 1] : nil)
            }
            return .delivered
        }
    }

    /// nil once the line is complete.
    private func writeRest(of line: (seq: Int64, rest: [UInt8])) -> DeliveryOutcome? {
        var done = 0
        while done < line.rest.count {
            let end = kind == .file ? line.rest.count : min(line.rest.count, done + Self.pipeWriteBytes)
            let attempt = line.rest.withUnsafeBytes { writeOnce(UnsafeRawBufferPointer(rebasing: $0[done..<end])) }
            switch attempt {
            case .wrote(let count): done += count
            case .ended(let outcome):
                torn = (line.seq, Array(line.rest[done...]))
                return outcome
            }
        }
        torn = nil
        return nil
    }

    /// As many whole lines as one write takes, or a piece of a line that is longer.
    private func chunkEnd(of batch: DeliveryBatch, from start: Int, line: Int) -> Int {
        let limit = start + (kind == .file ? Self.fileWriteBytes : Self.pipeWriteBytes)
        guard batch.bytes.count > limit else { return batch.bytes.count }
        var end = limit
        for next in line..<batch.ends.count {
            guard batch.ends[next] <= limit else { break }
            end = batch.ends[next]
        }
        return end
    }

    private func writeOnce(_ bytes: UnsafeRawBufferPointer) -> Attempt {
        while true {
            if kind != .file, !interrupt.waitForRoom(on: descriptor) {
                return .ended(.retry(through: nil, reason: "stopped while the reader did not read"))
            }
            let count =
                kind == .socket
                ? send(descriptor, bytes.baseAddress, bytes.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
                : Glibc.write(descriptor, bytes.baseAddress, bytes.count)
            if count >= 0 { return .wrote(count) }
            let problem = errno
            switch problem {
            case EINTR, EAGAIN: continue
            case EPIPE, ECONNRESET: return .ended(.gone(reason: "the reader has closed its end"))
            case EIO where kind == .stream: return .ended(.gone(reason: "the terminal has gone"))
            default:
                let text = String(cString: strerror(problem))
                return .ended(.retry(through: nil, reason: "descriptor \(descriptor) cannot be written: \(text)"))
            }
        }
    }
}

/// Standard output cannot be used.
package struct StdoutSinkError: Error, CustomStringConvertible {
    package let reason: String
    package var description: String { reason }
}

extension DeliveryOutcome {
    /// The same with the last line that was taken.
    fileprivate func through(_ seq: Int64?) -> DeliveryOutcome {
        guard case .retry(_, let reason, let after) = self else { return self }
        return .retry(through: seq, reason: reason, after: after)
    }
}
