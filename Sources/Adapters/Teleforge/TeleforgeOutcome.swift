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
        if let code { setCode(code, in: &outcome) }
        guard let reason, let known = reasons[reason.lowercased()] else { return outcome }
        (outcome.disposition, outcome.endedBy) = (known.disposition, known.endedBy)
        if known.wasConnected, !hasAgent { (outcome.disposition, outcome.endedBy) = (.abandoned, .customer) }
        if known.disposition == .failed, outcome.q850 == 34 || outcome.q850 == 42 { outcome.disposition = .congestion }
        return outcome
    }

    /// A number in the book that its size tells; `SIP;cause=486` and `Q.850;cause=17` (RFC 3326) in the book they name.
    /// What says more than a number is kept as `tech` too.
    private static func setCode(_ code: String, in outcome: inout Outcome) {
        if let number = Int64(code) { return outcome.setCode(number) }
        outcome.tech = code
        let parts = code.split(separator: ";").map { $0.trimmingBlanks() }
        guard let book = parts.first?.lowercased(), book == "sip" || book == "q.850",
            let cause = parts.dropFirst().first(where: { $0.lowercased().hasPrefix("cause=") }),
            let number = Int64(cause.dropFirst("cause=".utf8.count)), outcome.setCode(number, book: book)
        else { return }
        if parts.count == 2 { outcome.tech = nil }
    }
}

extension Outcome {
    /// False where the book has no such number.
    fileprivate mutating func setCode(_ number: Int64, book: String) -> Bool {
        let isSIP = book == "sip"
        guard (isSIP ? 200...699 : 0...127).contains(number) else { return false }
        if isSIP { sip = Int32(number) } else { q850 = Int32(number) }
        return true
    }
}

extension Substring {
    fileprivate func trimmingBlanks() -> Substring {
        var text = self
        while text.last == " " { text.removeLast() }
        return text.drop { $0 == " " }
    }
}
