import Codecs

/// What a restart needs beside the events themselves, so that it must not read all of them back: which calls are in memory
/// (their events are read back and folded), and what was remembered of the rest.
extension CallTracker {
    /// A call whose lines a restart reads back, from its last line along the chain of previous ones.
    public struct CallPointer: Sendable, Equatable {
        public let lastSeq: Int64
        let gaps: Int32
    }

    private static var version: UInt8 { 2 }

    /// The oldest line that a restart from a checkpoint made now would read.
    public var oldestNeededSeq: Int64 {
        heldSlots.reduce(nextSeq) { min($0, calls[$1].firstSeq) }
    }

    /// The state as of `nextSeq - 1`.
    public func checkpoint() -> [UInt8] {
        // As large as it becomes: growing would hold it twice, and with many calls it is megabytes.
        var out = ByteWriter(capacity: checkpointBytes)
        out.append(Self.version)
        out.append(littleEndian: nextSeq)
        out.append(forgotEntities ? 1 : 0)
        out.append(littleEndian: UInt32(sources.count))
        for source in sources {
            out.append(countedText: source.profile.vendor)
            out.append(countedText: source.profile.name)
            out.append(source.isUp ? 1 : 0)
            out.append(littleEndian: source.lastGood?.microseconds ?? .min)
            out.append(littleEndian: source.unseenSince?.microseconds ?? .min)
            out.append(littleEndian: UInt32(source.recentIDs.count))
            source.recentIDs.visit {
                out.append(littleEndian: $0.key.high)
                out.append(littleEndian: $0.key.low)
            }
        }
        let held = heldSlots.map { calls[$0] }.sorted { $0.lastSeq < $1.lastSeq }
        out.append(littleEndian: UInt32(held.count))
        for call in held {
            out.append(littleEndian: call.lastSeq)
            out.append(littleEndian: call.gaps)
        }
        out.append(littleEndian: UInt32(tombstones.count))
        tombstones.visit {
            out.append(littleEndian: $0.key.value)
            out.append(littleEndian: $0.value.lastSeq)
            out.append(littleEndian: $0.value.callSeq)
            out.append(UInt8(Direction.allCases.firstIndex(of: $0.value.direction) ?? 0))
            out.append(littleEndian: $0.value.at.microseconds)
        }
        out.append(littleEndian: UInt32(entities.count))
        entities.visit {
            out.append(littleEndian: $0.key.value)
            out.append(littleEndian: $0.value.changes)
            out.append(littleEndian: $0.value.hash)
        }
        return out.bytes
    }

    /// At least what `checkpoint` writes.
    private var checkpointBytes: Int {
        let links = sources.reduce(0) {
            $0 + 64 + $1.profile.vendor.utf8.count + $1.profile.name.utf8.count + $1.recentIDs.count * 16
        }
        return 64 + links + table.count * 12 + tombstones.count * 29 + entities.count * 24
    }

    /// Takes in a checkpoint, after all sources were registered and before anything else. Returns the calls whose lines
    /// have to follow with `restoreCall`; nil for bytes that are no checkpoint of this version, nothing is changed then.
    public mutating func restoreCheckpoint(_ bytes: [UInt8]) -> [CallPointer]? {
        var reader = BinaryReader(bytes)
        guard reader.integer(UInt8.self) == Self.version, let next = reader.integer(Int64.self),
            let forgot = reader.integer(UInt8.self), let links = Self.readSources(&reader),
            let held = Self.readCalls(&reader), let stones = Self.readTombstones(&reader),
            let states = Self.readEntities(&reader), reader.isAtEnd
        else { return nil }
        nextSeq = next
        forgotEntities = forgot == 1
        for link in links {
            guard let index = sourceIndex(link.vendor, link.name) else { continue }
            sources[index].isUp = link.isUp
            sources[index].lastGood = link.lastGood
            sources[index].unseenSince = link.unseenSince
            for id in link.ids { sources[index].recentIDs.insert(id, ()) }
        }
        for (key, stone) in stones { tombstones.insert(key, stone) }
        for (key, state) in states { entities.insert(key, state) }
        return held
    }

