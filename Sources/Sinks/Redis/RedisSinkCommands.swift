import BridgeCore
import Codecs
import NIOCore
import WireProtocols

/// The commands that bring some lines to Redis: bytes for one write.
///
/// Several stand between MULTI and EXEC. So the server runs all of them or, where it refuses to write or the connection breaks,
/// none: a line is never there before one that comes earlier, and nothing is repeated because of what came behind it.
struct RedisSinkCommands {
    private(set) var bytes = ByteBuffer()
    /// For each command the line that it brings; nil: it trims a list.
    private(set) var lines: [Int?] = []
    private(set) var isTransaction = false

    /// Answers that will come.
    var answerCount: Int { lines.count + (isTransaction ? 2 : 0) }

    /// - Parameters:
    ///   - keys: the key or channel of each line of `batch`, nil for a line that is left out.
    ///   - now: the wall clock.
    init(
        _ batch: DeliveryBatch, keys: [String?], destination: RedisSink.Destination, format: LineFormat, now: Timestamp
    ) {
        let count = keys.count { $0 != nil }
        var trims: [(key: String, from: String, to: String)] = []
        if case .list(_, let end, let length?) = destination {
            let range = end == .right ? ("-\(length)", "-1") : ("0", "\(length - 1)")
            trims = Set(keys.compactMap { $0 }).sorted().map { ($0, range.0, range.1) }
        }
        isTransaction = count + trims.count > 1
        let writer = RESPCommandWriter()
        bytes.reserveCapacity(batch.bytes.count + count * 256)
        if isTransaction { writer.write(.multi, into: &bytes) }
        var scratch = ByteWriter(capacity: 2048)
        batch.bytes.withUnsafeBytes { all in
            for (index, key) in keys.enumerated() {
                guard let key else { continue }
                let line = UnsafeRawBufferPointer(rebasing: all[batch.range(ofLine: index)])
                let (command, arguments) = Self.command(destination, key, line, seq: batch.seqs[index], now: now)
                scratch.removeAll()
                format.append(line, to: &scratch)
                scratch.withBytes { writer.write(command, arguments, last: $0, into: &bytes) }
                lines.append(index)
            }
        }
        for trim in trims {
            writer.write(.ltrim, [trim.key, trim.from, trim.to], into: &bytes)
            lines.append(nil)
        }
        if isTransaction { writer.write(.exec, into: &bytes) }
    }

    /// Everything of a command but the event.
    private static func command(
        _ destination: RedisSink.Destination, _ key: String, _ line: UnsafeRawBufferPointer, seq: Int64, now: Timestamp
    ) -> (RESPCommand, [String]) {
        switch destination {
        case .channel: return (.publish, [key])
        case .list(_, .right, _): return (.rpush, [key])
        case .list(_, .left, _): return (.lpush, [key])
        case .stream(_, let trimming):
            func text(_ range: Range<Int>?) -> String { range.map { String(decoding: line[$0], as: UTF8.self) } ?? "" }
            return (
                .xadd,
                [key] + (trimming?.arguments(now: now) ?? [])
                    + ["*", "id", text(LineHead.id(of: line)), "kind", text(LineHead.kind(of: line)), "seq", "\(seq)"]
                    + ["event"]
            )
        }
    }
}

extension RedisSink.Trimming {
    fileprivate func arguments(now: Timestamp) -> [String] {
        let how = isExact ? "=" : "~"
        switch bound {
        case .length(let length): return ["MAXLEN", how, "\(length)"]
        case .age(let age): return ["MINID", how, "\(max(0, now.advanced(by: .zero - age).microseconds / 1000))"]
        }
    }
}
