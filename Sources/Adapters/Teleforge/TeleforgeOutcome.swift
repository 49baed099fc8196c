import CallModel

/// Dispositions of Teleforge (wiki, "Dispositions" and "Raw Dispositions") in the model's words.
enum TeleforgeOutcome {
    /// `end_reason` → disposition, who ended it, and whether the call had been connected.
    static let reasons: [String: (disposition: Disposition, endedBy: Outcome.Ender?, wasConnected: Bool)] = [
        "hungup": (.answered, nil, true), "ANSWER": (.answered, nil, true),
        "callee_hungup": (.answered, .customer, true), "callee_hangup": (.answered, .customer, true),
        "agent_hungup": (.answered, .agent, true), "agent_hangup": (.answered, .agent, true),
        "voicemail": (.voicemail, nil, false),
        "busy": (.busy, nil, false), "BUSY": (.busy, nil, false),
        "reject": (.rejected, nil, false), "DONTCALL": (.rejected, nil, false), "TORTURE": (.rejected, nil, false),
        "timeout": (.noAnswer, nil, false), "NOANSWER": (.noAnswer, nil, false),
        "CANCEL": (.cancelled, nil, false), "CONGESTION": (.congestion, nil, false),
        "error": (.failed, nil, false), "failed": (.failed, nil, false),
        "CHANUNAVAIL": (.failed, nil, false), "INVALIDARGS": (.failed, nil, false),
    ]

    /// The outcome of a call record. Without an agent a call that was picked up had its caller hang up while waiting.
    static func of(reason: String?, code: String?, hasAgent: Bool) -> Outcome {
        var outcome = Outcome(disposition: .unknown)
        outcome.closure = .vendor
        outcome.reason = reason
        if let code { setCode(code, in: &outcome) }
        guard let reason, let known = reasons[reason] else { return outcome }
        (outcome.disposition, outcome.endedBy) = (known.disposition, known.endedBy)
        if known.wasConnected, !hasAgent { (outcome.disposition, outcome.endedBy) = (.abandoned, .customer) }
        if known.disposition == .failed, outcome.q850 == 34 || outcome.q850 == 42 { outcome.disposition = .congestion }
        return outcome
    }

    /// A number in its own book; `SIP;cause=486` and `Q.850;cause=17` (RFC 3326) are read too; other texts stay texts.
    private static func setCode(_ code: String, in outcome: inout Outcome) {
        let isNamed = code.hasPrefix("SIP;cause=") || code.hasPrefix("Q.850;cause=")
        let digits = isNamed ? code.split(separator: "=").last.map(String.init) ?? "" : code
        if let number = Int64(digits) {
            outcome.setCode(number)
            if isNamed, outcome.tech != nil { outcome.tech = code }
        } else if !code.isEmpty {
            outcome.tech = code
        }
    }
}
