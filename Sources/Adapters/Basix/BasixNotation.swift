import Codecs
import WireProtocols

/// Messages as JSON, in the notation of `cti-bridge decode basix` and of scenario files: what is unset is left out, compound
/// values are taken apart, text is repaired UTF-8.
extension ByteWriter {
    mutating func append(basixMessage message: BasixMessage) {
        switch message {
        case .fieldSpec(let layout):
            open("field_spec", element: layout.element)
            append(",\"fields\":")
            append(jsonStrings: layout.names)
        case .initialInfo(let element, let items):
            open("initial_info", element: element)
            append(",\"items\":[")
            for (index, item) in items.enumerated() {
                if index > 0 { append(UInt8(ascii: ",")) }
                append(basixItem: item)
            }
            append("]")
        case .infoEvent(let element, let event, let item):
            open("info_event", element: element)
            append(",\"event\":")
            append(jsonString: event.repairedText ?? "")
            append(",\"info\":")
            append(basixItem: item)
        case .systemMessage(let value):
            append("{\"msg\":\"system_msg\",\"value\":")
            append(basixValue: value)
        case .userMessage(let value):
            append("{\"msg\":\"msg\",\"value\":")
            append(basixValue: value)
        case .unknown(let name):
            append("{\"msg\":\"unknown\",\"name\":")
            append(jsonString: name)
        }
        append("}")
    }

    private mutating func open(_ message: StaticString, element: BasixElement) {
        append("{\"msg\":\"")
        append(message)
        append("\",\"element\":")
        append(jsonString: element.name)
    }

    /// One record with the names of its layout.
    mutating func append(basixItem item: BasixItem) {
        append("{")
        var terms = item.record.elements
        for (position, name) in item.layout.names.enumerated() {
            guard let term = terms.next() else { break }
            guard !item.layout.repeated.contains(position), !term.isUnset else { continue }
            append(field: item.layout.fields[position], name, term, of: item.layout.element)
        }
        append("}")
    }

    private mutating func append(field: BasixField?, _ name: String, _ term: BERTTerm, of element: BasixElement) {
        guard element.isChannelLike, let field else { return append(name: name, value: term) }
        switch field {
        case .state:
            guard let state = BasixStateView(term) else { break }
            append(jsonName: name)
            return append(state)
        case .target:
            guard let target = BasixTargetView(term) else { break }
            append(jsonName: name)
            return append(target)
        case .otherInfo:
            guard let info = BasixOtherInfoView(term) else { break }
            append(jsonName: name)
            return append(info)
        case .endUser:
            if term.utf8?.isEmpty == true || (term.utf8 == nil && term.text == nil) { break }
            guard let endUsers = BasixEndUsers(term) else { return }
            append(jsonName: name)
            return append(endUsers)
        case .origination, .tags:
            let parts = field == .tags ? BasixList.tags(term) : BasixList.origination(term)
            guard let parts, term.utf8?.isEmpty != true else { break }
            append(jsonName: name)
            return append(jsonStrings: parts)
        default: break
        }
        append(name: name, value: term)
    }

    // MARK: Compound values

    private mutating func append(_ state: BasixStateView) {
        append("{")
        append(name: "ts", value: state.time)
        append(name: "name", value: state.nameTerm)
        append(jsonName: "data")
        append("{")
        switch state.name {
        case .calling: appendCalling(state)
        case .voicemail:
            append(name: "target_type", value: state.voicemailTargetType)
            append(name: "target_id", value: state.voicemailTargetID)
            append(name: "target_name", value: state.voicemailTargetName)
        case .checkingVoicemail: append(name: "target_name", value: state.subject)
        case .callingSIPTermination: append(name: "url", value: state.subject)
        case .ivr: append(name: "ivr_id", value: state.subject)
        case .systemOperation: append(name: "operation", value: state.subject)
        case .conference: append(name: "room_id", value: state.subject)
        case .park:
            append(name: "slot", value: state.slot)
            append(name: "parker_id", value: state.parkerID)
            append(name: "parker_name", value: state.parkerName)
        case .eavesdrop:
            append(name: "uuid", value: state.eavesdropUUID)
            append(name: "eavesdrop_state", value: state.eavesdropState)
        case .bridged, .xmlIVR, .ringing, .other: break
        }
        append("}")
        if case .other = state.name, state.operands.count > 0 {
            append(jsonName: "operands")
            append(elements: state.operands)
        }
        append("}")
    }

