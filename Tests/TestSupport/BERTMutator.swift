/// Makes broken messages from whole ones: bytes changed, cut, doubled, spliced with others, lengths and tags replaced.
public struct BERTMutator: Sendable {
    private let seeds: [[UInt8]]
    private var random: SeededGenerator

    /// Tags of the External Term Format, and a few that are none.
    private static let tags: [UInt8] =
        [68, 69, 70, 77, 80, 82, 83] + Array(88...121) + [0, 122, 131, 255]
    private static let edges: [UInt8] = [0, 1, 2, 3, 4, 5, 8, 9, 63, 64, 65, 127, 128, 254, 255]

    public init(seeds: [[UInt8]], seed: UInt64) {
        (self.seeds, random) = (seeds, SeededGenerator(seed: seed))
    }

    /// Puts the next broken message into `bytes`. Now and then it is a whole one.
    public mutating func next(into bytes: inout [UInt8]) {
        bytes.removeAll(keepingCapacity: true)
        bytes.append(contentsOf: seeds[below(seeds.count)])
        for _ in 0..<1 + below(4) { mutate(&bytes) }
        // Most are to get past the version byte.
        if !bytes.isEmpty, below(16) > 0 { bytes[0] = 131 }
    }

    private mutating func mutate(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else { return }
        let place = below(bytes.count)
        switch below(10) {
        case 0: bytes[place] ^= 1 << UInt8(below(8))
        case 1: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 2, 3: bytes[place] = Self.tags[below(Self.tags.count)]
        case 4: bytes[place] = Self.edges[below(Self.edges.count)]
        case 5: bytes.removeSubrange(place...)
        case 6: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(8)))
        case 7: repeatPart(&bytes, place)
        case 8: splice(&bytes, place)
        default:
            let value = Self.edges[below(Self.edges.count)]
            for index in place..<min(bytes.count, place + 4) { bytes[index] = index == place + 3 ? value : 0 }
        }
    }

    private mutating func repeatPart(_ bytes: inout [UInt8], _ place: Int) {
        let part = Array(bytes[place..<min(bytes.count, place + 1 + below(32))])
        for _ in 0...below(4) { bytes.insert(contentsOf: part, at: place) }
    }

    private mutating func splice(_ bytes: inout [UInt8], _ place: Int) {
        let other = seeds[below(seeds.count)]
        guard other.count > 1 else { return }
        let start = 1 + below(other.count - 1)
        let part = other[start..<min(other.count, start + 1 + below(64))]
        bytes.replaceSubrange(place..<min(bytes.count, place + below(2) * part.count), with: part)
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
}
