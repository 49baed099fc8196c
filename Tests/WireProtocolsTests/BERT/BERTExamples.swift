/// Terms, without the version byte, that the corpus does not hold.
enum BERTExamples {
    private static let atom: [UInt8] = [100, 0, 1, 97]
    private static let node: [UInt8] = [119, 3, 97, 64, 98]
    private static let small: [UInt8] = [97, 1]
    static let pid: [UInt8] = [103] + atom + [0, 0, 0, 1, 0, 0, 0, 2, 3]

    static func fun(size: UInt32 = 0, variables: [[UInt8]] = []) -> [UInt8] {
        [112] + (0..<4).map { UInt8(truncatingIfNeeded: size >> (24 - 8 * $0)) } + [1]
            + [UInt8](repeating: 7, count: 16)
            + [0, 0, 0, 9, 0, 0, 0, UInt8(variables.count)] + atom + small + [98, 0, 1, 0, 0] + pid + variables.joined()
    }

    /// Every tag whose term is handed on as a marker.
    static let opaque: [[UInt8]] = [
        pid,
        [88] + node + [0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4],
        [102] + atom + [0, 0, 0, 1, 3],
        [89] + node + [0, 0, 0, 1, 1, 2, 3, 4],
        [120] + node + [0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4],
        [101] + atom + [0, 0, 0, 1, 3],
        [114, 0, 2] + atom + [3, 0, 0, 0, 1, 0, 0, 0, 2],
        [90, 0, 3] + node + [1, 2, 3, 4, 0, 0, 0, 1, 0, 0, 0, 2, 255, 0, 0, 3],
        [90, 0, 0] + node + [1, 2, 3, 4],
        [113] + atom + node + [97, 2],
        fun(), fun(variables: [small, [104, 1, 106], [108, 0, 0, 0, 1, 97, 1, 106]]),
    ]
}
