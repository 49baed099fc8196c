import CallModel
import WireProtocols

/// What a leg is doing: its `state`, with the operands in the model's terms.
enum BasixActivity: Equatable {
    enum Destination: Equatable {
        case user(String)
        case group(Queue)
        /// A number, an endpoint of another system, or a URL.
        case place(Target)
        /// A kind of destination that nobody documented.
        case other(String)
    }

    /// `isExternal` is nil where the server does not say.
    case calling(Destination, isExternal: Bool?)
    case bridged
    case treatment(Treatment)
    case conference(room: String)
    case parked(Park)
    case ringing
    case eavesdrop(leg: String?, state: String?)
    case unknown(name: String, operands: String?)

    init(_ state: BasixStateView) {
        switch state.name {
        case .calling: self = Self.calling(state)
        case .callingSIPTermination:
            self = .calling(.place(Target(.url, id: state.subject?.identifier)), isExternal: true)
        case .bridged: self = .bridged
        case .voicemail: self = .treatment(Self.voicemail(state))
        case .checkingVoicemail: self = .treatment(Treatment(.voicemailAccess, name: state.subject?.identifier))
        case .ivr: self = .treatment(Treatment(.ivr, id: state.subject?.identifier))
        case .xmlIVR: self = .treatment(Treatment(.xmlIVR))
        case .systemOperation: self = .treatment(Treatment(.systemOperation, id: state.subject?.identifier))
        case .conference: self = .conference(room: state.subject?.identifier ?? "unknown")
        case .park:
            self = .parked(
                Park(
                    slot: state.slot?.identifier ?? "unknown", byID: state.parkerID?.identifier,
                    byName: state.parkerName?.identifier))
        case .ringing: self = .ringing
        case .eavesdrop:
            self = .eavesdrop(leg: state.eavesdropUUID?.identifier, state: state.eavesdropState?.identifier)
        case .other: self = Self.unknown(state)
        }
    }

    private static func calling(_ state: BasixStateView) -> BasixActivity {
        let isExternal = state.targetLocation.flatMap { location -> Bool? in
            location.matches("ext") ? true : location.matches("int") ? false : nil
        }
        let destination: Destination
        if let type = state.targetType, type.matches("user"), let id = state.userID?.identifier {
            destination = .user(id)
        } else if let type = state.targetType, type.matches("group"), let id = state.groupID?.identifier {
            let kind = state.groupType?.repairedText.flatMap { Queue.QueueType(rawValue: $0) }
            destination = .group(Queue(id: id, name: state.groupQueueID?.identifier, type: kind))
        } else if let type = state.targetType, type.matches("pstn") {
            destination = .place(Target(.number, number: state.address?.identifier))
        } else if let type = state.targetType, type.matches("bridged_endpoint") {
            destination = .place(Target(.endpoint, id: state.endpointAddress))
        } else {
            destination = .other(state.targetType?.identifier ?? "nobody")
        }
        return .calling(destination, isExternal: isExternal)
    }

    private static func voicemail(_ state: BasixStateView) -> Treatment {
        let type: Treatment.TargetType? =
            state.voicemailTargetType.flatMap { $0.matches("user") ? .user : $0.matches("group") ? .queue : nil }
        return Treatment(
            .voicemail, id: state.voicemailTargetID?.identifier, name: state.voicemailTargetName?.identifier,
            targetType: type)
    }

    private static func unknown(_ state: BasixStateView) -> BasixActivity {
        let operands = state.operands.map { $0.isUnset ? "" : $0.identifier ?? $0.notation }
        return .unknown(
            name: state.nameTerm.repairedText ?? "",
            operands: operands.isEmpty ? nil : operands.joined(separator: ","))
    }

    var isBridged: Bool { self == .bridged }

    var isConference: Bool {
        if case .conference = self { return true }
        return false
    }

    var isParked: Bool {
        if case .parked = self { return true }
        return false
    }
}
