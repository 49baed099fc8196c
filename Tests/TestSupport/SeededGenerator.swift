import Foundation

/// SplitMix64: small, and the same numbers everywhere for one seed.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64
    public init(seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A seed from `CTI_BRIDGE_SEED`, else a random one; printed, so that a run can be repeated.
    public static func printedSeed(for test: String) -> UInt64 {
        let given = ProcessInfo.processInfo.environment["CTI_BRIDGE_SEED"].flatMap(UInt64.init)
        let seed = given ?? UInt64.random(in: 1...UInt64(UInt32.max))
        print("\(test): CTI_BRIDGE_SEED=\(seed)")
        return seed
    }
}

/// True when the long variants of tests are asked for: `CTI_BRIDGE_LONG=1`.
public let runsLongTests = ProcessInfo.processInfo.environment["CTI_BRIDGE_LONG"] == "1"
