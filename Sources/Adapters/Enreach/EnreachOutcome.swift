import CallModel

/// `Reason`, `DetailedReason` and `TechReason` in the model's words.
enum EnreachOutcome {
    /// What is said of a ring or a transfer that came to nothing. The tracker knows better how a ring ended.
    static func of(reason: String?, detail: String?) -> Outcome {
        var outcome = Outcome()
        (outcome.reason, outcome.detail) = (reason, detail)
        outcome.side = reason.flatMap { Outcome.Side(rawValue: $0.lowercased()) }
        return outcome
    }

    /// Whose event tells the end.
    enum Teller {
        case queue
        case calledUser
        case callingUser
    }

    /// What is known of a call that ends.
    struct Circumstances {
        var direction: Direction
        /// An agent, a user, or whoever it was transferred to was connected.
        var wasServed: Bool
        /// Nothing of it went unseen, so that what was not told did not happen.
        var isWhole: Bool
    }

    /// The end of a call: as `call.abandoned`, which the tracker ends, where the caller gave up waiting.
    static func end(
        reason: String?, tech: String?, by teller: Teller, _ circumstances: Circumstances
    ) -> (kind: Kind, outcome: Outcome) {
        var outcome = of(reason: reason, detail: nil)
        if let tech { setCode(tech, in: &outcome) }
        guard !circumstances.wasServed else {
            outcome.disposition = .answered
            return (.callEnded, outcome)
        }
        let told = tech.flatMap { disposition(ofTech: $0, outcome) }
        // The leg of a caller is told from his side. On a user's leg `remote` may be his telephone, so a cause that no caller
        // can make counts more there.
        let gaveUp =
            switch teller {
            case .queue: outcome.side == .remote
            case .calledUser: outcome.side == .remote && told == nil
            case .callingUser: outcome.side == .local
            }
        outcome.disposition = gaveUp || told == .cancelled ? givenUp(circumstances) : told
        return (outcome.disposition == .abandoned ? .callAbandoned : .callEnded, outcome)
    }

    /// nil where the call may have been answered unseen.
    private static func givenUp(_ circumstances: Circumstances) -> Disposition? {
        guard circumstances.isWhole else { return nil }
        return circumstances.direction == .inbound ? .abandoned : .cancelled
    }

    /// A number, alone or before its words; else a text.
    private static func setCode(_ tech: String, in outcome: inout Outcome) {
        outcome.setCode(tech)
        let digits = tech.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, digits.endIndex < tech.endIndex, tech[digits.endIndex] == " ",
            let number = Int64(digits), number < 700
        else { return }
        outcome.setCode(number)
        outcome.tech = tech
    }

    /// Of a call that nobody took. nil: it says nothing about that.
    private static func disposition(ofTech tech: String, _ outcome: Outcome) -> Disposition? {
        if let code = outcome.sip { return ReleaseCause.disposition(sip: code) }
        if let code = outcome.q850 { return ReleaseCause.disposition(q850: code) }
        let word = tech.lowercased()
        if word == "busy_on_busy" { return .busy }
        if word.hasPrefix("ivr_") { return .treated }
        let disposition = ReleaseCause.named[Substring(tech.uppercased())]?.disposition
        // Only of rings.
        return disposition == .answeredElsewhere ? nil : disposition
    }
}
