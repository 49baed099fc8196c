import CallModel
import Codecs

/// Reads events in their order and finds broken promises (model, section 7.9).
public struct PromiseJudge {
    private struct Call {
        var seq: Int32 = 0
        var hasEnded = false
        var lastOccurred: Timestamp?
        var rings: Set<String> = []
    }

    public private(set) var faults: [String] = []
    private var calls: [String: Call] = [:]
    private var ids: Set<UUID128> = []
    private var lastSeq: Int64 = 0
    private var abandoned: String?

    /// Calls without an end.
    public var open: [String] { calls.filter { !$0.value.hasEnded }.keys.sorted() }

    public static func faults(of events: [CallEvent]) -> PromiseJudge {
        var judge = PromiseJudge()
        for event in events { judge.take(event) }
        return judge
    }

    private mutating func fault(_ event: CallEvent, _ text: String) {
        faults.append("seq \(event.seq) \(event.kind.name) of \(event.call?.id ?? "-"): \(text)")
    }

    private mutating func take(_ event: CallEvent) {
        if event.seq != lastSeq + 1 { fault(event, "follows \(lastSeq)") }
        lastSeq = event.seq
        if !ids.insert(event.id).inserted { fault(event, "id came before") }
        if let waiting = abandoned, event.call?.id != waiting || event.kind != .callEnded {
            fault(event, "stands between an abandon and its end")
        }
        let isEndOfAbandoned = abandoned != nil
        abandoned = nil
        guard let reference = event.call else { return }
        var call = calls[reference.id] ?? Call()
        defer { calls[reference.id] = call }
        if reference.seq != call.seq + 1 { fault(event, "call.seq \(reference.seq) follows \(call.seq)") }
        call.seq = reference.seq
        if event.kind.isOpener != (reference.seq == 1) { fault(event, "is number \(reference.seq)") }
        if call.hasEnded, event.kind != .callRecord, event.kind != .callMissed, !event.late {
            fault(event, "after the end")
        }
        if let last = call.lastOccurred, event.occurredAt < last, !event.late { fault(event, "goes back in time") }
        if !event.late { call.lastOccurred = event.occurredAt }
        if isEndOfAbandoned, event.body.outcome?.disposition != .abandoned { fault(event, "is not abandoned") }
        if event.kind == .callAbandoned { abandoned = reference.id }
        if !call.hasEnded { judgeRings(event, &call) }
        if event.kind == .callEnded {
            if call.hasEnded { fault(event, "is a second end") }
            call.hasEnded = true
        }
        if (reference.state == .ended) != call.hasEnded { fault(event, "state is \(reference.state)") }
    }

    private mutating func judgeRings(_ event: CallEvent, _ call: inout Call) {
        let key: String
        if let agent = event.body.agent {
            key = agent.id
        } else if case .target(let target) = event.body.detail {
            key = "target \(target.id ?? "")"
        } else {
            key = ""
        }
        switch event.kind {
        case .callRinging: if !call.rings.insert(key).inserted { fault(event, "rings twice at once") }
        case .callRingStopped:
            // The first fact of a call may tell of a ring that began unseen.
            if call.rings.remove(key) == nil, call.seq != 2 { fault(event, "stops a ring that is not there") }
        case .callAnswered: call.rings.remove(key)
        case .callEnded: call.rings = []
        default: return
        }
        if let told = event.call?.alerting, Int(told) != call.rings.count {
            fault(event, "alerting is \(told), not \(call.rings.count)")
        }
    }
}
