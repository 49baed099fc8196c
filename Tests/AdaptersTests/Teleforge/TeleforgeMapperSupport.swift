import CallModel
import Codecs

@testable import Adapters

/// Maps one element of the list or channel `place` (behind the prefix).
func mapped(
    _ place: String, _ element: String, raw: RawPolicy = .off, limits: JSONLimits = JSONLimits()
) -> [CallFact] { mapped(place, bytes: Array(element.utf8), raw: raw, limits: limits) }

func mapped(
    _ place: String, bytes: [UInt8], raw: RawPolicy = .off, limits: JSONLimits = JSONLimits()
) -> [CallFact] {
    let mapper = TeleforgeMapper(prefix: "enigma:notifications", raw: raw, limits: limits)
    var facts: [CallFact] = []
    let result = bytes.withUnsafeBytes {
        mapper.facts(list: "enigma:notifications:\(place)", element: $0, into: &facts)
    }
    return (result == .unmapped) == (facts.first?.kind == .sourceUnmapped) ? facts : []
}

/// A notification of the `inbound` list with these members of its payload.
func inbound(_ payload: String) -> [CallFact] { mapped("inbound", #"{"type":"call","payload":{\#(payload)}}"#) }

/// A Click2Dial record with these members of its payload.
func record(_ payload: String) -> [CallFact] { mapped("cdr", #"{"type":"cdr","payload":{\#(payload)}}"#) }

/// A dialler record with these members of its payload.
func diallerRecord(_ payload: String) -> [CallFact] {
    mapped("campaigns", #"{"type":"cdr","payload":{\#(payload)}}"#)
}

extension CallFact {
    /// What the mapper decides, on one line: kind, call, direction, parties, agent, times and durations, outcome, references,
    /// extra fields; what is absent is left out.
    var summary: String {
        var words = [kind.name]
        if let callID { words.append(callID) }
        if let direction { words.append(direction.rawValue) }
        if body.from != nil || body.to != nil { words.append("\(Self.text(body.from))>\(Self.text(body.to))") }
        if let agent = body.agent { words.append("agent=\(agent.id)") }
        if let occurredAt { words.append("at=\(occurredAt)") }
        words += timingWords + outcomeWords
        for key in References.Key.allCases {
            if let value = body.references[key] { words.append("\(key)=\(value)") }
        }
        words += body.extra.map { "\($0.name):\($0.value)" }
        return words.joined(separator: " ")
    }

    private static func text(_ party: Party?) -> String {
        guard let party else { return "-" }
        return party.isAnonymous ? "anonymous" : party.number ?? "?"
    }

    private var timingWords: [String] {
        guard let timing = body.timing else { return [] }
        let values = [
            ("queue", timing.queueMilliseconds), ("hold", timing.holdMilliseconds), ("total", timing.totalMilliseconds),
        ]
        return values.compactMap { name, value in value.map { "\(name)=\($0)" } }
    }

    private var outcomeWords: [String] {
        guard let outcome = body.outcome, let disposition = outcome.disposition else { return [] }
        var words = [disposition.rawValue]
        if let endedBy = outcome.endedBy { words.append("by=\(endedBy.rawValue)") }
        if let q850 = outcome.q850 { words.append("q850=\(q850)") }
        if let sip = outcome.sip { words.append("sip=\(sip)") }
        if let tech = outcome.tech { words.append("tech=\(tech)") }
        return words
    }

    /// Of a message that was not understood.
    var problem: Problem? {
        guard case .problem(let problem) = body.detail else { return nil }
        return problem
    }
}
