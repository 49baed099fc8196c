import BridgeCore
import Codecs
import WireProtocols

/// Messages in the notation to frames as a server would send them: for recorded scenarios and the simulated PBX.
///
/// Sends the layout of an element before the first record that needs it, and again when a record has a field that the layout
/// lacks, unless the notation itself says `field_spec`.
struct BasixNotationEncoder {
    private var layouts: [String: [String]] = [:]
    private let encoder = BERTEncoder()

    /// The layouts of the current documentation.
    static let documentedLayouts: [(element: String, fields: [String])] = [
        ("domain", ["id", "name"]),
        (
            "user",
            [
                "id", "name", "fwd_always_status", "do_not_disturb_status", "language", "main_extension", "presence",
                "role", "park_group", "mwi_target", "flags", "followme", "email", "avatar", "label", "mwi",
            ]
        ),
        (
            "group",
            [
                "id", "name", "type", "language", "main_extension", "queue", "label", "flags", "check_login_status",
                "mwi",
            ]
        ),
        ("group_member", ["id", "group_id", "user_id", "priority", "login_status", "role"]),
        ("terminal", ["id", "name", "assoc_user_id", "type", "user_agent", "registered"]),
        (
            "channel",
            [
                "uuid", "direction", "peer_location", "calling_name", "calling_number", "called_number",
                "offer_timestamp", "answer_timestamp", "hangup_timestamp", "other_uuid", "user_id", "state", "group_id",
                "target", "origination", "end_user", "tags", "last_bridged_user_id", "last_event", "last_event_data",
                "other_info", "call_id",
            ]
        ),
        (
            "channel_waiting",
            [
                "uuid", "direction", "peer_location", "calling_name", "calling_number", "called_number",
                "offer_timestamp", "answer_timestamp", "user_id", "group_id", "state", "end_user", "whoscall",
            ]
        ),
        ("queued_channel", ["uuid", "state", "peer_number", "end_user"]),
        ("parked_channel", ["uuid", "state", "peer_number", "end_user"]),
    ]

    /// The frames of one message; more than one where a layout has to go first. Throws where `message` is none.
    mutating func frames(of message: JSONValue) throws(ReplayError) -> [[UInt8]] {
        guard message.kind == .object, let name = message["msg"]?.string else {
            throw ReplayError("expected a message with a 'msg'")
        }
        switch name {
        case "field_spec":
            let element = try text("element", of: message, name)
            let fields = (message["fields"]?.elements ?? []).compactMap(\.string)
            layouts[element] = fields
            return [layoutFrame(element, fields)]
        case "initial_info":
            let element = try text("element", of: message, name)
            guard let items = message["items"], items.kind == .array else {
                throw ReplayError("expected 'items' in a message '\(name)'")
            }
            var frames = layoutFrames(element, for: items.elements)
            let records = try records(items.elements, element)
            let list: BERTValue = records.isEmpty ? .bertNil : .list(records)
            frames.append(encoder.encode(.tuple([.atom(name), .charlist(element), list])))
            return frames
        case "info_event":
            let element = try text("element", of: message, name)
            let event = try text("event", of: message, name)
            guard let info = message["info"], info.kind == .object else {
                throw ReplayError("expected 'info' in a message '\(name)'")
            }
            var frames = layoutFrames(element, for: [info])
            frames.append(
                encoder.encode(
                    .tuple([.atom(name), .charlist(element), try record(info, element), .charlist(event)])))
            return frames
        case "system_msg", "msg":
            guard let value = message["value"] else { throw ReplayError("expected 'value' in a message '\(name)'") }
            let plain = name == "system_msg" ? value.string.flatMap(Self.atom) : nil
            let term: BERTValue
            if let plain { term = plain } else { term = try self.value(value) }
            return [encoder.encode(.tuple([.atom(name), term]))]
        case "unknown":
            return [encoder.encode(.tuple([Self.atom(try text("name", of: message, name)) ?? .atom("unknown")]))]
        default: throw ReplayError("'\(name)' is no 'msg' of the notation")
        }
    }

