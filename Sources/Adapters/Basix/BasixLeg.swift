import CallModel
import Codecs
import WireProtocols

/// One channel: what was last heard of it, and what it did in its call. Owned by the mapper alone.
final class BasixLeg {
    let uuid: String
    /// Offered to the PBX; false: by it. nil where it does not say.
    var isInbound: Bool?
    var isExternal: Bool?
    var callingName: String?
    /// Empty where it is withheld.
    var callingNumber: String?
    var calledNumber: String?
    /// Microseconds since 1970, as sent.
    var offer: Int64?
    var answer: Int64?
    /// The other leg as last told; unset again when they part.
    var otherUUID: String?
    var userID: String?
    var isFromAPI = false
    var lastBridgedUserID: String?
    /// `other_info` as it was when the leg last changed.
    var peer: BasixPeer?
    var target: BasixTarget?
    /// SIP Call-ID.
    var callID: String?
    /// Fields of the first record without a home.
    var extra: [ExtraField] = []
    /// `end_user` and `tags` as sent, and as told.
    var endUserText: String?
    var toldEndUser: String?
    var tagsText: String?
    var toldTags: String?
    var stateName: String?
    var stateTime: Int64?
    var activity: BasixActivity?

    /// nil while it waits for its call, and after its call has ended without it.
    var call: BasixCall?
    /// Its call has ended; it is expected to go too.
    var isLeftBehind = false
    /// Until when it waits for another leg to say which call it belongs to.
    var waitsUntil: Timestamp?
    /// It has hung up; this is its last record.
    var hasEnded = false
    /// When the listening that was told last began.
    var monitorTime: Int64?
    /// It was answered, and nobody has been bridged to it yet.
    var awaitsBridge = false
    /// Its phone was told to ring and has not stopped.
    var rings = false
    /// As whom it was told to be connected.
    var connectedAs: BasixParty?
    /// What caused it to be heard of, for facts that are told later.
    var event = ""
    /// The snapshot or connection in which it was last confirmed.
    var epoch = 0
    var lastHeard: Timestamp

    init(uuid: String, at time: Timestamp) { (self.uuid, lastHeard) = (uuid, time) }

    /// Web phones that ring and supervisors that listen dial such numbers; they belong to the call of somebody else.
    var isTechnical: Bool {
        calledNumber?.hasPrefix("RINGING_PARK") == true || calledNumber == "media_plug" || callingNumber == "media_plug"
    }

    /// The leg that this one belongs to: the other leg, the one listened to, or the one that its called number names.
    var link: String? {
        if let otherUUID { return otherUUID }
        if case .eavesdrop(let leg?, _) = activity { return leg }
        guard let calledNumber else { return nil }
        for prefix in ["pickup_uuid.", "RINGING_PARK."] where calledNumber.hasPrefix(prefix) {
            return String(calledNumber.dropFirst(prefix.count))
        }
        return nil
    }

    /// A phone of a user that the PBX calls, and nobody has taken yet.
    var isAlertingPhone: Bool { isInbound == false && answer == nil && !isTechnical }

    /// The party at its far end.
    var number: String? {
        let number = isInbound == false ? calledNumber : callingNumber
        return number?.isEmpty == true ? nil : number
    }
}

/// `target`: whom an inbound leg is for.
struct BasixTarget {
    var isGroup: Bool
    var id: String
    var name: String?
    /// Usually the number that was dialled.
    var address: String?

    /// nil without an id, or of a type that nobody documented.
    init?(_ target: BasixTargetView) {
        guard let type = target.type, let id = target.id?.identifier else { return nil }
        guard type.matches("user") || type.matches("group") else { return nil }
        (isGroup, self.id) = (type.matches("group"), id)
        (name, address) = (target.name?.identifier, target.address?.identifier)
    }
}

/// `other_info`: what a leg says of the other one.
struct BasixPeer {
    var userID: String?
    var isInbound: Bool?
    var isExternal: Bool?
    var address: String?
    /// nil: the other leg does not exist yet.
    var offer: Int64?

    init(_ info: BasixOtherInfoView) {
        userID = info.isUser ? info.who?.identifier : nil
        isInbound = info.direction.flatMap { $0.matches("inbound") ? true : $0.matches("outbound") ? false : nil }
        isExternal = info.peerLocation.flatMap { $0.matches("external") ? true : $0.matches("internal") ? false : nil }
        address = info.address?.identifier
        offer = info.offerTimestamp?.int64
    }
}

/// Somebody who can be connected: an agent, a called party outside, or nobody known.
struct BasixParty: Equatable {
    var agent: Agent?
    var target: Target?

    /// As the tracker tells parties apart.
    var key: String {
        if let agent { return "agent:\(agent.id)" }
        guard let target else { return "" }
        return "target:\(target.type.rawValue):\(target.id ?? target.number ?? "")"
    }

    /// As the goal of a transfer.
    var asTarget: Target? { agent.map { Target(.user, id: $0.id, name: $0.name) } ?? target }
}
