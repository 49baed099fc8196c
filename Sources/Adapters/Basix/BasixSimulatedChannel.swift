import Codecs

/// A channel of the simulated PBX, and how its records look in the notation.
struct BasixSimulatedChannel {
    var uuid: String
    var isInbound: Bool
    var isExternal: Bool
    var callingName: String?
    var callingNumber: String
    var calledNumber: String
    var offer: Timestamp
    var answer: Timestamp?
    var hangup: Timestamp?
    var other: String?
    var userID: Int64?
    var groupID: Int64?
    /// The value of `state` as JSON.
    var state: String?
    var endUser: (id: String, name: String, organization: String, prefecture: String)?
    var origination: [String] = []
    var tags: [String] = []
    var lastBridgedUserID: Int64?
    var lastEvent = "NEW_CHANNEL"
    var lastEventData: String?
    /// The channel that `other_info` tells of.
    var otherInfo: OtherInfo?

    struct OtherInfo {
        var isInbound: Bool
        var isExternal: Bool
        var address: String
        var offer: Timestamp
        var userID: Int64?
    }

    /// Enters a state, with its operands as members of `data`.
    mutating func enter(_ name: String, at time: Timestamp, data: String = "") {
        state = "{\"ts\":\(time.microseconds),\"name\":\"\(name)\",\"data\":{\(data)}}"
        lastEvent = "STATE_CHANGE"
    }

    /// Is bridged to `channel`.
    mutating func bridge(to channel: BasixSimulatedChannel, at time: Timestamp) {
        enter("bridged", at: time)
        answer = answer ?? time
        (other, lastEvent) = (channel.uuid, "CHANNEL_BRIDGE")
        otherInfo = OtherInfo(
            isInbound: channel.isInbound, isExternal: channel.isExternal,
            address: channel.isInbound ? channel.callingNumber : channel.calledNumber, offer: channel.offer,
            userID: channel.userID)
        if let user = channel.userID { lastBridgedUserID = user }
    }

    mutating func part() { (other, otherInfo) = (nil, nil) }

    mutating func hangUp(at time: Timestamp, _ data: String) {
        (hangup, lastEvent, lastEventData) = (time, "CHANNEL_HANGUP", data)
    }

    /// The record in the notation.
    var json: String {
        var out = ByteWriter(capacity: 1024)
        out.append("{")
        out.field("uuid", uuid)
        out.field("direction", isInbound ? "inbound" : "outbound")
        out.field("peer_location", isExternal ? "external" : "internal")
        out.field("calling_name", callingName)
        out.field("calling_number", callingNumber)
        out.field("called_number", calledNumber)
        out.field("offer_timestamp", offer.microseconds)
        out.field("answer_timestamp", answer?.microseconds)
        out.field("hangup_timestamp", hangup?.microseconds)
        out.field("other_uuid", other)
        out.field("user_id", userID)
        if let state { out.field("state", json: state) }
        out.field("group_id", groupID)
        if !origination.isEmpty { out.field("origination", list: origination) }
        if let endUser {
            out.field(
                "end_user",
                json: """
                    {"count":1,"items":[{"id":"\(endUser.id)","name":"\(endUser.name)",\
                    "organization":"\(endUser.organization)","avatar":"","prefecture":"\(endUser.prefecture)"}]}
                    """)
        }
        if !tags.isEmpty { out.field("tags", list: tags) }
        out.field("last_bridged_user_id", isExternal ? lastBridgedUserID : nil)
        out.field("last_event", lastEvent)
        out.field("last_event_data", lastEventData)
        if let otherInfo { out.field("other_info", json: Self.json(otherInfo)) }
        out.append("}")
        return String(decoding: out.bytes, as: UTF8.self)
    }

    private static func json(_ info: OtherInfo) -> String {
        var out = ByteWriter(capacity: 256)
        out.append("{")
        out.field("type", info.userID == nil ? "end_user" : "user")
        out.field("direction", info.isInbound ? "inbound" : "outbound")
        out.field("peer_location", info.isExternal ? "external" : "internal")
        out.field("address", info.address)
        out.field("offer_timestamp", info.offer.microseconds)
        out.field("user_id", info.userID)
        out.append("}")
        return String(decoding: out.bytes, as: UTF8.self)
    }
}

/// Members of an object in the notation; what is absent is left out.
extension ByteWriter {
    private mutating func begin(_ name: String) {
        if last != UInt8(ascii: "{") { append(UInt8(ascii: ",")) }
        append(jsonString: name)
        append(UInt8(ascii: ":"))
    }

    mutating func field(_ name: String, _ text: String?) {
        guard let text else { return }
        begin(name)
        append(jsonString: text)
    }

    mutating func field(_ name: String, _ number: Int64?) {
        guard let number else { return }
        begin(name)
        append(decimal: number)
    }

    mutating func field(_ name: String, json: String) {
        begin(name)
        append(utf8: json)
    }

    mutating func field(_ name: String, list: [String]) {
        begin(name)
        append("[")
        for (index, text) in list.enumerated() {
            if index > 0 { append(UInt8(ascii: ",")) }
            append(jsonString: text)
        }
        append("]")
    }
}