    private func text(_ member: StaticString, of message: JSONValue, _ name: String) throws(ReplayError) -> String {
        guard let text = message[member]?.string else {
            throw ReplayError("expected '\(member)' in a message '\(name)'")
        }
        return text
    }

    // MARK: Layouts

    private mutating func layoutFrames(_ element: String, for items: [JSONValue]) -> [[UInt8]] {
        var fields =
            layouts[element] ?? Self.documentedLayouts.first { $0.element == element }?.fields ?? []
        var isKnown = layouts[element] != nil
        for item in items {
            for member in item.members where !fields.contains(member.name) {
                fields.append(member.name)
                isKnown = false
            }
        }
        guard !isKnown, !items.isEmpty else { return [] }
        layouts[element] = fields
        return [layoutFrame(element, fields)]
    }

    private func layoutFrame(_ element: String, _ fields: [String]) -> [UInt8] {
        let names = fields.map { Self.atom($0) ?? .binary($0) }
        return encoder.encode(
            .tuple([.atom("field_spec"), .charlist(element), names.isEmpty ? .bertNil : .list(names)]))
    }

    // MARK: Records

    private func records(_ items: [JSONValue], _ element: String) throws(ReplayError) -> [BERTValue] {
        var records: [BERTValue] = []
        for item in items { records.append(try record(item, element)) }
        return records
    }

    private func record(_ item: JSONValue, _ element: String) throws(ReplayError) -> BERTValue {
        guard item.kind == .object else { throw ReplayError("expected an object as item of \(element)") }
        let members = item.members
        let isChannelLike = BasixElement(name: element).isChannelLike
        var values: [BERTValue] = []
        for field in layouts[element] ?? [] {
            guard let member = members.last(where: { $0.name == field }) else {
                values.append(.atom("undefined"))
                continue
            }
            values.append(
                isChannelLike ? try compound(field, member.value) : try plain(field, member.value))
        }
        return .tuple(values)
    }

    private static let enumerations: Set<String> = ["direction", "peer_location", "last_event"]

    private func plain(_ field: String, _ value: JSONValue) throws(ReplayError) -> BERTValue {
        if Self.enumerations.contains(field), let word = value.string.flatMap(Self.atom) { return word }
        return try self.value(value)
    }

    private func compound(_ field: String, _ value: JSONValue) throws(ReplayError) -> BERTValue {
        switch (field, value.kind) {
        case ("state", .object): return try state(value)
        case ("target", .object):
            return .tuple([
                word(value["type"]), try part(value["id"]), try part(value["name"]), try part(value["address"]),
            ])
        case ("other_info", .object): return try otherInfo(value)
        case ("end_user", .object): return .binary(Self.endUsers(value))
        case ("origination", .array):
            let parts = value.elements.map { BasixText.percentEncoded($0.string ?? "", blankIsPlus: false) }
            return .binary(parts.joined(separator: "*"))
        case ("tags", .array): return .binary(value.elements.map { $0.string ?? "" }.joined(separator: ";"))
        default: return try plain(field, value)
        }
    }

    private func state(_ state: JSONValue) throws(ReplayError) -> BERTValue {
        let data = state["data"]
        let name = state["name"]?.string ?? ""
        var operands: [BERTValue] = []
        switch name {
        case "calling":
            operands = [word(data?["target_location"]), word(data?["target_type"]), try callingData(data)]
        case "voicemail":
            operands = [
                word(data?["target_type"]), try part(data?["target_id"]), try part(data?["target_name"]),
            ]
        case "checking_voicemail": operands = [try part(data?["target_name"])]
        case "calling_siptermination": operands = [try part(data?["url"])]
        case "ivr": operands = [try part(data?["ivr_id"])]
        case "system_operation": operands = [try part(data?["operation"])]
        case "conference": operands = [try part(data?["room_id"])]
        case "park":
            operands = [
                try part(data?["slot"]), .atom("undefined"), try part(data?["parker_id"]),
                try part(data?["parker_name"]),
            ]
        case "eavesdrop": operands = [try part(data?["uuid"]), word(data?["eavesdrop_state"])]
        default:
            for operand in state["operands"]?.elements ?? [] { operands.append(try value(operand)) }
        }
        return .tuple([try part(state["ts"]), Self.atom(name) ?? .binary(name)] + operands)
    }

