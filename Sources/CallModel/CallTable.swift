/// Which slot holds which call, by call id: open addressing over hashes that the calls carry, so that finding one hashes
/// its id once and removing one hashes nothing.
struct CallTable {
    private struct Place {
        /// Half of the hash: tells where the place belongs, and nearly all others apart without a look at the call.
        var tag: UInt32 = 0
        var slot: Int32 = -1
    }

    /// A power of two, at least twice the calls.
    private var places: [Place] = Array(repeating: Place(), count: 64)
    private(set) var count = 0

    private var mask: Int { places.count &- 1 }

    private static func tag(_ hash: TextHash) -> UInt32 { UInt32(truncatingIfNeeded: hash.value >> 32) }

    private func home(_ tag: UInt32) -> Int { Int(tag) & mask }

    /// The slot of the call with this name; nil where it is not held.
    func slot(of name: CallName, in calls: [CallState]) -> Int? {
        let tag = Self.tag(name.hash)
        var place = home(tag)
        while places[place].slot >= 0 {
            let slot = Int(places[place].slot)
            if places[place].tag == tag, name.isName(of: calls[slot]) { return slot }
            place = (place &+ 1) & mask
        }
        return nil
    }

    /// Adds a call that is not held yet.
    mutating func insert(_ hash: TextHash, slot: Int) {
        count += 1
        if count * 2 > places.count { grow() }
        link(Place(tag: Self.tag(hash), slot: Int32(slot)))
    }

    /// Takes the call in `slot` out and closes the hole by moving later places of the same run up.
    mutating func remove(_ hash: TextHash, slot: Int) {
        var hole = home(Self.tag(hash))
        while places[hole].slot != Int32(slot) {
            guard places[hole].slot >= 0 else { return }
            hole = (hole &+ 1) & mask
        }
        count -= 1
        var place = (hole &+ 1) & mask
        while places[place].slot >= 0 {
            let home = home(places[place].tag)
            if (place &- home) & mask >= (place &- hole) & mask {
                places[hole] = places[place]
                hole = place
            }
            place = (place &+ 1) & mask
        }
        places[hole] = Place()
    }

    private mutating func link(_ added: Place) {
        var place = home(added.tag)
        while places[place].slot >= 0 { place = (place &+ 1) & mask }
        places[place] = added
    }

    private mutating func grow() {
        let before = places
        places = Array(repeating: Place(), count: before.count * 2)
        for place in before where place.slot >= 0 { link(place) }
    }
}
