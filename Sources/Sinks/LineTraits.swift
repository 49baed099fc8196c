import CallModel
import Codecs

/// What delivery must know of one encoded line: whose turn it waits for, and for how long it is worth anything.
package struct LineTraits: Sendable, Equatable {
    /// Lines with the same lane are delivered one after the other: those of one call; without a call those of one agent, queue
    /// or call-back; else those of one source. Two calls may share a lane, which only makes them wait for each other.
    package let lane: UInt64
    package let isRecord: Bool
    package let receivedAt: Timestamp

    /// A line of another form than this program writes counts as a record, on a lane of its own kind, and as received at
    /// `now`: nothing of it is skipped.
    package init(of line: UnsafeRawBufferPointer, now: Timestamp) {
        let kind = LineHead.kind(of: line).flatMap { Kind(name: String(decoding: line[$0], as: UTF8.self)) }
        isRecord = kind?.isRecord ?? true
        receivedAt = LineHead.receivedAt(of: line) ?? now
        lane = Self.lane(of: line)
    }

    private static let keys: [StaticString] = ["call", "agent", "queue", "callback"]

    private static func lane(of line: UnsafeRawBufferPointer) -> UInt64 {
        // In the order of the line: `call` comes before `agent`, and so on.
        var lane: UInt64?
        LineMembers.forEach(in: line) { name, value in
            for key in keys where LineMembers.equals(line, name, key) && line[value.lowerBound] == UInt8(ascii: "{") {
                lane = LineMembers.text("id", in: line, at: value.lowerBound).map { hash(line[$0], key) }
            }
            return lane == nil
        }
        if let lane { return lane }
        return LineHead.sourceName(of: line).map { hash(line[$0], "source") } ?? 0
    }

    /// FNV-1a.
    private static func hash(_ id: Slice<UnsafeRawBufferPointer>, _ key: StaticString) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        key.withUTF8Buffer { for byte in $0 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 } }
        for byte in id { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return hash
    }
}
