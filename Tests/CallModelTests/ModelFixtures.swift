import CallModel
import Codecs
import TestSupport

/// 2026-01-15T10:00:00Z, the beginning of every scene.
let sceneStart = Timestamp(microseconds: 1_768_471_200_000_000)
let sceneStream = UUID128(high: 0x0192_F0C4_8A00_7000, low: 0x8000_0000_0000_0001)

/// `seconds` after the beginning.
func at(_ seconds: Double) -> Timestamp {
    Timestamp(microseconds: sceneStart.microseconds + Int64((seconds * 1_000_000).rounded()))
}

/// A source that gives neither times nor ids, and never says that other phones stopped.
func countingProfile(_ name: String = "hel", lifecycle: SourceProfile.Lifecycle = .strict) -> SourceProfile {
    var profile = SourceProfile(vendor: "enreach", name: name, tenant: "acme", lifecycle: lifecycle)
    profile.countsFacts = true
    return profile
}

/// A source in the manner of XCALLY.
func closingProfile(_ name: String = "rome") -> SourceProfile {
    var profile = SourceProfile(vendor: "xcally", name: name, tenant: "acme")
    profile.countsFacts = true
    profile.closesOtherRings = true
    profile.ringsAgainAfter = .seconds(2)
    profile.transferGrace = .seconds(5)
    return profile
}

/// A tracker with one source, and what it wrote so far.
struct Scene: ~Copyable {
    var tracker: CallTracker
    let source: Int
    /// Every event in order.
    private(set) var events: [CallEvent] = []

    init(_ profile: SourceProfile = countingProfile(), limits: TrackerLimits = TrackerLimits()) {
        tracker = CallTracker(stream: sceneStream, limits: limits)
        source = tracker.register(profile)
    }

    /// Applies a fact at `seconds` and returns the new events.
    @discardableResult
    mutating func apply(_ fact: CallFact, at seconds: Double) -> [CallEvent] {
        tracker.apply(fact, from: source, receivedAt: at(seconds))
        return take()
    }

    @discardableResult
    mutating func advance(to seconds: Double) -> [CallEvent] {
        tracker.advance(to: at(seconds))
        return take()
    }

    /// The events since the last time.
    mutating func take() -> [CallEvent] {
        let fresh = tracker.output.map(\.event)
        _ = tracker.takeOutput()
        events += fresh
        return fresh
    }
}

// MARK: - Facts

func fact(_ kind: Kind, _ call: String? = "c1", _ edit: (inout CallFact) -> Void = { _ in }) -> CallFact {
    var fact = CallFact(kind, callID: call, event: "test")
    edit(&fact)
    return fact
}

/// A fact of `kind` with the blocks that the schema wants of it; `who` names the agent, the queue, the slot and so on.
func plainFact(_ kind: Kind, _ call: String? = "c1", who: String = "1") -> CallFact {
    var fact = CallFact(kind, callID: call, event: "test")
    let agent = Agent(id: who)
    switch kind {
    case .callQueued: fact.body.queue = Queue(id: "q\(who)")
    case .callRinging, .callAnswered, .callLeft, .callHeld, .callRetrieved: fact.body.agent = agent
    case .callRingStopped, .callMissed: fact.body.agent = agent
    case .callRouted: fact.body.detail = .target(Target(.user, id: who))
    case .callTreatment: fact.body.detail = .treatment(Treatment(.ivr, id: "ivr\(who)"))
    case .callParked, .callUnparked:
        fact.body.detail = .park(Park(slot: "90\(who)"))
        fact.body.agent = agent
    case .callDiverted: fact.body.detail = .divert(Divert(.overflow))
    case .callTransferStarted, .callTransferCancelled:
        fact.body.detail = .transfer(Transfer(type: .blind))
        fact.body.agent = agent
    case .callTransferConnected:
        fact.body.detail = .transfer(Transfer(type: .blind, target: Target(.user, id: "t\(who)")))
    case .callConferenced:
        fact.body.detail = .conference(room: "r\(who)")
        fact.body.agent = agent
    case .callMonitored:
        fact.body.detail = .monitor(Monitor(leg: "l\(who)"))
        fact.body.agent = agent
    case .callRecord:
        fact.body.detail = .record(Record(id: call ?? "none"))
        fact.body.outcome = Outcome(disposition: .answered)
        fact.identity = .parts(["record", call ?? "none", who])
    default: break
    }
    return fact
}

extension CallEvent {
    /// The kind and what tells it apart, short enough to compare lists of them.
    var brief: String {
        var text = kind.name
        if let agent = body.agent { text += " agent:\(agent.id)" }
        if let disposition = body.outcome?.disposition { text += " \(disposition.rawValue)" }
        if late { text += " late" }
        return text
    }

    var line: String { LineWriter.text(self) }
}
