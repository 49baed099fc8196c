import WireProtocols

/// `state`, as it lies in a record: `{Ts, Name, Operand...}`. Names its operands; the only place that knows where they are.
struct BasixStateView {
    /// State names with operands of a known meaning.
    enum Name {
        case calling, bridged, voicemail, checkingVoicemail, callingSIPTermination, ivr, systemOperation, conference
        case xmlIVR, park, ringing, eavesdrop
        case other
    }

    private static let names: [(text: StaticString, name: Name)] = [
        ("calling", .calling), ("bridged", .bridged), ("park", .park), ("ivr", .ivr), ("voicemail", .voicemail),
        ("ringing", .ringing), ("conference", .conference), ("xml_ivr", .xmlIVR),
        ("system_operation", .systemOperation), ("checking_voicemail", .checkingVoicemail),
        ("calling_siptermination", .callingSIPTermination), ("eavesdrop", .eavesdrop),
        // xml_ivr of servers before 2019.
        ("plivo", .xmlIVR),
    ]

    let term: BERTTerm
    let time: BERTTerm?
    let nameTerm: BERTTerm
    let name: Name

    /// nil for a value that is no tuple with a time and a name.
    init?(_ term: BERTTerm) {
        guard term.kind == .tuple || term.kind == .list, let time = term[0], let nameTerm = term[1],
            time.kind == .integer || time.isUnset, nameTerm.repairedText != nil
        else { return nil }
        (self.term, self.nameTerm) = (term, nameTerm)
        self.time = time.isUnset ? nil : time
        name = Self.names.first { nameTerm.matches($0.text) }?.name ?? .other
    }

    /// Operand `index`, counted from the first behind the name; nil where it is missing or unset.
    func operand(_ index: Int) -> BERTTerm? { term[index + 2].flatMap { $0.isUnset ? nil : $0 } }

    var operands: BERTTerm.Elements {
        var elements = term.elements
        _ = elements.next()
        _ = elements.next()
        return elements
    }

    // MARK: calling

    var targetLocation: BERTTerm? { operand(0) }
    var targetType: BERTTerm? { operand(1) }
    /// `{UserId, ...}` for a user.
    var userID: BERTTerm? { data(0) }
    /// `{GroupType, GroupId, _, _, QueueId}` for a group, the queue only for type ring.
    var groupType: BERTTerm? { data(0) }
    var groupID: BERTTerm? { data(1) }
    var groupQueueID: BERTTerm? { groupType?.matches("ring") == true ? data(4) : nil }
    /// `{Address, ...}` for a number.
    var address: BERTTerm? { data(0) }
    /// `{User, Host, ...}` for an endpoint of another system, as `User@Host`.
    var endpointAddress: String? {
        guard let user = data(0)?.identifier, let host = data(1)?.identifier else { return data(0)?.identifier }
        return "\(user)@\(host)"
    }

    private func data(_ index: Int) -> BERTTerm? {
        guard let data = operand(2), data.kind == .tuple || data.kind == .list else { return nil }
        return data[index].flatMap { $0.isUnset ? nil : $0 }
    }

    // MARK: Others

    var voicemailTargetType: BERTTerm? { operand(0) }
    var voicemailTargetID: BERTTerm? { operand(1) }
    var voicemailTargetName: BERTTerm? { operand(2) }
    var slot: BERTTerm? { operand(0) }
    var parkerID: BERTTerm? { operand(2) }
    var parkerName: BERTTerm? { operand(3) }
    var eavesdropUUID: BERTTerm? { operand(0) }
    var eavesdropState: BERTTerm? { operand(1) }
    /// The URL, IVR, operation, room or mailbox of the states with one operand.
    var subject: BERTTerm? { operand(0) }
}

/// `target`: `{Type, Id, Name, Address}`.
struct BasixTargetView {
    private let term: BERTTerm

    init?(_ term: BERTTerm) {
        guard term.kind == .tuple else { return nil }
        self.term = term
    }

    var type: BERTTerm? { part(0) }
    var id: BERTTerm? { part(1) }
    var name: BERTTerm? { part(2) }
    var address: BERTTerm? { part(3) }

    private func part(_ index: Int) -> BERTTerm? { term[index].flatMap { $0.isUnset ? nil : $0 } }
}

/// `other_info`: `{Type, Who, Direction, PeerLocation, Address, OfferTimestamp, GroupId, Whoscall}`, six members at first.
/// The eighth was `answer_timestamp`, an integer, from November 2021 to January 2024.
struct BasixOtherInfoView {
    private let term: BERTTerm

    init?(_ term: BERTTerm) {
        guard term.kind == .tuple else { return nil }
        self.term = term
    }

    var type: BERTTerm? { part(0) }
    /// A user id for type `user`, else an `end_user` text.
    var who: BERTTerm? { part(1) }
    var direction: BERTTerm? { part(2) }
    var peerLocation: BERTTerm? { part(3) }
    var address: BERTTerm? { part(4) }
    /// Unset while the other leg does not exist yet.
    var offerTimestamp: BERTTerm? { part(5) }
    /// Counts only for type `user`.
    var groupID: BERTTerm? { part(6) }
    var whoscall: BERTTerm? { part(7) }
    var isUser: Bool { type?.matches("user") ?? false }

    private func part(_ index: Int) -> BERTTerm? { term[index].flatMap { $0.isUnset ? nil : $0 } }
}

/// The text of `end_user`: records of the CRM, their parts between asterisks, percent-encoded with `+` for a blank.
struct BasixEndUsers: Equatable {
    /// Parts missing at the end are nil; the others may be empty.
    struct Item: Equatable {
        var id: String?
        var name: String?
        var organization: String?
        var avatar: String?
        var prefecture: String?
    }

    /// As the server says; there may be fewer items.
    var count: Int64?
    var items: [Item]

    init?(_ text: BERTTerm) {
        guard let bytes = text.utf8.map({ Array($0) }) ?? text.text.map({ Array($0.utf8) }) else { return nil }
        self.init(bytes)
    }

    /// nil for a text of nothing but asterisks: no record.
    init?(_ bytes: [UInt8]) {
        guard bytes.contains(where: { $0 != UInt8(ascii: "*") }) else { return nil }
        let mark = Array("_MANY_:".utf8)
        if bytes.starts(with: mark) {
            let records = bytes[mark.count...].split(separator: UInt8(ascii: "|"), omittingEmptySubsequences: false)
            count = records.first.flatMap { Int64(String(decoding: $0, as: UTF8.self)) }
            items = records.dropFirst().map(Self.item)
        } else {
            (count, items) = (1, [Self.item(bytes[...])])
        }
    }

    private static func item(_ record: ArraySlice<UInt8>) -> Item {
        let parts = record.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
            .map { BasixText.percentDecoded($0, plusIsBlank: true) }
        func part(_ index: Int) -> String? { index < parts.count ? parts[index] : nil }
        return Item(id: part(0), name: part(1), organization: part(2), avatar: part(3), prefecture: part(4))
    }
}

/// `origination` and `tags`: several texts in one.
enum BasixList {
    /// Parts between asterisks, percent-encoded; here `+` is no blank.
    static func origination(_ text: BERTTerm) -> [String]? {
        bytes(text)?.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
            .map { BasixText.percentDecoded($0, plusIsBlank: false) }
    }

    /// Parts between semicolons.
    static func tags(_ text: BERTTerm) -> [String]? {
        bytes(text)?.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
            .map { BasixText.repaired(Array($0)) }
    }

    private static func bytes(_ text: BERTTerm) -> [UInt8]? {
        text.utf8.map { Array($0) } ?? text.text.map { Array($0.utf8) }
    }
}
