/// The ways in which a decoder's input is cut to see that cuts do not matter.
public enum ChunkedFeed {
    /// Whole, byte by byte, cut in two at every place (of short inputs), and in pieces of random length.
    public static func cuts(
        of bytes: [UInt8], random: inout SeededGenerator, randomCuts: Int = 50, longest: Int = 9
    ) -> [[[UInt8]]] {
        var feeds = [[bytes], bytes.map { [$0] }]
        if bytes.count <= 512 {
            for place in bytes.indices.dropFirst() { feeds.append([Array(bytes[..<place]), Array(bytes[place...])]) }
        }
        for _ in 0..<randomCuts { feeds.append(randomly(bytes, random: &random, longest: longest)) }
        return feeds
    }

    /// In pieces of 1 to `longest` bytes.
    public static func randomly(_ bytes: [UInt8], random: inout SeededGenerator, longest: Int) -> [[UInt8]] {
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Int.random(in: 1...min(longest, rest.count), using: &random)
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return pieces
    }
}
