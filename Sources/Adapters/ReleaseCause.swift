import CallModel

/// What a release cause says, by the names of Q.850 as switches spell them (FreeSWITCH's list, whose private numbers moved
/// between releases and collide with SIP codes).
struct ReleaseCause {
    var q850: Int32?
    var sip: Int32?
    /// Of a call or ring that nobody took. nil: it says nothing about that.
    var disposition: Disposition?

    private init(_ q850: Int32? = nil, sip: Int32? = nil, _ disposition: Disposition? = nil) {
        (self.q850, self.sip, self.disposition) = (q850, sip, disposition)
    }

    static let named: [Substring: ReleaseCause] = [
        "NORMAL_CLEARING": ReleaseCause(16),
        "USER_BUSY": ReleaseCause(17, .busy),
        "NO_USER_RESPONSE": ReleaseCause(18, .noAnswer),
        "NO_ANSWER": ReleaseCause(19, .noAnswer),
        "SUBSCRIBER_ABSENT": ReleaseCause(20, .failed),
        "CALL_REJECTED": ReleaseCause(21, .rejected),
        "UNALLOCATED_NUMBER": ReleaseCause(1, .failed),
        "INVALID_NUMBER_FORMAT": ReleaseCause(28, .failed),
        "NORMAL_CIRCUIT_CONGESTION": ReleaseCause(34, .congestion),
        "SWITCH_CONGESTION": ReleaseCause(42, .congestion),
        "NORMAL_TEMPORARY_FAILURE": ReleaseCause(41, .failed),
        "NETWORK_OUT_OF_ORDER": ReleaseCause(38, .failed),
        "RECOVERY_ON_TIMER_EXPIRE": ReleaseCause(102, .noAnswer),
        "ORIGINATOR_CANCEL": ReleaseCause(sip: 487, .cancelled),
        "LOSE_RACE": ReleaseCause(nil, .answeredElsewhere),
        "PICKED_OFF": ReleaseCause(nil, .answeredElsewhere),
        "BLIND_TRANSFER": ReleaseCause(nil, .diverted),
        "ATTENDED_TRANSFER": ReleaseCause(nil, .diverted),
        "ALLOTTED_TIMEOUT": ReleaseCause(nil, .failed),
        "MEDIA_TIMEOUT": ReleaseCause(nil, .failed),
        // Of these only the number of Q.850 is known.
        "NO_ROUTE_TRANSIT_NET": ReleaseCause(2), "NO_ROUTE_DESTINATION": ReleaseCause(3),
        "CHANNEL_UNACCEPTABLE": ReleaseCause(6),
        "CALL_AWARDED_DELIVERED": ReleaseCause(7), "NUMBER_CHANGED": ReleaseCause(22),
        "REDIRECTION_TO_NEW_DESTINATION": ReleaseCause(23),
        "EXCHANGE_ROUTING_ERROR": ReleaseCause(25), "DESTINATION_OUT_OF_ORDER": ReleaseCause(27),
        "FACILITY_REJECTED": ReleaseCause(29),
        "RESPONSE_TO_STATUS_ENQUIRY": ReleaseCause(30), "NORMAL_UNSPECIFIED": ReleaseCause(31),
        "ACCESS_INFO_DISCARDED": ReleaseCause(43),
        "REQUESTED_CHAN_UNAVAIL": ReleaseCause(44), "PRE_EMPTED": ReleaseCause(45),
        "FACILITY_NOT_SUBSCRIBED": ReleaseCause(50),
        "OUTGOING_CALL_BARRED": ReleaseCause(52), "INCOMING_CALL_BARRED": ReleaseCause(54),
        "BEARERCAPABILITY_NOTAUTH": ReleaseCause(57),
        "BEARERCAPABILITY_NOTAVAIL": ReleaseCause(58), "SERVICE_UNAVAILABLE": ReleaseCause(63),
        "BEARERCAPABILITY_NOTIMPL": ReleaseCause(65), "CHAN_NOT_IMPLEMENTED": ReleaseCause(66),
        "FACILITY_NOT_IMPLEMENTED": ReleaseCause(69), "SERVICE_NOT_IMPLEMENTED": ReleaseCause(79),
        "INVALID_CALL_REFERENCE": ReleaseCause(81), "INCOMPATIBLE_DESTINATION": ReleaseCause(88),
        "INVALID_MSG_UNSPECIFIED": ReleaseCause(95), "MANDATORY_IE_MISSING": ReleaseCause(96),
        "MESSAGE_TYPE_NONEXIST": ReleaseCause(97),
        "WRONG_MESSAGE": ReleaseCause(98), "IE_NONEXIST": ReleaseCause(99), "INVALID_IE_CONTENTS": ReleaseCause(100),
        "WRONG_CALL_STATE": ReleaseCause(101), "MANDATORY_IE_LENGTH_ERROR": ReleaseCause(103),
        "PROTOCOL_ERROR": ReleaseCause(111),
        "INTERWORKING": ReleaseCause(127),
    ]

    /// A numeric code says as much as its name; SIP's by RFC 3261, section 21. Codes are never translated into each other's
    /// book, only read.
    static func disposition(q850 code: Int32) -> Disposition? { byNumber[code] }

    private static let byNumber = Dictionary(
        named.values.compactMap { cause in cause.q850.flatMap { code in cause.disposition.map { (code, $0) } } },
        uniquingKeysWith: { first, _ in first })

    static func disposition(sip code: Int32) -> Disposition? {
        switch code {
        case 486, 600: .busy
        case 408, 480: .noAnswer
        case 403, 603: .rejected
        case 487: .cancelled
        case 404, 410, 484, 604: .failed
        case 503: .congestion
        case 500...599: .failed
        default: nil
        }
    }
}

extension Outcome {
    /// Takes in a release code as text: a number goes into the book that its size tells, `SIP;cause=486` and `Q.850;cause=17`
    /// (RFC 3326) into the one that they name. What says more than a number is kept as `tech`.
    mutating func setCode(_ text: String) {
        if let number = Int64(text) { return setCode(number) }
        tech = text
        let parts = text.split(separator: ";").map { $0.trimmingBlanks() }
        guard let book = parts.first?.lowercased(), book == "sip" || book == "q.850",
            let cause = parts.dropFirst().first(where: { $0.lowercased().hasPrefix("cause=") }),
            let number = Int64(cause.dropFirst("cause=".utf8.count)), setCode(number, isSIP: book == "sip")
        else { return }
        if parts.count == 2 { tech = nil }
    }

    /// False where the book has no such number.
    private mutating func setCode(_ number: Int64, isSIP: Bool) -> Bool {
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