    /// Folds the lines of one call, oldest first.
    public mutating func restoreCall(_ events: [CallEvent], _ pointer: CallPointer) {
        guard let first = events.first, let call = first.call,
            let source = sourceIndex(first.source.vendor, first.source.name)
        else { return }
        let slot = takeSlot(call.id, TextHash(call.id), source, first.occurredAt, first.receivedAt)
        for event in events {
            noteTold(by: event)
            calls[slot].evolve(event, profile: sources[source].profile)
        }
        calls[slot].gaps = max(calls[slot].gaps, pointer.gaps)
        if calls[slot].hasEnded { endedCount += 1 }
        touch(slot)
    }

    // MARK: Reading

    private struct Link {
        let vendor: String
        let name: String
        let isUp: Bool
        let lastGood: Timestamp?
        let unseenSince: Timestamp?
        let ids: [UUID128]
    }

    private static func readSources(_ reader: inout BinaryReader) -> [Link]? {
        guard let count = reader.count(itemBytes: 29) else { return nil }
        var links: [Link] = []
        for _ in 0..<count {
            guard let vendor = reader.text(), let name = reader.text(), let isUp = reader.integer(UInt8.self),
                let lastGood = reader.integer(Int64.self), let unseenSince = reader.integer(Int64.self),
                let idCount = reader.count(itemBytes: 16)
            else { return nil }
            var ids: [UUID128] = []
            ids.reserveCapacity(idCount)
            for _ in 0..<idCount {
                guard let high = reader.integer(UInt64.self), let low = reader.integer(UInt64.self) else { return nil }
                ids.append(UUID128(high: high, low: low))
            }
            links.append(
                Link(
                    vendor: vendor, name: name, isUp: isUp == 1,
                    lastGood: lastGood == .min ? nil : Timestamp(microseconds: lastGood),
                    unseenSince: unseenSince == .min ? nil : Timestamp(microseconds: unseenSince), ids: ids))
        }
        return links
    }

    private static func readCalls(_ reader: inout BinaryReader) -> [CallPointer]? {
        guard let count = reader.count(itemBytes: 12) else { return nil }
        var held: [CallPointer] = []
        for _ in 0..<count {
            guard let lastSeq = reader.integer(Int64.self), let gaps = reader.integer(Int32.self) else { return nil }
            held.append(CallPointer(lastSeq: lastSeq, gaps: gaps))
        }
        return held
    }

    private static func readTombstones(_ reader: inout BinaryReader) -> [(TextHash, Tombstone)]? {
        guard let count = reader.count(itemBytes: 29) else { return nil }
        var stones: [(TextHash, Tombstone)] = []
        for _ in 0..<count {
            guard let hash = reader.integer(UInt64.self), let lastSeq = reader.integer(Int64.self),
                let callSeq = reader.integer(Int32.self), let direction = reader.integer(UInt8.self),
                let at = reader.integer(Int64.self), Int(direction) < Direction.allCases.count
            else { return nil }
            stones.append(
                (
                    TextHash(value: hash),
                    Tombstone(
                        lastSeq: lastSeq, callSeq: callSeq, direction: Direction.allCases[Int(direction)],
                        at: Timestamp(microseconds: at))
                ))
        }
        return stones
    }

    private static func readEntities(_ reader: inout BinaryReader) -> [(TextHash, EntityState)]? {
        guard let count = reader.count(itemBytes: 24) else { return nil }
        var states: [(TextHash, EntityState)] = []
        for _ in 0..<count {
            guard let key = reader.integer(UInt64.self), let changes = reader.integer(Int64.self),
                let hash = reader.integer(UInt64.self)
            else { return nil }
            states.append((TextHash(value: key), EntityState(changes: changes, hash: hash)))
        }
        return states
    }
}
