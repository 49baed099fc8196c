import CallModel

/// Dispositions of Teleforge (wiki, "Dispositions" and "Raw Dispositions") in the model's words.
enum TeleforgeOutcome {
    /// What an `end_reason` says.
    private struct Reason {
        let disposition: Disposition
        var endedBy: Outcome.Ender?
        /// Somebody, or something, had picked up.
        var wasConnected = false
    }

    /// By the lower-cased word: the raw ones of Asterisk (before C2D v2.3.0) come in capitals and mean the same.
    private static let reasons: [String: Reason] = [
        "hungup": Reason(disposition: .answered, wasConnected: true),
        "answer": Reason(disposition: .answered, wasConnected: true),
        "callee_hungup": Reason(disposition: .answered, endedBy: .customer, wasConnected: true),
        "callee_hangup": Reason(disposition: .answered, endedBy: .customer, wasConnected: true),
        "agent_hungup": Reason(disposition: .answered, endedBy: .agent, wasConnected: true),
        "agent_hangup": Reason(disposition: .answered, endedBy: .agent, wasConnected: true),
        "voicemail": Reason(disposition: .voicemail), "busy": Reason(disposition: .busy),
        "reject": Reason(disposition: .rejected), "dontcall": Reason(disposition: .rejected),
        "torture": Reason(disposition: .rejected), "timeout": Reason(disposition: .noAnswer),
        "noanswer": Reason(disposition: .noAnswer), "cancel": Reason(disposition: .cancelled),
        "congestion": Reason(disposition: .congestion), "error": Reason(disposition: .failed),
        "failed": Reason(disposition: .failed), "chanunavail": Reason(disposition: .failed),
        "invalidargs": Reason(disposition: .failed),
    ]

    /// The outcome of a call record. Without an agent a call that was picked up had its caller hang up while waiting.
    static func of(reason: String?, code: String?, hasAgent: Bool) -> Outcome {
        var outcome = Outcome(disposition: .unknown)
        outcome.closure = .vendor
        outcome.reason = reason
        if let code { outcome.setCode(code) }
        guard let reason, let known = reasons[reason.lowercased()] else { return outcome }
        (outcome.disposition, outcome.endedBy) = (known.disposition, known.endedBy)
        if known.wasConnected, !hasAgent { (outcome.disposition, outcome.endedBy) = (.abandoned, .customer) }
        if known.disposition == .failed, outcome.q850 == 34 || outcome.q850 == 42 { outcome.disposition = .congestion }
        return outcome
    }
}
