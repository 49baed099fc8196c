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
    struct Cause {
        var q850: Int32?
        var sip: Int32?
        /// Of a call or ring that nobody took. nil: it says nothing about that.
        var disposition: Disposition?

        init(_ q850: Int32? = nil, sip: Int32? = nil, _ disposition: Disposition? = nil) {
            (self.q850, self.sip, self.disposition) = (q850, sip, disposition)
        }
    }

    static let causes: [Substring: Cause] = [
        "NORMAL_CLEARING": Cause(16),
        "USER_BUSY": Cause(17, .busy),
        "NO_USER_RESPONSE": Cause(18, .noAnswer),
        "NO_ANSWER": Cause(19, .noAnswer),
        "SUBSCRIBER_ABSENT": Cause(20, .failed),
        "CALL_REJECTED": Cause(21, .rejected),
        "UNALLOCATED_NUMBER": Cause(1, .failed),
        "INVALID_NUMBER_FORMAT": Cause(28, .failed),
        "NORMAL_CIRCUIT_CONGESTION": Cause(34, .congestion),
        "SWITCH_CONGESTION": Cause(42, .congestion),
        "NORMAL_TEMPORARY_FAILURE": Cause(41, .failed),
        "NETWORK_OUT_OF_ORDER": Cause(38, .failed),
        "RECOVERY_ON_TIMER_EXPIRE": Cause(102, .noAnswer),
        "ORIGINATOR_CANCEL": Cause(sip: 487, .cancelled),
        "LOSE_RACE": Cause(nil, .answeredElsewhere),
        "PICKED_OFF": Cause(nil, .answeredElsewhere),
        "BLIND_TRANSFER": Cause(nil, .diverted),
        "ATTENDED_TRANSFER": Cause(nil, .diverted),
        "ALLOTTED_TIMEOUT": Cause(nil, .failed),
        "MEDIA_TIMEOUT": Cause(nil, .failed),
        // Of these only the number of Q.850 is known.
        "NO_ROUTE_TRANSIT_NET": Cause(2), "NO_ROUTE_DESTINATION": Cause(3), "CHANNEL_UNACCEPTABLE": Cause(6),
        "CALL_AWARDED_DELIVERED": Cause(7), "NUMBER_CHANGED": Cause(22), "REDIRECTION_TO_NEW_DESTINATION": Cause(23),
        "EXCHANGE_ROUTING_ERROR": Cause(25), "DESTINATION_OUT_OF_ORDER": Cause(27), "FACILITY_REJECTED": Cause(29),
        "RESPONSE_TO_STATUS_ENQUIRY": Cause(30), "NORMAL_UNSPECIFIED": Cause(31), "ACCESS_INFO_DISCARDED": Cause(43),
        "REQUESTED_CHAN_UNAVAIL": Cause(44), "PRE_EMPTED": Cause(45), "FACILITY_NOT_SUBSCRIBED": Cause(50),
        "OUTGOING_CALL_BARRED": Cause(52), "INCOMING_CALL_BARRED": Cause(54), "BEARERCAPABILITY_NOTAUTH": Cause(57),
        "BEARERCAPABILITY_NOTAVAIL": Cause(58), "SERVICE_UNAVAILABLE": Cause(63),
        "BEARERCAPABILITY_NOTIMPL": Cause(65), "CHAN_NOT_IMPLEMENTED": Cause(66),
        "FACILITY_NOT_IMPLEMENTED": Cause(69), "SERVICE_NOT_IMPLEMENTED": Cause(79),
        "INVALID_CALL_REFERENCE": Cause(81), "INCOMPATIBLE_DESTINATION": Cause(88),
        "INVALID_MSG_UNSPECIFIED": Cause(95), "MANDATORY_IE_MISSING": Cause(96), "MESSAGE_TYPE_NONEXIST": Cause(97),
        "WRONG_MESSAGE": Cause(98), "IE_NONEXIST": Cause(99), "INVALID_IE_CONTENTS": Cause(100),
        "WRONG_CALL_STATE": Cause(101), "MANDATORY_IE_LENGTH_ERROR": Cause(103), "PROTOCOL_ERROR": Cause(111),
        "INTERWORKING": Cause(127),
    ]

    private static func base(_ hangup: BasixHangup) -> (outcome: Outcome, cause: Cause?) {
        var outcome = Outcome()
        outcome.reason = hangup.text
        outcome.side = hangup.side
        let cause = hangup.cause.flatMap { causes[$0] }
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
        _ hangup: BasixHangup, _ cause: Cause?, _ circumstances: Circumstances
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
