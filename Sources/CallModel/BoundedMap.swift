/// Keys with a hash that is the same in every run, so that tables can be written down and read back.
protocol StablyHashed: Equatable {
    var stableHash: UInt64 { get }
}

/// A map of bounded size: the oldest key makes room for the newest. Insertion order is kept; memory grows with the content.
struct BoundedMap<Key: StablyHashed, Value> {
    struct Entry {
        let key: Key
        var value: Value
    }

    /// Oldest first, as a ring once it is full.
    private var ring: [Entry] = []
    private var oldest = 0
    /// Open addressing over `ring`: index + 1, 0 for free, and above them bits of the hash, so that a look at `ring`, which
    /// is mostly far away in memory, is needed for few other keys. Its size is a power of two, at least twice the ring's.
    private var table: [UInt32]
    private let limit: Int

    private static var indexBits: UInt32 { 20 }
    private static var indexMask: UInt32 { 1 << indexBits - 1 }

    /// At most a million entries.
    init(limit: Int) {
        self.limit = min(max(1, limit), Int(Self.indexMask) - 1)
        table = Array(repeating: 0, count: 64)
    }

    var count: Int { ring.count }

    func contains(_ key: Key) -> Bool { find(key) != nil }

    subscript(key: Key) -> Value? { find(key).map { ring[index(at: $0)].value } }

    /// Adds `key`, or replaces its value where it is already known; its age stays then.
    mutating func insert(_ key: Key, _ value: Value) {
        if let place = find(key) {
            ring[index(at: place)].value = value
            return
        }
        if ring.count < limit {
            ring.append(Entry(key: key, value: value))
            if ring.count * 2 > table.count { rebuild() } else { link(ring.count - 1) }
        } else {
            unlink(ring[oldest].key)
            ring[oldest] = Entry(key: key, value: value)
            link(oldest)
            oldest = (oldest + 1) % limit
        }
    }

    /// Oldest first.
    func visit(_ body: (Entry) -> Void) {
        for entry in ring[oldest...] { body(entry) }
        for entry in ring[..<oldest] { body(entry) }
    }

    private var mask: Int { table.count - 1 }

    private func home(of key: Key) -> Int { Int(truncatingIfNeeded: key.stableHash) & mask }

    private func index(at place: Int) -> Int { Int(table[place] & Self.indexMask) &- 1 }

    private func tag(of key: Key) -> UInt32 {
        UInt32(truncatingIfNeeded: key.stableHash >> 32) & ~Self.indexMask
    }

    private func find(_ key: Key) -> Int? {
        var place = home(of: key)
        let tag = tag(of: key)
        while table[place] != 0 {
            if table[place] & ~Self.indexMask == tag, ring[index(at: place)].key == key { return place }
            place = (place &+ 1) & mask
        }
        return nil
    }

    private mutating func link(_ index: Int) {
        var place = home(of: ring[index].key)
        while table[place] != 0 { place = (place &+ 1) & mask }
        table[place] = UInt32(index + 1) | tag(of: ring[index].key)
    }

    /// Takes a key out and closes the hole by moving later entries of the same run up.
    private mutating func unlink(_ key: Key) {
        guard var hole = find(key) else { return }
        table[hole] = 0
        var place = (hole + 1) & mask
        while table[place] != 0 {
            let home = home(of: ring[index(at: place)].key)
            if (place &- home) & mask >= (place &- hole) & mask {
                table[hole] = table[place]
                table[place] = 0
                hole = place
            }
            place = (place + 1) & mask
        }
    }

    private mutating func rebuild() {
        table = Array(repeating: 0, count: table.count * 2)
        for index in ring.indices { link(index) }
    }
}

/// 64-bit FNV-1a over the UTF-8 of a text, mixed once more so that the low bits are good.
struct TextHash: StablyHashed, Hashable {
    let value: UInt64

    init(_ text: String) {
        let hashed = text.utf8.withContiguousStorageIfAvailable { Self(UnsafeRawBufferPointer($0)) }
        self = hashed ?? Array(text.utf8).withUnsafeBytes { Self($0) }
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        self.init(state: Self.state(of: bytes, after: Self.beginning))
    }

    /// The hash of a text that begins with one whose state is known.
    init(_ rest: String, after state: UInt64) {
        let hashed = rest.utf8.withContiguousStorageIfAvailable {
            Self.state(of: UnsafeRawBufferPointer($0), after: state)
        }
        self.init(
            state: hashed ?? Array(rest.utf8).withUnsafeBytes { Self.state(of: $0, after: state) })
    }

    private init(state: UInt64) { value = (state ^ state >> 32) &* 0x9E37_79B9_7F4A_7C15 }

    /// The state before the first byte of a text.
    static let beginning: UInt64 = 0xCBF2_9CE4_8422_2325

    static func state(of bytes: UnsafeRawBufferPointer, after state: UInt64) -> UInt64 {
        var hash = state
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash
    }

    init(value: UInt64) { self.value = value }

    var stableHash: UInt64 { value >> 20 ^ value }
}