    private func callingData(_ data: JSONValue?) throws(ReplayError) -> BERTValue {
        let unset = BERTValue.atom("undefined")
        switch data?["target_type"]?.string {
        case "user": return .tuple([try part(data?["user_id"]), unset])
        case "group":
            return .tuple([
                word(data?["group_type"]), try part(data?["group_id"]), unset, unset,
                try part(data?["group_queue_id"]),
            ])
        case "pstn": return .tuple([try part(data?["address"]), unset])
        case "bridged_endpoint":
            let parts = (data?["address"]?.string ?? "").split(separator: "@", maxSplits: 1).map(String.init)
            return .tuple([.binary(parts.first ?? ""), parts.count > 1 ? .binary(parts[1]) : unset])
        default: return unset
        }
    }

    private func otherInfo(_ info: JSONValue) throws(ReplayError) -> BERTValue {
        let isUser = info["type"]?.string == "user"
        let who: BERTValue
        if isUser {
            who = try part(info["user_id"])
        } else {
            who = info["end_user"].map { .binary(Self.endUsers($0)) } ?? .atom("undefined")
        }
        return .tuple([
            word(info["type"]), who, word(info["direction"]), word(info["peer_location"]), try part(info["address"]),
            try part(info["offer_timestamp"]), try part(info["group_id"]), try part(info["whoscall"]),
        ])
    }

    private static func endUsers(_ value: JSONValue) -> String {
        let records = (value["items"]?.elements ?? []).map { item in
            let parts = [item["id"], item["name"], item["organization"], item["avatar"], item["prefecture"]]
            let present = parts.lastIndex { $0?.string != nil }.map { parts[...$0] } ?? []
            return present.map { BasixText.percentEncoded($0?.string ?? "", blankIsPlus: true) }.joined(separator: "*")
        }
        let count = value["count"]?.numberText.flatMap { Int($0) } ?? records.count
        return records.count == 1 && count == 1
            ? records[0] : "_MANY_:\(count)" + records.map { "|" + $0 }.joined()
    }

    // MARK: Values

    private static func atom(_ text: String) -> BERTValue? {
        text.unicodeScalars.count <= 255 && !text.isEmpty ? .atom(text) : nil
    }

    /// An enumeration.
    private func word(_ value: JSONValue?) -> BERTValue { value?.string.flatMap(Self.atom) ?? .atom("undefined") }

    private func part(_ value: JSONValue?) throws(ReplayError) -> BERTValue {
        guard let value else { return .atom("undefined") }
        return try self.value(value)
    }

    private func value(_ value: JSONValue) throws(ReplayError) -> BERTValue {
        switch value.kind {
        case .null: return .atom("undefined")
        case .boolean: return .atom(value.bool == true ? "true" : "false")
        case .number:
            let text = value.numberText ?? "0"
            if let integer = Int64(text) { return .integer(integer) }
            guard let number = Double(text), number.isFinite else {
                throw ReplayError("'\(text)' is too large a number")
            }
            return .float(number)
        case .string: return .binary(value.string ?? "")
        case .array:
            var elements: [BERTValue] = []
            for element in value.elements { elements.append(try self.value(element)) }
            return .tuple(elements)
        case .object:
            var members: [(key: BERTValue, value: BERTValue)] = []
            for member in value.members {
                members.append((key: .binary(member.name), value: try self.value(member.value)))
            }
            return .map(members)
        }
    }
}
