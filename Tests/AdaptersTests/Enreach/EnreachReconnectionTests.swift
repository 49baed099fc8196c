import BridgeCore
import NIOCore
import TestSupport
import Testing

@testable import Adapters

/// The policy of the connect loop, as values with a clock that the test moves.
@Suite("Enreach: a thousand clients after a restart of the hub")
struct EnreachReconnectionTests {
    private static let clients = 1000

    /// Attempts in each second from the loss on; the hub is away for `outage` and then takes everybody.
    private func attempts(outage: Int, healthy: Bool, seed: UInt64) -> (perSecond: [Int], slowest: Int) {
        var random = SeededGenerator(seed: seed)
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var perSecond = [Int](repeating: 0, count: outage + 200)
        var slowest = 0
        for _ in 0..<Self.clients {
            var policy = EnreachSource.reconnection()
            policy.attempted()
            policy.connected(at: healthy ? start - .hours(1) : start - .seconds(1))
            var now = start + TimeAmount(policy.lost(isRefusal: false, at: start, using: &random))
            while true {
                let second = Int((now - start).nanoseconds / 1_000_000_000)
                guard second < perSecond.count else { break }
                perSecond[second] += 1
                slowest = max(slowest, second)
                policy.attempted()
                if second >= outage { break }
                now = now + TimeAmount(policy.lost(isRefusal: false, at: now, using: &random))
            }
        }
        return (perSecond, slowest)
    }

    @Test("They come back spread over time, and all of them (row 1)", arguments: [1, 5, 30, 120])
    func spread(outage: Int) {
        let seed = SeededGenerator.printedSeed(for: "a thousand clients")
        let (perSecond, slowest) = attempts(outage: outage, healthy: true, seed: seed)
        print(
            "outage of \(outage) s, attempts per second: \(perSecond.prefix(outage + 70).map(String.init).joined(separator: " "))"
        )
        #expect(slowest <= outage + 62, "within the longest wait of the hub's return; seed \(seed)")
        // At first within three seconds, since every second costs events; from then on ever flatter.
        #expect(perSecond.max() ?? 0 <= 600, "seed \(seed)")
        #expect(perSecond.dropFirst(6).max() ?? 0 <= 300, "seed \(seed)")
        #expect(perSecond.dropFirst(16).max() ?? 0 <= 150, "seed \(seed)")
        #expect(perSecond.dropFirst(64).max() ?? 0 <= 70, "seed \(seed)")
    }

    @Test("A connection that did not live for 30 s does not make the waits short again (row 1)")
    func flapping() {
        var random = SeededGenerator(seed: 1)
        var policy = EnreachSource.reconnection()
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
        var waits: [Duration] = []
        for _ in 0..<200 {
            policy.attempted()
            policy.connected(at: now)
            now = now + .seconds(29)
            let wait = policy.lost(isRefusal: false, at: now, using: &random)
            waits.append(wait)
            now = now + TimeAmount(wait)
        }
        #expect(waits.suffix(190).reduce(.zero, +) / 190 > .seconds(25))
        #expect(waits.allSatisfy { $0 <= .seconds(60) })
    }
}
