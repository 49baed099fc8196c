import BridgeCore
import CallModel
import Codecs
import TestSupport

@testable import Adapters

/// Mapper and tracker of one source, with a link and a process that can be lost.
struct XCALLYRun: ~Copyable {
    private var replayer = XCALLYReplayer(raw: .off)
    private var tracker: CallTracker
    private var source: Int
    private(set) var events: [CallEvent] = []
    private(set) var now = Timestamp(microseconds: 1_437_069_264_000_000)

    init() {
        tracker = CallTracker(stream: UUID128(high: 1, low: 2))
        source = tracker.register(Self.profile)
    }

    static var profile: SourceProfile {
        var profile = SourceProfile(vendor: "xcally", name: "rome", tenant: "acme")
        XCALLYConfiguration.complete(&profile)
        return profile
    }

    /// Lets time pass; what is due happens, each at its own time.
    mutating func passTime(_ duration: Duration) { passTime(to: now.advanced(by: duration)) }

    mutating func passTime(to end: Timestamp) {
        while let due = tracker.nextDeadline, due <= end {
            tracker.advance(to: max(due, now))
            collect()
        }
        now = end
    }

    mutating func take(_ message: JSONValue) throws {
        var facts: [CallFact] = []
        try replayer.facts(of: message, at: now, into: &facts)
        for fact in facts { tracker.apply(fact, from: source, receivedAt: now) }
        collect()
    }

    mutating func connect() {
        tracker.linkUp(source: source, attempt: 1, at: now)
        collect()
    }

    mutating func disconnect() {
        tracker.linkDown(source: source, reason: "test", lastGood: now, at: now)
        collect()
    }

    /// The process is killed; another one goes on with the stored lines and nothing else.
    mutating func restart() throws {
        tracker = CallTracker(stream: UUID128(high: 1, low: 2))
        source = tracker.register(Self.profile)
        for event in events { tracker.restore(try LineReader.read(LineWriter.text(event))) }
        tracker.runStarted(afterCrash: true)
        _ = tracker.takeRecentCalls(of: source)
        replayer = XCALLYReplayer(raw: .off)
        // What was due before the kill is due again: the stored lines do not tell that a timer had fired without a word.
        passTime(.zero)
    }

    private mutating func collect() { events += tracker.takeOutput().map(\.event) }
}
