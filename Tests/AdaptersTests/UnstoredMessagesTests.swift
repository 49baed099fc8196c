import Adapters
import Testing

@Suite struct UnstoredMessagesTests {
    private enum Step {
        case handedIn(Int)
        case stored(Int)
        case linkLost
    }

    /// For each step whether reading changed, and whether it rests afterwards.
    private func play(_ steps: [Step]) -> [[Bool]] {
        var unstored = UnstoredMessages(limit: 10)
        return steps.map { step in
            var changed = false
            switch step {
            case .handedIn(let count): changed = unstored.handedIn(count)
            case .stored(let count): changed = unstored.stored(count)
            case .linkLost: unstored.linkLost()
            }
            return [changed, unstored.isSuspended]
        }
    }

    @Test("Reading stops at the limit and goes on at half of it, each told once")
    func stops() {
        let steps: [Step] = [
            .handedIn(9), .handedIn(1), .handedIn(5), .stored(9), .stored(1), .stored(5), .handedIn(9), .handedIn(1),
        ]
        #expect(
            play(steps) == [
                [false, false], [true, true], [false, true], [false, true], [true, false], [false, false],
                [false, false], [true, true],
            ])
    }

    @Test("A new connection reads, and stops again as long as too much is unstored")
    func linkLost() {
        #expect(
            play([.handedIn(20), .linkLost, .handedIn(1), .stored(15), .stored(1)])
                == [[true, true], [false, false], [true, true], [false, true], [true, false]])
    }
}
