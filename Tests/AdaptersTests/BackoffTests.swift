import BridgeCore
import TestSupport
import Testing

@Suite struct BackoffTests {
    @Test("Waits are random below a ceiling that doubles up to its maximum, and short again after a reset")
    func ceilings() {
        var random = SeededGenerator(seed: SeededGenerator.printedSeed(for: "BackoffTests"))
        for _ in 0..<200 {
            var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(5))
            for ceiling in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
                let wait = backoff.next(using: &random)
                #expect(wait >= .milliseconds(10) && wait <= .milliseconds(ceiling))
            }
            #expect(backoff.failures == 8)
            backoff.reset()
            #expect(backoff.failures == 0 && backoff.next(using: &random) <= .milliseconds(100))
        }
    }

    @Test("Waits after a refusal are long, and spread")
    func refusals() {
        var random = SeededGenerator(seed: 1)
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(5))
        let waits = (0..<50).map { _ in backoff.nextAfterRefusal(using: &random) }
        #expect(waits.allSatisfy { $0 >= .seconds(30) && $0 <= .seconds(33) })
        #expect(Set(waits).count > 40)
    }

    @Test("Waits after refusals double up to their maximum, and are the first again after a reset")
    func growingRefusals() {
        var random = SeededGenerator(seed: 1)
        var backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(60), maximumRefusal: .seconds(120))
        for seconds in [30, 60, 120, 120] {
            let wait = backoff.nextAfterRefusal(using: &random)
            #expect(wait >= .seconds(seconds) && wait <= .seconds(Double(seconds) * 1.1))
        }
        backoff.reset()
        #expect(backoff.nextAfterRefusal(using: &random) <= .seconds(33))
    }
}