    private mutating func appendCalling(_ state: BasixStateView) {
        append(name: "target_location", value: state.targetLocation)
        append(name: "target_type", value: state.targetType)
        guard let type = state.targetType else { return }
        if type.matches("user") {
            append(name: "user_id", value: state.userID)
        } else if type.matches("group") {
            append(name: "group_type", value: state.groupType)
            append(name: "group_id", value: state.groupID)
            append(name: "group_queue_id", value: state.groupQueueID)
        } else if type.matches("pstn") {
            append(name: "address", value: state.address)
        } else if type.matches("bridged_endpoint"), let address = state.endpointAddress {
            append(jsonName: "address")
            append(jsonString: address)
        }
    }

    private mutating func append(_ target: BasixTargetView) {
        append("{")
        append(name: "type", value: target.type)
        append(name: "id", value: target.id)
        append(name: "name", value: target.name)
        append(name: "address", value: target.address)
        append("}")
    }

    private mutating func append(_ info: BasixOtherInfoView) {
        append("{")
        append(name: "type", value: info.type)
        append(name: "direction", value: info.direction)
        append(name: "peer_location", value: info.peerLocation)
        append(name: "address", value: info.address)
        append(name: "offer_timestamp", value: info.offerTimestamp)
        append(name: "whoscall", value: info.whoscall)
        if info.isUser {
            append(name: "user_id", value: info.who)
            append(name: "group_id", value: info.groupID)
        } else if let who = info.who, let endUsers = BasixEndUsers(who) {
            append(jsonName: "end_user")
            append(endUsers)
        }
        append("}")
    }

    private mutating func append(_ endUsers: BasixEndUsers) {
        append("{")
        if let count = endUsers.count {
            append(jsonName: "count")
            append(decimal: count)
        }
        append(jsonName: "items")
        append("[")
        for (index, item) in endUsers.items.enumerated() {
            append(index > 0 ? ",{" : "{")
            let parts: [(StaticString, String?)] = [
                ("id", item.id), ("name", item.name), ("organization", item.organization), ("avatar", item.avatar),
                ("prefecture", item.prefecture),
            ]
            for (name, part) in parts {
                guard let part else { continue }
                append(jsonName: name.description)
                append(jsonString: part)
            }
            append("}")
        }
        append("]}")
    }

    // MARK: Values

    private mutating func append(jsonName name: String) {
        if last != UInt8(ascii: "{") { append(UInt8(ascii: ",")) }
        append(jsonString: name)
        append(UInt8(ascii: ":"))
    }

    private mutating func append(name: String, value: BERTTerm?) {
        guard let value else { return }
        append(jsonName: name)
        append(basixValue: value)
    }

    private mutating func append(jsonStrings texts: [String]) {
        append("[")
        for (index, text) in texts.enumerated() {
            if index > 0 { append(UInt8(ascii: ",")) }
            append(jsonString: text)
        }
        append("]")
    }

    /// A value of no special meaning. Recursion is bounded by the decoder's limit of nesting.
    mutating func append(basixValue term: BERTTerm) {
        if term.isUnset { return append("null") }
        if let flag = term.bool { return append(flag ? "true" : "false") }
        if let time = term.bertTime { return append(decimal: time) }
        if let members = term.dictionary {
            append("{")
            for (key, value) in members {
                append(jsonName: key.identifier ?? "")
                append(basixValue: value)
            }
            return append("}")
        }
        switch term.kind {
        case .integer: append(utf8: term.decimalText ?? "0")
        case .float: append(utf8: String(term.double ?? 0))
        case .atom, .binary: append(jsonString: term.repairedText ?? "")
        case .tuple: append(elements: term.elements)
        case .list: if let text = term.repairedText { append(jsonString: text) } else { append(list: term) }
        case .bits: append(jsonString: "(bits)")
        case .map: append("{}")
        case .opaque: append(jsonString: "(\(term.opaqueKind?.rawValue ?? "opaque"))")
        }
    }

    private mutating func append(list term: BERTTerm) {
        append(elements: term.elements, and: term.tail)
    }

    private mutating func append(elements: BERTTerm.Elements, and tail: BERTTerm? = nil) {
        append("[")
        var isFirst = true
        for element in elements {
            if !isFirst { append(UInt8(ascii: ",")) }
            isFirst = false
            append(basixValue: element)
        }
        if let tail {
            if !isFirst { append(UInt8(ascii: ",")) }
            append(basixValue: tail)
        }
        append("]")
    }
}

extension BERTTerm {
    /// In the notation of messages, as text: for fields without a home.
    var notation: String {
        var writer = ByteWriter(capacity: 64)
        writer.append(basixValue: self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
