import WireProtocols

/// What a record describes. The names are those of the wire.
enum BasixElement: Hashable {
    case channel
    /// Parked and queued channels (since 2026), and the two elements that held them before.
    case channelWaiting, queuedChannel, parkedChannel
    case user, group, groupMember, terminal, domain
    /// Not documented; read all the same, since its layout is sent.
    case other(String)

    private static let known: [(name: StaticString, element: BasixElement)] = [
        ("channel", .channel), ("channel_waiting", .channelWaiting), ("user", .user), ("group", .group),
        ("group_member", .groupMember), ("terminal", .terminal), ("domain", .domain),
        ("queued_channel", .queuedChannel), ("parked_channel", .parkedChannel),
    ]

    /// nil for what is no text.
    init?(_ term: BERTTerm) {
        for entry in Self.known where term.matches(entry.name) {
            self = entry.element
            return
        }
        guard let name = term.repairedText else { return nil }
        self = .other(name)
    }

    init(name: String) {
        self = Self.known.first { $0.name.description == name }?.element ?? .other(name)
    }

    var name: String {
        if case .other(let name) = self { return name }
        return Self.known.first { $0.element == self }?.name.description ?? ""
    }

    /// The elements whose `state`, `target`, `end_user` and the like are compound values.
    var isChannelLike: Bool {
        switch self {
        case .channel, .channelWaiting, .queuedChannel, .parkedChannel: true
        case .user, .group, .groupMember, .terminal, .domain, .other: false
        }
    }
}

/// The fields that somebody has documented.
enum BasixField: UInt8, CaseIterable {
    case uuid, direction, peerLocation, callingName, callingNumber, calledNumber
    case offerTimestamp, answerTimestamp, hangupTimestamp, otherUUID, userID, groupID, state, target, origination
    case endUser, tags, lastBridgedUserID, lastEvent, lastEventData, otherInfo, callID, whoscall, peerNumber
    case id, name, forwardAlwaysStatus, doNotDisturbStatus, language, mainExtension, presence, role, parkGroup
    case mwiTarget, flags, followMe, email, avatar, label, mwi, type, queue, checkLoginStatus, priority, loginStatus
    case associatedUserID, userAgent, registered

    var name: String { Self.names[Int(rawValue)] }

    init?(name: String) {
        guard let field = Self.byName[name] else { return nil }
        self = field
    }

    private static let byName = Dictionary(uniqueKeysWithValues: allCases.map { ($0.name, $0) })
    private static let names = [
        "uuid", "direction", "peer_location", "calling_name", "calling_number", "called_number",
        "offer_timestamp", "answer_timestamp", "hangup_timestamp", "other_uuid", "user_id", "group_id", "state",
        "target", "origination", "end_user", "tags", "last_bridged_user_id", "last_event", "last_event_data",
        "other_info", "call_id", "whoscall", "peer_number",
        "id", "name", "fwd_always_status", "do_not_disturb_status", "language", "main_extension", "presence", "role",
        "park_group", "mwi_target", "flags", "followme", "email", "avatar", "label", "mwi", "type", "queue",
        "check_login_status", "priority", "login_status", "assoc_user_id", "user_agent", "registered",
    ]
}

/// The order of fields in the records of an element, as the server sent it. Immutable.
final class BasixLayout: Sendable {
    let element: BasixElement
    /// As sent, names that come twice included.
    let names: [String]
    /// For each position the field found there; nil for fields nobody documented and for names that came before.
    let fields: [BasixField?]
    /// Positions of fields nobody documented, each name once.
    let undocumented: [Int]
    /// Positions whose name came before: of duplicates the first wins.
    let repeated: Set<Int>

    init(element: BasixElement, names: [String]) {
        (self.element, self.names) = (element, names)
        var seen: Set<String> = []
        var fields: [BasixField?] = []
        var undocumented: [Int] = []
        var repeated: Set<Int> = []
        for (position, name) in names.enumerated() {
            let isNew = seen.insert(name).inserted
            let field = isNew ? BasixField(name: name) : nil
            fields.append(field)
            if !isNew { repeated.insert(position) } else if field == nil { undocumented.append(position) }
        }
        (self.fields, self.undocumented, self.repeated) = (fields, undocumented, repeated)
    }
}
