import CallModel

/// `last_event_data` of a hang-up: `<recv or send>_<bye, cancel or refuse>,<CAUSE>`.
struct BasixHangup: Equatable {
    /// As sent; nil where older servers and unclean ends leave it out.
    var text: String?
    /// `remote`: the far end of the leg did it; `local`: the PBX.
    var side: Outcome.Side?
    /// `bye`, `cancel`, `refuse`.
    var means: Substring?
    /// A name of FreeSWITCH's list.
    var cause: Substring?

    init(_ text: String?) {
        guard let text, !text.isEmpty else { return }
        self.text = text
        let parts = text.split(separator: ",", maxSplits: 1)
        if parts.count == 2 { cause = parts[1] }
        guard let first = parts.first else { return }
        if first.hasPrefix("recv_") { side = .remote }
        if first.hasPrefix("send_") { side = .local }
        if side != nil { means = first.dropFirst(5) }
    }

    /// The far end gave up or hung up; it did not refuse.
    var isByFarEnd: Bool { side == .remote && (means == "bye" || means == "cancel") }

    var isTransfer: Bool { cause == "BLIND_TRANSFER" || cause == "ATTENDED_TRANSFER" }
}

/// Causes to outcomes, by name: FreeSWITCH's private numbers moved between releases and collide with SIP codes.
enum BasixOutcome {
    private static func base(_ hangup: BasixHangup) -> (outcome: Outcome, cause: ReleaseCause?) {
        var outcome = Outcome()
        outcome.reason = hangup.text
        outcome.side = hangup.side
        let cause = hangup.cause.flatMap { ReleaseCause.named[$0] }
        (outcome.q850, outcome.sip) = (cause?.q850, cause?.sip)
        return (outcome, cause)
    }

    /// Of a phone that rang and was not answered. The disposition is nil where the tracker knows better: `NORMAL_CLEARING`
    /// says nothing of why.
    static func ofRing(_ hangup: BasixHangup) -> Outcome {
        var (outcome, cause) = base(hangup)
        outcome.disposition = cause.map(\.disposition) ?? .unknown
        return outcome
    }

    /// Of a party that was connected and left.
    static func ofLeaving(_ hangup: BasixHangup) -> Outcome? {
        guard hangup.text != nil else { return nil }
        var outcome = base(hangup).outcome
        outcome.disposition = hangup.isTransfer ? .diverted : .answered
        return outcome
    }

    /// What is known of a call that ends.
    struct Circumstances {
        var wasAnswered: Bool
        var activity: BasixActivity?
        var direction: Direction
        /// Of the leg that hung up, and of the one that it talked to.
        var isExternal: Bool?
        var isPartnerExternal: Bool?
    }

    static func ofCall(_ hangup: BasixHangup, _ circumstances: Circumstances) -> Outcome {
        var (outcome, cause) = base(hangup)
        outcome.disposition = disposition(hangup, cause, circumstances)
        outcome.endedBy = ender(hangup, circumstances)
        outcome.closure = .vendor
        return outcome
    }

    private static func disposition(
        _ hangup: BasixHangup, _ cause: ReleaseCause?, _ circumstances: Circumstances
    ) -> Disposition {
        if circumstances.wasAnswered { return .answered }
        let failure = cause?.disposition.flatMap { [.failed, .congestion].contains($0) ? $0 : nil }
        if case .treatment(let treatment) = circumstances.activity {
            return treatment.type == .voicemail ? .voicemail : failure ?? .treated
        }
        let givenUp: Disposition =
            circumstances.direction == .inbound
                || circumstances.direction == .unknown && circumstances.isExternal == true
            ? .abandoned : .cancelled
        if hangup.isByFarEnd { return givenUp }
        switch cause?.disposition {
        case .cancelled: return givenUp
        // Only of rings.
        case .answeredElsewhere, nil: return .unknown
        case let told?: return told
        }
    }

    /// Only where it is certain.
    private static func ender(_ hangup: BasixHangup, _ circumstances: Circumstances) -> Outcome.Ender? {
        if hangup.cause == "ALLOTTED_TIMEOUT" || hangup.cause == "MEDIA_TIMEOUT" { return .system }
        switch hangup.side {
        case .remote where hangup.isByFarEnd: return circumstances.isExternal.map { $0 ? .customer : .agent }
        case .local where circumstances.wasAnswered && circumstances.activity == .bridged:
            if circumstances.isExternal == true { return .agent }
            return circumstances.isPartnerExternal.map { $0 ? .customer : .agent }
        case .local, .remote, nil: return nil
        }
    }
}
